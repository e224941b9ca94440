//! Who has which address.

use super::{Duid, Subnet};
use crate::unstored::Unstored;
use crate::{LeaseState, PoolUsage};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::Ipv6Addr;
use types::{MacAddr, Timestamp};

/// What an address is given to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Binding {
    /// The client.
    pub client: Duid,
    /// Its identifier for these addresses (IAID).
    pub association: u32,
}

/// An address and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The address.
    pub address: Ipv6Addr,
    /// Whose it is.
    pub binding: Binding,
    /// The network card behind it, where it is known.
    pub mac: Option<MacAddr>,
    /// In what way. Never [`LeaseState::Offered`]: offers are not remembered.
    pub state: LeaseState,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub expires: Timestamp,
}

/// What a client has to do with an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Claim {
    /// It has it, or had it and nobody else has since.
    Own,
    /// Nobody has it.
    Free,
    /// Another client has it, or it is quarantined.
    Taken,
    /// It is in the network, and not given to this client.
    NotGiven,
    /// It is not in the network.
    OffLink,
}

/// The leases of one subnet.
///
/// An offer leaves no trace: the place in the pool where the search for a client's address begins is a function of
/// the client, so its request finds the same one, and a flood of solicitations takes no memory.
#[derive(Debug, Clone, Default)]
pub struct Leases {
    rows: BTreeMap<Ipv6Addr, Lease>,
    of: HashMap<Binding, BTreeSet<Ipv6Addr>>,
    /// The declined ones.
    declined: BTreeSet<Ipv6Addr>,
    /// Leases that are on their way to the disk.
    unstored: Unstored<Ipv6Addr>,
}

/// Pools are larger than memory: 200 MB of leases, and a hundred for each machine of a large site.
const MAX_ROWS: usize = 1 << 20;

impl Leases {
    /// A table with these rows.
    pub fn load(rows: impl IntoIterator<Item = Lease>) -> Self {
        let mut leases = Self::default();
        for row in rows {
            leases.put(row);
        }
        leases
    }

    /// Every row, ordered by address.
    pub fn iter(&self) -> impl Iterator<Item = &Lease> {
        self.rows.values()
    }

    /// The row of an address.
    pub fn find(&self, address: Ipv6Addr) -> Option<&Lease> {
        self.rows.get(&address)
    }

    /// Puts a row in the place of what its address had.
    pub fn put(&mut self, row: Lease) {
        self.of.entry(row.binding.clone()).or_default().insert(row.address);
        if row.state == LeaseState::Declined {
            self.declined.insert(row.address);
        } else {
            self.declined.remove(&row.address);
        }
        let binding = row.binding.clone();
        if let Some(old) = self.rows.insert(row.address, row).filter(|old| old.binding != binding)
            && let Some(addresses) = self.of.get_mut(&old.binding)
        {
            addresses.remove(&old.address);
            if addresses.is_empty() {
                self.of.remove(&old.binding);
            }
        }
    }

    /// Puts a row that is about to take the place of what is on the disk.
    pub fn put_unstored(&mut self, row: Lease) {
        let stored = self.stored_until(row.address, &row.binding, row.since);
        self.unstored.hand_over(row.address, stored, row.expires, row.since);
        self.put(row);
    }

    /// Notes that the row of `address` until `expires` is on the disk.
    pub fn note_stored(&mut self, address: Ipv6Addr, expires: Timestamp) {
        self.unstored.note_stored(address, expires);
    }

    /// Until when the disk says that `address` is the client's; `None` when it does not.
    pub fn stored_until(&self, address: Ipv6Addr, binding: &Binding, now: Timestamp) -> Option<Timestamp> {
        let row = self.find(address).filter(|row| row.binding == *binding && row.state == LeaseState::Bound)?;
        Some(self.unstored.stored_until(address, row.expires)).filter(|until| *until > now)
    }

    /// What the client has to do with `address`.
    pub fn claim(
        &self,
        subnet: &Subnet,
        address: Ipv6Addr,
        binding: &Binding,
        mac: Option<MacAddr>,
        now: Timestamp,
    ) -> Claim {
        if !subnet.spec.cidr.contains(address) {
            return Claim::OffLink;
        }
        if !subnet.allots(address, mac) {
            return Claim::NotGiven;
        }
        let Some(row) = self.rows.get(&address) else { return Claim::Free };
        let quarantined = row.state == LeaseState::Declined && row.expires > now;
        // A reserved address goes from a machine's firmware to its loader and its system.
        let theirs = row.binding == *binding || subnet.reservation(mac) == Some(address);
        match (theirs, quarantined) {
            (_, true) => Claim::Taken,
            (true, false) => Claim::Own,
            (false, false) if row.state == LeaseState::Bound && row.expires > now => Claim::Taken,
            (false, false) => Claim::Free,
        }
    }

