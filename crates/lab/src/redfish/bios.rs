//! The BIOS attributes of a lab machine. They are remembered and shown; the machine itself does not care.

use super::simulator::Firmware;
use serde_json::{Value, json};
use types::Params;

/// What an attribute may be.
pub(super) enum Kind {
    Enumeration(&'static [&'static str]),
    Integer { lowest: i64, highest: i64 },
}

pub(super) struct Setting {
    pub(super) name: &'static str,
    pub(super) shown_as: &'static str,
    pub(super) kind: Kind,
    default: &'static str,
}

const ON_OFF: Kind = Kind::Enumeration(&["Enabled", "Disabled"]);

pub(super) const SETTINGS: &[Setting] = &[
    Setting { name: "BootMode", shown_as: "Boot mode", kind: Kind::Enumeration(&["Uefi", "Legacy"]), default: "Uefi" },
    Setting { name: "HyperThreading", shown_as: "Simultaneous multithreading", kind: ON_OFF, default: "Enabled" },
    Setting { name: "NetworkStack", shown_as: "UEFI network stack", kind: ON_OFF, default: "Enabled" },
    Setting {
        name: "NumaNodesPerSocket",
        shown_as: "NUMA nodes per socket",
        kind: Kind::Integer { lowest: 1, highest: 4 },
        default: "1",
    },
    Setting {
        name: "PowerProfile",
        shown_as: "Power profile",
        kind: Kind::Enumeration(&["Balanced", "Performance", "PowerSaving"]),
        default: "Balanced",
    },
    Setting { name: "SecureBoot", shown_as: "Secure Boot", kind: ON_OFF, default: "Disabled" },
    Setting { name: "SriovGlobalEnable", shown_as: "SR-IOV", kind: ON_OFF, default: "Disabled" },
    Setting { name: "VirtualizationTechnology", shown_as: "Virtualization", kind: ON_OFF, default: "Enabled" },
];

impl Setting {
    fn initial(&self) -> Value {
        match self.kind {
            Kind::Enumeration(_) => json!(self.default),
            Kind::Integer { lowest, .. } => json!(self.default.parse().unwrap_or(lowest)),
        }
    }

    pub(super) fn takes(&self, value: &Value) -> bool {
        match self.kind {
            Kind::Enumeration(allowed) => value.as_str().is_some_and(|value| allowed.contains(&value)),
            Kind::Integer { lowest, highest } => {
                value.as_i64().is_some_and(|value| (lowest..=highest).contains(&value))
            }
        }
    }
}

pub(super) fn setting(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// As a machine of this firmware leaves the factory.
pub(super) fn defaults(firmware: Firmware) -> Params {
    let mut attributes: Params = SETTINGS.iter().map(|setting| (setting.name.to_owned(), setting.initial())).collect();
    if firmware == Firmware::Bios {
        attributes.insert("BootMode".to_owned(), json!("Legacy"));
    }
    attributes
}
