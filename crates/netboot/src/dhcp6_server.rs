//! DHCPv6 on one interface.

use crate::Inner;
use crate::committer::{Afterwards, Outcome};
use crate::dhcp_server::is_peer_error;
use crate::event;
use crate::ipv6::{self, Ipv6, find_subnet};
use dhcp::VendorClass;
use dhcp::v6::{ALL_SERVERS, Boot, CLIENT_PORT, Decision, Reply, Request, SERVER_PORT, Silence, Subnet};
use lifecycle::{BootDecision, BootOffer, Client, ClientArch, Program, boot_offer, decide_boot};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::Arc;
use tokio::net::UdpSocket;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use types::{MacAddr, MachineId, Timestamp};

/// Where to listen.
#[derive(Debug, Clone)]
pub struct ListenDhcp6 {
    /// Hear and send on this interface only, what is sent to all servers included. Without it only `address` is
    /// heard, which is enough for relays.
    pub interface: Option<String>,
    /// Our address on it, by which the subnet of clients is found that come over no relay.
    pub address: Ipv6Addr,
    /// Usually [`SERVER_PORT`].
    pub port: u16,
    /// Where clients listen; usually [`CLIENT_PORT`].
    pub client_port: u16,
}

impl ListenDhcp6 {
    /// On the well-known ports of an interface.
    pub fn on(interface: &str, address: Ipv6Addr) -> Self {
        Self { interface: Some(interface.to_owned()), address, port: SERVER_PORT, client_port: CLIENT_PORT }
    }
}

/// A bound DHCPv6 socket.
#[derive(Debug)]
pub struct Dhcp6Listener {
    socket: UdpSocket,
    listen: ListenDhcp6,
}

/// All_DHCP_Servers (RFC 8415 §7.1), which relays may send to.
const ALL_SERVERS_OF_SITE: Ipv6Addr = Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 1, 3);
/// Room for the messages of a rack that is powered on at once, as with IPv4.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Larger than any DHCPv6 message on Ethernet; larger ones are cut, and then refused.
const MAX_MESSAGE: usize = 4096;
/// Stands for a card that nobody has: of it only the subnet's policy is known.
const NO_CARD: MacAddr = MacAddr([0; 6]);

impl Dhcp6Listener {
    /// Binds the socket. Low ports and interfaces need the privilege to use them.
    ///
    /// # Errors
    /// When the address is in use, the privilege is missing or IPv6 is switched off.
    pub fn bind(listen: ListenDhcp6) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        socket.set_only_v6(true)?;
        // A smaller buffer loses messages under load, which clients repeat: no reason not to start.
        socket.set_recv_buffer_size(RECEIVE_BUFFER).ok();
        let local = match &listen.interface {
            Some(interface) => {
                // One socket per interface, all on the same port.
                socket.set_reuse_address(true)?;
                socket.bind_device(Some(interface.as_bytes()))?;
                let scope = nix::net::if_::if_nametoindex(interface.as_str())?;
                for group in [ALL_SERVERS, ALL_SERVERS_OF_SITE] {
                    socket.join_multicast_v6(&group, scope)?;
                }
                Ipv6Addr::UNSPECIFIED
            }
            None => listen.address,
        };
        socket.bind(&SockAddr::from(SocketAddrV6::new(local, listen.port, 0, 0)))?;
        Ok(Self { socket: UdpSocket::from_std(socket.into())?, listen })
    }

    /// The bound address.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

struct Server {
    inner: Arc<Inner>,
    socket: UdpSocket,
    listen: ListenDhcp6,
}

