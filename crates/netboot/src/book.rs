//! The leases of all subnets, in memory.

use dhcp::{Boot, Client, Decision, Found, Lease, Leases, PoolUsage, Request, Subnet, Verdict, decide};
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use types::subnet::Cidr;
use types::{MacAddr, Timestamp};

/// The leases of all subnets. Its lock is held for one decision, never over a wait.
#[derive(Debug)]
pub struct LeaseBook {
    tables: Mutex<Tables>,
}

/// A network's address and prefix length: what a subnet is known by, however it is called.
type Key = (Ipv4Addr, u8);

#[derive(Debug)]
struct Tables {
    by_subnet: HashMap<Key, Leases>,
    /// Rows whose subnet is gone: it may come back while they are good.
    stray: Vec<Lease>,
}

impl LeaseBook {
    /// Sorts stored rows into their subnets.
    pub(crate) fn load(subnets: &[Subnet], rows: Vec<Lease>) -> Self {
        Self { tables: Mutex::new(Tables::sort(subnets, rows)) }
    }

    /// Decides on a message, carries the decision out in memory, and concludes it under the same lock: so the store
    /// gets the rows of an address in the order of the decisions about it. What is concluded from is the decision and,
    /// where a lease is to be stored, until when the disk says already that the client has the address.
    pub(crate) fn decide<T>(
        &self,
        request: &Request,
        subnet: &Subnet,
        subnets: &[Subnet],
        boot: &Boot,
        now: Timestamp,
        conclude: impl FnOnce(Decision, Option<Timestamp>) -> T,
    ) -> T {
        let mut tables = self.lock();
        let leases = tables.of(subnet, subnets);
        let facts = leases.facts(request, subnet, now);
        let decision = decide(request, subnet, &facts, boot, now);
        let mut stored_until = None;
        if let Some(change) = &decision.change {
            stored_until = leases.stored_until(change.lease().address, &facts.client, now);
            leases.apply(change);
        }
        conclude(decision, stored_until)
    }

    /// Notes that a lease is on the disk.
    pub(crate) fn note_stored(&self, network: Cidr, address: Ipv4Addr, expires: Timestamp) {
        // A network that has changed meanwhile has taken its rows along.
        if let Some(leases) = self.lock().by_subnet.get_mut(&key(network)) {
            leases.note_stored(address, expires);
        }
    }

    /// Settles what becomes of `address`, at which `found` was found for the sender of `request`.
    pub(crate) fn settle(
        &self,
        address: Ipv4Addr,
        request: &Request,
        found: Found,
        (subnet, subnets): (&Subnet, &[Subnet]),
        now: Timestamp,
    ) -> Verdict {
        let client = Client::of(request, subnet);
        self.lock().of(subnet, subnets).settle(subnet, address, &client, found, now)
    }

    /// How the pool of `subnet` is used.
    pub fn usage(&self, subnet: &Subnet, subnets: &[Subnet], now: Timestamp) -> PoolUsage {
        self.lock().of(subnet, subnets).usage(subnet, now)
    }

    /// The addresses of `subnet` that rest because something uses them, in order.
    pub(crate) fn quarantined(&self, subnet: &Subnet, subnets: &[Subnet], now: Timestamp) -> Vec<Lease> {
        self.lock().of(subnet, subnets).quarantined(subnet, now).into_iter().cloned().collect()
    }

    /// The card that has `address` now.
    pub fn find_mac(&self, address: Ipv4Addr, now: Timestamp) -> Option<MacAddr> {
        let tables = self.lock();
        let rows = tables.by_subnet.values().filter_map(|leases| leases.find(address));
        rows.filter(|row| row.state == dhcp::LeaseState::Bound && row.expires > now).map(|row| row.mac).next()
    }

    /// Every lease of every subnet, ordered by address.
    pub fn list(&self) -> Vec<Lease> {
        let mut leases: Vec<Lease> = self.lock().by_subnet.values().flat_map(Leases::iter).cloned().collect();
        leases.sort_by_key(|lease| lease.address);
        leases
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn sort(subnets: &[Subnet], rows: Vec<Lease>) -> Self {
        let mut sorted: HashMap<Key, Vec<Lease>> = HashMap::new();
        let mut stray = Vec::new();
        for row in rows {
            match place_of_subnet(subnets, row.address) {
                Some(place) => sorted.entry(key(subnets[place].spec.cidr)).or_default().push(row),
                None => stray.push(row),
            }
        }
        let by_subnet = sorted.into_iter().map(|(key, rows)| (key, Leases::load(rows))).collect();
        Self { by_subnet, stray }
    }

    /// The leases of `subnet`. One that is heard of for the first time may be another's successor (a network
    /// that was made larger, say), so it takes over what was given in its addresses.
    fn of(&mut self, subnet: &Subnet, subnets: &[Subnet]) -> &mut Leases {
        let key = key(subnet.spec.cidr);
        if !self.by_subnet.contains_key(&key) {
            let mut rows = std::mem::take(&mut self.stray);
            rows.extend(self.by_subnet.values().flat_map(Leases::iter).cloned());
            *self = Self::sort(subnets, rows);
        }
        self.by_subnet.entry(key).or_default()
    }
}

fn key(cidr: Cidr) -> Key {
    (cidr.network(), cidr.prefix())
}

/// The subnet that holds `address`; of several, the narrowest.
pub(crate) fn find_subnet(subnets: &[Subnet], address: Ipv4Addr) -> Option<&Subnet> {
    place_of_subnet(subnets, address).map(|place| &subnets[place])
}

/// The place of the subnet that holds `address`; of several, the narrowest.
pub(crate) fn place_of_subnet(subnets: &[Subnet], address: Ipv4Addr) -> Option<usize> {
    let holding = subnets.iter().enumerate().filter(|(_, subnet)| subnet.spec.cidr.contains(address));
    holding.max_by_key(|(_, subnet)| subnet.spec.cidr.prefix()).map(|(place, _)| place)
}
