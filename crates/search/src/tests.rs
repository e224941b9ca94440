//! One machine, and what is asked of it: shared by the tests of reading, printing and deciding.

use crate::{Expression, Facts, FieldRef, MachineFacts, Node, Operator, RunFacts, SyntaxError, Type};
use jiff::Timestamp;
use types::machine::{MachineSpec, MachineStatus};
use types::object::{Object, Source};
use types::{ErrorClass, Params};

mod properties;
mod reading;

fn read(text: &str) -> Expression {
    text.parse().unwrap_or_else(|error: SyntaxError| panic!("{text}: {error}"))
}

fn now() -> Timestamp {
    "2026-03-10T12:00:00Z".parse().expect("it is a time")
}

fn machine() -> Object<MachineSpec, MachineStatus> {
    let spec = serde_json::json!({
        "macs": ["52:54:00:00:00:01"], "uuid": "6f1b3c1e-2f0c-4f4e-9d8e-0123456789ab", "bmc": "bmc-1",
        "tags": ["lab", "old"], "hostname": "web17.example", "secrets": {"bmc_pin": 1234},
    });
    let status = serde_json::json!({
        "state": "deployed", "firmware": "uefi",
        "agent": {"boot_id": uuid::Uuid::nil(), "env": "discovery", "since": "2026-03-10T11:45:00Z"},
        "inventory": {
            "system": {"manufacturer": "Example Corp.", "product": "X 100", "serial": "SN-0042", "uuid": null},
            "board": {"manufacturer": null, "product": null, "serial": "B77", "firmware_vendor": "EDK II",
                      "firmware_version": "2.1", "secure_boot": true},
            "cpu": {"model": "Example 9000", "sockets": 2, "threads": 64},
            "memory": {"total_bytes": 137_438_953_472_u64, "modules": []},
            "disks": [
                {"name": "sda", "size_bytes": 480_000_000_000_u64, "model": "S1", "serial": "d1", "wwid": null, "rotational": false},
                {"name": "sdb", "size_bytes": 8_000_000_000_000_u64, "model": "H8", "serial": "d2", "wwid": null, "rotational": true},
            ],
            "nics": [{"name": "eth0", "mac": "52:54:00:00:00:02", "speed_mbit": 25000, "link": true, "driver": "mlx5"}],
        },
    });
    Object {
        id: types::ObjectId::new(),
        name: "web-17".parse().expect("a name"),
        spec: serde_json::from_value(spec).expect("a spec"),
        status: serde_json::from_value(status).expect("a status"),
        version: 1,
        source: Source::Discovered,
        created: "2026-03-01T08:00:00Z".parse().expect("a time"),
        updated: "2026-03-10T11:00:00Z".parse().expect("a time"),
    }
}

fn facts() -> Facts {
    let machine = machine();
    let params: Params = serde_json::from_value(serde_json::json!({
        "rack": "A12", "unit": 7, "unit_text": "7", "roles": ["web", "cache"], "net": {"vlan": 30},
        "root_password": "hunter2", "odd key": "x", "site/row": "r2",
    }))
    .expect("parameters");
    let groups = ["compute", "europe", "all"].map(|name| name.parse().expect("a name"));
    let run = RunFacts {
        state: "failed".to_owned(),
        workflow: "default".parse().expect("a name"),
        stage: Some("OS_INSTALL".to_owned()),
        failure: Some(ErrorClass::Network),
    };
    let facts = MachineFacts {
        machine: &machine,
        params: &params,
        groups: &groups,
        profiles: &[],
        hardware_profile: None,
        operating_system: None,
        addresses: &["10.0.4.17".parse().expect("an address"), "fd00:0:0:4::17".parse().expect("an address")],
        run: Some(&run),
        is_secret: &|name| name.contains("password"),
    };
    facts.collect()
}

