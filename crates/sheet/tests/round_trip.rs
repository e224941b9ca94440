//! A design that is written as a sheet and read again is the same design.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use lifecycle::Declarations;
use proptest::prelude::*;
use serde_json::{Value, json};
use sheet::{Export, Format, Import, Known, Words, export, import};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use types::design::{DesignRow, DesignSpec};
use types::machine::MachineType;
use types::param::{ParamSpec, ParamType, SecretValue, Secrets};
use types::subnet::SubnetSpec;
use types::{MacAddr, Name, Params};

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// A site with a few of everything.
fn known() -> Known {
    let declared = |kind| ParamSpec { kind: Some(kind), ..ParamSpec::default() };
    let secret = ParamSpec { secret: true, ..ParamSpec::default() };
    let open = ParamSpec { secret: false, ..ParamSpec::default() };
    let declarations = [
        ("whole", declared(ParamType::Integer)),
        ("switch", declared(ParamType::Boolean)),
        ("list", declared(ParamType::Array)),
        ("pin", secret),
        ("token_ttl", open),
    ];
    let subnets = [("rack", "10.0.0.0/8"), ("other", "192.168.0.0/16")];
    Known {
        subnets: subnets.map(|(of, cidr)| (name(of), SubnetSpec::new(cidr.parse().unwrap()))).into(),
        groups: [(name("compute"), None), (name("login"), Some(name("other")))].into(),
        hardware_profiles: [name("r750")].into(),
        profiles: [name("a"), name("b")].into(),
        bmcs: [name("bmc-1")].into(),
        workflows: [name("default")].into(),
        declarations: Declarations::new(declarations.map(|(key, spec)| (key.to_owned(), spec))).unwrap(),
    }
}

fn names(all: &'static [&'static str]) -> impl Strategy<Value = Option<Name>> {
    prop::option::of(prop::sample::select(all).prop_map(name))
}

