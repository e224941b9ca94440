//! Subnets and reservations as objects.

use crate::dhcp_option::DhcpOption;
use crate::ipv6::Ipv6Spec;
use crate::machine::Loader;
use crate::object::reveal_secrets;
use crate::param::Secrets;
use crate::{HumanDuration, MacAddr, Name, Params};
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, Ipv6Addr};
use utoipa::ToSchema;

/// A network that Slipway serves addresses and boot files on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubnetSpec {
    /// Network in CIDR form, such as `10.77.0.0/24`.
    #[schema(value_type = String)]
    pub cidr: Cidr,
    /// Addresses given to clients without a reservation, both ends included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Pool>,
    /// Default gateway (option 3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub gateway: Option<Ipv4Addr>,
    /// Name servers (option 6).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub dns: Vec<Ipv4Addr>,
    /// Domain name (option 15).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// How long an address is given for (option 51) when the client asks for no other time.
    #[serde(default = "default_lease")]
    pub lease: HumanDuration,
    /// The shortest time that a client may ask for; without it `lease`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_min: Option<HumanDuration>,
    /// The longest time that a client may ask for; without it `lease`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_max: Option<HumanDuration>,
    /// When a client renews (T1, option 58); without it after half of its lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renew_after: Option<HumanDuration>,
    /// When it asks any server (T2, option 59); without it after seven eighths of its lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebind_after: Option<HumanDuration>,
    /// Whether Slipway gives addresses here, or only says what to boot beside the server that does.
    #[serde(default)]
    pub dhcp: DhcpRole,
    /// What a client's lease is kept under.
    #[serde(default)]
    pub identify_by: ClientIdentity,
    /// Where an address is asked for before it is first offered to a client.
    #[serde(default)]
    pub probe: ProbePolicy,
    /// Time servers (option 42).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub ntp: Vec<Ipv4Addr>,
    /// Largest packet on the link, in bytes (option 26).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u16>,
    /// Domains that short names are looked up in, in order (option 119).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<String>,
    /// Static routes (option 121, and 33 for clients that know only that).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<StaticRoute>,
    /// Further options, by code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<DhcpOption>,
    /// What UEFI firmware is given to load where the machine says nothing of its own.
    #[serde(default)]
    pub loader: Loader,
    /// The network's IPv6 side, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<Ipv6Spec>,
    /// What a machine gets that Slipway does not know.
    #[serde(default)]
    pub unknown: UnknownPolicy,
    /// The workflow that starts by itself when a machine is discovered here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovery_workflow: Option<Name>,
    /// Parameters of its machines.
    #[serde(default, skip_serializing_if = "Params::is_empty")]
    #[schema(value_type = Object)]
    pub params: Params,
    /// Secret parameters of its machines.
    #[serde(default, skip_serializing_if = "Secrets::is_empty")]
    #[schema(value_type = Object)]
    pub secrets: Secrets,
}

fn default_lease() -> HumanDuration {
    HumanDuration::from_secs(3600)
}

impl SubnetSpec {
    pub(crate) fn reveal(&self) -> serde_json::Result<serde_json::Value> {
        let mut revealed = serde_json::to_value(self)?;
        reveal_secrets(&mut revealed, &self.secrets);
        Ok(revealed)
    }

    /// A network with nothing but its address.
    pub fn new(cidr: Cidr) -> Self {
        Self {
            cidr,
            pool: None,
            gateway: None,
            dns: Vec::new(),
            domain: None,
            lease: default_lease(),
            lease_min: None,
            lease_max: None,
            renew_after: None,
            rebind_after: None,
            dhcp: DhcpRole::default(),
            identify_by: ClientIdentity::default(),
            probe: ProbePolicy::default(),
            ntp: Vec::new(),
            mtu: None,
            search: Vec::new(),
            routes: Vec::new(),
            options: Vec::new(),
            loader: Loader::default(),
            ipv6: None,
            unknown: UnknownPolicy::default(),
            discovery_workflow: None,
            params: Params::default(),
            secrets: Secrets::default(),
        }
    }
}

/// A range of addresses, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// First address.
    #[schema(value_type = String)]
    pub first: Ipv4Addr,
    /// Last address.
    #[schema(value_type = String)]
    pub last: Ipv4Addr,
}

/// What an unknown machine gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum UnknownPolicy {
    /// No answer at all: not even an address.
    Deny,
    /// An address, and nothing to boot.
    #[default]
    Ignore,
    /// The maintenance OS, whose agent registers it.
    Discover,
}

