//! TFTP: requests are taken here; the transfers of the accepted ones run on threads of their own.

mod admission;
mod carrier;
mod lane;
mod reader;
mod vigil;

use crate::dhcp_server::is_peer_error;
use crate::namespace::FindError;
use crate::{FileSource, Inner, event};
use admission::{Admission, Request, Room, Ticket};
use carrier::{Carriers, Orders};
use lane::{About, Lane};
use reader::{Content, Reader};
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use tftp::{ErrorCode, Packet, ReadRequest, Transfer, clean_path, error_packet};
use tokio::net::UdpSocket;
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
/// Threads at most. One fills a link of some gigabits a second.
const MAX_CARRIERS: usize = 4;

pub(crate) async fn serve(inner: Arc<Inner>, listener: TftpListener, stop: CancellationToken) -> io::Result<()> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let mut carriers = Carriers::start((processors / 2).clamp(1, MAX_CARRIERS), &inner)?;
    let config = &inner.config;
    let room = Room { transfers: config.max_tftp_transfers, per_source: config.max_tftp_transfers_per_source };
    let desk = Desk { inner, socket: listener.socket, admission: Admission::new(room), tasks: TaskTracker::new() };
    let mut buffer = vec![0; MAX_REQUEST];
    let served = loop {
        let received = tokio::select! {
            () = stop.cancelled() => break Ok(()),
            error = carriers.failure() => break Err(error),
            received = desk.socket.recv_from(&mut buffer) => received,
        };
        match received {
            Ok((length, peer)) => desk.take(&buffer[..length], peer, carriers.carrier_of(peer), &stop).await,
            Err(error) if is_peer_error(&error) => {}
            Err(error) => break Err(error),
        }
    };
    desk.tasks.close();
    desk.tasks.wait().await;
    carriers.stop().await.and(served)
}

/// Where requests are taken.
struct Desk {
    inner: Arc<Inner>,
    socket: UdpSocket,
    admission: Admission,
    tasks: TaskTracker,
}

impl Desk {
    async fn take(&self, packet: &[u8], peer: SocketAddr, carrier: &Orders, stop: &CancellationToken) {
        let (code, message) = match Packet::parse(packet) {
            Ok(Packet::Read(request)) => return self.take_read(request, peer, carrier, stop),
            // Errors are never answered (RFC 1350 §7), or two servers could talk for ever.
            Ok(Packet::Error { .. }) => return,
            Ok(Packet::Write) => (ErrorCode::AccessViolation, "this server is read only"),
            Ok(Packet::Ack(_) | Packet::Data) => (ErrorCode::UnknownTransfer, "no transfer has this port"),
            Err(_) => (ErrorCode::IllegalOperation, "the packet makes no sense"),
        };
        refuse(&self.socket, peer, code, message).await;
    }

    fn take_read(&self, request: ReadRequest, peer: SocketAddr, carrier: &Orders, stop: &CancellationToken) {
        let ticket = match self.admission.admit(peer) {
            Request::New(ticket) => ticket,
            Request::Repeated => return carrier.repeat(peer),
            Request::Excess => return,
        };
        let call = Call { inner: Arc::clone(&self.inner), peer, request, ticket, carrier: carrier.clone() };
        let (local, stop) = (self.socket.local_addr(), stop.clone());
        self.tasks.spawn(async move {
            let answered = stop.run_until_cancelled(async { call.answer(local?).await }).await;
            if let Some(Err(error)) = answered {
                tracing::info!(%peer, error = &error as &dyn std::error::Error, "A TFTP request of {peer} failed");
            }
        });
    }
}

async fn refuse(socket: &UdpSocket, peer: SocketAddr, code: ErrorCode, message: &str) {
    if let Err(error) = socket.send_to(&error_packet(code, message), peer).await {
        tracing::debug!(%peer, error = &error as &dyn std::error::Error, "A TFTP error to {peer} was not sent");
    }
}

/// An accepted request.
struct Call {
    inner: Arc<Inner>,
    peer: SocketAddr,
    request: ReadRequest,
    ticket: Ticket,
    carrier: Orders,
}

impl Call {
    async fn answer(self, local: SocketAddr) -> io::Result<()> {
        let Self { inner, peer, request, ticket, carrier } = self;
        let socket = UdpSocket::bind((local.ip(), 0)).await?;
        let name = match clean_path(&request.name) {
            Ok(path) => path.to_owned(),
            Err(_) => String::from_utf8_lossy(&request.name).chars().take(255).collect(),
        };
        let OpenFile { content, len, mac } = match open(&inner, peer, &request).await {
            Ok(opened) => opened,
            Err(refusal) => {
                refuse(&socket, peer, refusal.code, refusal.message).await;
                let mac = inner.mac_of(peer.ip());
                let event = event::tftp(inner.config.clock.now(), &name, mac, peer.ip(), 0, refusal.message);
                inner.backend.record(event);
                return Ok(());
            }
        };
        let (transfer, first) = Transfer::start(&request.options, len, inner.config.tftp_limits);
        let lane = Lane::new(socket.into_std()?, transfer, Reader::new(content), About { name, mac, peer }, ticket)?;
        carrier.start(lane, first);
        Ok(())
    }
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
            let file = tokio::task::spawn_blocking(move || open_file(&path)).await;
            let (file, len) = file.map_err(io::Error::other).and_then(|opened| opened).map_err(unreadable)?;
            (Content::File(Arc::new(file), 0), len)
        }
        FileSource::Section { path, range } => {
            let file = tokio::task::spawn_blocking(move || open_file(&path)).await;
            let (file, whole) = file.map_err(io::Error::other).and_then(|opened| opened).map_err(unreadable)?;
            let len = range.end.checked_sub(range.start).filter(|_| range.end <= whole);
            let len = len.ok_or_else(|| unreadable(io::ErrorKind::UnexpectedEof.into()))?;
            (Content::File(Arc::new(file), range.start), len)
        }
    };
    Ok(OpenFile { content, len, mac: found.mac })
}

/// Anything but a plain file is refused, and not waited for: opening a pipe would wait for its other end.
fn open_file(path: &Path) -> io::Result<(File, u64)> {
    let no_waiting = nix::fcntl::OFlag::O_NONBLOCK.bits();
    let file = File::options().read(true).custom_flags(no_waiting).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() { Ok((file, metadata.len())) } else { Err(io::Error::other("it is not a plain file")) }
}
