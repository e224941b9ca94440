//! Boot environments as objects.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something that a machine can boot. Without a kernel it is the machine's own disk.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BootEnvSpec {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The kernel: a file among those that the server offers for booting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// Initial RAM disks, in the order in which the kernel unpacks them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub initrds: Vec<String>,
    /// The kernel's command line. Never a secret: whoever boots can read it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub args: String,
    /// Whether our agent runs in it and needs its configuration as one more initial RAM disk.
    #[serde(default)]
    pub agent: bool,
}

impl BootEnvSpec {
    /// Whether it means the machine's own disk.
    pub fn is_local(&self) -> bool {
        self.kernel.is_none()
    }
}
