//! What an operator is told who has made mistakes in a sheet.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use lifecycle::Declarations;
use serde_json::json;
use sheet::{Import, Imported, Known, RowChange, import};
use std::collections::{BTreeMap, BTreeSet};
use types::Name;
use types::design::{DesignSpec, SheetProblem};
use types::param::{ParamSpec, ParamType, SecretValue};
use types::subnet::SubnetSpec;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn known() -> Known {
    let subnet = SubnetSpec { gateway: Some([10, 0, 0, 1].into()), ..SubnetSpec::new("10.0.0.0/24".parse().unwrap()) };
    let units = ParamSpec { kind: Some(ParamType::Integer), ..ParamSpec::default() };
    let declarations = Declarations::new([("units".to_owned(), units)]).unwrap();
    let groups = BTreeMap::from([(name("compute"), Some(name("rack")))]);
    Known { subnets: BTreeMap::from([(name("rack"), subnet)]), groups, declarations, ..Known::default() }
}

fn design() -> DesignSpec {
    serde_json::from_value(json!({"group": "compute"})).unwrap()
}

fn read(csv: &str) -> Result<Imported, Vec<SheetProblem>> {
    import(Import { content: csv.as_bytes(), design: &design(), keep_rows: false, known: &known() })
}

fn told(csv: &str) -> String {
    read(csv).unwrap_err().iter().map(|problem| format!("{problem}\n")).collect()
}

#[test]
fn every_mistake_is_told_with_its_row_column_and_hint() {
    let csv = "\
name,macs,address,bmc_address,group,subnet,machine_type,stages,units,platform_setup,root_password
ok-1,52:54:00:00:00:01,10.0.0.5,10.9.0.5,,,PM,OS_INSTALL=off,2,\"[{\"\"template_name\"\": \"\"a\"\"}]\",x
Node-2,52:54:00:00:00:0g,10.0.1.5,,,,,,,,
ok-1,52:54:00:00:00:01,10.0.0.5,10.9.0.5,,,,,,,
n3,ff:ff:ff:ff:ff:ff,10.0.0.1,10.0.0,nowhere,desert,toaster,OS_INSTALL,many,[{}],[secret]
,,10.0.0.255,,,,,,,,,beyond
";
    let expected = "\
row 3: name: \"Node-2\" is not a name: use 1 to 63 lower-case letters, digits, '-', '.' and '_', with a letter or digit first and last (write node-2)
row 3: macs: \"52:54:00:00:00:0g\" is not an Ethernet address such as 52:54:00:12:34:56
row 3: address: 10.0.1.5 is not in subnet rack (subnet rack is 10.0.0.0/24)
row 4: name: ok-1 is that of row 2 already
row 4: macs: 52:54:00:00:00:01 is that of row 2 already
row 4: address: 10.0.0.5 is that of row 2 already
row 4: bmc_address: 10.9.0.5 is that of row 2 already
row 5: bmc_address: \"10.0.0\": invalid IP address syntax (such as 10.0.0.5)
row 5: macs: ff:ff:ff:ff:ff:ff is not the address of one network card
row 5: group: there is no group nowhere (declare the group, or correct the name)
row 5: subnet: there is no subnet desert (declare the subnet, or correct the name)
row 5: stages: \"OS_INSTALL\" switches no stage on or off (write STAGE=on or STAGE=off, with commas between)
row 5: machine_type: \"toaster\" is no type of machine (PM or physical, HV or hypervisor, VM or virtual)
row 5: units: \"many\" is not a whole number
row 5: platform_setup: entry 1: \"template_name\" names no template (such as [{\"template_name\": \"motd\", \"run_host\": \"name = node-1\"}])
row 5: root_password: no secret is stored that [secret] could stand for (write it out once)
row 6: there is something in column L, which has no heading (give the column a heading, or empty it)
row 6: name: the machine has no name
row 6: address: 10.0.0.255 is no machine's: it is an end of the network (subnet rack is 10.0.0.0/24)
";
    assert_eq!(told(csv), expected);
}

#[test]
fn headings_are_checked_too() {
    assert_eq!(told(""), "the sheet is empty (the first row has the headings, such as name, macs)\n");
    assert_eq!(told("macs\n"), "row 1: no column is headed name or hostname\n");
    assert_eq!(
        told("name,macs,provisioning_mac,x,params.x\n"),
        "row 1: provisioning_mac: columns B and C mean the same (keep one of them)\n\
         row 1: params.x: columns D and E mean the same (keep one of them)\n"
    );
}

