//! What becomes of an address once the network was asked for it (RFC 2131 §2.2).

use crate::decide::QUARANTINE;
use crate::{Lease, LeaseState, Leases, Subnet};
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
}

/// Stands for whoever uses an address that it was not given.
const SQUATTER: MacAddr = MacAddr([0; 6]);
/// Of a pool, this part is quarantined at most because something answered. A router that answers for every address,
/// or a host that means harm, would else stop all service.
const MOST_OF_POOL: usize = 2;

impl Leases {
    /// Settles what becomes of `address`, which was being probed for the card `mac`.
    pub fn settle(
        &mut self,
        subnet: &Subnet,
        address: Ipv4Addr,
        mac: MacAddr,
        found: Found,
        now: Timestamp,
    ) -> Verdict {
        let Some(row) = self.find(address).filter(|row| row.state == LeaseState::Probing).cloned() else {
            return Verdict::Offer;
        };
        let verdict = match found {
            Found::Nobody => Verdict::Offer,
            // The client itself still has the address of its last start.
            Found::Somebody(Some(card)) if card == mac => Verdict::Offer,
            Found::Somebody(_) if self.usage(subnet, now).is_mostly_declined() => Verdict::Disbelieve,
            Found::Somebody(_) => Verdict::Quarantine,
        };
        self.put(match verdict {
            Verdict::Offer | Verdict::Disbelieve => Lease { state: LeaseState::Offered, ..row },
            Verdict::Quarantine => {
                let expires = now.checked_add(QUARANTINE).unwrap_or(Timestamp::MAX);
                let state = LeaseState::Declined;
                Lease { address, mac: SQUATTER, client_id: None, state, since: now, expires, hostname: None }
            }
        });
        verdict
    }
}

impl crate::PoolUsage {
    fn is_mostly_declined(&self) -> bool {
        self.declined >= self.size.div_ceil(MOST_OF_POOL)
    }
}
