//! Boot environments as objects.

use crate::machine::Arch;
use crate::param::is_false;
use crate::{Digest, Name};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use url::Url;
use utoipa::ToSchema;

/// Something that a machine can boot. Without a kernel it is the machine's own disk.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BootEnvSpec {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The kernel: a file among those that the server offers for booting; with `medium:` before it, one of the medium
    /// that the machine's operating system is installed from, and with `iso:` one of this environment's disc. In those
    /// two, `$arch`, `$version`, `$major`, `$minor` and `$release` stand for the operating system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// Initial RAM disks, in the order in which the kernel unpacks them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub initrds: Vec<String>,
    /// The kernel's command line, a template. Never a secret: whoever boots can read it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub args: String,
    /// Whether our agent runs in it and needs its configuration as one more initial RAM disk.
    #[serde(default)]
    pub agent: bool,
    /// Whether it installs an operating system.
    #[serde(default, skip_serializing_if = "is_false")]
    pub installs: bool,
    /// Whether it is for machines that are not known yet.
    #[serde(default, skip_serializing_if = "is_false")]
    pub only_unknown: bool,
    /// The operating system that it installs or runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<Name>,
    /// The image of the installation disc that its files come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iso: Option<IsoSpec>,
    /// What differs on other architectures than `x86_64`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arches: BTreeMap<Arch, ArchFiles>,
    /// Texts that are rendered for each machine, by the path that they are served at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<ServedTemplate>,
    /// Parameters that a machine cannot boot it without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required_params: Vec<String>,
}

/// An installation disc.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IsoSpec {
    /// Its file name.
    pub file: String,
    /// What it must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Where it can be fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub url: Option<Url>,
}

/// What a boot environment has for one architecture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchFiles {
    /// The kernel.
    pub kernel: String,
    /// Initial RAM disks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub initrds: Vec<String>,
    /// The kernel's command line, where it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<String>,
    /// The installation disc.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iso: Option<IsoSpec>,
}

/// A text that is rendered for each machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServedTemplate {
    /// Its path among the machine's files, such as `preseed.cfg`; itself a template.
    pub path: String,
    /// The template.
    pub template: Name,
}

impl BootEnvSpec {
    /// Whether it means the machine's own disk.
    pub fn is_local(&self) -> bool {
        self.kernel.is_none()
    }
}
