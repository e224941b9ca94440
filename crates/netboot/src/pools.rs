//! How the addresses of each subnet are used.

use crate::Netboot;
use dhcp::PoolUsage;
use std::net::IpAddr;
use types::{MacAddr, Name, Timestamp};

/// How the addresses of a subnet are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubnetUse {
    /// Its name.
    pub subnet: Name,
    /// Its IPv4 pool, where it has one.
    pub ipv4: Option<PoolUsage>,
    /// Its IPv6 pool, where it has one.
    pub ipv6: Option<PoolUsage>,
    /// The addresses that rest because something uses them.
    pub quarantined: Vec<Quarantined>,
}

/// An address that rests because something uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The address.
    pub address: IpAddr,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// The client that found it in use; none when the server did.
    pub declined_by: Option<MacAddr>,
}

impl Netboot {
    /// How the addresses of each subnet are used now, as the subnets are served.
    pub fn pools(&self) -> Vec<SubnetUse> {
        let (inner, now) = (&self.inner, self.inner.config.clock.now());
        let subnets = inner.backend.subnets();
        let ipv4_of = |subnet: &dhcp::Subnet| SubnetUse {
            subnet: subnet.name.clone(),
            ipv4: subnet.spec.pool.map(|_| inner.book.usage(subnet, &subnets, now)),
            ipv6: None,
            quarantined: inner.book.quarantined(subnet, &subnets, now).into_iter().map(Quarantined::from).collect(),
        };
        let mut uses: Vec<SubnetUse> = subnets.iter().map(ipv4_of).collect();
        let (Some(backend), Some(ipv6)) = (inner.backend.ipv6(), &inner.ipv6) else { return uses };
        let subnets = backend.subnets();
        for subnet in subnets.iter() {
            let Some(found) = uses.iter_mut().find(|found| found.subnet == subnet.name) else { continue };
            found.ipv6 = subnet.spec.pool.map(|_| ipv6.usage(subnet, &subnets, now));
            found.quarantined.extend(ipv6.quarantined(subnet, &subnets, now).into_iter().map(Quarantined::from));
        }
        uses
    }
}

impl From<dhcp::Lease> for Quarantined {
    fn from(row: dhcp::Lease) -> Self {
        let declined_by = Some(row.mac).filter(MacAddr::is_unicast);
        Self { address: row.address.into(), since: row.since, until: row.expires, declined_by }
    }
}

impl From<dhcp::v6::Lease> for Quarantined {
    fn from(row: dhcp::v6::Lease) -> Self {
        Self { address: row.address.into(), since: row.since, until: row.expires, declined_by: row.mac }
    }
}