/// Texts, those among them that spreadsheet programs change or take for something else.
fn text() -> impl Strategy<Value = String> {
    let odd = ["=1+1", "+x", "-1", "@x", "'x", "'=x", " x ", "", "\t=x", "a\r\nb", "true", "1.50", "007", "[secret]x"];
    let odder = ["a,b;c\"d\"", "_x000D_", "zeile\nzwei", "1e5", "\u{feff}x", "日本", "{}", "null", "name", "\u{7}"];
    prop_oneof![
        3 => "[a-zA-Z0-9 .,;\"'_=+@(){}-]{1,20}",
        1 => prop::sample::select(odd.to_vec()).prop_map(str::to_owned),
        1 => prop::sample::select(odder.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => text().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => (-4000_i32..4000).prop_map(|quarters| json!(f64::from(quarters) / 4.0)),
        1 => prop::collection::vec(text(), 0..3).prop_map(Value::from),
        1 => Just(json!({"a": [1, null], "b": {}})),
    ]
}

/// Names of parameters, those of columns among them.
fn key() -> impl Strategy<Value = String> {
    let like_columns = ["name", "Group", "macs", "bmc ip", "params.x", "x (integer)", "x (odd)", "=x", "\"x", " x"];
    prop_oneof![
        3 => "[a-z][a-z0-9_/-]{0,10}",
        1 => prop::sample::select(like_columns.to_vec()).prop_map(str::to_owned),
        1 => any::<String>().prop_filter("a name", |key| !key.is_empty()),
    ]
}

fn params() -> impl Strategy<Value = (Params, Secrets)> {
    let declared = prop_oneof![
        any::<i64>().prop_map(|number| ("whole".to_owned(), json!(number))),
        any::<bool>().prop_map(|on| ("switch".to_owned(), json!(on))),
        prop::collection::vec(text(), 0..3).prop_map(|list| ("list".to_owned(), json!(list))),
        text().prop_map(|text| ("token_ttl".to_owned(), json!(text))),
    ];
    let is_open = |(key, _): &(String, Value)| !types::secret::is_secret_name(key) && key != "pin";
    let open = (key(), value()).prop_filter("no secret", is_open);
    let secret_keys = ["pin", "root_password", "hidden", "api-token"];
    let secrets = prop::collection::btree_map(prop::sample::select(secret_keys.to_vec()), value(), 0..3);
    (prop::collection::vec(open, 0..4), prop::collection::vec(declared, 0..3), secrets).prop_map(
        |(open, declared, secrets)| {
            // What is declared wins over a free value of the same name, and what is hidden is not open elsewhere.
            let is_free = |key: &str| !["whole", "switch", "list", "token_ttl", "hidden"].contains(&key);
            let open = open.into_iter().filter(|(key, _)| is_free(key));
            let secrets = secrets.into_iter().map(|(key, value)| (key.to_owned(), SecretValue::new(value)));
            (open.chain(declared).collect(), secrets.collect())
        },
    )
}

fn stages() -> impl Strategy<Value = BTreeMap<String, bool>> {
    prop::collection::btree_map("[A-Z_]{1,12}", any::<bool>(), 0..3)
}

/// A row whose addresses are of its number, so that no two rows share one.
fn row() -> impl Strategy<Value = DesignRow> {
    let kinds = [MachineType::Physical, MachineType::Hypervisor, MachineType::Virtual];
    let basic = (
        prop::option::of(prop::sample::select(kinds.to_vec())),
        prop::option::of("[A-Z][a-z0-9]{0,10}(\\.[a-z]{1,5})?"),
        0..4_usize,
        any::<[bool; 3]>(),
        any::<bool>(),
    );
    let named = (
        names(&["rack", "other"]),
        names(&["bmc-1"]),
        names(&["compute", "login"]),
        names(&["r750"]),
        prop::sample::subsequence(vec!["a", "b"], 0..=2),
    );
    (basic, named, stages(), params()).prop_map(|(basic, named, stages, (params, secrets))| {
        let (machine_type, hostname, macs, [address, bmc_address, bmc_mac], ipv6) = basic;
        let (subnet, bmc, group, hardware_profile, profiles) = named;
        DesignRow {
            machine_type,
            hostname,
            macs: vec![MacAddr([2, 0, 0, 0, 0, 0]); macs],
            address: address.then_some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            subnet,
            bmc,
            bmc_address: bmc_address.then_some(if ipv6 {
                IpAddr::V6(Ipv6Addr::LOCALHOST)
            } else {
                IpAddr::V4(Ipv4Addr::LOCALHOST)
            }),
            bmc_mac: bmc_mac.then_some(MacAddr([2, 0, 0, 0, 0, 0])),
            group,
            hardware_profile,
            profiles: profiles.into_iter().map(name).collect(),
            stages,
            params,
            secrets,
        }
    })
}

/// Gives each row addresses of its own that fit its subnet.
fn number(rows: Vec<DesignRow>) -> BTreeMap<Name, DesignRow> {
    let numbered = rows.into_iter().enumerate().map(|(index, mut row)| {
        let number = u8::try_from(index + 1).unwrap();
        for (card, mac) in row.macs.iter_mut().enumerate() {
            *mac = MacAddr([2, 0, 0, 0, number, u8::try_from(card).unwrap()]);
        }
        row.bmc_mac = row.bmc_mac.map(|_| MacAddr([2, 0, 0, 1, number, 0]));
        // The usual subnet is `rack`.
        let is_other = row.subnet.as_ref().is_some_and(|subnet| subnet.as_str() == "other");
        let network = if is_other { [192, 168, 0] } else { [10, 0, 0] };
        row.address = row.address.map(|_| IpAddr::from([network[0], network[1], network[2], number]));
        row.bmc_address = row.bmc_address.map(|address| match address {
            IpAddr::V4(_) => IpAddr::from([172, 16, 0, number]),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from_bits(0xfd00 << 112 | u128::from(number))),
        });
        (name(&format!("node-{number}")), row)
    });
    numbered.collect()
}

