//! What of the working copy is on the disk: on a disk that takes no more, a client can still be promised what is there.

use crate::{Client, Lease, LeaseState, Leases};
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::net::Ipv4Addr;
use types::Timestamp;

/// Leases that are on their way to the disk, by their address. One whose write was lost is forgotten when it has
/// expired: it promises nothing from then on.
#[derive(Debug, Clone)]
pub(crate) struct Unstored<A> {
    waiting: HashMap<A, Waiting>,
    by_expiry: BTreeSet<(Timestamp, A)>,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    /// Until when what is on the disk is good.
    stored: Timestamp,
    /// Until when the last one that was handed to the disk is good.
    expires: Timestamp,
}

impl<A> Default for Unstored<A> {
    fn default() -> Self {
        Self { waiting: HashMap::new(), by_expiry: BTreeSet::new() }
    }
}

impl<A: Copy + Eq + Hash + Ord> Unstored<A> {
    /// Until when what is on the disk of `address` is good, whose row is good until `expires`.
    pub(crate) fn stored_until(&self, address: A, expires: Timestamp) -> Timestamp {
        self.waiting.get(&address).map_or(expires, |waiting| waiting.stored)
    }

    /// Notes that a lease until `expires` is handed to the disk, where one until `stored` is.
    pub(crate) fn hand_over(&mut self, address: A, stored: Option<Timestamp>, expires: Timestamp, now: Timestamp) {
        while let Some((_, ended)) = self.by_expiry.first().copied().filter(|(expires, _)| *expires <= now) {
            self.by_expiry.pop_first();
            self.waiting.remove(&ended);
        }
        let waiting = Waiting { stored: stored.unwrap_or(Timestamp::MIN), expires };
        if let Some(before) = self.waiting.insert(address, waiting) {
            self.by_expiry.remove(&(before.expires, address));
        }
        self.by_expiry.insert((expires, address));
    }

    /// Notes that the lease until `expires` is on the disk.
    pub(crate) fn note_stored(&mut self, address: A, expires: Timestamp) {
        match self.waiting.get_mut(&address) {
            Some(waiting) if waiting.expires == expires => {
                self.waiting.remove(&address);
                self.by_expiry.remove(&(expires, address));
            }
            // A later one is on its way.
            Some(waiting) => waiting.stored = expires,
            None => {}
        }
    }
}

impl Leases {
    /// Until when the disk says that `address` is the client's; `None` when it does not.
    pub fn stored_until(&self, address: Ipv4Addr, client: &Client, now: Timestamp) -> Option<Timestamp> {
        let row = self.find(address).filter(|row| row.is_of(client) && row.state == LeaseState::Bound)?;
        Some(self.unstored.stored_until(address, row.expires)).filter(|until| *until > now)
    }

    /// Notes that the lease of `address` until `expires`, which was handed to the disk, is there.
    pub fn note_stored(&mut self, address: Ipv4Addr, expires: Timestamp) {
        self.unstored.note_stored(address, expires);
    }

    /// Notes that `lease` is about to take the place of what is on the disk.
    pub(crate) fn await_storage(&mut self, lease: &Lease) {
        let stored = self.stored_until(lease.address, &lease.client(), lease.since);
        self.unstored.hand_over(lease.address, stored, lease.expires, lease.since);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn lost_write_is_forgotten_when_its_lease_has_ended() {
        let mut unstored = Unstored::default();
        unstored.hand_over(1, None, at(100), at(0));
        unstored.hand_over(2, None, at(200), at(50));
        assert_eq!(unstored.stored_until(1, at(100)), Timestamp::MIN);
        unstored.hand_over(2, None, at(250), at(100));
        assert_eq!((unstored.waiting.len(), unstored.by_expiry.len()), (1, 1));
        unstored.note_stored(2, at(200));
        assert_eq!(unstored.stored_until(2, at(250)), at(200));
        unstored.note_stored(2, at(250));
        assert!(unstored.waiting.is_empty() && unstored.by_expiry.is_empty());
    }
}
