//! What a machine boots, where it finds it, and the run it boots for.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use types::Timestamp;

/// What a machine boots.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BootEnv {
    /// Its name.
    pub name: String,
    /// Free text of an operator.
    pub description: Option<String>,
    /// The kernel, as a path below the files that the server offers for booting.
    pub kernel: Option<String>,
    /// The initial RAM disks, as such paths.
    pub initrds: Vec<String>,
    /// The kernel's address.
    pub kernel_url: Option<String>,
    /// The initial RAM disks' addresses.
    pub initrd_urls: Vec<String>,
    /// The kernel's arguments.
    pub args: String,
    /// Whether the arguments are a template.
    pub args_are_template: bool,
    /// The folder of its files below the files that the server offers, such as `debian-12-install/install`.
    pub directory: Option<String>,
    /// Where its installer takes packages from.
    pub install_url: Option<String>,
    /// Whether it installs an operating system.
    pub installs: bool,
    /// Whether it is only for machines that are not known.
    pub only_unknown: bool,
    /// Loaders by the client's architecture.
    pub loaders: BTreeMap<String, String>,
}

/// Where the server is, as this machine reaches it. No address ends with a slash.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Urls {
    /// The address alone: an IP address, or a name where machines have to use one.
    pub host: String,
    /// The name of the server.
    pub fqdn: String,
    /// The HTTP service for machines, such as `http://10.77.0.1:8091`.
    pub base: String,
    /// The same over TLS, where it is offered.
    pub secure_base: Option<String>,
    /// The REST interface.
    pub api: String,
    /// The files that the server offers.
    pub files: String,
    /// The TFTP service's address and port.
    pub tftp: String,
    /// The folder under which templates are fetched by kind, with `?token=` where one is needed.
    pub unattended: String,
    /// Where the text of kind `provision` is fetched, token and all.
    pub provision: Option<String>,
    /// Where the installer says that it is done, token and all.
    pub built: Option<String>,
    /// Where it says that it failed, token and all.
    pub failed: Option<String>,
    /// Further addresses for this machine by the kind of template, token and all.
    pub templates: BTreeMap<String, String>,
}

/// What a machine proves itself with. Each is for this machine alone and ends by itself.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tokens {
    /// Fetches the machine's templates and reports the installation's end.
    pub build: Option<String>,
    /// Reads and updates the machine over the REST interface.
    pub machine: Option<String>,
    /// The agent's, which lives longer.
    pub agent: Option<String>,
    /// Reads one profile each.
    pub profiles: BTreeMap<String, String>,
}

/// The run that a text is rendered for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// The workflow.
    pub workflow: String,
    /// The stage that is running.
    pub stage: Option<String>,
    /// The step or task that is running.
    pub step: Option<String>,
    /// Which attempt of the step it is, from 1.
    pub attempt: u32,
    /// The deployment that it belongs to.
    pub deployment: Option<String>,
    /// The design that it was made from.
    pub design: Option<String>,
    /// When it began.
    pub started_at: Option<Timestamp>,
}

/// What asked for a text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// The client's address.
    pub address: Option<String>,
    /// The client's Ethernet address, where it said one.
    pub mac: Option<String>,
    /// The file that it asked for.
    pub path: Option<String>,
    /// How it asked: `http`, `https` or `tftp`.
    pub protocol: Option<String>,
}

/// Tokens are secrets.
impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("build", &self.build.is_some()).finish_non_exhaustive()
    }
}