    /// The address that a client gets: the one that is reserved for its card, the one that it last had, the one that
    /// it wishes, or one of the pool; never one of `taken`.
    pub(super) fn choose(
        &mut self,
        subnet: &Subnet,
        binding: &Binding,
        mac: Option<MacAddr>,
        wishes: &[Ipv6Addr],
        taken: &BTreeSet<Ipv6Addr>,
        now: Timestamp,
    ) -> Option<Ipv6Addr> {
        let usable = |address: &Ipv6Addr| {
            !taken.contains(address)
                && matches!(self.claim(subnet, *address, binding, mac, now), Claim::Own | Claim::Free)
        };
        let had = self.of.get(binding).into_iter().flatten().filter_map(|address| self.rows.get(address));
        let had = had.max_by_key(|row| row.since).map(|row| row.address);
        let named = subnet.reservation(mac).into_iter().chain(had).chain(wishes.iter().copied());
        if let Some(address) = named.into_iter().find(usable) {
            return Some(address);
        }
        if self.rows.len() >= MAX_ROWS {
            self.forget_expired(now);
        }
        let usable = |address: &Ipv6Addr| {
            !taken.contains(address)
                && matches!(self.claim(subnet, *address, binding, mac, now), Claim::Own | Claim::Free)
        };
        let room = self.rows.len() < MAX_ROWS;
        pool_from(subnet, binding)
            .take(self.rows.len() + subnet.withheld() + taken.len() + 1)
            .filter(|_| room)
            .find(usable)
    }

    /// How many addresses are quarantined because of the client.
    pub(super) fn declined_by(&self, client: &Duid, now: Timestamp) -> usize {
        self.quarantined(now).filter(|row| row.binding.client == *client).count()
    }

    /// How the pool is used. Offers are not remembered.
    pub fn usage(&self, subnet: &Subnet, now: Timestamp) -> PoolUsage {
        let mut usage = PoolUsage { size: subnet.size_for_all(), ..PoolUsage::default() };
        let live = self.rows.values().filter(|row| row.expires > now && subnet.is_for_all(row.address));
        for row in live {
            match row.state {
                LeaseState::Bound => usage.bound += 1,
                LeaseState::Declined => usage.declined += 1,
                LeaseState::Probing | LeaseState::Offered | LeaseState::Released => {}
            }
        }
        usage
    }

    /// The addresses that rest because something uses them, in order.
    pub fn quarantined(&self, now: Timestamp) -> impl Iterator<Item = &Lease> {
        self.declined.iter().filter_map(|address| self.find(*address)).filter(move |row| row.expires > now)
    }

    fn forget_expired(&mut self, now: Timestamp) {
        self.rows.retain(|_, row| row.expires > now);
        let rows = &self.rows;
        self.declined.retain(|address| rows.contains_key(address));
        self.of.retain(|_, addresses| {
            addresses.retain(|address| rows.contains_key(address));
            !addresses.is_empty()
        });
    }
}

/// The pool's addresses, beginning at a place that is the binding's own.
fn pool_from(subnet: &Subnet, binding: &Binding) -> impl Iterator<Item = Ipv6Addr> {
    let bounds = subnet.spec.pool.map(|pool| (pool.first.to_bits(), pool.last.to_bits()));
    let bounds = bounds.filter(|(first, last)| first <= last);
    bounds.into_iter().flat_map(|(first, last)| {
        // A pool of all addresses there are has no size; its last one is not missed.
        let size = (last - first).saturating_add(1);
        let begin = spread(binding) % size;
        (0..size).map(move |step| Ipv6Addr::from_bits(first + begin.wrapping_add(step) % size))
    })
}

/// FNV-1a with 128 bits: the same in every version of the program, so that a client keeps its address where no lease
/// is left to tell of it.
fn spread(binding: &Binding) -> u128 {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let bytes = binding.client.bytes().iter().copied().chain(binding.association.to_be_bytes());
    bytes.fold(BASIS, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME))
}
