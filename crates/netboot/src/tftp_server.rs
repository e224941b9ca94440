//! TFTP: a task and a port for each transfer.

use crate::dhcp_server::is_peer_error;
use crate::namespace::FindError;
use crate::{FileSource, Inner, event};
use bytes::Bytes;
use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};
use tftp::{Action, ErrorCode, Outcome, Packet, ReadRequest, Transfer, clean_path, data_header, error_packet};
use tokio::net::UdpSocket;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use types::MacAddr;

/// A bound TFTP socket.
#[derive(Debug)]
pub struct TftpListener {
    socket: UdpSocket,
}

impl TftpListener {
    /// Binds the socket, usually on port 69. Give the address that clients know: answers come from it, and
    /// firmware ignores those from another.
    ///
    /// # Errors
    /// When the address is in use or the privilege is missing.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { socket: UdpSocket::bind(address).await? })
    }

    /// The bound address.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// Larger than any request; a longer one is cut, and then refused.
const MAX_REQUEST: usize = 2048;
/// Acknowledgements and errors are short.
const MAX_ANSWER: usize = 600;
/// How much of a file is read at a time: a few hundred blocks for one trip to the disk's threads.
const READ_AHEAD: usize = 256 << 10;

/// Clients with a transfer under way, so that a request that was sent twice does not start two.
type Active = Arc<Mutex<HashSet<SocketAddr>>>;

