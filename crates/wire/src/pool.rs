//! How the addresses of the subnets are used.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use types::{MacAddr, Name, Timestamp};
use utoipa::ToSchema;

/// `GET /api/v1/pools`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pools {
    /// Every subnet that is served.
    pub items: Vec<SubnetPools>,
}

/// How the addresses of a subnet are used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SubnetPools {
    /// The subnet's name.
    pub subnet: Name,
    /// Its IPv4 pool, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv4: Option<PoolUse>,
    /// Its IPv6 pool, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<PoolUse>,
    /// The addresses that rest because something uses them that was not given them.
    pub quarantined: Vec<QuarantinedAddress>,
}

/// How a pool is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PoolUse {
    /// Addresses that it can give; of a pool that is larger, 2^53 - 1, the largest number that every JSON reader takes.
    pub size: u64,
    /// In use.
    pub bound: u64,
    /// Held back for clients that were offered them.
    pub offered: u64,
    /// Of the pool's addresses, those that rest because something uses them.
    pub declined: u64,
    /// Nobody has them.
    pub free: u64,
}

/// An address that rests because something uses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuarantinedAddress {
    /// The address.
    #[schema(value_type = String)]
    pub address: IpAddr,
    /// Since when.
    #[schema(value_type = String)]
    pub since: Timestamp,
    /// Until when.
    #[schema(value_type = String)]
    pub until: Timestamp,
    /// The client that found it in use; none when the server did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declined_by: Option<MacAddr>,
}
