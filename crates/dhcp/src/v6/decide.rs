//! What a client's message is answered with (RFC 8415 §18.3).

use super::reply::{Answered, Code, Reply, ReplyKind};
use super::{Association, AssociationKind, Binding, Claim, Duid, Lease, Leases, MessageType, Request, Subnet};
use crate::LeaseState;
use std::collections::BTreeSet;
use std::net::Ipv6Addr;
use std::time::Duration;
use types::Timestamp;

/// What the lease table says that matters for one message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// For each association of the message, in order.
    pub held: Vec<Held>,
    /// How many addresses are quarantined because of the client. Counted for DECLINE only.
    pub declined: usize,
}

/// What the lease table says of one association.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// The addresses that the client names, and what it has to do with them.
    pub named: Vec<(Ipv6Addr, Claim)>,
    /// The address that the client would get now.
    pub candidate: Option<Ipv6Addr>,
    /// The candidate is reserved for the client's card.
    pub reserved: bool,
}

/// What the client may boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Boot {
    /// The client gets no answer at all.
    Denied,
    /// An address and nothing to boot.
    Nothing,
    /// An address and a file.
    Url(String),
}

/// What to do about a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The answer, or why there is none.
    pub reply: Result<Reply, Silence>,
    /// What becomes of the lease table; durable before the answer leaves.
    pub leases: Vec<Lease>,
}

/// Why a message gets no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Silence {
    /// The client is not served.
    Denied,
    /// The client speaks to another server.
    OtherServer,
    /// Nothing that it names is ours to judge.
    NotOurs,
    /// It lacks what it needs.
    Incomplete,
    /// The client declines too much.
    TooManyDeclines,
}

impl Silence {
    /// The word for logs and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::OtherServer => "for another server",
            Self::NotOurs => "addresses of another server",
            Self::Incomplete => "incomplete",
            Self::TooManyDeclines => "too many declines",
        }
    }
}

/// How long a declined address rests, as with IPv4.
const QUARANTINE: Duration = Duration::from_secs(3600);
/// Addresses that one client can have quarantined at a time, as with IPv4.
const MAX_DECLINES_PER_CLIENT: usize = 3;
/// Shortest lease: below it, clients spend their time renewing.
const MIN_LEASE: Duration = Duration::from_secs(60);

impl Leases {
    /// Gathers what [`decide`] needs. It changes nothing, but that a full table may lose what has expired.
    pub fn facts(&mut self, request: &Request, subnet: &Subnet, now: Timestamp) -> Facts {
        let Some(client) = &request.client else { return Facts::default() };
        let mac = request.mac();
        let mut taken = BTreeSet::new();
        let mut held = Vec::new();
        for association in &request.associations {
            let binding = Binding { client: client.clone(), association: association.id };
            let claim = |address: &Ipv6Addr| (*address, self.claim(subnet, *address, &binding, mac, now));
            let named: Vec<_> = association.addresses.iter().map(claim).collect();
            let wanted = association.kind == AssociationKind::Addresses && may_give(request.kind);
            let wishes = &association.addresses;
            let candidate = if wanted { self.choose(subnet, &binding, mac, wishes, &taken, now) } else { None };
            taken.extend(candidate);
            held.push(Held { named, candidate, reserved: candidate.is_some() && candidate == subnet.reservation(mac) });
        }
        let declined = if request.kind == MessageType::Decline { self.declined_by(client, now) } else { 0 };
        Facts { held, declined }
    }
}

fn may_give(kind: MessageType) -> bool {
    matches!(kind, MessageType::Solicit | MessageType::Request | MessageType::Renew | MessageType::Rebind)
}

/// Decides what `request` is answered with by the server called `server`, and what it does to the lease table.
///
/// Pure on purpose: the same message may come twice, over two relays, or after a restart, and must then be answered
/// the same way.
pub fn decide(
    request: &Request,
    subnet: &Subnet,
    server: &Duid,
    facts: &Facts,
    boot: &Boot,
    now: Timestamp,
) -> Decision {
    let boot = match boot {
        Boot::Denied => return silent(Silence::Denied),
        Boot::Nothing => None,
        Boot::Url(url) => Some(url.as_str()),
    };
    if request.server.as_ref().is_some_and(|named| named != server) {
        return silent(Silence::OtherServer);
    }
    let scene = Scene { request, subnet, facts, boot, now };
    match request.kind {
        MessageType::Solicit if request.rapid_commit && scene.can_give() => scene.give(true),
        MessageType::Solicit => scene.offer(),
        MessageType::Request => scene.give(false),
        MessageType::Renew => scene.extend(),
        MessageType::Rebind if scene.all_of_others() => silent(Silence::NotOurs),
        MessageType::Rebind => scene.extend(),
        MessageType::Confirm => scene.confirm(),
        MessageType::Release => scene.give_up(LeaseState::Released, Duration::ZERO),
        MessageType::Decline if facts.declined >= MAX_DECLINES_PER_CLIENT => silent(Silence::TooManyDeclines),
        MessageType::Decline => scene.give_up(LeaseState::Declined, QUARANTINE),
        MessageType::InformationRequest => scene.answer(ReplyKind::Reply, Vec::new(), Vec::new()),
    }
}

/// A message with all that is known about it.
struct Scene<'a> {
    request: &'a Request,
    subnet: &'a Subnet,
    facts: &'a Facts,
    boot: Option<&'a str>,
    now: Timestamp,
}