#[test]
fn every_kind_of_condition_is_decided_on_one_machine() {
    let facts = facts();
    let id = machine().spec.uuid.expect("it has one");
    for (text, expected) in [
        ("", true),
        ("group=compute and not state=deployed and params.rack=~\"A.*\"", false),
        ("group=compute and state=deployed and params.rack=~\"A.*\"", true),
        ("group = europe", true),
        ("name ~ WEB", true),
        ("name ~ web*", true),
        ("name ~ *web", false),
        ("name ~ w*7", true),
        ("name ~ b-1", true),
        ("name !~~ db", true),
        ("name =~ \"^web-\\d+$\"", true),
        ("name =~ WEB", false),
        ("name !~ \"^db\"", true),
        ("name in (web-16, web-17)", true),
        ("name not in (web-16, web-17)", false),
        ("mac = 52-54-00-00-00-02", true),
        ("mac ~ 52-54-00", true),
        (&format!("uuid = {}", id.simple()), true),
        ("ip = 10.0.4.0/24", true),
        ("ip = 10.0.5.0/24", false),
        ("ip = 0.0.0.0/0", true),
        ("ip in (10.0.4.17, 10.0.4.18)", true),
        ("ip = fd00:0:0:4::/64", true),
        ("ip = fd00:0:0:5::/64", false),
        ("memory >= 128GiB", true),
        ("memory > 128GiB", false),
        ("memory = 128G", true),
        ("cpus > 63 and sockets = 2", true),
        ("disks = 2 and disk >= 8TB and disk < 500GB", true),
        ("disk > 8TB", false),
        ("secure_boot = true", true),
        ("vendor = \"Example Corp.\" and model ~ \"x 1\"", true),
        ("serial = B77", true),
        ("seen < 10m ago", true),
        ("seen > 20 minutes ago", true),
        ("created >= 2026-01-01 and created < 2026-03-02", true),
        ("created = 2026-03-01", true),
        ("created > 2026-03-01", false),
        ("created <= 2026-03-01", true),
        ("updated = today", true),
        ("updated = yesterday", false),
        ("updated < now", true),
        ("created = 2026-03-01T08:00:00Z", true),
        ("run = failed and stage = OS_INSTALL and failure = network", true),
        ("failure != timeout", true),
        ("params.unit = 7 and params.unit < 8 and params.unit = \"7\"", true),
        ("params.unit_text = 7", true),
        ("params.unit_text < 8", false),
        ("params.unit = 7.0", true),
        ("params.roles = cache", true),
        ("params.roles != cache", false),
        ("params.net.vlan > 20", true),
        ("has params.net", true),
        ("has params.nothing", false),
        ("params.nothing != x", true),
        ("has params.root_password", true),
        ("params.root_password ~ hunter", false),
        ("params.\"odd key\" = x", true),
        ("params.site/row = r2", true),
        ("fact.board.firmware_version = 2.1", true),
        ("fact.disks.rotational = true and fact.nics.speed_mbit >= 25000", true),
        ("fact.disks.size_bytes > 7TB", true),
        ("sn-0042", true),
        ("52-54-00-00-00-02", true),
        ("10.0.4", true),
        ("db or \"web-17\"", true),
        ("not (web and has bmc)", false),
        ("not not has bmc", true),
        ("has description", false),
        ("tag = lab and tag != new and type = physical and hostname ~ web17", true),
        ("has params.bmc_pin", true),
        ("params.bmc_pin = 1234 or params.bmc_pin > 0 or params.bmc_pin ~ 1", false),
    ] {
        assert_eq!(read(text).matches(&facts, now()), expected, "{text}");
    }
}

#[test]
fn what_is_relative_moves_with_the_clock() {
    let (facts, expression) = (facts(), read("seen < 10m ago"));
    assert!(expression.matches(&facts, now()));
    assert!(!expression.matches(&facts, "2026-03-10T11:50:00Z".parse().unwrap()));
}

#[test]
fn no_field_is_listed_twice_and_every_one_can_be_asked_for() {
    let mut names = std::collections::HashSet::new();
    for field in crate::FIELDS {
        for name in std::iter::once(&field.name).chain(field.aliases) {
            assert!(names.insert(*name), "{name} is there twice");
        }
        let name = if field.has_path { format!("{}.a", field.name) } else { field.name.to_owned() };
        assert!(FieldRef::find(&name).is_some(), "{name}");
        assert!(matches!(read(&format!("has {name}")).root(), Some(Node::Has(_))), "{name}");
    }
    assert!(crate::FREE_TEXT.iter().all(|name| FieldRef::find(name).is_some()));
    assert_eq!(Operator::ALL.len(), 10);
}

/// A row of the table in the documentation.
fn row(field: &crate::Field) -> String {
    let code = |name: &&str| format!("`{name}{}`", if field.has_path { ".…" } else { "" });
    let aliases: Vec<String> = field.aliases.iter().map(code).collect();
    let values = match field.kind {
        Type::Text => "text".to_owned(),
        Type::Word(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Type::Number => "number".to_owned(),
        Type::Size => "size".to_owned(),
        Type::Time => "time".to_owned(),
        Type::Mac => "network card".to_owned(),
        Type::Uuid => "UUID".to_owned(),
        Type::Address => "address".to_owned(),
        Type::Any => "any".to_owned(),
    };
    format!("| {} | {} | {values} | {} |", code(&field.name), aliases.join(", "), field.doc)
}

#[test]
fn documentation_lists_every_field_as_the_table_has_it() {
    let rows: Vec<String> = crate::FIELDS.iter().map(row).collect();
    let page = include_str!("../../../docs/operate/search.md");
    let listed: Vec<&str> = page.lines().skip_while(|line| !line.starts_with("| field |")).skip(2).collect();
    let listed = listed.split(|line| line.is_empty()).next().unwrap_or_default();
    assert_eq!(listed, rows, "docs/operate/search.md should have:\n{}\n", rows.join("\n"));
}
