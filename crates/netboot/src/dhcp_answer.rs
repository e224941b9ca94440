//! What a DHCP message is answered with: the facts, the decision, and what follows from it.

use crate::Inner;
use crate::book::place_of_subnet;
use crate::committer::{Afterwards, Outcome};
use crate::event::{self, DhcpEvent};
use dhcp::{
    Boot, BootFile, Decision, Destination, Found, Lease, LeaseChange, MessageType, Reply, Request, Silence, Subnet,
    VendorClass, Verdict, decide_boot_server, destination,
};
use lifecycle::{BootDecision, BootFacts, BootOffer, BootTarget, Client, ClientArch, Program, boot_offer, decide_boot};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;
use types::event::NewEvent;
use types::subnet::Cidr;
use types::{MacAddr, MachineId, Timestamp};

/// A message that was heard on one of our networks.
#[derive(Clone)]
pub(crate) struct Heard {
    pub(crate) request: Request,
    pub(crate) source: SocketAddrV4,
    subnets: Arc<[Subnet]>,
    subnet: usize,
    /// How many addresses turned out to be in use while it waited.
    in_use: usize,
}

/// Addresses that are asked for because of one message. A router that answers for all would else have half of the pool
/// rest because of it; the client repeats its message.
const MOST_PROBES: usize = 4;

/// An answer that can leave, and its entry in the history.
struct Ready<S> {
    send: S,
    letter: Option<Letter>,
    event: Option<NewEvent>,
}

impl<S: FnOnce(Option<Letter>)> Ready<S> {
    fn go(self, inner: &Inner) {
        (self.send)(self.letter);
        self.event.into_iter().for_each(|event| inner.backend.record(event));
    }
}

/// What is to be done beside the answer, or before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Nothing,
    TellExhausted,
    Probe(Ipv4Addr),
}

impl Next {
    fn of(silence: Option<Silence>) -> Self {
        if silence == Some(Silence::PoolExhausted) { Self::TellExhausted } else { Self::Nothing }
    }
}

/// An answer's bytes, and where they go.
pub(crate) type Letter = (Vec<u8>, Destination);

impl Heard {
    fn subnet(&self) -> &Subnet {
        &self.subnets[self.subnet]
    }
}

impl Inner {
    /// Finds the network on which `request` was sent that was heard at our `address`.
    pub(crate) fn hear(&self, address: Ipv4Addr, request: Request, source: SocketAddrV4) -> Option<Heard> {
        let subnets = self.backend.subnets();
        let Some(subnet) = place_of_subnet(&subnets, request.network_hint(address)) else {
            tracing::debug!(mac = %request.mac, peer = %source, "No subnet is declared where {} asks", request.mac);
            return None;
        };
        Some(Heard { request, source, subnets, subnet, in_use: 0 })
    }

    /// What is known of the client without reading anything: most are no machines of ours.
    pub(crate) fn facts_of_stranger(&self, heard: &Heard) -> Option<BootFacts> {
        self.backend.facts_of_stranger(heard.request.mac, heard.subnet())
    }

    /// What is known of the client; `None`, and a word to the operator, when it cannot be read.
    pub(crate) async fn facts(&self, heard: &Heard) -> Option<BootFacts> {
        let mac = heard.request.mac;
        match self.backend.boot_facts(mac, Some(&heard.subnet().name)).await {
            Ok(facts) => Some(facts),
            Err(error) => {
                tracing::warn!(%mac, error = &error as &dyn std::error::Error, "{mac} gets no answer");
                None
            }
        }
    }

    /// Decides on a message, and hands the answer to `send` once what it says is durable. It does not wait.
    pub(crate) fn answer(
        self: &Arc<Self>,
        heard: &Heard,
        facts: &BootFacts,
        send: impl FnOnce(Option<Letter>) + Send + 'static,
    ) {
        let (request, subnet) = (&heard.request, heard.subnet());
        let (boot_decision, boot) = self.boot(heard, facts);
        let place = match request.kind {
            MessageType::Discover | MessageType::Inform => None,
            MessageType::Request | MessageType::Decline | MessageType::Release => match self.committer.reserve() {
                Ok(place) => Some(place),
                Err(error) => {
                    tracing::debug!(mac = %request.mac, "A message of {} is dropped: {error}", request.mac);
                    return;
                }
            },
        };
        let now = self.config.clock.now();
        let conclude = |decision: Decision, stored_until: Option<Timestamp>| {
            let reply = decision.reply.as_ref().ok();
            let letter = letter(heard, reply);
            let event = self.event(heard, facts, &boot_decision, &decision, now);
            let ready = Ready { send, letter, event };
            match (decision.change, place) {
                (Some(LeaseChange::Persist(lease)), Some(place)) => {
                    let remaining = stored_until.and_then(|until| shortened(heard, reply?, until, now));
                    let afterwards = self.when_settled(subnet.spec.cidr, &lease, ready, remaining);
                    place.fill(lease, afterwards);
                    None
                }
                (Some(LeaseChange::Probe(lease)), _) => Some((ready, Next::Probe(lease.address))),
                _ => Some((ready, Next::of(decision.reply.err()))),
            }
        };
        match self.book.decide(request, subnet, &heard.subnets, &boot, now, conclude) {
            None => {}
            Some((ready, Next::Probe(address))) => self.answer_when_silent(address, heard, facts, ready),
            Some((ready, Next::Nothing)) => ready.go(self),
            Some((ready, Next::TellExhausted)) => {
                ready.go(self);
                self.tell_exhausted(heard, facts, now);
            }
        }
    }