/// What Slipway's DHCP service does on a network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DhcpRole {
    /// It gives addresses.
    #[default]
    Server,
    /// Another server gives addresses; Slipway only tells firmware what to boot (proxyDHCP).
    Proxy,
}

/// What a client's lease is kept under.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClientIdentity {
    /// Its network card: firmware, loader and system of a machine get the same address.
    #[default]
    Mac,
    /// Its client identifier (option 61), where it sends one.
    ClientId,
}

/// Where an address is asked for by an echo request before it is first offered to a client (RFC 2131 §2.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProbePolicy {
    /// In a network in which the server itself has an address.
    #[default]
    OnLink,
    /// Also in networks behind relays.
    Always,
    /// Nowhere.
    Never,
}

/// A route that clients are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StaticRoute {
    /// The network it leads to.
    #[schema(value_type = String)]
    pub to: Cidr,
    /// The router; 0.0.0.0 says that it is on the link.
    #[schema(value_type = String)]
    pub via: Ipv4Addr,
}

/// A fixed address for one network card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReservationSpec {
    /// The card.
    pub mac: MacAddr,
    /// Its address.
    #[schema(value_type = String)]
    pub address: Ipv4Addr,
    /// Its IPv6 address, in a network with an IPv6 side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub ipv6: Option<Ipv6Addr>,
    /// The host name it is told (option 12).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<Name>,
}

/// An IPv4 network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr {
    network: Ipv4Addr,
    prefix: u8,
}

/// A text is not a network in CIDR form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseCidrError {
    /// Not an address, a slash and a prefix length.
    #[error("{0:?} is not a network such as 10.77.0.0/24")]
    Form(String),
    /// Bits are set to the right of the prefix.
    #[error("{given} has host bits set: the network is {network}/{prefix}")]
    HostBits {
        /// What was given.
        given: String,
        /// The network that contains it.
        network: Ipv4Addr,
        /// Its prefix length.
        prefix: u8,
    },
}

impl Cidr {
    /// The network's own address.
    pub fn network(&self) -> Ipv4Addr {
        self.network
    }

    /// The prefix length.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// The network mask.
    pub fn mask(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(mask_bits(self.prefix))
    }

    /// The broadcast address.
    pub fn broadcast(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.network.to_bits() | !mask_bits(self.prefix))
    }

    /// Whether `address` is in the network.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        address.to_bits() & mask_bits(self.prefix) == self.network.to_bits()
    }

    /// Whether the networks share an address.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.contains(other.network) || other.contains(self.network)
    }
}

fn mask_bits(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

impl std::str::FromStr for Cidr {
    type Err = ParseCidrError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseCidrError::Form(text.chars().take(40).collect());
        let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let address: Ipv4Addr = address.parse().map_err(|_| wrong())?;
        let prefix: u8 = prefix.parse().ok().filter(|prefix| *prefix <= 32).ok_or_else(wrong)?;
        let network = Ipv4Addr::from_bits(address.to_bits() & mask_bits(prefix));
        if network != address {
            return Err(ParseCidrError::HostBits { given: text.to_owned(), network, prefix });
        }
        Ok(Self { network, prefix })
    }
}

impl std::fmt::Display for Cidr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

impl TryFrom<String> for Cidr {
    type Error = ParseCidrError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Cidr> for String {
    fn from(cidr: Cidr) -> Self {
        cidr.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_knows_its_addresses() {
        let cidr: Cidr = "10.77.0.0/23".parse().unwrap();
        assert_eq!(cidr.mask(), Ipv4Addr::new(255, 255, 254, 0));
        assert_eq!(cidr.broadcast(), Ipv4Addr::new(10, 77, 1, 255));
        assert!(cidr.contains(Ipv4Addr::new(10, 77, 1, 9)));
        assert!(!cidr.contains(Ipv4Addr::new(10, 77, 2, 0)));
        assert!(cidr.overlaps(&"10.77.1.0/24".parse().unwrap()));
    }

    #[test]
    fn host_bits_are_named_in_the_error() {
        let error = "10.77.0.5/24".parse::<Cidr>().unwrap_err();
        assert_eq!(error.to_string(), "10.77.0.5/24 has host bits set: the network is 10.77.0.0/24");
        assert!("10.77.0.0".parse::<Cidr>().is_err());
        assert!("10.77.0.0/33".parse::<Cidr>().is_err());
        assert!("0.0.0.0/0".parse::<Cidr>().unwrap().contains(Ipv4Addr::LOCALHOST));
    }
}
