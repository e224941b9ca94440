//! Operating systems, where they are installed from, and how disks are divided for them.

use crate::machine::Arch;
use crate::object::reveal_secrets;
use crate::param::{Secrets, is_false};
use crate::template::TemplateKind;
use crate::{Name, Params};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A family of operating systems, which share an installer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OsFamily {
    /// Debian and Ubuntu.
    Debian,
    /// Red Hat Enterprise Linux and what is built like it: CentOS, Rocky, Alma, Oracle, Fedora.
    Redhat,
    /// SUSE Linux Enterprise and openSUSE.
    Suse,
    /// VMware ESXi.
    Esxi,
    /// Microsoft Windows.
    Windows,
}

impl OsFamily {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debian => "debian",
            Self::Redhat => "redhat",
            Self::Suse => "suse",
            Self::Esxi => "esxi",
            Self::Windows => "windows",
        }
    }
}

/// Where an operating system is installed from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MediumSpec {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where its tree lies: `http`, `https` or `nfs`, or `local:NAME` for one that this server has. `$arch`, `$version`,
    /// `$major`, `$minor` and `$release` stand for the operating system's.
    pub url: String,
    /// The family that it is for; without it, any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<OsFamily>,
}

/// How disks are divided: a template in the installer's own language.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PartitionTableSpec {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The family whose installer reads it; without it, any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<OsFamily>,
    /// Whether it is for machines that run from memory: it writes no disk.
    #[serde(default, skip_serializing_if = "is_false")]
    pub diskless: bool,
    /// The text.
    pub text: String,
}

/// An operating system: what its installation is put together from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OperatingSystemSpec {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it calls itself, such as `Rocky`.
    pub title: String,
    /// Its family.
    pub family: OsFamily,
    /// The first part of its version.
    pub major: String,
    /// The rest of its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minor: Option<String>,
    /// The release's name, such as `bookworm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// Architectures that it is there for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arches: Vec<Arch>,
    /// Where it is installed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medium: Option<Name>,
    /// How disks are divided for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_table: Option<Name>,
    /// What a machine boots to install it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_env: Option<Name>,
    /// The workflow that installs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<Name>,
    /// Its templates, by what they become.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub templates: BTreeMap<TemplateKind, Name>,
    /// How its root password is hashed.
    #[serde(default)]
    pub password_hash: PasswordHash,
    /// Whether it runs from memory: a layout that writes disks is refused for it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub diskless: bool,
    /// Its parameters.
    #[serde(default, skip_serializing_if = "Params::is_empty")]
    #[schema(value_type = Object)]
    pub params: Params,
    /// Its secret parameters.
    #[serde(default, skip_serializing_if = "Secrets::is_empty")]
    #[schema(value_type = Object)]
    pub secrets: Secrets,
}

impl OperatingSystemSpec {
    /// Its version, such as `12.5` or `9`.
    pub fn version(&self) -> String {
        match &self.minor {
            Some(minor) => format!("{}.{minor}", self.major),
            None => self.major.clone(),
        }
    }

    pub(crate) fn reveal(&self) -> serde_json::Result<Value> {
        let mut revealed = serde_json::to_value(self)?;
        reveal_secrets(&mut revealed, &self.secrets);
        Ok(revealed)
    }
}

/// How a password is hashed (crypt(5)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PasswordHash {
    /// SHA-512 crypt, `$6$`.
    #[default]
    Sha512,
    /// SHA-256 crypt, `$5$`.
    Sha256,
    /// Base64 of the text, which the Windows unattend file takes.
    Base64,
}
