//! What a client's message is answered with (RFC 2131 §4.3).

use crate::reply::{Reply, ReplyKind};
use crate::{Claim, Lease, LeaseChange, LeaseState, Leases, MessageType, PoolExhausted, Request, Subnet};
use std::net::Ipv4Addr;
use std::time::Duration;
use types::{MacAddr, Timestamp};

/// What the lease table says that matters for one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The address the client would get now. Looked up for DISCOVER only.
    pub candidate: Result<Ipv4Addr, PoolExhausted>,
    /// The address the client names, and what it has to do with it.
    pub named: Option<(Ipv4Addr, Claim)>,
    /// The row of the candidate.
    pub row: Option<Lease>,
    /// What the client has been offered and has not taken.
    pub offered: Option<Lease>,
    /// How many addresses are quarantined because of the client.
    pub declined: usize,
}

/// What the client may boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Boot {
    /// The client gets no answer at all.
    Denied,
    /// An address and nothing to boot.
    Nothing,
    /// An address and a boot file.
    File(BootFile),
}

/// Where the next program comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootFile {
    /// The server of the file.
    pub server: Ipv4Addr,
    /// A path for TFTP, or a URL.
    pub name: String,
}

/// What to do about a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The answer, or why there is none.
    pub reply: Result<Reply, Silence>,
    /// What becomes of the lease table. A [`LeaseChange::Persist`] is durable before the answer leaves.
    pub change: Option<LeaseChange>,
}

/// Why a message gets no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Silence {
    /// The client is not served.
    Denied,
    /// No address is left to offer.
    PoolExhausted,
    /// The client speaks to another server.
    OtherServer,
    /// The address is another server's to judge.
    NotOurs,
    /// The message has no answer by its nature.
    NoneDue,
    /// It lacks what it needs.
    Incomplete,
    /// The client declines too much.
    TooManyDeclines,
    /// The address is not the client's.
    NotTheirs,
}

impl Silence {
    /// The word for logs and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::PoolExhausted => "pool exhausted",
            Self::OtherServer => "for another server",
            Self::NotOurs => "address of another server",
            Self::NoneDue => "no answer due",
            Self::Incomplete => "incomplete",
            Self::TooManyDeclines => "too many declines",
            Self::NotTheirs => "address of another client",
        }
    }
}

/// How long an offered address is held back. Clients answer within their first retransmission, 4 s (RFC 2131
/// §4.1); PXE firmware that waits for further offers takes up to 4 + 8 + 16 s.
const OFFER_HOLD: Duration = Duration::from_secs(30);
/// How long a declined address rests: long enough for a person to find what uses it, short enough that a
/// faulty client does not cost the pool a day.
const QUARANTINE: Duration = Duration::from_secs(3600);
/// Addresses that one client can have quarantined at a time; a broken or hostile one would empty the pool.
const MAX_DECLINES_PER_CLIENT: usize = 3;
/// Shortest lease: below it, clients spend their time renewing.
const MIN_LEASE_SECONDS: u64 = 60;

impl Leases {
    /// Gathers what [`decide`] needs. It changes nothing but the allocator's own place in the pool.
    pub fn facts(&mut self, request: &Request, subnet: &Subnet, now: Timestamp) -> Facts {
        let named = match request.kind {
            MessageType::Discover | MessageType::Inform => None,
            MessageType::Request => request.requested.or(request.ciaddr),
            MessageType::Decline => request.requested,
            MessageType::Release => request.ciaddr,
        };
        let candidate = match request.kind {
            MessageType::Discover => self.choose(subnet, request.mac, request.requested.or(request.ciaddr), now),
            _ => Err(PoolExhausted),
        };
        Facts {
            named: named.map(|address| (address, self.claim(subnet, address, request.mac, now))),
            row: candidate.ok().and_then(|address| self.find(address)).cloned(),
            offered: self.of(request.mac).find(|row| row.state == LeaseState::Offered && row.expires > now).cloned(),
            declined: self.declined_by(request.mac, now),
            candidate,
        }
    }
}

/// Decides what `request` is answered with and what it does to the lease table.
///
/// Pure on purpose: the same message may come twice, over two relays, or after a restart, and must then be
/// answered the same way.
pub fn decide(request: &Request, subnet: &Subnet, facts: &Facts, boot: &Boot, now: Timestamp) -> Decision {
    let boot_file = match boot {
        Boot::Denied => return silent(Silence::Denied),
        Boot::Nothing => None,
        Boot::File(file) => Some(file),
    };
    match request.kind {
        MessageType::Discover => offer(request, subnet, facts, boot_file, now),
        MessageType::Request => acknowledge(request, subnet, facts, boot_file, now),
        MessageType::Decline => quarantine(request, subnet, facts, now),
        MessageType::Release => release(request, subnet, facts, now),
        MessageType::Inform => match request.ciaddr {
            Some(_) => Decision { reply: Ok(Reply::inform(subnet, request, boot_file)), change: None },
            None => silent(Silence::Incomplete),
        },
    }
}