impl Scene<'_> {
    fn pairs(&self) -> impl Iterator<Item = (&Association, &Held)> {
        self.request.associations.iter().zip(&self.facts.held)
    }

    fn can_give(&self) -> bool {
        self.facts.held.iter().any(|held| held.candidate.is_some())
    }

    fn offer(&self) -> Decision {
        let offered = |(association, held): (&Association, &Held)| match (association.kind, held.candidate) {
            (AssociationKind::Addresses, Some(address)) => self.granted(association, vec![address], Vec::new()),
            _ => refused(association),
        };
        self.answer(ReplyKind::Advertise, self.pairs().map(offered).collect(), Vec::new())
    }

    fn give(&self, rapid: bool) -> Decision {
        let mut leases = Vec::new();
        let given = |(association, held): (&Association, &Held)| {
            let off_link = !held.named.is_empty() && held.named.iter().all(|(_, claim)| *claim == Claim::OffLink);
            match (association.kind, held.candidate) {
                // RFC 8415 §18.3.2: it has moved, and begins anew.
                (AssociationKind::Addresses, _) if off_link && !rapid => {
                    Answered::Status { association: association.clone(), code: Code::NotOnLink }
                }
                (AssociationKind::Addresses, Some(address)) => {
                    leases.extend(self.lease(association, address, LeaseState::Bound, self.lifetime()));
                    self.granted(association, vec![address], Vec::new())
                }
                _ => refused(association),
            }
        };
        let answered = self.pairs().map(given).collect();
        self.answer(if rapid { ReplyKind::RapidReply } else { ReplyKind::Reply }, answered, leases)
    }

    /// Every address that the client names may be another server's to extend.
    fn all_of_others(&self) -> bool {
        let named = || self.facts.held.iter().flat_map(|held| &held.named);
        named().next().is_none() || named().all(|(_, claim)| *claim == Claim::NotGiven)
    }

    /// The client keeps what is its own; of what is not, it is told to let go, and gets another for it.
    fn extend(&self) -> Decision {
        let mut leases = Vec::new();
        let extended = |(association, held): (&Association, &Held)| {
            if association.kind != AssociationKind::Addresses {
                return refused(association);
            }
            let keeps = |(address, claim): &&(Ipv6Addr, Claim)| {
                matches!(claim, Claim::Own | Claim::Free) && (!held.reserved || held.candidate == Some(*address))
            };
            let mut kept: Vec<Ipv6Addr> = held.named.iter().filter(keeps).map(|(address, _)| *address).collect();
            if kept.is_empty() {
                kept.extend(held.candidate);
            }
            let ended = association.addresses.iter().filter(|address| !kept.contains(address)).copied().collect();
            if kept.is_empty() && association.addresses.is_empty() {
                return Answered::Status { association: association.clone(), code: Code::NoBinding };
            }
            for address in &kept {
                leases.extend(self.lease(association, *address, LeaseState::Bound, self.lifetime()));
            }
            self.granted(association, kept, ended)
        };
        let answered = self.pairs().map(extended).collect();
        self.answer(ReplyKind::Reply, answered, leases)
    }

    /// RFC 8415 §18.3.3: about the link only, not about who has what.
    fn confirm(&self) -> Decision {
        let mut named = self.facts.held.iter().flat_map(|held| &held.named).peekable();
        if named.peek().is_none() {
            return silent(Silence::Incomplete);
        }
        let code = match named.any(|(_, claim)| *claim == Claim::OffLink) {
            true => Code::NotOnLink,
            false => Code::Success,
        };
        let reply = Reply::status(ReplyKind::Reply, code);
        Decision { reply: Ok(reply), leases: Vec::new() }
    }

    fn give_up(&self, state: LeaseState, rest: Duration) -> Decision {
        let mut leases = Vec::new();
        let mut unknown = Vec::new();
        for (association, held) in self.pairs() {
            let own = held.named.iter().filter(|(_, claim)| *claim == Claim::Own);
            let given_up: Vec<Lease> =
                own.filter_map(|(address, _)| self.lease(association, *address, state, rest)).collect();
            if given_up.is_empty() {
                unknown.push(Answered::Status { association: association.clone(), code: Code::NoBinding });
            }
            leases.extend(given_up);
        }
        let reply = Reply::status(ReplyKind::Reply, Code::Success).with(unknown);
        Decision { reply: Ok(reply), leases }
    }

    fn granted(&self, association: &Association, addresses: Vec<Ipv6Addr>, ended: Vec<Ipv6Addr>) -> Answered {
        let seconds = u32::try_from(self.lifetime().as_secs()).unwrap_or(u32::MAX - 1);
        Answered::Granted { association: association.id, addresses, ended, seconds }
    }

    fn answer(&self, kind: ReplyKind, answered: Vec<Answered>, leases: Vec<Lease>) -> Decision {
        Decision { reply: Ok(Reply::configured(kind, answered, self.subnet, self.request, self.boot)), leases }
    }

    fn lease(&self, association: &Association, address: Ipv6Addr, state: LeaseState, lasts: Duration) -> Option<Lease> {
        let binding = Binding { client: self.request.client.clone()?, association: association.id };
        let expires = self.now.checked_add(lasts).unwrap_or(Timestamp::MAX);
        Some(Lease { address, binding, mac: self.request.mac(), state, since: self.now, expires })
    }

    fn lifetime(&self) -> Duration {
        self.subnet.lease.max(MIN_LEASE)
    }
}

fn refused(association: &Association) -> Answered {
    let code = match association.kind {
        AssociationKind::Addresses | AssociationKind::Temporary => Code::NoAddresses,
        AssociationKind::Prefixes => Code::NoPrefixes,
    };
    Answered::Status { association: association.clone(), code }
}

fn silent(silence: Silence) -> Decision {
    Decision { reply: Err(silence), leases: Vec::new() }
}
