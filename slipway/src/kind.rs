//! Kinds of object as they are typed: `machine`, `machines`, `Machine`.

use crate::exit::Usage;
use crate::output::{Table, word};
use client::Client;
use serde_json::Value;
use types::object::{Kind, Object};

/// A kind, by any of its names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KindName(pub(crate) Kind);

impl std::str::FromStr for KindName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        let meant = |kind: &&Kind| kind.plural() == lower || kind.as_str().to_ascii_lowercase() == lower;
        let names = || Kind::ALL.iter().map(|kind| kind.plural()).collect::<Vec<_>>().join(", ");
        Kind::ALL.iter().find(meant).copied().map(Self).ok_or_else(|| format!("use one of {}", names()))
    }
}

/// Every machine for which the expression holds. Nothing else is searched.
pub(crate) async fn search(client: &Client, kind: Kind, expression: &str) -> anyhow::Result<Vec<Value>> {
    if kind != Kind::Machine {
        return Err(Usage(format!("--search finds machines; for {} it means nothing", kind.plural())).into());
    }
    Ok(client.search_all_machines(expression).await?.iter().map(value).collect())
}

fn value<Spec: serde::Serialize, Status: serde::Serialize>(object: &Object<Spec, Status>) -> Value {
    serde_json::to_value(object).expect("it came as JSON")
}

/// What is shown of an object beside its name, by kind.
const COLUMNS: &[(Kind, &[(&str, &str)])] = &[
    (Kind::Machine, &[("STATE", "/status/state"), ("BMC", "/spec/bmc"), ("MACS", "/spec/macs")]),
    (Kind::Bmc, &[("URL", "/spec/url"), ("SYSTEM", "/status/system_uuid")]),
    (
        Kind::Subnet,
        &[("NETWORK", "/spec/cidr"), ("UNKNOWN", "/spec/unknown"), ("WORKFLOW", "/spec/discovery_workflow")],
    ),
    (Kind::Reservation, &[("MAC", "/spec/mac"), ("ADDRESS", "/spec/address")]),
    (
        Kind::Image,
        &[
            ("FORMAT", "/spec/format"),
            ("DISK", "/spec/disk_size_bytes"),
            ("FILE", "/status/file_size_bytes"),
            ("DIGEST", "/spec/digest"),
        ],
    ),
    (Kind::Workflow, &[("DESCRIPTION", "/spec/description")]),
    (Kind::BootEnv, &[("KERNEL", "/spec/kernel"), ("DESCRIPTION", "/spec/description")]),
    (Kind::Template, &[("OUTPUT", "/spec/output"), ("DESCRIPTION", "/spec/description")]),
    (Kind::Param, &[("TYPE", "/spec/type"), ("DEFAULT", "/spec/default"), ("DESCRIPTION", "/spec/description")]),
    (Kind::Profile, &[("LAYER", "/spec/layer"), ("DESCRIPTION", "/spec/description")]),
    (Kind::HardwareProfile, &[("VENDOR", "/spec/vendor"), ("MODELS", "/spec/models")]),
    (Kind::Group, &[("PARENT", "/spec/parent"), ("OS", "/spec/os"), ("WORKFLOW", "/spec/workflow")]),
    (Kind::Medium, &[("FAMILY", "/spec/family"), ("URL", "/spec/url")]),
    (Kind::PartitionTable, &[("FAMILY", "/spec/family"), ("DESCRIPTION", "/spec/description")]),
    (
        Kind::OperatingSystem,
        &[("TITLE", "/spec/title"), ("FAMILY", "/spec/family"), ("MAJOR", "/spec/major"), ("MEDIUM", "/spec/medium")],
    ),
    (Kind::Design, &[("GROUP", "/spec/group"), ("WORKFLOW", "/spec/workflow"), ("SUBNET", "/spec/subnet")]),
    (Kind::Deployment, &[("DESIGN", "/spec/design"), ("STATE", "/status/state"), ("STARTED", "/status/started")]),
];

/// The objects as a table.
pub(crate) fn table(kind: Kind, objects: &[Value]) -> String {
    let columns = COLUMNS.iter().find(|(of, _)| *of == kind).map_or(&[][..], |(_, columns)| columns);
    let header: Vec<&str> =
        ["NAME", "SOURCE", "VERSION"].into_iter().chain(columns.iter().map(|(name, _)| *name)).collect();
    let mut table = Table::new(&header);
    for object in objects {
        let cell = |pointer: &str| object.pointer(pointer).map(shown).unwrap_or_default();
        let fixed = ["/name", "/source", "/version"].map(cell);
        table.row(fixed.into_iter().chain(columns.iter().map(|(_, pointer)| cell(pointer))));
    }
    table.to_string()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(","),
        other => word(other),
    }
}
