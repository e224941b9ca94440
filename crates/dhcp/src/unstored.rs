//! What of the working copy is on the disk: on a disk that takes no more, a client can still be promised what is there.

use crate::{Client, Lease, LeaseState, Leases};
use std::net::Ipv4Addr;
use types::Timestamp;

impl Leases {
    /// Until when the disk says that `address` is the client's; `None` when it does not.
    pub fn stored_until(&self, address: Ipv4Addr, client: &Client, now: Timestamp) -> Option<Timestamp> {
        let row = self.find(address).filter(|row| row.is_of(client) && row.state == LeaseState::Bound)?;
        let until = self.unstored.get(&address).copied().unwrap_or(row.expires);
        (until > now).then_some(until)
    }

    /// Notes that `lease`, which was handed to the disk, is there.
    pub fn note_stored(&mut self, address: Ipv4Addr, expires: Timestamp) {
        if self.find(address).is_some_and(|row| row.expires != expires) {
            // A later one is on its way.
            self.unstored.entry(address).and_modify(|until| *until = expires);
        } else {
            self.unstored.remove(&address);
        }
    }

    /// Notes that `lease` is about to take the place of what is on the disk.
    pub(crate) fn await_storage(&mut self, lease: &Lease) {
        let until = self.stored_until(lease.address, &lease.client(), lease.since);
        self.unstored.insert(lease.address, until.unwrap_or(Timestamp::MIN));
    }
}
