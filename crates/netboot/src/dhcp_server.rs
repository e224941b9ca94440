//! DHCP on one interface.

use crate::Inner;
use crate::dhcp_answer::Heard;
use crate::ear::Ear;
use dhcp::{Destination, Request};
use lifecycle::BootFacts;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};
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
        Ok(Self { socket: socket.into(), address: listen.address })
    }

    /// The bound address.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// What a socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    /// Addresses and what to boot (port 67).
    Server,
    /// What to boot, by PXE's own protocol (port 4011).
    BootServer,
}

struct Server {
    inner: Arc<Inner>,
    socket: UdpSocket,
    ear: Arc<Ear>,
    address: Ipv4Addr,
    port: Port,
    runtime: Handle,
    /// Messages whose client's facts are being read.
    places: Arc<Semaphore>,
    tasks: TaskTracker,
}

pub(crate) async fn serve(
    inner: Arc<Inner>,
    listener: DhcpListener,
    port: Port,
    stop: CancellationToken,
) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(inner.config.max_dhcp_messages));
    let DhcpListener { socket, address } = listener;
    let ear = Arc::new(Ear::new(&socket)?);
    let (runtime, tasks) = (Handle::current(), TaskTracker::new());
    let server = Arc::new(Server { inner, socket, ear, address, port, runtime, places, tasks });
    let (ended, mut end) = oneshot::channel();
    // However this ends, also by being dropped, the thread is told.
    let deaf = StopOnDrop(Arc::clone(&server.ear));
    let on_thread = Arc::clone(&server);
    std::thread::Builder::new().name("dhcp".to_owned()).spawn(move || {
        let heard = on_thread.ear.listen(&on_thread.socket, |datagram, source| on_thread.take(datagram, source));
        // Nobody waits for it any more when the runtime has been dropped.
        ended.send(heard).ok();
    })?;
    let heard = tokio::select! {
        heard = &mut end => heard,
        () = stop.cancelled() => {
            drop(deaf);
            end.await
        }
    };
    server.tasks.close();
    server.tasks.wait().await;
    server.ear.send_rest(&server.socket);
    heard.map_err(io::Error::other)?
}

/// Ends the listening when it is dropped.
struct StopOnDrop(Arc<Ear>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
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

impl Server {
    /// Takes a datagram. Nothing is waited for here: a client that is a machine of ours gets a task, in which its
    /// facts are read.
    fn take(self: &Arc<Self>, datagram: &[u8], source: SocketAddrV4) {
        let request = match Request::parse(datagram) {
            Ok(request) => request,
            Err(error) => {
                tracing::debug!(peer = %source, error = &error as &dyn std::error::Error, "{source} sent no DHCP request");
                return;
            }
        };
        let Some(heard) = self.inner.hear(self.address, request, source) else { return };
        if let Some(facts) = self.inner.facts_of_stranger(&heard) {
            return self.answer(&heard, &facts);
        }
        let mac = heard.request.mac;
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            tracing::debug!(%mac, "A DHCP message of {mac} is dropped: too many at a time");
            return;
        };
        let server = Arc::clone(self);
        let answering = async move {
            if let Some(facts) = server.inner.facts(&heard).await {
                server.answer(&heard, &facts);
            }
            drop(place);
        };
        self.tasks.spawn_on(answering, &self.runtime);
    }

    fn answer(self: &Arc<Self>, heard: &Heard, facts: &BootFacts) {
        match self.port {
            Port::BootServer => {
                if let Some((bytes, to)) = self.inner.answer_boot_server(heard, facts) {
                    self.send(bytes, to);
                }
            }
            Port::Server => {
                let (server, unsent) = (Arc::clone(self), self.tasks.token());
                self.inner.answer(heard, facts, move |letter| {
                    if let Some((bytes, to)) = letter {
                        server.send(bytes, to);
                    }
                    drop(unsent);
                });
            }
        }
    }

    /// Sends without waiting.
    fn send(&self, bytes: Vec<u8>, to: Destination) {
        let address = match to {
            Destination::Unicast(address) => address,
            // RFC 2131 §4.1 allows the broadcast where a frame to a card without an address cannot be sent.
            Destination::Hardware { address, .. } => SocketAddrV4::new(Ipv4Addr::BROADCAST, address.port()),
            Destination::Broadcast(port) => SocketAddrV4::new(Ipv4Addr::BROADCAST, port),
        };
        self.ear.send(bytes, address);
    }
}
