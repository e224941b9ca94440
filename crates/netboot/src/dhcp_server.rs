//! DHCP on one interface.

use crate::Inner;
use crate::book::find_subnet;
use crate::event::DhcpEvent;
use dhcp::{Boot, BootFile, Destination, Request, Silence, Subnet, VendorClass, destination};
use lifecycle::{BootOffer, Client, ClientArch, Program, boot_offer, decide_boot};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use tokio::net::UdpSocket;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Where to listen.
#[derive(Debug, Clone)]
pub struct ListenDhcp {
    /// Hear and send on this interface only, broadcasts included. Without it only `address` is heard, which is
    /// enough for relays.
    pub interface: Option<String>,
    /// Our address on it, by which the subnet of clients that have none is found.
    pub address: Ipv4Addr,
    /// Usually [`dhcp::SERVER_PORT`].
    pub port: u16,
}

/// A bound DHCP socket.
#[derive(Debug)]
pub struct DhcpListener {
    socket: UdpSocket,
    address: Ipv4Addr,
}

/// Room for the messages of a rack that is powered on at once: 4,000 of 1,000 bytes.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Larger than any DHCP message on Ethernet; jumbo frames are cut, and then refused.
const MAX_MESSAGE: usize = 4096;

impl DhcpListener {
    /// Binds the socket. Low ports and interfaces need the privilege to use them.
    ///
    /// # Errors
    /// When the address is in use or the privilege is missing.
    pub fn bind(listen: &ListenDhcp) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        socket.set_broadcast(true)?;
        // A smaller buffer loses messages under load, which clients repeat: no reason not to start.
        socket.set_recv_buffer_size(RECEIVE_BUFFER).ok();
        let local = match &listen.interface {
            Some(interface) => {
                // One socket per interface, all on the same port.
                socket.set_reuse_address(true)?;
                socket.bind_device(Some(interface.as_bytes()))?;
                Ipv4Addr::UNSPECIFIED
            }
            None => listen.address,
        };
        socket.bind(&SockAddr::from(SocketAddrV4::new(local, listen.port)))?;
        Ok(Self { socket: UdpSocket::from_std(socket.into())?, address: listen.address })
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
    address: Ipv4Addr,
}

pub(crate) async fn serve(inner: Arc<Inner>, listener: DhcpListener, stop: CancellationToken) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(inner.config.max_dhcp_messages));
    let DhcpListener { socket, address } = listener;
    let server = Arc::new(Server { inner, socket, address });
    let tasks = TaskTracker::new();
    let mut buffer = vec![0; MAX_MESSAGE];
    while let Some(received) = stop.run_until_cancelled(server.socket.recv_from(&mut buffer)).await {
        let (length, source) = match received {
            Ok((length, SocketAddr::V4(source))) => (length, source),
            Ok((_, SocketAddr::V6(_))) => continue,
            // A client that is gone answers with ICMP errors, which Linux reports here.
            Err(error) if is_peer_error(&error) => continue,
            Err(error) => return Err(error),
        };
        let request = match Request::parse(&buffer[..length]) {
            Ok(request) => request,
            Err(error) => {
                tracing::debug!(peer = %source, error = &error as &dyn std::error::Error, "{source} sent no DHCP request");
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            tracing::debug!(mac = %request.mac, "A DHCP message of {} is dropped: too many at a time", request.mac);
            continue;
        };
        let server = Arc::clone(&server);
        tasks.spawn(async move {
            server.answer(&request, source).await;
            drop(place);
        });
    }
    tasks.close();
    tasks.wait().await;
    Ok(())
}

/// Whether an error belongs to one peer of the socket, and not to the socket.
pub(crate) fn is_peer_error(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionRefused
            | Kind::ConnectionReset
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::Interrupted
    )
}

impl Inner {
    /// Decides on a message that was heard at `address` and hands the answer to `send`, once what it says is
    /// durable.
    pub(crate) async fn answer_dhcp(
        &self,
        address: Ipv4Addr,
        request: &Request,
        source: SocketAddrV4,
        send: impl AsyncFnOnce(Vec<u8>, Destination),
    ) {
        let subnets = self.backend.subnets();
        let Some(subnet) = find_subnet(&subnets, request.network_hint(address)) else {
            tracing::debug!(mac = %request.mac, peer = %source, "No subnet is declared where {} asks", request.mac);
            return;
        };
        let facts = match self.backend.boot_facts(request.mac, Some(&subnet.name)).await {
            Ok(facts) => facts,
            Err(error) => {
                tracing::warn!(mac = %request.mac, error = &error as &dyn std::error::Error, "{} gets no answer", request.mac);
                return;
            }
        };
        let boot = decide_boot(&facts);
        let offer = boot_offer(&boot, &client(request), &self.config.boot_server(subnet.server));
        let Ok(place) = self.committer.reserve().await else {
            return;
        };
        let now = self.config.clock.now();
        let (decision, durable) = self.book.decide(request, subnet, &subnets, &dhcp_boot(offer, subnet), now, place);
        if let Some(durable) = durable
            && durable.wait().await.is_err()
        {
            return;
        }
        if let Ok(reply) = &decision.reply {
            send(reply.encode(request), destination(request, reply, source)).await;
        }
        if is_worth_recording(decision.reply.as_ref().err().copied()) {
            let event = DhcpEvent {
                machine: facts.machine.map(|machine| machine.id),
                request,
                reply: decision.reply.as_ref().map_err(|silence| *silence),
                subnet: &subnet.name,
                reason: request.boots_from_network().then_some(boot.reason),
            };
            self.backend.record(event.at(now));
        }
    }
}

impl Server {
    async fn answer(&self, request: &Request, source: SocketAddrV4) {
        let send = async |bytes: Vec<u8>, to| self.send(&bytes, to).await;
        self.inner.answer_dhcp(self.address, request, source, send).await;
    }

    async fn send(&self, bytes: &[u8], to: Destination) {
        let address = match to {
            Destination::Unicast(address) => address,
            // RFC 2131 §4.1 allows the broadcast where a frame to a card without an address cannot be sent.
            Destination::Hardware { address, .. } => SocketAddrV4::new(Ipv4Addr::BROADCAST, address.port()),
            Destination::Broadcast(port) => SocketAddrV4::new(Ipv4Addr::BROADCAST, port),
        };
        if let Err(error) = self.socket.send_to(bytes, address).await {
            tracing::info!(peer = %address, error = &error as &dyn std::error::Error, "A DHCP answer to {address} was not sent");
        }
    }
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

fn dhcp_boot(offer: BootOffer, subnet: &Subnet) -> Boot {
    match offer {
        BootOffer::Denied => Boot::Denied,
        BootOffer::Nothing => Boot::Nothing,
        BootOffer::Tftp(name) | BootOffer::Http(name) => Boot::File(BootFile { server: subnet.server, name }),
    }
}

/// What concerns other servers is not our machines' history.
fn is_worth_recording(silence: Option<Silence>) -> bool {
    !matches!(silence, Some(Silence::OtherServer | Silence::NotOurs))
}
