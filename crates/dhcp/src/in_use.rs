//! What becomes of an address once the network was asked for it (RFC 2131 §2.2).

use crate::decide::QUARANTINE;
use crate::lease::SQUATTER;
use crate::{Client, Lease, LeaseState, Leases, Subnet};
use std::net::Ipv4Addr;
use types::{MacAddr, Timestamp};

/// What was found at an address that is held back for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nobody answered.
    Nobody,
    /// Something answered; it has this card, where that is known.
    Somebody(Option<MacAddr>),
}

/// What becomes of the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may be offered to the client.
    Offer,
    /// It is quarantined, and the client gets another.
    Quarantine,
    /// It may be offered although something answers: so much answers that what answers is no host.
    Disbelieve,
    /// It is settled already, and not for the client: the message is to be decided on anew. So it is for the second of
    /// two messages that wait for one answer.
    Again,
}

/// Of a pool, this part is quarantined at most because something answered. A router that answers for every address,
/// or a host that means harm, would else stop all service.
const MOST_OF_POOL: usize = 2;

impl Leases {
    /// Settles what becomes of `address`, which was being probed for `client`.
    pub fn settle(
        &mut self,
        subnet: &Subnet,
        address: Ipv4Addr,
        client: &Client,
        found: Found,
        now: Timestamp,
    ) -> Verdict {
        let Some(row) = self.find(address).filter(|row| row.is_of(client)).cloned() else {
            return Verdict::Again;
        };
        match row.state {
            LeaseState::Probing => {}
            LeaseState::Offered | LeaseState::Bound => return Verdict::Offer,
            LeaseState::Released | LeaseState::Declined => return Verdict::Again,
        }
        let verdict = match found {
            Found::Nobody => Verdict::Offer,
            // The client itself still has the address of its last start.
            Found::Somebody(Some(card)) if card == client.mac => Verdict::Offer,
            Found::Somebody(_) if self.is_mostly_declined(subnet, now) => Verdict::Disbelieve,
            Found::Somebody(_) => Verdict::Quarantine,
        };
        self.put(if verdict == Verdict::Quarantine {
            let expires = now.checked_add(QUARANTINE).unwrap_or(Timestamp::MAX);
            let state = LeaseState::Declined;
            Lease { address, mac: SQUATTER, client_id: None, state, since: now, expires, hostname: None }
        } else {
            Lease { state: LeaseState::Offered, ..row }
        });
        verdict
    }

    fn is_mostly_declined(&mut self, subnet: &Subnet, now: Timestamp) -> bool {
        let declined = subnet.spec.pool.map_or(0, |pool| self.count_declined(pool, now));
        declined >= subnet.size_for_all().div_ceil(MOST_OF_POOL)
    }
}