    /// What follows when it is known whether `lease` is on the disk. If it is not, the client is told `remaining`: it
    /// keeps what it has for as long as the disk says so.
    fn when_settled<S>(
        self: &Arc<Self>,
        network: Cidr,
        lease: &Lease,
        ready: Ready<S>,
        remaining: Option<Letter>,
    ) -> Afterwards
    where
        S: FnOnce(Option<Letter>) + Send + 'static,
    {
        let (inner, address, expires) = (Arc::clone(self), lease.address, lease.expires);
        Box::new(move |outcome| match (outcome, remaining) {
            (Outcome::Stored, _) => {
                inner.book.note_stored(network, address, expires);
                ready.go(&inner);
            }
            (Outcome::Lost, None) => {}
            (Outcome::Lost, letter) => Ready { letter, ..ready }.go(&inner),
        })
    }

    /// Answers when nothing answers at `address`; else the message is decided on again, without that address.
    fn answer_when_silent<S>(self: &Arc<Self>, address: Ipv4Addr, heard: &Heard, facts: &BootFacts, ready: Ready<S>)
    where
        S: FnOnce(Option<Letter>) + Send + 'static,
    {
        let (inner, heard, facts) = (Arc::clone(self), heard.clone(), facts.clone());
        let settle = move |found| match inner.settle(address, &heard, found) {
            Verdict::Offer | Verdict::Disbelieve => ready.go(&inner),
            Verdict::Quarantine | Verdict::Again => inner.answer_anew(heard, &facts, ready.send),
        };
        match self.prober.get() {
            Some(prober) => prober.ask(address, Box::new(settle)),
            None => settle(Found::Nobody),
        }
    }

    /// Decides once more on a message whose address is in use, if it has not found too many of them.
    fn answer_anew<S>(self: &Arc<Self>, heard: Heard, facts: &BootFacts, send: S)
    where
        S: FnOnce(Option<Letter>) + Send + 'static,
    {
        let heard = Heard { in_use: heard.in_use + 1, ..heard };
        if heard.in_use < MOST_PROBES {
            self.answer(&heard, facts, send);
        } else {
            let mac = heard.request.mac;
            tracing::debug!(%mac, "A message of {mac} is dropped: {MOST_PROBES} addresses are in use");
        }
    }

    /// Settles what becomes of an address, and tells the operator if something is there.
    fn settle(&self, address: Ipv4Addr, heard: &Heard, found: Found) -> Verdict {
        let (subnet, now) = (heard.subnet(), self.config.clock.now());
        let verdict = self.book.settle(address, &heard.request, found, (subnet, &heard.subnets), now);
        if let Found::Somebody(card) = found {
            self.tell_in_use(subnet, address, card, verdict, now);
        }
        verdict
    }

    /// Tells the operator that something has an address that it was not given: once in a while, or it would be told for
    /// each address that a router answers for.
    fn tell_in_use(&self, subnet: &Subnet, address: Ipv4Addr, card: Option<MacAddr>, verdict: Verdict, now: Timestamp) {
        let what = match verdict {
            Verdict::Offer | Verdict::Again => return,
            Verdict::Quarantine => "it rests for an hour",
            Verdict::Disbelieve => "it is offered all the same, as half of the pool is said to be in use",
        };
        let name = &subnet.name;
        let Some(answers) = self.in_use.count(name, now) else {
            tracing::debug!(subnet = %name, %address, ?card, "Address {address} of subnet {name} is used, too: {what}");
            return;
        };
        let by = card.map_or_else(|| "something".to_owned(), |card| card.to_string());
        tracing::warn!(
            subnet = %name, %address, answers,
            "Address {address} of subnet {name} is used by {by}: {what}",
        );
        let believed = verdict == Verdict::Quarantine;
        self.backend.record(event::AddressInUse { subnet: name, address, card, believed, answers }.at(now));
    }

