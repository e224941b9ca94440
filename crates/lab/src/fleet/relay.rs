//! DHCP for simulated machines, through one relay agent (RFC 1542): no broadcast, and one socket for all of them.

use dhcp::MessageType;
use dhcp::client::{Answer, ClientMessage};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::oneshot;
use types::MacAddr;

/// How long a client waits for an answer before it asks again (RFC 2131 §4.1), and how often it asks.
const WAITS: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(16),
];
/// Room for the answers to a fleet that asks at once.
const RECEIVE_BUFFER: usize = 8 << 20;
/// Answers are sent in one Ethernet frame.
const MAX_ANSWER: usize = 1500;

const OFFER: u8 = 2;
const ACK: u8 = 5;

/// The program that asks for an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// PXE firmware of this architecture (RFC 4578 §2.1).
    Pxe(u16),
    /// iPXE on this architecture.
    Ipxe(u16),
    /// An operating system.
    System,
}

/// A machine got no address.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Nobody answered.
    #[error("nobody answered the {0}")]
    Silence(&'static str),
    /// The server said no.
    #[error("the address was refused")]
    Refused,
    /// The message could not be sent.
    #[error("sending to the DHCP server")]
    Send(#[source] io::Error),
}

/// A relay agent that passes on what its own machines say.
pub struct Relay {
    socket: UdpSocket,
    address: SocketAddrV4,
    server: SocketAddrV4,
    waiting: Mutex<HashMap<u32, oneshot::Sender<Answer>>>,
}

impl Relay {
    /// Starts relaying from `address`, to whose port 67 servers answer, to `server`. It ends with the runtime.
    pub fn start(address: SocketAddrV4, server: SocketAddrV4) -> io::Result<Arc<Self>> {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None)?;
        socket.set_nonblocking(true)?;
        // A smaller buffer loses answers, which are asked for again: no reason not to start.
        socket.set_recv_buffer_size(RECEIVE_BUFFER).ok();
        // A server on this computer may have the port on every address; what is sent to ours is for us all the same.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        let relay = Arc::new(Self { socket, address, server, waiting: Mutex::default() });
        tokio::spawn(Arc::clone(&relay).pass_on_answers());
        Ok(relay)
    }

    /// Gets an address for `mac` as `program` does: the server's last answer, with what to boot.
    pub async fn lease(&self, mac: MacAddr, program: Program) -> Result<Answer, LeaseError> {
        let offer = self.ask(&message(MessageType::Discover, mac, program), "DISCOVER").await?;
        let Some(server) = offer.server.filter(|_| offer.kind == OFFER) else { return Err(LeaseError::Refused) };
        let request = message(MessageType::Request, mac, program).requested(offer.address).server(server);
        let answer = self.ask(&request, "REQUEST").await?;
        if answer.kind == ACK { Ok(answer) } else { Err(LeaseError::Refused) }
    }

    async fn ask(&self, message: &ClientMessage, name: &'static str) -> Result<Answer, LeaseError> {
        for wait in WAITS {
            let (sender, receiver) = oneshot::channel();
            let xid = rand::random();
            self.waiting().insert(xid, sender);
            let message = ClientMessage { xid, giaddr: Some(*self.address.ip()), ..message.clone() };
            let sent = self.socket.send_to(&message.encode(), self.server).await;
            let answer = match sent {
                Ok(_) => tokio::time::timeout(wait, receiver).await,
                Err(error) => {
                    self.waiting().remove(&xid);
                    return Err(LeaseError::Send(error));
                }
            };
            self.waiting().remove(&xid);
            if let Ok(Ok(answer)) = answer {
                return Ok(answer);
            }
        }
        Err(LeaseError::Silence(name))
    }

    async fn pass_on_answers(self: Arc<Self>) {
        let mut buffer = [0; MAX_ANSWER];
        loop {
            // A server that is away answers with ICMP errors, which Linux reports here.
            let Ok(length) = self.socket.recv(&mut buffer).await else { continue };
            let Some(answer) = Answer::parse(&buffer[..length]) else { continue };
            if let Some(client) = self.waiting().remove(&answer.xid) {
                client.send(answer).ok();
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u32, oneshot::Sender<Answer>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn message(kind: MessageType, mac: MacAddr, program: Program) -> ClientMessage {
    let message = ClientMessage { broadcast: false, ..ClientMessage::new(kind, 0, mac) };
    match program {
        Program::Pxe(architecture) => message.pxe(architecture),
        Program::Ipxe(architecture) => message.pxe(architecture).ipxe(),
        Program::System => message,
    }
}
