//! What a DHCP message is answered with: the facts, the decision, and what follows from it.

use crate::Inner;
use crate::book::place_of_subnet;
use crate::event::{self, DhcpEvent};
use dhcp::{
    Boot, BootFile, Decision, Destination, LeaseChange, MessageType, Reply, Request, Silence, Subnet, VendorClass,
    decide_boot_server, destination,
};
use lifecycle::{BootDecision, BootFacts, BootOffer, BootTarget, Client, ClientArch, Program, boot_offer, decide_boot};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use types::event::NewEvent;
use types::{MachineId, Timestamp};

/// A message that was heard on one of our networks.
pub(crate) struct Heard {
    pub(crate) request: Request,
    pub(crate) source: SocketAddrV4,
    subnets: Arc<[Subnet]>,
    subnet: usize,
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
        Some(Heard { request, source, subnets, subnet })
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
        let conclude = |decision: Decision| {
            let letter = letter(heard, decision.reply.as_ref().ok());
            let event = self.event(heard, facts, &boot_decision, &decision, now);
            let inner = Arc::clone(self);
            let afterwards = move || {
                send(letter);
                event.into_iter().for_each(|event| inner.backend.record(event));
            };
            match (decision.change, place) {
                (Some(LeaseChange::Persist(lease)), Some(place)) => {
                    place.fill(lease, Box::new(afterwards));
                    None
                }
                _ => Some((afterwards, decision.reply.err())),
            }
        };
        let at_once = self.book.decide(request, subnet, &heard.subnets, &boot, now, conclude);
        if let Some((afterwards, silence)) = at_once {
            afterwards();
            if silence == Some(Silence::PoolExhausted) {
                self.tell_exhausted(heard, facts, now);
            }
        }
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
        let Some(refused) = self.exhaustion.refused(&subnet.name, now) else { return };
        let usage = self.book.usage(subnet, &heard.subnets, now);
        tracing::warn!(
            subnet = %subnet.name, mac = %heard.request.mac, refused, size = usage.size, bound = usage.bound,
            "Subnet {} has no address left for {}: {} of {} are in use, {} quarantined",
            subnet.name, heard.request.mac, usage.bound, usage.size, usage.declined,
        );
        let machine = facts.machine.as_ref().map(|machine| machine.id);
        self.backend.record(event::pool_exhausted(now, machine, &subnet.name, heard.request.mac, refused, usage));
    }
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
