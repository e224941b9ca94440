//! What a client's message is answered with (RFC 2131 §4.3).

use crate::reply::{Reply, ReplyKind};
use crate::{Claim, Client, Lease, LeaseChange, LeaseState, Leases, MessageType, PoolExhausted, Request, Subnet};
use std::net::Ipv4Addr;
use std::time::Duration;
use types::subnet::DhcpRole;
use types::{HumanDuration, Timestamp};

/// What the lease table says that matters for one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Who asks.
    pub client: Client,
    /// The address the client would get now. Looked up for DISCOVER only.
    pub candidate: Result<Ipv4Addr, PoolExhausted>,
    /// The address the client names, and what it has to do with it.
    pub named: Option<(Ipv4Addr, Claim)>,
    /// The address that the client ought to have: its reservation, or the one it had last. Looked up where it
    /// names one.
    pub record: Option<Ipv4Addr>,
    /// The row of the candidate.
    pub row: Option<Lease>,
    /// What the client has been offered and has not taken. Looked up when it takes another server's offer.
    pub offered: Option<Lease>,
    /// How many addresses are quarantined because of the client. Looked up when it declines.
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
    /// What becomes of the lease table. A [`LeaseChange::Persist`] is durable before the answer leaves, and a
    /// [`LeaseChange::Probe`] has found nobody.
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
    /// Nothing is known of the client here, and another server may know it.
    Unknown,
    /// Addresses come from another server here, and there is nothing to tell the client to boot.
    Proxy,
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
            Self::Unknown => "no record of the client",
            Self::Proxy => "nothing to boot",
        }
    }
}

/// How long an offered address is held back. Clients answer within their first retransmission, 4 s (RFC 2131
/// §4.1); PXE firmware that waits for further offers takes up to 4 + 8 + 16 s.
const OFFER_HOLD: Duration = Duration::from_secs(30);
/// How long a declined address rests: long enough for a person to find what uses it, short enough that a
/// faulty client does not cost the pool a day.
pub(crate) const QUARANTINE: Duration = Duration::from_secs(3600);
/// Addresses that one client can have quarantined at a time; a broken or hostile one would empty the pool.
const MAX_DECLINES_PER_CLIENT: usize = 3;
/// Shortest lease: below it, clients spend their time renewing.
const MIN_LEASE_SECONDS: u64 = 60;