#[test]
fn subnet_of_nabps_columns_must_be_one_that_is_declared() {
    let csv = "\
hostname,provisioning_ip,provisioning_subnet_network_address,provisioning_subnet_netmask,provisioning_subnet_gateway
a,10.0.0.9,10.0.0.0,255.255.255.0,10.0.0.1
b,10.0.0.8,10.0.0.0,255.255.255.0,10.0.0.2
c,10.7.0.8,10.7.0.0,255.255.255.0,
d,10.0.0.7,10.0.0.0,255.0.255.0,
";
    assert_eq!(
        told(csv),
        "row 3: provisioning_subnet_gateway: the gateway of subnet rack is 10.0.0.1\n\
         row 4: provisioning_subnet_network_address: no subnet is 10.7.0.0/24 (declare the subnet)\n\
         row 4: provisioning_ip: 10.7.0.8 is not in subnet rack (subnet rack is 10.0.0.0/24)\n\
         row 5: provisioning_subnet_netmask: 10.0.0.0 with mask 255.0.255.0 is no network (such as 10.0.0.0 with mask 255.255.255.0)\n"
    );
}

#[test]
fn of_ten_thousand_rows_with_three_hundred_mistakes_all_are_told() {
    let mut csv = "name,macs,test\n".to_owned();
    for row in 0..10_000 {
        let mac = if row % 33 == 0 && row < 9900 { "wrong".to_owned() } else { format!("0200{row:08x}") };
        csv.push_str(&format!("node-{row},{mac},x\n"));
    }
    let problems = read(&csv).unwrap_err();
    assert_eq!(problems.len(), 300);
    assert!(problems.iter().enumerate().all(|(index, problem)| problem.row as usize == index * 33 + 2));
}

#[test]
fn rows_that_a_sheet_does_not_have_go_unless_they_are_kept() {
    let stored = read("name,macs\na,020000000001\nb,020000000002\n").unwrap().design;
    let csv = "name,macs\nb,020000000003\nc,020000000004\n";
    let again =
        |keep_rows| import(Import { content: csv.as_bytes(), design: &stored, keep_rows, known: &known() }).unwrap();
    let changes = [(name("b"), RowChange::Changed), (name("c"), RowChange::Added)];
    assert_eq!(again(true).changes, BTreeMap::from(changes.clone()));
    assert_eq!(again(true).design.rows.len(), 3);
    let changes = changes.into_iter().chain([(name("a"), RowChange::Removed)]).collect();
    assert_eq!(again(false).changes, changes);
}

#[test]
fn a_secret_that_comes_back_hidden_is_the_stored_one() {
    let stored = read("name,redfish_password\na,hunter2\n").unwrap().design;
    assert_eq!(stored.rows[&name("a")].secrets["redfish_password"], SecretValue::new("hunter2"));
    let csv = b"name,redfish_password,test\na,[secret],x\n";
    let again = import(Import { content: csv, design: &stored, keep_rows: false, known: &known() }).unwrap().design;
    assert_eq!(again.rows[&name("a")].secrets, stored.rows[&name("a")].secrets);
    assert_eq!(again.rows[&name("a")].params["test"], "x");
}

#[test]
fn an_empty_sheet_has_the_columns_of_its_group() {
    let columns = BTreeSet::from(["rack".to_owned(), "units".to_owned()]);
    let (design, known) = (design(), known());
    let export = |words| {
        let export =
            sheet::Export { design: &design, columns: &columns, words, format: sheet::Format::Csv, known: &known };
        String::from_utf8(sheet::export(export).unwrap()).unwrap()
    };
    assert_eq!(
        export(sheet::Words::Slipway),
        "machine_type,name,bmc_mac,bmc_address,macs,address,subnet,bmc,group,hardware_profile,profiles,stages,rack,units\r\n"
    );
    assert_eq!(
        export(sheet::Words::Nabp),
        "machine_type,hostname,bmc_mac,bmc_ip,provisioning_mac,provisioning_ip,provisioning_subnet_network_address,\
         provisioning_subnet_netmask,provisioning_subnet_gateway,rack,units\r\n"
    );
}
