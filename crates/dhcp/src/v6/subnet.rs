//! The IPv6 side of a subnet with its reservations, ready to be asked about addresses.

use std::collections::{HashMap, HashSet};
use std::net::Ipv6Addr;
use std::time::Duration;
use types::ipv6::Ipv6Spec;
use types::subnet::{ReservationSpec, SubnetSpec};
use types::{MacAddr, Name};

/// A network that we serve.
#[derive(Debug, Clone, PartialEq)]
pub struct Subnet {
    /// Its name.
    pub name: Name,
    /// Its addresses.
    pub spec: Ipv6Spec,
    /// Domains that short names are looked up in.
    pub domains: Vec<String>,
    /// How long an address is given for.
    pub lease: Duration,
    /// Our own address towards it, where boot files come from.
    pub server: Ipv6Addr,
    reserved_by_mac: HashMap<MacAddr, Ipv6Addr>,
    reserved_by_address: HashMap<Ipv6Addr, MacAddr>,
    never_given: HashSet<Ipv6Addr>,
}

impl Subnet {
    /// The IPv6 side of `spec`, if it has one. Of two reservations for one card or address, the first counts.
    pub fn of<'a>(
        name: Name,
        spec: &SubnetSpec,
        server: Ipv6Addr,
        reservations: impl IntoIterator<Item = &'a ReservationSpec>,
    ) -> Option<Self> {
        let ipv6 = spec.ipv6.clone()?;
        let mut never_given: HashSet<Ipv6Addr> = ipv6.dns.iter().copied().collect();
        // RFC 4291 §2.6.1: the first address is every router's.
        never_given.extend([server, ipv6.cidr.network()]);
        let mut reserved_by_mac = HashMap::new();
        let mut reserved_by_address = HashMap::new();
        for (mac, address) in reservations.into_iter().filter_map(|row| Some((row.mac, row.ipv6?))) {
            let usable = ipv6.cidr.contains(address) && !never_given.contains(&address);
            if usable && !reserved_by_mac.contains_key(&mac) && !reserved_by_address.contains_key(&address) {
                reserved_by_mac.insert(mac, address);
                reserved_by_address.insert(address, mac);
            }
        }
        let domains = spec.domain.iter().chain(&spec.search).cloned().collect();
        let lease = spec.lease.0;
        Some(Self { name, spec: ipv6, domains, lease, server, reserved_by_mac, reserved_by_address, never_given })
    }

    /// The reserved address of a card.
    pub fn reservation(&self, mac: Option<MacAddr>) -> Option<Ipv6Addr> {
        self.reserved_by_mac.get(&mac?).copied()
    }

    /// Whether the client with `mac` may have `address` at all: it is reserved for it, or free to all in the pool.
    pub fn allots(&self, address: Ipv6Addr, mac: Option<MacAddr>) -> bool {
        match self.reserved_by_address.get(&address) {
            Some(owner) => Some(*owner) == mac,
            None => self.in_pool(address),
        }
    }

    /// Whether `address` is given to clients without a reservation, when no one is reserved for it.
    pub fn in_pool(&self, address: Ipv6Addr) -> bool {
        self.spec.pool.is_some_and(|pool| (pool.first..=pool.last).contains(&address))
            && self.spec.cidr.contains(address)
            && !self.never_given.contains(&address)
    }

    /// Whether any client may have `address`.
    pub(super) fn is_for_all(&self, address: Ipv6Addr) -> bool {
        self.in_pool(address) && !self.reserved_by_address.contains_key(&address)
    }

    /// How many addresses of the pool any client may have; of a pool that is larger than can be counted, as many as can.
    pub(super) fn size_for_all(&self) -> usize {
        let Some(pool) = self.spec.pool.filter(|pool| pool.first <= pool.last) else { return 0 };
        let within = |address: &&Ipv6Addr| (pool.first..=pool.last).contains(*address);
        let kept = self.never_given.iter().chain(self.reserved_by_address.keys()).filter(within).count();
        let all = (pool.last.to_bits() - pool.first.to_bits()).saturating_add(1);
        usize::try_from(all).unwrap_or(usize::MAX).saturating_sub(kept)
    }

    /// How many addresses can be in nobody's reach although they lie in the pool.
    pub(super) fn withheld(&self) -> usize {
        self.never_given.len() + self.reserved_by_address.len()
    }
}
