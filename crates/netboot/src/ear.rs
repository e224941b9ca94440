//! Hears a socket, and sends its answers, on a thread of its own.
//!
//! Under load most of the work of a small question and a small answer is falling asleep, being woken, and calling the
//! system. So when the last look is not long past, the thread rests before it looks again, and what came meanwhile is
//! taken together and sent together. A client that is alone is heard at once.

mod outbox;
mod segments;

use crate::committer::RELAY_ROOM;
use crate::dhcp_server::is_peer_error;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg};
use outbox::Outbox;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Looks at the socket are this far apart while there is little to take. It is a small part of a network boot's round trips, and at ten
/// thousand messages a second enough for ten of them.
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);
/// They come closer, to this, where there is much to take, so that a relay does not get too many answers at once.
const BETWEEN_LOOKS_UNDER_LOAD: Duration = Duration::from_micros(125);
/// How many messages a look should take: below the first it may come later, above the second it comes sooner.
const FEW: usize = 12;
const MANY: usize = 32;
/// Larger than any DHCP message on Ethernet; jumbo frames are cut, and then refused.
const MAX_MESSAGE: usize = 4096;
/// Messages of one call of the system.
const TOGETHER: usize = 64;
/// Answers of one look beyond as many as it took: those that waited for the disk. A flush may have held back more than
/// a relay has room for.
const BURST: usize = RELAY_ROOM / 10;
/// What a wake-up is for.
const DATAGRAM: u64 = 0;
const BELL: u64 = 1;

/// Wakes the thread that listens.
pub(crate) struct Ear {
    epoll: Epoll,
    bell: EventFd,
    is_stopped: AtomicBool,
    outbox: Outbox,
}

impl Ear {
    /// For a socket that does not block.
    pub(crate) fn new(socket: &UdpSocket) -> io::Result<Self> {
        let bell = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&bell, EpollEvent::new(EpollFlags::EPOLLIN, BELL))?;
        epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, DATAGRAM))?;
        Ok(Self { epoll, bell, is_stopped: AtomicBool::new(false), outbox: Outbox::attended() })
    }

    /// Ends [`Self::listen`].
    pub(crate) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Release);
        self.ring();
    }

    /// Has an answer sent, soon.
    pub(crate) fn send(&self, bytes: Vec<u8>, to: SocketAddrV4) {
        if self.outbox.put(bytes, to) {
            self.ring();
        }
    }

    /// Sends the answers that are left when nobody listens any more.
    pub(crate) fn send_rest(&self, socket: &UdpSocket) {
        self.outbox.send_all(socket);
    }

    /// Hands every datagram to `take`, and sends the answers, until it is stopped.
    pub(crate) fn listen(&self, socket: &UdpSocket, take: impl Fn(&[u8], SocketAddrV4)) -> io::Result<()> {
        let mut inbox = Inbox::new();
        let mut events = [EpollEvent::empty(); 2];
        let mut looked = Instant::now();
        let mut between = BETWEEN_LOOKS;
        while !self.is_stopped.load(Ordering::Acquire) {
            let may_sleep = self.outbox.leave();
            let ready =
                match self.epoll.wait(&mut events, if may_sleep { EpollTimeout::NONE } else { EpollTimeout::ZERO }) {
                    Err(Errno::EINTR) => 0,
                    ready => ready?,
                };
            if events[..ready].iter().any(|event| event.data() == BELL) {
                // It was rung, so that there is something to read.
                self.bell.read().ok();
            }
            rest(between.saturating_sub(looked.elapsed()));
            looked = Instant::now();
            between = match self.look(socket, &mut inbox, &take)? {
                taken if taken < FEW => BETWEEN_LOOKS.min(between * 2),
                taken if taken > MANY => BETWEEN_LOOKS_UNDER_LOAD.max(between / 2),
                _ => between,
            };
        }
        Ok(())
    }

    /// Takes what is there, and sends what is to be sent; says how many messages it took.
    fn look(&self, socket: &UdpSocket, inbox: &mut Inbox, take: &impl Fn(&[u8], SocketAddrV4)) -> io::Result<usize> {
        let until = Instant::now() + BETWEEN_LOOKS;
        let mut all = 0;
        loop {
            let taken = inbox.receive(socket, take)?;
            self.outbox.send(socket, taken + BURST);
            all += taken;
            // A flood must not keep it from hearing that it is to stop.
            if taken < TOGETHER || Instant::now() > until {
                return Ok(all);
            }
        }
    }

    fn ring(&self) {
        // It fails only when it has rung more often than can be counted, and then it rings.
        self.bell.write(1).ok();
    }
}

/// Room for messages.
struct Inbox {
    buffers: Vec<Vec<u8>>,
    headers: MultiHeaders<SockaddrIn>,
}

impl Inbox {
    fn new() -> Self {
        Self { buffers: vec![vec![0; MAX_MESSAGE]; TOGETHER], headers: MultiHeaders::preallocate(TOGETHER, None) }
    }

    /// Takes what one call of the system gives; says how many messages it was.
    fn receive(&mut self, socket: &UdpSocket, take: &impl Fn(&[u8], SocketAddrV4)) -> io::Result<usize> {
        let mut slices: Vec<_> = self.buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
        let received = recvmmsg(socket.as_raw_fd(), &mut self.headers, &mut slices, MsgFlags::MSG_DONTWAIT, None);
        let messages = match received.map_err(io::Error::from) {
            Ok(messages) => messages,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
            // A client that is gone answers with ICMP errors, which Linux reports here.
            Err(error) if is_peer_error(&error) => return Ok(0),
            Err(error) => return Err(error),
        };
        let mut count = 0;
        for message in messages {
            count += 1;
            if let (Some(datagram), Some(source)) = (message.iovs().next(), message.address) {
                take(datagram, source.into());
            }
        }
        Ok(count)
    }
}

#[expect(clippy::disallowed_methods, reason = "the thread is none of the runtime's")]
fn rest(pause: Duration) {
    if !pause.is_zero() {
        std::thread::sleep(pause);
    }
}
