//! The IPv6 side of a network.

use serde::{Deserialize, Serialize};
use std::net::Ipv6Addr;
use utoipa::ToSchema;

/// The IPv6 side of a network: addresses by DHCPv6.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ipv6Spec {
    /// Network in CIDR form, such as `fd00:77::/64`.
    #[schema(value_type = String)]
    pub cidr: Cidr6,
    /// Addresses given to clients without a reservation, both ends included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Pool6>,
    /// Name servers (option 23).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub dns: Vec<Ipv6Addr>,
}

/// A range of addresses, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pool6 {
    /// First address.
    #[schema(value_type = String)]
    pub first: Ipv6Addr,
    /// Last address.
    #[schema(value_type = String)]
    pub last: Ipv6Addr,
}

/// An IPv6 network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr6 {
    network: Ipv6Addr,
    prefix: u8,
}

/// A text is not an IPv6 network in CIDR form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseCidr6Error {
    /// Not an address, a slash and a prefix length.
    #[error("{0:?} is not a network such as fd00:77::/64")]
    Form(String),
    /// Bits are set to the right of the prefix.
    #[error("{given} has host bits set: the network is {network}/{prefix}")]
    HostBits {
        /// What was given.
        given: String,
        /// The network that contains it.
        network: Ipv6Addr,
        /// Its prefix length.
        prefix: u8,
    },
}

impl Cidr6 {
    /// The network's own address, which every router in it answers to (RFC 4291 §2.6.1).
    pub fn network(&self) -> Ipv6Addr {
        self.network
    }

    /// The prefix length.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether `address` is in the network.
    pub fn contains(&self, address: Ipv6Addr) -> bool {
        address.to_bits() & mask_bits(self.prefix) == self.network.to_bits()
    }

    /// Whether the networks share an address.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.contains(other.network) || other.contains(self.network)
    }
}

fn mask_bits(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)
}

impl std::str::FromStr for Cidr6 {
    type Err = ParseCidr6Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseCidr6Error::Form(text.chars().take(50).collect());
        let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let address: Ipv6Addr = address.parse().map_err(|_| wrong())?;
        let prefix: u8 = prefix.parse().ok().filter(|prefix| *prefix <= 128).ok_or_else(wrong)?;
        let network = Ipv6Addr::from_bits(address.to_bits() & mask_bits(prefix));
        if network != address {
            return Err(ParseCidr6Error::HostBits { given: text.to_owned(), network, prefix });
        }
        Ok(Self { network, prefix })
    }
}

impl std::fmt::Display for Cidr6 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

impl TryFrom<String> for Cidr6 {
    type Error = ParseCidr6Error;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Cidr6> for String {
    fn from(cidr: Cidr6) -> Self {
        cidr.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_knows_its_addresses() {
        let cidr: Cidr6 = "fd00:77::/64".parse().unwrap();
        assert!(cidr.contains("fd00:77::ffff".parse().unwrap()));
        assert!(!cidr.contains("fd00:77:0:1::1".parse().unwrap()));
        assert!(cidr.overlaps(&"fd00::/16".parse().unwrap()));
        assert!("::/0".parse::<Cidr6>().unwrap().contains(Ipv6Addr::LOCALHOST));
    }

    #[test]
    fn host_bits_are_named_in_the_error() {
        let error = "fd00:77::5/64".parse::<Cidr6>().unwrap_err();
        assert_eq!(error.to_string(), "fd00:77::5/64 has host bits set: the network is fd00:77::/64");
        for wrong in ["fd00::", "fd00::/129", "10.0.0.0/8", ""] {
            assert!(wrong.parse::<Cidr6>().is_err(), "{wrong:?}");
        }
    }
}
