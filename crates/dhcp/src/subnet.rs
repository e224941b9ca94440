//! A subnet with its reservations, ready to be asked about addresses.

use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;
use types::subnet::{Pool, ProbePolicy, ReservationSpec, SubnetSpec};
use types::{MacAddr, Name};

/// A network that we serve.
#[derive(Debug, Clone, PartialEq)]
pub struct Subnet {
    /// Its name.
    pub name: Name,
    /// What the operator wants of it.
    pub spec: SubnetSpec,
    /// Our own address towards it: the server identifier, and where boot files come from.
    pub server: Ipv4Addr,
    reserved_by_mac: HashMap<MacAddr, ReservationSpec>,
    reserved_by_address: HashMap<Ipv4Addr, MacAddr>,
    never_given: HashSet<Ipv4Addr>,
    size_for_all: usize,
}

impl Subnet {
    /// Takes the reservations that lie in the subnet; of two for one card or address, the first.
    pub fn new<'a>(
        name: Name,
        spec: SubnetSpec,
        server: Ipv4Addr,
        reservations: impl IntoIterator<Item = &'a ReservationSpec>,
    ) -> Self {
        let mut never_given: HashSet<Ipv4Addr> = spec.dns.iter().copied().chain(spec.gateway).collect();
        never_given.insert(server);
        // RFC 3021: on a /31 both addresses are hosts.
        if spec.cidr.prefix() < 31 {
            never_given.extend([spec.cidr.network(), spec.cidr.broadcast()]);
        }
        let mut reserved_by_mac = HashMap::new();
        let mut reserved_by_address = HashMap::new();
        for reservation in reservations {
            let usable = spec.cidr.contains(reservation.address) && !never_given.contains(&reservation.address);
            if usable
                && !reserved_by_mac.contains_key(&reservation.mac)
                && !reserved_by_address.contains_key(&reservation.address)
            {
                reserved_by_mac.insert(reservation.mac, reservation.clone());
                reserved_by_address.insert(reservation.address, reservation.mac);
            }
        }
        let mut subnet =
            Self { name, spec, server, reserved_by_mac, reserved_by_address, never_given, size_for_all: 0 };
        subnet.size_for_all =
            subnet.spec.pool.map_or(0, |pool| size(pool).saturating_sub(subnet.kept_from(pool).count()));
        subnet
    }

    /// The reservation of a card.
    pub fn reservation(&self, mac: MacAddr) -> Option<&ReservationSpec> {
        self.reserved_by_mac.get(&mac)
    }

    /// Whether an address is asked for before it is offered.
    pub(crate) fn probes(&self) -> bool {
        match self.spec.probe {
            // Every address of the loopback answers.
            ProbePolicy::OnLink => self.spec.cidr.contains(self.server) && !self.server.is_loopback(),
            ProbePolicy::Always => true,
            ProbePolicy::Never => false,
        }
    }

    /// Whether `mac` may have `address` at all: it is reserved for it, or free to all in the pool.
    pub fn allots(&self, address: Ipv4Addr, mac: MacAddr) -> bool {
        match self.reserved_by_address.get(&address) {
            Some(owner) => *owner == mac,
            None => self.in_pool(address),
        }
    }

    /// The addresses within `pool` that not any client may have.
    pub(crate) fn kept_from(&self, pool: Pool) -> impl Iterator<Item = Ipv4Addr> {
        let kept = self.never_given.iter().chain(self.reserved_by_address.keys()).copied();
        kept.filter(move |address| (pool.first..=pool.last).contains(address))
    }

    /// How many addresses of the pool any client may have.
    pub(crate) fn size_for_all(&self) -> usize {
        self.size_for_all
    }

    /// Whether `address` is given to clients without a reservation, when no one is reserved for it.
    pub fn in_pool(&self, address: Ipv4Addr) -> bool {
        self.spec.pool.is_some_and(|pool| (pool.first..=pool.last).contains(&address))
            && self.spec.cidr.contains(address)
            && !self.never_given.contains(&address)
    }
}

fn size(pool: Pool) -> usize {
    let all = u64::from(pool.last.to_bits()).saturating_sub(pool.first.to_bits().into()) + 1;
    usize::try_from(all).unwrap_or(usize::MAX)
}
