//! The boot override of a system: what it boots instead of its own order.

use crate::action::check_offered;
use crate::error::WriteError;
use crate::service::{Effect, Service};
use crate::system::System;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::fmt;

/// What to boot instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BootTarget {
    /// The firmware's own order.
    None,
    /// The network, by PXE.
    Pxe,
    /// The disk.
    Hdd,
    /// A CD, also a virtual one.
    Cd,
    /// The network, by UEFI HTTP boot.
    UefiHttp,
    /// Something that an operator or the vendor set.
    Other(String),
}

impl BootTarget {
    /// As DSP0268 spells it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::None => "None",
            Self::Pxe => "Pxe",
            Self::Hdd => "Hdd",
            Self::Cd => "Cd",
            Self::UefiHttp => "UefiHttp",
            Self::Other(name) => name,
        }
    }

    fn read(name: &str) -> Self {
        match name {
            "None" | "" => Self::None,
            "Pxe" => Self::Pxe,
            "Hdd" => Self::Hdd,
            "Cd" => Self::Cd,
            "UefiHttp" => Self::UefiHttp,
            other => Self::Other(other.chars().take(64).collect()),
        }
    }
}

/// For how long a boot override holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverrideEnabled {
    /// Not at all.
    Disabled,
    /// For the next boot.
    Once,
    /// Until it is changed.
    Continuous,
}

impl OverrideEnabled {
    /// As DSP0268 spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "Disabled",
            Self::Once => "Once",
            Self::Continuous => "Continuous",
        }
    }
}

/// The firmware's boot mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BootMode {
    /// BIOS.
    Legacy,
    /// UEFI.
    Uefi,
}

impl BootMode {
    /// As DSP0268 spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Legacy => "Legacy",
            Self::Uefi => "UEFI",
        }
    }
}

/// A boot override.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootOverride {
    /// What to boot.
    pub target: BootTarget,
    /// For how long.
    pub enabled: OverrideEnabled,
    /// In which mode; `None` leaves it as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<BootMode>,
}

impl BootOverride {
    /// No override: the firmware's own order.
    pub fn disabled() -> Self {
        Self { target: BootTarget::None, enabled: OverrideEnabled::Disabled, mode: None }
    }

    /// `target` for the next boot.
    pub fn once(target: BootTarget) -> Self {
        Self { target, enabled: OverrideEnabled::Once, mode: None }
    }

    /// `target` until told otherwise.
    pub fn continuous(target: BootTarget) -> Self {
        Self { target, enabled: OverrideEnabled::Continuous, mode: None }
    }

    /// Whether this, as read, is what `wanted` asks for.
    ///
    /// A disabled override has no target, whatever the BMC still shows (Supermicro SYS-821GE shows `Pxe`).
    pub fn satisfies(&self, wanted: &Self) -> bool {
        let same_mode = wanted.mode.is_none() || wanted.mode == self.mode;
        let both_disabled = self.enabled == OverrideEnabled::Disabled && wanted.enabled == OverrideEnabled::Disabled;
        same_mode && (both_disabled || (self.enabled == wanted.enabled && self.target == wanted.target))
    }
}

impl fmt::Display for BootOverride {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.enabled {
            OverrideEnabled::Disabled => f.write_str("no override"),
            enabled => write!(f, "{} {}", self.target.as_str(), enabled.as_str()),
        }
    }
}

impl System {
    /// The boot override as it was read.
    pub fn boot_override(&self) -> BootOverride {
        let boot = &self.document.value["Boot"];
        let enabled = match boot["BootSourceOverrideEnabled"].as_str() {
            Some("Once") => OverrideEnabled::Once,
            Some("Continuous") => OverrideEnabled::Continuous,
            Some(_) | None => OverrideEnabled::Disabled,
        };
        let target = match enabled {
            OverrideEnabled::Disabled => BootTarget::None,
            OverrideEnabled::Once | OverrideEnabled::Continuous => {
                BootTarget::read(boot["BootSourceOverrideTarget"].as_str().unwrap_or_default())
            }
        };
        let mode = match boot["BootSourceOverrideMode"].as_str() {
            Some("UEFI") => Some(BootMode::Uefi),
            Some("Legacy") => Some(BootMode::Legacy),
            Some(_) | None => None,
        };
        BootOverride { target, enabled, mode }
    }

    /// The boot targets this system says it takes.
    pub fn boot_targets(&self) -> Vec<String> {
        crate::document::texts_of(&self.document.value["Boot"]["BootSourceOverrideTarget@Redfish.AllowableValues"])
    }
}

impl Service {
    /// Sets the boot override of `system`, after checking that it offers this one.
    ///
    /// The mode is sent only when `wanted` names one.
    pub async fn set_boot_override(&self, system: &System, wanted: &BootOverride) -> Result<Effect, WriteError> {
        let boot = &system.document.value["Boot"];
        let path = &system.document.path;
        let mut change = Map::new();
        let enabled = wanted.enabled.as_str();
        let offered = boot.get("BootSourceOverrideEnabled@Redfish.AllowableValues");
        check_offered(path, "BootSourceOverrideEnabled", enabled, offered)?;
        change.insert("BootSourceOverrideEnabled".into(), json!(enabled));
        if wanted.enabled != OverrideEnabled::Disabled {
            let target = wanted.target.as_str();
            let offered = boot.get("BootSourceOverrideTarget@Redfish.AllowableValues");
            check_offered(path, "BootSourceOverrideTarget", target, offered)?;
            change.insert("BootSourceOverrideTarget".into(), json!(target));
        }
        if let Some(mode) = wanted.mode {
            let offered = boot.get("BootSourceOverrideMode@Redfish.AllowableValues");
            check_offered(path, "BootSourceOverrideMode", mode.as_str(), offered)?;
            change.insert("BootSourceOverrideMode".into(), json!(mode.as_str()));
        }
        self.read_and_patch(path, &json!({"Boot": Value::Object(change)})).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    fn system(boot: &Value) -> System {
        System::new(Document { path: "/redfish/v1/Systems/1".into(), etag: None, value: json!({"Boot": boot}) })
    }

    #[test]
    fn a_disabled_override_has_no_target_whatever_the_bmc_still_shows() {
        let shown = system(&json!({"BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideTarget": "Pxe"}));
        assert_eq!(shown.boot_override(), BootOverride::disabled());
        assert!(shown.boot_override().satisfies(&BootOverride::disabled()));
        assert!(!shown.boot_override().satisfies(&BootOverride::once(BootTarget::Pxe)));
    }

    #[test]
    fn a_system_without_boot_settings_has_no_override() {
        assert_eq!(system(&json!("nonsense")).boot_override(), BootOverride::disabled());
        assert_eq!(system(&json!({"BootSourceOverrideEnabled": 7})).boot_override(), BootOverride::disabled());
    }
}
