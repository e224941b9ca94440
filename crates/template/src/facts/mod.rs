//! Everything that a template may know, as plain data.
//!
//! The server writes one [`Facts`] for each render, from the store's objects; nothing else reaches a template.
//! Text is kept as text where a template would print it, so that a template of another system prints the same.
//! What is not known is null and not absent: a template can test it, and a misspelt name is still an error.

mod boot;
mod machine;
mod network;
mod site;
mod system;

pub use boot::{BootEnv, Request, Run, Tokens, Urls};
pub use machine::{Bmc, Group, Machine, Place, User};
pub use network::{Interface, InterfaceKind, Route, Subnet};
pub use site::{Param, Realm, Server};
pub use system::{Medium, OperatingSystem, PartitionTable, Repository};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use types::Timestamp;

/// What one render may know. Every member is a variable of the same name in a template, except that
/// `params.x` is a parameter's value and that `group`, `subnet` and `subnet6` are picked from the lists.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Facts {
    /// The machine itself.
    pub machine: Machine,
    /// Its group and the groups above it, root first: the last one is `group`.
    pub groups: Vec<Group>,
    /// Its profiles in their order.
    pub profiles: Vec<String>,
    /// The organization it belongs to.
    pub organization: Option<Place>,
    /// The location it stands in.
    pub location: Option<Place>,
    /// The operating system it is to have.
    pub os: Option<OperatingSystem>,
    /// Where that is installed from.
    pub medium: Option<Medium>,
    /// Package repositories for the installer and for the installed system.
    pub repositories: Vec<Repository>,
    /// How its disks are divided.
    pub partition_table: Option<PartitionTable>,
    /// The networks that its interfaces are in.
    pub subnets: Vec<Subnet>,
    /// The resolved parameters.
    pub params: BTreeMap<String, Param>,
    /// Its BMC.
    pub bmc: Option<Bmc>,
    /// What it boots now.
    pub boot_env: Option<BootEnv>,
    /// Where the server is, as this machine reaches it.
    pub urls: Urls,
    /// What the machine proves itself with.
    pub tokens: Tokens,
    /// The run that this render is for.
    pub run: Option<Run>,
    /// Accounts that the installed system gets.
    pub users: Vec<User>,
    /// Who answers for the machine.
    pub owner: Option<User>,
    /// Public keys that may log in as root, one line of `authorized_keys` each.
    pub ssh_keys: Vec<String>,
    /// The directory service that the installed system joins.
    pub realm: Option<Realm>,
    /// The server itself.
    pub server: Server,
    /// Inputs of a job, by name.
    pub inputs: BTreeMap<String, Value>,
    /// What asked for the text.
    pub request: Request,
    /// The time of the render. A template has no other clock.
    pub now: Timestamp,
    /// Whether a person looks at the result and no machine acts on it.
    pub preview: bool,
    /// What every random number of the render is derived from, so that a render can be repeated.
    pub seed: String,
}

impl Facts {
    /// The machine's own group, which is the last of the chain.
    pub fn group(&self) -> Option<&Group> {
        self.groups.last()
    }

    /// The subnet of that name.
    pub fn subnet(&self, name: &str) -> Option<&Subnet> {
        self.subnets.iter().find(|subnet| subnet.name == name)
    }

    /// The interface that the machine is provisioned over: the one that says so, else the primary, else the
    /// first.
    pub fn provision_interface(&self) -> Option<&Interface> {
        let interfaces = &self.machine.interfaces;
        let provision = interfaces.iter().find(|interface| interface.provision);
        provision.or_else(|| self.primary_interface())
    }

    /// The interface whose name and address are the machine's: the one that says so, else the first.
    pub fn primary_interface(&self) -> Option<&Interface> {
        let interfaces = &self.machine.interfaces;
        interfaces.iter().find(|interface| interface.primary).or_else(|| interfaces.first())
    }

    /// The IPv4 network that the machine is provisioned in.
    pub fn provision_subnet(&self) -> Option<&Subnet> {
        self.subnet(self.provision_interface()?.subnet.as_deref()?)
    }

    /// The IPv6 network that the machine is provisioned in.
    pub fn provision_subnet6(&self) -> Option<&Subnet> {
        self.subnet(self.provision_interface()?.subnet6.as_deref()?)
    }

    /// The value of a parameter as it was given, template or not.
    pub fn param(&self, name: &str) -> Option<&Value> {
        self.params.get(name).map(|param| &param.value)
    }
}

/// Facts hold tokens, password hashes and secret parameters.
impl std::fmt::Debug for Facts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Facts").field("machine", &self.machine.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn facts_travel_as_json_and_name_what_they_do_not_know() {
        let facts: Facts = serde_json::from_value(json!({
            "machine": {"name": "n1", "interfaces": [{"mac": "52:54:00:00:00:01", "subnet": "lan"}]},
            "subnets": [{"name": "lan", "network": "10.0.0.0", "mask": "255.255.255.0", "prefix": 24}],
            "params": {"role": {"value": "db", "source": "group compute"}},
        }))
        .unwrap();
        assert_eq!(facts.provision_subnet().map(|subnet| subnet.network.as_str()), Some("10.0.0.0"));
        let again: Facts = serde_json::from_value(serde_json::to_value(&facts).unwrap()).unwrap();
        assert_eq!(again, facts);
        let error = serde_json::from_value::<Facts>(json!({"machine": {"nmae": "n1"}})).unwrap_err();
        assert!(error.to_string().contains("nmae"), "{error}");
    }

    #[test]
    fn the_provisioning_interface_is_the_marked_one_else_the_primary_else_the_first() {
        let mut facts = Facts::default();
        assert!(facts.provision_interface().is_none());
        for name in ["eth0", "eth1", "eth2"] {
            facts.machine.interfaces.push(Interface { identifier: Some(name.to_owned()), ..Interface::default() });
        }
        let identifier = |facts: &Facts| facts.provision_interface().and_then(|nic| nic.identifier.clone());
        assert_eq!(identifier(&facts).as_deref(), Some("eth0"));
        facts.machine.interfaces[1].primary = true;
        assert_eq!(identifier(&facts).as_deref(), Some("eth1"));
        facts.machine.interfaces[2].provision = true;
        assert_eq!(identifier(&facts).as_deref(), Some("eth2"));
    }

    #[test]
    fn facts_do_not_print_what_is_secret() {
        let mut facts = Facts::default();
        facts.tokens.build = Some("s3cret".to_owned());
        facts.params.insert("password".to_owned(), Param { value: json!("s3cret"), secret: true, ..Param::default() });
        let shown = format!("{facts:?} {:?} {:?}", facts.tokens, facts.params);
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