/// Answers until `stop`. Without an IPv6 side there is nothing to answer with.
pub(crate) async fn serve(inner: Arc<Inner>, listener: Dhcp6Listener, stop: CancellationToken) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(inner.config.max_dhcp_messages));
    let Dhcp6Listener { socket, listen } = listener;
    let server = Arc::new(Server { inner, socket, listen });
    let tasks = TaskTracker::new();
    let mut buffer = vec![0; MAX_MESSAGE];
    while let Some(received) = stop.run_until_cancelled(server.socket.recv_from(&mut buffer)).await {
        let (length, source) = match received {
            Ok((length, SocketAddr::V6(source))) => (length, source),
            Ok((_, SocketAddr::V4(_))) => continue,
            Err(error) if is_peer_error(&error) => continue,
            Err(error) => return Err(error),
        };
        let request = match Request::parse(&buffer[..length], *source.ip()) {
            Ok(request) => request,
            Err(error) => {
                tracing::debug!(peer = %source, error = &error as &dyn std::error::Error, "{source} sent no DHCPv6 request");
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            tracing::debug!(peer = %source, "A DHCPv6 message of {source} is dropped: too many at a time");
            continue;
        };
        let server = Arc::clone(&server);
        tasks.spawn(async move {
            answer(&server, request, source).await;
            drop(place);
        });
    }
    tasks.close();
    tasks.wait().await;
    Ok(())
}

async fn answer(server: &Arc<Server>, request: Request, source: SocketAddrV6) {
    let inner = &server.inner;
    let (Some(backend), Some(ipv6)) = (inner.backend.ipv6(), &inner.ipv6) else { return };
    let subnets = backend.subnets();
    let Some(subnet) = find_subnet(&subnets, request.network_hint(server.listen.address)) else {
        tracing::debug!(peer = %source, "No subnet is declared where {source} asks");
        return;
    };
    let facts = match inner.backend.boot_facts(request.mac().unwrap_or(NO_CARD), Some(&subnet.name)).await {
        Ok(facts) => facts,
        Err(error) => {
            tracing::warn!(peer = %source, error = &error as &dyn std::error::Error, "{source} gets no answer");
            return;
        }
    };
    let boot = decide_boot(&facts);
    let machine = facts.machine.map(|machine| machine.id);
    conclude(server, ipv6, &Asked { request, source, machine, boot }, subnet, &subnets);
}

/// A message with what was decided about its machine.
struct Asked {
    request: Request,
    source: SocketAddrV6,
    machine: Option<MachineId>,
    boot: BootDecision,
}

/// Decides, and answers once the decision is durable. It does not wait.
fn conclude(server: &Arc<Server>, ipv6: &Ipv6, asked: &Asked, subnet: &Subnet, subnets: &[Subnet]) {
    let Ok(place) = ipv6.committer.reserve() else {
        tracing::debug!(peer = %asked.source, "A DHCPv6 message of {} is dropped: the disk is behind", asked.source);
        return;
    };
    let now = server.inner.config.clock.now();
    let boot = boot_of(&server.inner, asked, subnet);
    let afterwards = |decision: Decision, shorter: Option<Reply>| -> Afterwards {
        let exhausted = Exhausted::of(ipv6, asked, &decision, subnet, now);
        let event = event_of(asked, &decision, subnet, now);
        let to = asked.request.destination(asked.source, server.listen.client_port);
        let letter = |reply: &Reply| (reply.encode(&asked.request, &ipv6.duid), to);
        let (whole, shorter) = (decision.reply.as_ref().ok().map(letter), shorter.as_ref().map(letter));
        let rows: Vec<_> = decision.leases.iter().map(|row| (row.address, row.expires)).collect();
        let (server, network) = (Arc::clone(server), subnet.spec.cidr);
        Box::new(move |outcome| {
            let answer = match outcome {
                Outcome::Stored => whole,
                // As with IPv4, it keeps what it has for as long as the disk says so.
                Outcome::Lost if shorter.is_none() => return,
                Outcome::Lost => shorter,
            };
            if let Some(ipv6) = server.inner.ipv6.as_ref().filter(|_| outcome == Outcome::Stored) {
                ipv6.note_stored(network, &rows);
            }
            if let Some((bytes, to)) = answer {
                server.send(&bytes, to);
            }
            event.into_iter().for_each(|event| server.inner.backend.record(event));
            exhausted.into_iter().for_each(|exhausted| exhausted.tell(&server.inner, now));
        })
    };
    let question = ipv6::Question { request: &asked.request, subnet, boot: &boot };
    ipv6.decide(&question, subnets, now, place, afterwards);
}

