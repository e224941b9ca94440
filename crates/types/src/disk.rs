//! Which disk of a machine is meant: by what it is, never by the order in which the kernel found it.

use crate::inventory::Transport;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a disk is chosen. More than one that would do is an error: the agent does not guess.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DiskSelector {
    /// The smallest that is large enough.
    Smallest,
    /// By kernel name, such as `vda`.
    Name(String),
    /// By serial number.
    Serial(String),
    /// By what it is.
    Rule(DiskRule),
}

/// What a disk must be. Everything that is given must be so; texts may have `*` for any run of characters.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DiskRule {
    /// Kernel name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Size at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_bytes: Option<u64>,
    /// Size at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
    /// Whether it spins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotational: Option<bool>,
    /// Model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// World-wide name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wwn: Option<String>,
    /// How it is attached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<Transport>,
    /// Where it is attached, such as `pci-0000:00:1f.2-ata-1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Which of several to take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefer: Option<DiskPreference>,
}

/// Which of several disks to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DiskPreference {
    /// The smallest.
    Smallest,
    /// The largest.
    Largest,
    /// The one whose path sorts first: the lowest slot or port.
    LowestPath,
}

/// Which disks are never written. Read-only, removable and used disks, and those that are one path of several to
/// the same disk, are protected without being named.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DiskProtection {
    /// By serial number; texts here may have `*` for any run of characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub serials: Vec<String>,
    /// By world-wide name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wwns: Vec<String>,
    /// By the label of a filesystem or partition on them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Allows disks on USB, which are protected otherwise.
    #[serde(default)]
    pub allow_usb: bool,
}

impl DiskProtection {
    /// What either protects is protected, and USB is allowed only where both allow it or one says nothing at all.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.allow_usb = match (self == Self::default(), other == Self::default()) {
            (true, _) => other.allow_usb,
            (_, true) => self.allow_usb,
            (false, false) => self.allow_usb && other.allow_usb,
        };
        self.serials.extend(other.serials);
        self.wwns.extend(other.wwns);
        self.labels.extend(other.labels);
        self
    }
}

/// Whether `text` is `pattern`, in which `*` stands for any run of characters. Case does not matter: firmware and
/// kernels write serial numbers and world-wide names either way.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_ascii_lowercase(), text.to_ascii_lowercase());
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some((_, after)) = text.split_once(part) else { return false };
        text = after;
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_run() {
        for (pattern, text, is_match) in [
            ("WD-*", "wd-123", true),
            ("*evo*", "Samsung SSD 870 EVO 500GB", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*a", "a", false),
            ("", "x", false),
            ("*", "", true),
            ("naa.5", "naa.50", false),
        ] {
            assert_eq!(matches(pattern, text), is_match, "{pattern} {text}");
        }
    }

    #[test]
    fn protections_add_up() {
        let by_serial = DiskProtection { serials: vec!["A".to_owned()], ..DiskProtection::default() };
        let by_label = DiskProtection { labels: vec!["data".to_owned()], allow_usb: true, ..DiskProtection::default() };
        let both = by_serial.and(by_label.clone());
        assert_eq!((both.serials.len(), both.labels.len(), both.allow_usb), (1, 1, false));
        assert!(DiskProtection::default().and(by_label).allow_usb);
    }

    #[test]
    fn a_rule_reads_as_operators_write_it() {
        let rule = serde_json::json!({"rule": {"min_bytes": 1, "transport": "nvme", "prefer": "lowest_path"}});
        let DiskSelector::Rule(rule) = serde_json::from_value(rule).unwrap() else { panic!("no rule") };
        assert_eq!((rule.min_bytes, rule.transport), (Some(1), Some(Transport::Nvme)));
        let unknown = serde_json::json!({"rule": {"min_size": 1}});
        assert!(serde_json::from_value::<DiskSelector>(unknown).unwrap_err().to_string().contains("min_size"));
    }
}
