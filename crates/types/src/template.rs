//! Templates as objects.

use crate::os::OsFamily;
use crate::param::is_false;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A text that is rendered for a machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateSpec {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What the text becomes once rendered. A file says `output`, where `kind` is the kind of object.
    #[serde(rename = "output")]
    pub kind: TemplateKind,
    /// The families of operating system that it is for; without any, all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub families: Vec<OsFamily>,
    /// Whether nobody may change or remove it until it is unlocked.
    #[serde(default, skip_serializing_if = "is_false")]
    pub locked: bool,
    /// Parameters that it cannot be rendered without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required_params: Vec<String>,
    /// The text.
    pub text: String,
}

/// What a template becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TemplateKind {
    /// A menu of PXELINUX.
    Pxelinux,
    /// A configuration of GRUB 2.
    Grub2,
    /// A script of iPXE.
    Ipxe,
    /// What an installer follows: kickstart, preseed, autoinstall, AutoYaST, an ESXi script, unattend.xml.
    Provision,
    /// A script that finishes a new system, run on it or over SSH.
    Finish,
    /// What cloud-init follows.
    UserData,
    /// What Ignition follows.
    Ignition,
    /// A script.
    Script,
    /// BIOS settings.
    Bios,
    /// YAML of [`crate::agent::PlatformSetup`]: what an installed system is told of itself.
    Platform,
    /// A script that is run on machines that a search finds.
    Job,
    /// A part that other templates include.
    Snippet,
}

impl TemplateKind {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pxelinux => "pxelinux",
            Self::Grub2 => "grub2",
            Self::Ipxe => "ipxe",
            Self::Provision => "provision",
            Self::Finish => "finish",
            Self::UserData => "user-data",
            Self::Ignition => "ignition",
            Self::Script => "script",
            Self::Bios => "bios",
            Self::Platform => "platform",
            Self::Job => "job",
            Self::Snippet => "snippet",
        }
    }
}

impl std::fmt::Display for TemplateKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