fn offer(request: &Request, subnet: &Subnet, facts: &Facts, boot: Option<&BootFile>, now: Timestamp) -> Decision {
    let Ok(address) = facts.candidate else {
        return silent(Silence::PoolExhausted);
    };
    let duration = lease_duration(subnet);
    let bound = facts
        .row
        .as_ref()
        .is_some_and(|row| row.mac == request.mac && row.state == LeaseState::Bound && row.expires > now);
    // A client that boots asks again and again: its firmware, its loader, its kernel. What it has stays bound.
    let change = (!bound).then(|| LeaseChange::Remember(lease(request, address, LeaseState::Offered, now, OFFER_HOLD)));
    let reply = Reply::grant(ReplyKind::Offer, address, duration, subnet, request, boot);
    Decision { reply: Ok(reply), change }
}

fn acknowledge(request: &Request, subnet: &Subnet, facts: &Facts, boot: Option<&BootFile>, now: Timestamp) -> Decision {
    if request.server_id.is_some_and(|server| server != subnet.server) {
        return forget_offer(facts, now);
    }
    let Some((address, claim)) = facts.named else {
        return silent(Silence::Incomplete);
    };
    let superseded = subnet.reservation(request.mac).is_some_and(|reservation| reservation.address != address);
    match claim {
        // A reservation made meanwhile takes effect when the client renews (NAK), not while it boots.
        Claim::Own | Claim::Free if superseded && request.server_id.is_none() => nak(subnet, "a reservation was made"),
        Claim::Own | Claim::Free => {
            let duration = lease_duration(subnet);
            let reply = Reply::grant(ReplyKind::Ack, address, duration, subnet, request, boot);
            let change = LeaseChange::Persist(lease(request, address, LeaseState::Bound, now, duration));
            Decision { reply: Ok(reply), change: Some(change) }
        }
        Claim::Taken => nak(subnet, "the address is in use"),
        Claim::WrongNetwork => nak(subnet, "the address is of another network"),
        // Another server may have given it (RFC 2131 §4.3.2): only one that was told to choose us is told no.
        Claim::NotOurs if request.server_id.is_some() => nak(subnet, "the address is not given here"),
        Claim::NotOurs => silent(Silence::NotOurs),
    }
}

/// The client took another server's offer: ours is free again.
fn forget_offer(facts: &Facts, now: Timestamp) -> Decision {
    let change = facts.offered.clone().map(|row| LeaseChange::Remember(Lease { expires: now, ..row }));
    Decision { reply: Err(Silence::OtherServer), change }
}

fn quarantine(request: &Request, subnet: &Subnet, facts: &Facts, now: Timestamp) -> Decision {
    if request.server_id.is_some_and(|server| server != subnet.server) {
        return silent(Silence::OtherServer);
    }
    match facts.named {
        None => silent(Silence::Incomplete),
        Some(_) if facts.declined >= MAX_DECLINES_PER_CLIENT => silent(Silence::TooManyDeclines),
        Some((address, Claim::Own)) => Decision {
            reply: Err(Silence::NoneDue),
            change: Some(LeaseChange::Persist(lease(request, address, LeaseState::Declined, now, QUARANTINE))),
        },
        Some(_) => silent(Silence::NotTheirs),
    }
}

fn release(request: &Request, subnet: &Subnet, facts: &Facts, now: Timestamp) -> Decision {
    if request.server_id.is_some_and(|server| server != subnet.server) {
        return silent(Silence::OtherServer);
    }
    match facts.named {
        None => silent(Silence::Incomplete),
        Some((address, Claim::Own)) => Decision {
            reply: Err(Silence::NoneDue),
            change: Some(LeaseChange::Persist(lease(request, address, LeaseState::Released, now, Duration::ZERO))),
        },
        Some(_) => silent(Silence::NotTheirs),
    }
}

fn nak(subnet: &Subnet, reason: &'static str) -> Decision {
    Decision { reply: Ok(Reply::nak(subnet, reason)), change: None }
}

fn silent(why: Silence) -> Decision {
    Decision { reply: Err(why), change: None }
}

fn lease(request: &Request, address: Ipv4Addr, state: LeaseState, now: Timestamp, length: Duration) -> Lease {
    let expires = now.checked_add(length).unwrap_or(Timestamp::MAX);
    let mac: MacAddr = request.mac;
    Lease { address, mac, state, since: now, expires, hostname: request.hostname.clone() }
}

/// The lease's length in whole seconds, within what option 51 can say; all ones would mean forever.
fn lease_duration(subnet: &Subnet) -> Duration {
    Duration::from_secs(subnet.spec.lease.0.as_secs().clamp(MIN_LEASE_SECONDS, u64::from(u32::MAX - 1)))
}