/// A message for which there was no address, when it is time to say so, as with IPv4.
struct Exhausted {
    refused: u64,
    mac: Option<MacAddr>,
    machine: Option<MachineId>,
    subnet: Subnet,
}

impl Exhausted {
    fn of(ipv6: &Ipv6, asked: &Asked, decision: &Decision, subnet: &Subnet, now: Timestamp) -> Option<Self> {
        decision.reply.as_ref().ok().filter(|reply| reply.found_no_address())?;
        let refused = ipv6.exhaustion.count(&subnet.name, now)?;
        Some(Self { refused, mac: asked.request.mac(), machine: asked.machine, subnet: subnet.clone() })
    }

    fn tell(&self, inner: &Inner, now: Timestamp) {
        let (Some(backend), Some(ipv6)) = (inner.backend.ipv6(), &inner.ipv6) else { return };
        let Self { refused, mac, machine, subnet } = self;
        let usage = ipv6.usage(subnet, &backend.subnets(), now);
        let (name, asker) = (&subnet.name, mac.map_or_else(|| "a client".to_owned(), |mac| mac.to_string()));
        tracing::warn!(
            subnet = %name, refused, size = usage.size, bound = usage.bound,
            "Subnet {name} has no IPv6 address left for {asker}: {} of {} are in use, {} quarantined",
            usage.bound, usage.size, usage.declined,
        );
        let (refused, mac, machine) = (*refused, *mac, *machine);
        let exhausted = event::PoolExhausted { actor: "dhcp6", machine, subnet: name, mac, refused, usage };
        inner.backend.record(exhausted.at(now));
    }
}

impl Server {
    /// An answer that finds no room in the socket is lost, as on the wire: the client asks again.
    fn send(&self, bytes: &[u8], to: SocketAddrV6) {
        if let Err(error) = self.socket.try_send_to(bytes, to.into()) {
            tracing::info!(peer = %to, error = &error as &dyn std::error::Error, "A DHCPv6 answer to {to} was not sent");
        }
    }
}

fn boot_of(inner: &Inner, asked: &Asked, subnet: &Subnet) -> Boot {
    let request = &asked.request;
    let program = match request.vendor {
        _ if request.ipxe => Program::Ipxe,
        VendorClass::Pxe => Program::Pxe,
        VendorClass::Http => Program::HttpBoot,
        VendorClass::Other => Program::System,
    };
    let client = Client {
        mac: request.mac().unwrap_or(NO_CARD),
        program,
        arch: request.architecture.and_then(ClientArch::from_option),
    };
    match boot_offer(&asked.boot, &client, &inner.config.boot_server(subnet.server)) {
        BootOffer::Denied => Boot::Denied,
        // Whose card is not known cannot be told apart from others later, when its script is asked for.
        _ if request.mac().is_none() => Boot::Nothing,
        BootOffer::Nothing => Boot::Nothing,
        BootOffer::Tftp(name) => Boot::Url(format!("tftp://[{}]/{name}", subnet.server)),
        BootOffer::Http(url) => Boot::Url(url),
    }
}

/// The history is of machines, as with IPv4: those we know, and those that boot and may become ours.
fn event_of(asked: &Asked, decision: &Decision, subnet: &Subnet, now: Timestamp) -> Option<types::event::NewEvent> {
    let foreign = matches!(decision.reply, Err(Silence::OtherServer | Silence::NotOurs));
    let boots = asked.request.boots_from_network();
    if foreign || !(boots || asked.machine.is_some()) {
        return None;
    }
    let reason = boots.then(|| asked.boot.reason.to_string());
    Some(event::dhcp6(now, asked.machine, &asked.request, decision, &subnet.name, reason.as_deref()))
}
