//! Interfaces and the networks they are in.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use types::{MacAddr, Params};

/// One interface of the machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Interface {
    /// The kernel's name for it, such as `eth0` or `bond0`.
    pub identifier: Option<String>,
    /// What it is.
    pub kind: InterfaceKind,
    /// Its Ethernet address.
    pub mac: Option<MacAddr>,
    /// Its IPv4 address.
    pub ip: Option<String>,
    /// Its IPv6 address.
    pub ip6: Option<String>,
    /// The host name that belongs to its address.
    pub name: Option<String>,
    /// The domain of that name.
    pub domain: Option<String>,
    /// Its IPv4 network, by the name of one of [`super::Facts::subnets`].
    pub subnet: Option<String>,
    /// Its IPv6 network, by name.
    pub subnet6: Option<String>,
    /// Whether its name and address are the machine's.
    pub primary: bool,
    /// Whether the machine is provisioned over it.
    pub provision: bool,
    /// Whether it is set up by us and not left as it is found.
    pub managed: bool,
    /// The VLAN of a VLAN interface.
    pub vlan_id: Option<u16>,
    /// Largest packet in bytes.
    pub mtu: Option<u32>,
    /// The interface that a VLAN or an alias lies on.
    pub attached_to: Option<String>,
    /// The interfaces that a bond or a bridge is made of.
    pub attached_devices: Vec<String>,
    /// How a bond shares its interfaces, such as `802.3ad`.
    pub bond_mode: Option<String>,
    /// Further options of a bond, as the kernel's driver takes them.
    pub bond_options: Option<String>,
    /// Whether there is a link.
    pub link: Option<bool>,
    /// Speed of the link.
    pub speed_mbit: Option<u32>,
    /// The kernel's driver.
    pub driver: Option<String>,
    /// Whatever else is known of it, by name.
    pub attributes: BTreeMap<String, serde_json::Value>,
}

/// What an interface is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InterfaceKind {
    /// A port of a card.
    #[default]
    Physical,
    /// A VLAN on another interface.
    Vlan,
    /// A further address of another interface.
    Alias,
    /// Several ports as one.
    Bond,
    /// A bridge.
    Bridge,
    /// The BMC's own port.
    Bmc,
}

impl Default for Interface {
    fn default() -> Self {
        Self {
            identifier: None,
            kind: InterfaceKind::default(),
            mac: None,
            ip: None,
            ip6: None,
            name: None,
            domain: None,
            subnet: None,
            subnet6: None,
            primary: false,
            provision: false,
            managed: true,
            vlan_id: None,
            mtu: None,
            attached_to: None,
            attached_devices: Vec::new(),
            bond_mode: None,
            bond_options: None,
            link: None,
            speed_mbit: None,
            driver: None,
            attributes: BTreeMap::new(),
        }
    }
}

/// A network.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Subnet {
    /// Its name.
    pub name: String,
    /// Free text of an operator.
    pub description: Option<String>,
    /// Its address, such as `10.77.0.0`.
    pub network: String,
    /// Its mask, such as `255.255.255.0`; of an IPv6 network `ffff:ffff:…`.
    pub mask: String,
    /// Its prefix length.
    pub prefix: u8,
    /// Network and prefix length, such as `10.77.0.0/24`.
    pub cidr: String,
    /// Its broadcast address.
    pub broadcast: Option<String>,
    /// The default gateway.
    pub gateway: Option<String>,
    /// Name servers in their order.
    pub dns: Vec<String>,
    /// Time servers.
    pub ntp: Vec<String>,
    /// The domain of its machines.
    pub domain: Option<String>,
    /// Domains that short names are looked up in.
    pub search: Vec<String>,
    /// The VLAN it is, where machines have to know.
    pub vlan_id: Option<u16>,
    /// Largest packet in bytes.
    pub mtu: Option<u32>,
    /// Whether machines take their address by DHCP once installed, and do not have it written down.
    pub dhcp: bool,
    /// The first address of the pool.
    pub pool_first: Option<String>,
    /// The last address of the pool.
    pub pool_last: Option<String>,
    /// Seconds that an installer waits for the link.
    pub link_delay: Option<u32>,
    /// The boot server that is told to clients.
    pub next_server: Option<String>,
    /// Static routes.
    pub routes: Vec<Route>,
    /// The parameters that were set on the subnet.
    pub params: Params,
}

/// A static route.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Route {
    /// The network it leads to, with its prefix length.
    pub to: String,
    /// The router.
    pub via: String,
}
