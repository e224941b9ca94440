//! The machine, what it belongs to and who answers for it.

use super::Interface;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use types::inventory::Inventory;
use types::{MacAddr, Params, Timestamp};

/// A machine as a template sees it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Machine {
    /// Its name; with a domain in it where names are fully qualified.
    pub name: String,
    /// The name up to the first dot.
    pub shortname: String,
    /// The name with the domain.
    pub fqdn: String,
    /// The domain alone.
    pub domain: Option<String>,
    /// Its id in the store, which never changes.
    pub uuid: Option<String>,
    /// The UUID that its firmware reports.
    pub system_uuid: Option<String>,
    /// Its serial number.
    pub serial: Option<String>,
    /// Its asset tag.
    pub asset_tag: Option<String>,
    /// Its maker.
    pub manufacturer: Option<String>,
    /// Its model.
    pub model: Option<String>,
    /// Its architecture in the kernel's words: `x86_64`, `aarch64`.
    pub arch: String,
    /// How its firmware boots: `bios` or `uefi`.
    pub firmware: Option<String>,
    /// The loader that it is given, such as `ipxe` or `grub-signed`.
    pub loader: Option<String>,
    /// Whether its firmware starts only what is signed.
    pub secure_boot: Option<bool>,
    /// Every Ethernet address of it, the provisioning one first.
    pub macs: Vec<MacAddr>,
    /// The Ethernet address that it boots with.
    pub mac: Option<MacAddr>,
    /// Its IPv4 address.
    pub ip: Option<String>,
    /// Its IPv6 address.
    pub ip6: Option<String>,
    /// Its interfaces, wanted and found.
    pub interfaces: Vec<Interface>,
    /// Its hardware, as last seen.
    pub inventory: Option<Inventory>,
    /// What an agent reported beside the inventory, by name.
    pub facts: BTreeMap<String, Value>,
    /// Free text of an operator.
    pub description: Option<String>,
    /// Labels of an operator or of an importer.
    pub labels: BTreeMap<String, String>,
    /// The parameters that were set on the machine itself.
    pub own_params: Params,
    /// The hardware profile that fits it.
    pub hardware_profile: Option<String>,
    /// `physical`, `virtual` or `hypervisor`.
    pub kind: Option<String>,
    /// Where in its life it is.
    pub state: Option<String>,
    /// Whether a run is installing it.
    pub build: bool,
    /// Whether it runs from memory and no disk may be touched.
    pub diskless: bool,
    /// How it is installed: `build` by an installer, `image` from an image.
    pub provision_method: Option<String>,
    /// Whether runs may work on it.
    pub runnable: bool,
    /// Whether it is protected from changes.
    pub locked: bool,
    /// The pool it is taken from.
    pub pool: Option<String>,
    /// When it became known.
    pub created_at: Option<Timestamp>,
    /// When its present installation began.
    pub initiated_at: Option<Timestamp>,
    /// When its last installation ended.
    pub installed_at: Option<Timestamp>,
}

/// One group of the chain.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its name after the names of the groups above it, with slashes.
    pub title: String,
    /// Free text of an operator.
    pub description: Option<String>,
}

/// An organization or a location.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Place {
    /// Its name.
    pub name: String,
    /// Its name after the names of those above it, with slashes.
    pub title: String,
    /// Free text of an operator.
    pub description: Option<String>,
}

/// A person with an account.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct User {
    /// The login name.
    pub name: String,
    /// The given name.
    pub first_name: Option<String>,
    /// The family name.
    pub last_name: Option<String>,
    /// The full name.
    pub full_name: Option<String>,
    /// The mail address.
    pub email: Option<String>,
    /// The password as `crypt(3)` hashes it.
    pub password_hash: Option<String>,
    /// Public keys, one line of `authorized_keys` each.
    pub ssh_keys: Vec<String>,
    /// Whether the account may become root.
    pub sudo: bool,
    /// The login shell.
    pub shell: Option<String>,
    /// Groups of the account beside its own.
    pub groups: Vec<String>,
}

/// A BMC. Its password is no fact.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bmc {
    /// Its name in the store.
    pub name: String,
    /// Its address.
    pub address: String,
    /// How it is spoken to: `redfish` or `ipmi`.
    pub kind: String,
    /// The account that is used on it.
    pub username: Option<String>,
    /// Its Ethernet address.
    pub mac: Option<MacAddr>,
    /// Its network mask.
    pub mask: Option<String>,
    /// Its gateway.
    pub gateway: Option<String>,
}

/// A user has a password hash.
impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("name", &self.name).finish_non_exhaustive()
    }
}