pub(crate) async fn serve(inner: Arc<Inner>, listener: TftpListener, stop: CancellationToken) -> io::Result<()> {
    let local = listener.local_addr()?.ip();
    let places = Arc::new(Semaphore::new(inner.config.max_tftp_transfers));
    let active = Active::default();
    let tasks = TaskTracker::new();
    let mut buffer = vec![0; MAX_REQUEST];
    while let Some(received) = stop.run_until_cancelled(listener.socket.recv_from(&mut buffer)).await {
        let (length, peer) = match received {
            Ok(received) => received,
            Err(error) if is_peer_error(&error) => continue,
            Err(error) => return Err(error),
        };
        let request = match Packet::parse(&buffer[..length]) {
            Ok(Packet::Read(request)) => request,
            Ok(Packet::Write) => {
                refuse(&listener.socket, peer, ErrorCode::AccessViolation, "this server is read only").await;
                continue;
            }
            // Errors are never answered (RFC 1350 §7), or two servers could talk for ever.
            Ok(Packet::Error { .. }) => continue,
            Ok(Packet::Ack(_) | Packet::Data) => {
                refuse(&listener.socket, peer, ErrorCode::UnknownTransfer, "no transfer has this port").await;
                continue;
            }
            Err(_) => {
                refuse(&listener.socket, peer, ErrorCode::IllegalOperation, "the packet makes no sense").await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        if !active.lock().unwrap_or_else(PoisonError::into_inner).insert(peer) {
            continue;
        }
        let (inner, active, stop) = (Arc::clone(&inner), Arc::clone(&active), stop.clone());
        tasks.spawn(async move {
            let served = stop.run_until_cancelled(answer(&inner, local, peer, &request)).await;
            if let Some(Err(error)) = served {
                tracing::info!(%peer, error = &error as &dyn std::error::Error, "A TFTP transfer to {peer} failed");
            }
            active.lock().unwrap_or_else(PoisonError::into_inner).remove(&peer);
            drop(place);
        });
    }
    tasks.close();
    tasks.wait().await;
    Ok(())
}

async fn refuse(socket: &UdpSocket, peer: SocketAddr, code: ErrorCode, message: &str) {
    if let Err(error) = socket.send_to(&error_packet(code, message), peer).await {
        tracing::debug!(%peer, error = &error as &dyn std::error::Error, "A TFTP error to {peer} was not sent");
    }
}

async fn answer(inner: &Inner, local: IpAddr, peer: SocketAddr, request: &ReadRequest) -> io::Result<()> {
    let socket = UdpSocket::bind((local, 0)).await?;
    let name = match clean_path(&request.name) {
        Ok(path) => path.to_owned(),
        Err(_) => String::from_utf8_lossy(&request.name).chars().take(255).collect(),
    };
    let record = |mac: Option<MacAddr>, bytes: u64, outcome: &str| {
        inner.backend.record(event::tftp(inner.config.clock.now(), &name, mac, peer.ip(), bytes, outcome));
    };
    let opened = match open(inner, peer, request).await {
        Ok(opened) => opened,
        Err(refusal) => {
            refuse(&socket, peer, refusal.code, refusal.message).await;
            record(inner.mac_of(peer.ip()), 0, refusal.message);
            return Ok(());
        }
    };
    let OpenFile { content, len, mac } = opened;
    let (transfer, actions) = Transfer::start(&request.options, len, inner.config.tftp_limits);
    let mut running = Running { socket, peer, transfer, reader: Reader { content, chunk: Bytes::new(), start: 0 } };
    let outcome = running.run(actions).await;
    let delivered = running.transfer.delivered();
    match &outcome {
        Ok(Outcome::Complete) => record(mac, delivered, "complete"),
        Ok(Outcome::Stopped { .. }) => record(mac, delivered, "stopped by the client"),
        Ok(Outcome::Vanished) => record(mac, delivered, "the client vanished"),
        Err(_) => record(mac, delivered, "failed"),
    }
    outcome.map(|_| ())
}

struct Refusal {
    code: ErrorCode,
    message: &'static str,
}

struct OpenFile {
    content: Content,
    len: u64,
    mac: Option<MacAddr>,
}

async fn open(inner: &Inner, peer: SocketAddr, request: &ReadRequest) -> Result<OpenFile, Refusal> {
    if !request.octet {
        return Err(Refusal { code: ErrorCode::NotDefined, message: "only octet mode is served" });
    }
    let path = clean_path(&request.name)
        .map_err(|_| Refusal { code: ErrorCode::AccessViolation, message: "the file name is not allowed" })?;
    let found = inner.find(path, peer.ip()).await.map_err(|error| match error {
        FindError::NotFound | FindError::NoSubnet => {
            Refusal { code: ErrorCode::NotFound, message: "there is no such file" }
        }
        FindError::Backend(_) | FindError::Script(_) => {
            tracing::warn!(path, error = &error as &dyn std::error::Error, "{path} cannot be served over TFTP");
            Refusal { code: ErrorCode::NotDefined, message: "the server failed" }
        }
    })?;
    let unreadable = |error: io::Error| {
        tracing::error!(path, error = &error as &dyn std::error::Error, "The boot file {path} cannot be read");
        Refusal { code: ErrorCode::NotDefined, message: "the file cannot be read" }
    };
    let (content, len) = match found.source {
        FileSource::Bytes(bytes) => {
            let len = bytes.len() as u64;
            (Content::Bytes(bytes), len)
        }
        FileSource::Path(path) => {
            let file = tokio::fs::File::open(&path).await.map_err(unreadable)?;
            let len = file.metadata().await.map_err(unreadable)?.len();
            (Content::File(Arc::new(file.into_std().await)), len)
        }
    };
    Ok(OpenFile { content, len, mac: found.mac })
}

enum Content {
    Bytes(Bytes),
    File(Arc<std::fs::File>),
}

/// Reads blocks, the file's a large chunk at a time.
struct Reader {
    content: Content,
    chunk: Bytes,
    start: u64,
}

impl Reader {
    async fn read(&mut self, offset: u64, len: usize) -> io::Result<Bytes> {
        let file = match &self.content {
            Content::Bytes(bytes) => return slice(bytes, offset, len),
            Content::File(file) => Arc::clone(file),
        };
        let held = self.start..self.start + self.chunk.len() as u64;
        if len > 0 && !(held.contains(&offset) && offset + len as u64 <= held.end) {
            let read = tokio::task::spawn_blocking(move || read_chunk(&file, offset, len.max(READ_AHEAD))).await;
            self.chunk = read.map_err(io::Error::other)??;
            self.start = offset;
        }
        if len == 0 { Ok(Bytes::new()) } else { slice(&self.chunk, offset - self.start, len) }
    }
}

fn read_chunk(file: &std::fs::File, offset: u64, len: usize) -> io::Result<Bytes> {
    let mut chunk = vec![0; len];
    let mut filled = 0;
    while filled < len {
        match file.read_at(&mut chunk[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    chunk.truncate(filled);
    Ok(chunk.into())
}

/// The file may have become shorter since its length was told.
fn slice(bytes: &Bytes, offset: u64, len: usize) -> io::Result<Bytes> {
    let range = usize::try_from(offset).ok().and_then(|from| Some(from..from.checked_add(len)?));
    match range {
        Some(range) if range.end <= bytes.len() => Ok(bytes.slice(range)),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// A transfer with its socket.
struct Running {
    socket: UdpSocket,
    peer: SocketAddr,
    transfer: Transfer,
    reader: Reader,
}

impl Running {
    async fn run(&mut self, mut actions: Vec<Action>) -> io::Result<Outcome> {
        let mut packet = Vec::with_capacity(self.transfer.max_packet_len());
        let mut deadline = Instant::now() + self.transfer.timeout();
        loop {
            let moved = !actions.is_empty();
            for action in actions {
                match action {
                    Action::Send(bytes) => self.send(&bytes).await?,
                    Action::SendBlock { block, offset, len } => {
                        let content = self.reader.read(offset, len).await?;
                        packet.clear();
                        packet.extend_from_slice(&data_header(block));
                        packet.extend_from_slice(&content);
                        self.send(&packet).await?;
                    }
                    Action::Finish(outcome) => return Ok(outcome),
                }
            }
            if moved {
                deadline = Instant::now() + self.transfer.timeout();
            }
            actions = match timeout_at(deadline, self.receive()).await {
                Ok(received) => self.transfer.on_packet(&received?),
                Err(_) => self.transfer.on_timeout(),
            };
        }
    }

    async fn send(&self, bytes: &[u8]) -> io::Result<()> {
        match self.socket.send_to(bytes, self.peer).await {
            Ok(_) => Ok(()),
            // The client may be gone for a moment: the timeout decides.
            Err(error) if is_peer_error(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The next packet of this transfer's client. Another's is told that it is wrong here (RFC 1350 §4).
    async fn receive(&self) -> io::Result<Vec<u8>> {
        let mut buffer = [0; MAX_ANSWER];
        loop {
            match self.socket.recv_from(&mut buffer).await {
                Ok((length, from)) if from == self.peer => return Ok(buffer[..length].to_vec()),
                Ok((_, stranger)) => {
                    refuse(&self.socket, stranger, ErrorCode::UnknownTransfer, "this port serves another client").await;
                }
                Err(error) if is_peer_error(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }
}