    /// What firmware is answered that asks the boot server's port. Nothing of it is kept.
    pub(crate) fn answer_boot_server(&self, heard: &Heard, facts: &BootFacts) -> Option<Letter> {
        let (request, subnet) = (&heard.request, heard.subnet());
        let (boot_decision, boot) = self.boot(heard, facts);
        let reply = decide_boot_server(request, subnet, &boot);
        let letter = reply.as_ref().ok().map(|reply| {
            // The client has an address and waits at the port from which it asked.
            let client = SocketAddrV4::new(request.ciaddr.unwrap_or(*heard.source.ip()), heard.source.port());
            (reply.encode(request), Destination::Unicast(client))
        });
        let now = self.config.clock.now();
        let decision = Decision { reply, change: None };
        let event = self.event(heard, facts, &boot_decision, &decision, now);
        event.into_iter().for_each(|event| self.backend.record(event));
        letter
    }

    fn boot(&self, heard: &Heard, facts: &BootFacts) -> (BootDecision, Boot) {
        let subnet = heard.subnet();
        let decision = decide_boot(facts);
        if !heard.request.boots_from_network() && decision.target != BootTarget::Deny {
            return (decision, Boot::Nothing);
        }
        let offer = boot_offer(&decision, &client(&heard.request), &self.config.boot_server(subnet.server));
        let boot = match offer {
            BootOffer::Denied => Boot::Denied,
            BootOffer::Nothing => Boot::Nothing,
            BootOffer::Tftp(name) | BootOffer::Http(name) => Boot::File(BootFile { server: subnet.server, name }),
        };
        (decision, boot)
    }

    fn event(
        &self,
        heard: &Heard,
        facts: &BootFacts,
        boot: &BootDecision,
        decision: &Decision,
        now: Timestamp,
    ) -> Option<NewEvent> {
        let request = &heard.request;
        let machine = facts.machine.as_ref().map(|machine| machine.id);
        is_worth_recording(request, machine, decision.reply.as_ref().err().copied()).then(|| {
            let event = DhcpEvent {
                machine,
                request,
                reply: decision.reply.as_ref().map_err(|silence| *silence),
                subnet: &heard.subnet().name,
                reason: request.boots_from_network().then_some(boot.reason),
            };
            event.at(now)
        })
    }

    /// Tells the operator that a pool is used up: once in a while, or it would be told for each packet.
    fn tell_exhausted(&self, heard: &Heard, facts: &BootFacts, now: Timestamp) {
        let subnet = heard.subnet();
        let Some(refused) = self.exhaustion.count(&subnet.name, now) else { return };
        let usage = self.book.usage(subnet, &heard.subnets, now);
        tracing::warn!(
            subnet = %subnet.name, mac = %heard.request.mac, refused, size = usage.size, bound = usage.bound,
            "Subnet {} has no address left for {}: {} of {} are in use, {} quarantined",
            subnet.name, heard.request.mac, usage.bound, usage.size, usage.declined,
        );
        let machine = facts.machine.as_ref().map(|machine| machine.id);
        let mac = Some(heard.request.mac);
        let exhausted = event::PoolExhausted { actor: "dhcp", machine, subnet: &subnet.name, mac, refused, usage };
        self.backend.record(exhausted.at(now));
    }
}

/// The answer for as long as the disk says that the client has its address; none when that is over.
fn shortened(heard: &Heard, reply: &Reply, until: Timestamp, now: Timestamp) -> Option<Letter> {
    let remaining = Duration::try_from(until.duration_since(now)).ok().filter(|remaining| remaining.as_secs() > 0)?;
    letter(heard, Some(&reply.lasting(remaining, heard.subnet())))
}

fn letter(heard: &Heard, reply: Option<&Reply>) -> Option<Letter> {
    reply.map(|reply| (reply.encode(&heard.request), destination(&heard.request, reply, heard.source)))
}

fn client(request: &Request) -> Client {
    let program = match request.vendor {
        _ if request.ipxe => Program::Ipxe,
        VendorClass::Pxe => Program::Pxe,
        VendorClass::Http => Program::HttpBoot,
        VendorClass::Other => Program::System,
    };
    Client { mac: request.mac, program, arch: request.architecture.and_then(ClientArch::from_option) }
}

/// The history is of machines: those we know, and those that boot from the network and may become ours. Other
/// hosts are in the lease table, and here only when they find an address in use.
fn is_worth_recording(request: &Request, machine: Option<MachineId>, silence: Option<Silence>) -> bool {
    match silence {
        Some(Silence::OtherServer | Silence::NotOurs | Silence::Unknown) => false,
        Some(_) | None => machine.is_some() || request.boots_from_network() || request.kind == MessageType::Decline,
    }
}
