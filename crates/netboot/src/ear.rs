//! Hears a socket on a thread of its own.
//!
//! Under load most of the work of a small question and a small answer is falling asleep and being woken. So when the
//! last look is not long past, the thread rests before it looks again, and what came meanwhile is taken together.
//! A client that is alone is heard at once.

use crate::dhcp_server::is_peer_error;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::io;
use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

/// Looks at the socket are this far apart at least. It is a small part of a network boot's round trips, and at ten
/// thousand messages a second enough for five of them.
const BETWEEN_LOOKS: Duration = Duration::from_micros(500);
/// Larger than any DHCP message on Ethernet; jumbo frames are cut, and then refused.
const MAX_MESSAGE: usize = 4096;
/// What a wake-up is for.
const DATAGRAM: u64 = 0;
const STOP: u64 = 1;

/// Wakes the thread that listens.
pub(crate) struct Ear {
    epoll: Epoll,
    bell: EventFd,
}

impl Ear {
    /// For a socket that does not block.
    pub(crate) fn new(socket: &UdpSocket) -> io::Result<Self> {
        let bell = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&bell, EpollEvent::new(EpollFlags::EPOLLIN, STOP))?;
        epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, DATAGRAM))?;
        Ok(Self { epoll, bell })
    }

    /// Ends [`Self::listen`].
    pub(crate) fn stop(&self) {
        // It fails only when it has rung more often than can be counted, and then it rings.
        self.bell.write(1).ok();
    }

    /// Hands every datagram to `take` until it is stopped.
    pub(crate) fn listen(&self, socket: &UdpSocket, take: impl Fn(&[u8], SocketAddrV4)) -> io::Result<()> {
        let mut buffer = vec![0; MAX_MESSAGE];
        let mut events = [EpollEvent::empty(); 2];
        let mut looked = Instant::now();
        loop {
            let ready = match self.epoll.wait(&mut events, EpollTimeout::NONE) {
                Err(Errno::EINTR) => 0,
                ready => ready?,
            };
            if events[..ready].iter().any(|event| event.data() == STOP) {
                return Ok(());
            }
            rest(BETWEEN_LOOKS.saturating_sub(looked.elapsed()));
            looked = Instant::now();
            hear_all(socket, &mut buffer, &take)?;
        }
    }
}

/// Takes what is there.
fn hear_all(socket: &UdpSocket, buffer: &mut [u8], take: &impl Fn(&[u8], SocketAddrV4)) -> io::Result<()> {
    let until = Instant::now() + BETWEEN_LOOKS;
    loop {
        match socket.recv_from(buffer) {
            Ok((length, SocketAddr::V4(source))) => take(&buffer[..length], source),
            Ok((_, SocketAddr::V6(_))) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            // A client that is gone answers with ICMP errors, which Linux reports here.
            Err(error) if is_peer_error(&error) => {}
            Err(error) => return Err(error),
        }
        // A flood must not keep it from hearing that it is to stop.
        if Instant::now() > until {
            return Ok(());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the thread is none of the runtime's")]
fn rest(pause: Duration) {
    if !pause.is_zero() {
        std::thread::sleep(pause);
    }
}