prop_compose! {
    fn design()(
        description in prop::option::of("[a-z]{1,9}( [a-z]{1,9})?"),
        health_check_group in names(&["login"]),
        workflow in names(&["default"]),
        stages in stages(),
        (params, secrets) in params(),
        rows in prop::collection::vec(row(), 1..6),
    ) -> DesignSpec {
        DesignSpec {
            description,
            group: name("compute"),
            health_check_group,
            subnet: Some(name("rack")),
            workflow,
            stages,
            params,
            secrets,
            rows: number(rows),
        }
    }
}

/// The design without what a sheet says: only its secrets are left, which no sheet shows.
fn only_secrets(design: &DesignSpec) -> DesignSpec {
    let rows = design
        .rows
        .iter()
        .map(|(name, row)| (name.clone(), DesignRow { secrets: row.secrets.clone(), ..DesignRow::default() }));
    DesignSpec {
        description: None,
        group: name("login"),
        health_check_group: None,
        subnet: None,
        workflow: None,
        stages: BTreeMap::new(),
        params: Params::new(),
        secrets: design.secrets.clone(),
        rows: rows.collect(),
    }
}

fn write(design: &DesignSpec, words: Words, format: Format, known: &Known) -> Vec<u8> {
    export(Export { design, columns: &BTreeSet::new(), words, format, known }).unwrap()
}

proptest! {
    #[test]
    fn design_to_xlsx_and_back_is_the_same_design(design in design()) {
        let known = known();
        let content = write(&design, Words::Slipway, Format::Xlsx, &known);
        let base = only_secrets(&design);
        let read = import(Import { content: &content, design: &base, keep_rows: false, known: &known });
        prop_assert_eq!(read.unwrap().design, design);
    }

    #[test]
    fn design_to_csv_and_back_is_the_same_design(design in design()) {
        let known = known();
        let content = write(&design, Words::Slipway, Format::Csv, &known);
        // CSV has the machines only.
        let base = DesignSpec { rows: only_secrets(&design).rows, ..design.clone() };
        let read = import(Import { content: &content, design: &base, keep_rows: false, known: &known });
        prop_assert_eq!(read.unwrap().design, design);
    }

    #[test]
    fn design_in_the_words_of_nabp_and_back_is_the_same_design(mut design in design()) {
        // NABP's columns name the network: a row that names the usual one means it anyway.
        for row in design.rows.values_mut() {
            row.subnet = row.subnet.take().filter(|subnet| subnet.as_str() != "rack");
        }
        let known = known();
        for format in [Format::Xlsx, Format::Csv] {
            let content = write(&design, Words::Nabp, format, &known);
            let base = DesignSpec { rows: only_secrets(&design).rows, ..design.clone() };
            let read = import(Import { content: &content, design: &base, keep_rows: false, known: &known });
            prop_assert_eq!(read.unwrap().design, design.clone());
        }
    }

    #[test]
    fn no_sheet_shows_a_secret(design in design()) {
        let known = known();
        let mut design = design;
        for (_, secrets) in design.rows.values_mut().map(|row| ((), &mut row.secrets)) {
            secrets.values_mut().for_each(|secret| *secret = SecretValue::new("hunter2hunter2"));
        }
        let csv = write(&design, Words::Slipway, Format::Csv, &known);
        prop_assert!(!String::from_utf8(csv).unwrap().contains("hunter2"));
    }

    #[test]
    fn any_bytes_are_read_or_refused(content in prop::collection::vec(any::<u8>(), 0..400)) {
        let known = known();
        let base = DesignSpec { rows: BTreeMap::new(), ..only_secrets(&DesignSpec {
            secrets: Secrets::new(), rows: BTreeMap::new(), ..minimal()
        }) };
        let _read = import(Import { content: &content, design: &base, keep_rows: false, known: &known });
    }
}

fn minimal() -> DesignSpec {
    serde_json::from_value(json!({"group": "compute"})).unwrap()
}
