//! The leases of all subnets, in memory.

use crate::committer::{Durable, Place};
use dhcp::{Boot, Decision, Lease, LeaseChange, Leases, Request, Subnet, decide};
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use types::subnet::Cidr;
use types::{MacAddr, Timestamp};

/// The leases of all subnets. Its lock is held for one decision, never over a wait.
#[derive(Debug)]
pub struct LeaseBook {
    tables: Mutex<HashMap<(Ipv4Addr, u8), Leases>>,
}

impl LeaseBook {
    /// Sorts stored rows into their subnets. A row whose subnet is gone is left out; it stays stored.
    pub(crate) fn load(subnets: &[Subnet], rows: Vec<Lease>) -> Self {
        let mut sorted: HashMap<(Ipv4Addr, u8), Vec<Lease>> = HashMap::new();
        for row in rows {
            if let Some(subnet) = find_subnet(subnets, row.address) {
                sorted.entry(key(subnet.spec.cidr)).or_default().push(row);
            }
        }
        let tables = sorted.into_iter().map(|(key, rows)| (key, Leases::load(rows))).collect();
        Self { tables: Mutex::new(tables) }
    }

    /// Decides on a message and carries the decision out in memory. What must be durable takes `place` under
    /// the same lock, so that the store gets the rows of an address in the order of the decisions about it.
    pub(crate) fn decide(
        &self,
        request: &Request,
        subnet: &Subnet,
        boot: &Boot,
        now: Timestamp,
        place: Place<'_>,
    ) -> (Decision, Option<Durable>) {
        let mut tables = self.lock();
        let leases = tables.entry(key(subnet.spec.cidr)).or_default();
        let facts = leases.facts(request, subnet, now);
        let decision = decide(request, subnet, &facts, boot, now);
        if let Some(change) = &decision.change {
            leases.apply(change);
        }
        let durable = match &decision.change {
            Some(LeaseChange::Persist(lease)) => Some(place.fill(lease.clone())),
            Some(LeaseChange::Remember(_)) | None => None,
        };
        (decision, durable)
    }

    /// The card that has `address` now.
    pub fn find_mac(&self, address: Ipv4Addr, now: Timestamp) -> Option<MacAddr> {
        let tables = self.lock();
        let rows = tables.values().filter_map(|leases| leases.find(address));
        rows.filter(|row| row.state == dhcp::LeaseState::Bound && row.expires > now).map(|row| row.mac).next()
    }

    /// Every lease of every subnet, ordered by address.
    pub fn list(&self) -> Vec<Lease> {
        let mut leases: Vec<Lease> = self.lock().values().flat_map(Leases::iter).cloned().collect();
        leases.sort_by_key(|lease| lease.address);
        leases
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Ipv4Addr, u8), Leases>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(cidr: Cidr) -> (Ipv4Addr, u8) {
    (cidr.network(), cidr.prefix())
}

/// The subnet that holds `address`; of several, the narrowest.
pub(crate) fn find_subnet(subnets: &[Subnet], address: Ipv4Addr) -> Option<&Subnet> {
    let holding = subnets.iter().filter(|subnet| subnet.spec.cidr.contains(address));
    holding.max_by_key(|subnet| subnet.spec.cidr.prefix())
}