impl Leases {
    /// Gathers what [`decide`] needs. It changes nothing but the allocator's own place in the pool.
    pub fn facts(&mut self, request: &Request, subnet: &Subnet, now: Timestamp) -> Facts {
        let named = match request.kind {
            MessageType::Discover | MessageType::Inform => None,
            // Who takes an offer names it in the option; who extends a lease is known by the address it uses.
            MessageType::Request if request.server_id.is_some() => request.requested.or(request.ciaddr),
            MessageType::Request => request.ciaddr.or(request.requested),
            MessageType::Decline => request.requested,
            MessageType::Release => request.ciaddr,
        };
        let client = Client::of(request, subnet);
        let candidate = match request.kind {
            MessageType::Discover if subnet.spec.dhcp == DhcpRole::Server => {
                self.choose(subnet, &client, request.requested.or(request.ciaddr), now)
            }
            _ => Err(PoolExhausted),
        };
        let is_offered =
            |row: &&Lease| matches!(row.state, LeaseState::Probing | LeaseState::Offered) && row.expires > now;
        let goes_elsewhere = request.kind == MessageType::Request && request.is_for_another(subnet.server);
        Facts {
            named: named.map(|address| (address, self.claim(subnet, address, &client, now))),
            record: named.and_then(|_| self.record_of(subnet, &client)),
            row: candidate.ok().and_then(|address| self.find(address)).cloned(),
            offered: goes_elsewhere.then(|| self.of(&client).find(is_offered).cloned()).flatten(),
            declined: if request.kind == MessageType::Decline { self.declined_by(&client, now) } else { 0 },
            candidate,
            client,
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
    if subnet.spec.dhcp == DhcpRole::Proxy {
        return Decision { reply: answer_as_proxy(request, subnet, boot_file), change: None };
    }
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

/// Decides what firmware is told that asks a boot server (port 4011) by PXE's own protocol: what it may boot,
/// and nothing of addresses.
pub fn decide_boot_server(request: &Request, subnet: &Subnet, boot: &Boot) -> Result<Reply, Silence> {
    match (boot, request.kind) {
        (Boot::Denied, _) => Err(Silence::Denied),
        _ if request.is_for_another(subnet.server) => Err(Silence::OtherServer),
        (Boot::File(file), MessageType::Request | MessageType::Discover | MessageType::Inform) => {
            Reply::boot_only(ReplyKind::Ack, subnet, request, file).ok_or(Silence::Proxy)
        }
        (Boot::Nothing | Boot::File(_), _) => Err(Silence::Proxy),
    }
}

/// Beside a server that gives addresses, firmware is told what to boot and nobody is told anything else.
fn answer_as_proxy(request: &Request, subnet: &Subnet, boot: Option<&BootFile>) -> Result<Reply, Silence> {
    let kind = match request.kind {
        MessageType::Discover => ReplyKind::Offer,
        MessageType::Inform if request.ciaddr.is_some() => ReplyKind::Ack,
        MessageType::Request | MessageType::Decline | MessageType::Release | MessageType::Inform => {
            return Err(Silence::OtherServer);
        }
    };
    boot.and_then(|file| Reply::boot_only(kind, subnet, request, file)).ok_or(Silence::Proxy)
}

fn offer(request: &Request, subnet: &Subnet, facts: &Facts, boot: Option<&BootFile>, now: Timestamp) -> Decision {
    let Ok(address) = facts.candidate else {
        return silent(Silence::PoolExhausted);
    };
    let held = |state| lease(request, facts, address, state, now, OFFER_HOLD);
    let change = match candidate_of(request, subnet, facts, address, now) {
        // A client that boots asks again and again: its firmware, its loader, its kernel. What it has stays bound.
        Candidate::Bound => None,
        Candidate::Known => Some(LeaseChange::Remember(held(LeaseState::Offered))),
        Candidate::Unproven => Some(LeaseChange::Probe(held(LeaseState::Probing))),
    };
    let reply = Reply::grant(ReplyKind::Offer, address, lease_duration(request, subnet), subnet, request, boot);
    Decision { reply: Ok(reply), change }
}

/// What is known of the address that a client would get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Candidate {
    /// It is the client's now.
    Bound,
    /// It was the client's, or an operator says that it is; or nothing answered at it a moment ago.
    Known,
    /// The client never had it, and something may use it that was never given it (RFC 2131 §2.2).
    Unproven,
}

fn candidate_of(request: &Request, subnet: &Subnet, facts: &Facts, address: Ipv4Addr, now: Timestamp) -> Candidate {
    let own = facts.row.as_ref().filter(|row| row.is_of(&facts.client));
    let reserved = subnet.reservation(request.mac).is_some_and(|reservation| reservation.address == address);
    match own.map(|row| (row.state, row.expires > now)) {
        Some((LeaseState::Bound, true)) => Candidate::Bound,
        Some((LeaseState::Bound | LeaseState::Released, _) | (LeaseState::Offered, true)) => Candidate::Known,
        _ if reserved || !subnet.probes() => Candidate::Known,
        _ => Candidate::Unproven,
    }
}

/// What a REQUEST is about (RFC 2131 §4.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// It takes our offer.
    Select,
    /// It has restarted and asks whether its address still holds.
    Reboot,
    /// It uses the address and wants it for longer.
    Extend,
}

fn purpose(request: &Request) -> Purpose {
    match (request.server_id, request.ciaddr) {
        (Some(_), _) => Purpose::Select,
        (None, Some(_)) => Purpose::Extend,
        (None, None) => Purpose::Reboot,
    }
}

fn acknowledge(request: &Request, subnet: &Subnet, facts: &Facts, boot: Option<&BootFile>, now: Timestamp) -> Decision {
    if request.is_for_another(subnet.server) {
        return forget_offer(facts, now);
    }
    let Some((address, claim)) = facts.named else {
        return silent(Silence::Incomplete);
    };
    let purpose = purpose(request);
    let superseded = facts.record.is_some_and(|record| record != address);
    let reserved = subnet.reservation(request.mac).is_some();
    match claim {
        // A reservation made meanwhile takes effect when the client renews, not while it boots.
        Claim::Own if superseded && reserved && purpose != Purpose::Select => {
            nak(subnet, request, "a reservation was made")
        }
        Claim::Free if superseded && purpose != Purpose::Select => {
            nak(subnet, request, "another address is the client's")
        }
        // Of a client in use of a free address of ours the record was lost; a restarted one may be another server's.
        Claim::Free if facts.record.is_none() && purpose == Purpose::Reboot => silent(Silence::Unknown),
        Claim::Own | Claim::Free => {
            let duration = lease_duration(request, subnet);
            let reply = Reply::grant(ReplyKind::Ack, address, duration, subnet, request, boot);
            let change = LeaseChange::Persist(lease(request, facts, address, LeaseState::Bound, now, duration));
            Decision { reply: Ok(reply), change: Some(change) }
        }
        Claim::Taken => nak(subnet, request, "the address is in use"),
        Claim::WrongNetwork => nak(subnet, request, "the address is of another network"),
        // Another server may have given it (RFC 2131 §4.3.2): only one that was told to choose us is told no.
        Claim::NotOurs if purpose == Purpose::Select => nak(subnet, request, "the address is not given here"),
        Claim::NotOurs => silent(Silence::NotOurs),
    }
}

/// The client took another server's offer: ours is free again.
fn forget_offer(facts: &Facts, now: Timestamp) -> Decision {
    let change = facts.offered.clone().map(|row| LeaseChange::Remember(Lease { expires: now, ..row }));
    Decision { reply: Err(Silence::OtherServer), change }
}

fn quarantine(request: &Request, subnet: &Subnet, facts: &Facts, now: Timestamp) -> Decision {
    if request.is_for_another(subnet.server) {
        return silent(Silence::OtherServer);
    }
    match facts.named {
        None => silent(Silence::Incomplete),
        Some(_) if facts.declined >= MAX_DECLINES_PER_CLIENT => silent(Silence::TooManyDeclines),
        Some((address, Claim::Own)) => Decision {
            reply: Err(Silence::NoneDue),
            change: Some(LeaseChange::Persist(lease(request, facts, address, LeaseState::Declined, now, QUARANTINE))),
        },
        Some(_) => silent(Silence::NotTheirs),
    }
}

fn release(request: &Request, subnet: &Subnet, facts: &Facts, now: Timestamp) -> Decision {
    if request.is_for_another(subnet.server) {
        return silent(Silence::OtherServer);
    }
    match facts.named {
        None => silent(Silence::Incomplete),
        Some((address, Claim::Own)) => Decision {
            reply: Err(Silence::NoneDue),
            change: Some(LeaseChange::Persist(lease(
                request,
                facts,
                address,
                LeaseState::Released,
                now,
                Duration::ZERO,
            ))),
        },
        Some(_) => silent(Silence::NotTheirs),
    }
}

fn nak(subnet: &Subnet, request: &Request, reason: &'static str) -> Decision {
    Decision { reply: Ok(Reply::nak(subnet, request, reason)), change: None }
}

fn silent(why: Silence) -> Decision {
    Decision { reply: Err(why), change: None }
}

fn lease(
    request: &Request,
    facts: &Facts,
    address: Ipv4Addr,
    state: LeaseState,
    now: Timestamp,
    length: Duration,
) -> Lease {
    let expires = now.checked_add(length).unwrap_or(Timestamp::MAX);
    let Client { mac, id: client_id } = facts.client.clone();
    Lease { address, mac, client_id, state, since: now, expires, hostname: request.hostname.clone() }
}

/// The lease's length in whole seconds: what the client asks for, within the subnet's bounds and within what
/// option 51 can say; all ones would mean forever.
fn lease_duration(request: &Request, subnet: &Subnet) -> Duration {
    let seconds = |duration: HumanDuration| duration.0.as_secs();
    let usual = seconds(subnet.spec.lease);
    let shortest = subnet.spec.lease_min.map_or(usual, seconds).min(usual);
    let longest = subnet.spec.lease_max.map_or(usual, seconds).max(usual);
    let wanted = request.lease_seconds.map_or(usual, u64::from).clamp(shortest, longest);
    Duration::from_secs(wanted.clamp(MIN_LEASE_SECONDS, u64::from(u32::MAX - 1)))
}
