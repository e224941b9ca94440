//! A TFTP client as fast as they come, to measure servers with: it reads one file over and over, as many readers at
//! once as it is told, and prints how many bytes came in a second.
//!
//! It never sleeps, so that what is measured is the server's time and not that of its own waking up.

#![expect(clippy::print_stdout, reason = "a measurement prints what it finds")]

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{MsgFlags, recv};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

/// After this the first readers are under way and the server has the file in memory.
const WARM_UP: Duration = Duration::from_millis(300);
/// A packet was lost.
const PATIENCE: Duration = Duration::from_millis(500);

struct Options {
    server: SocketAddr,
    file: String,
    readers: usize,
    block_size: usize,
    window: u64,
    measured: Duration,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = parse(&std::env::args().skip(1).collect::<Vec<_>>())
        .ok_or("usage: tftp_load SERVER:PORT FILE READERS BLOCK_SIZE WINDOW MILLISECONDS")?;
    let load = Load::start(&options)?;
    let measured = load.run()?;
    println!("{:.0} {}", measured.bytes_per_second, measured.repeats);
    Ok(())
}

fn parse(arguments: &[String]) -> Option<Options> {
    let [server, file, readers, block_size, window, measured] = arguments else { return None };
    Some(Options {
        server: server.parse().ok()?,
        file: file.clone(),
        readers: readers.parse().ok()?,
        block_size: block_size.parse().ok()?,
        window: window.parse().ok()?,
        measured: Duration::from_millis(measured.parse().ok()?),
    })
}

struct Measured {
    bytes_per_second: f64,
    repeats: u64,
}

struct Load<'a> {
    options: &'a Options,
    epoll: Epoll,
    readers: Vec<Reader<'a>>,
}

impl<'a> Load<'a> {
    fn start(options: &'a Options) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let mut load = Self { options, epoll, readers: Vec::new() };
        for number in 0..options.readers {
            let reader = Reader::start(options, number)?;
            load.listen(&reader, number)?;
            load.readers.push(reader);
        }
        Ok(load)
    }

    fn listen(&self, reader: &Reader<'_>, number: usize) -> io::Result<()> {
        Ok(self.epoll.add(&reader.socket, EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?)
    }

    fn run(mut self) -> io::Result<Measured> {
        let begin = Instant::now() + WARM_UP;
        let end = begin + self.options.measured;
        let (mut counted, mut since, mut bytes) = (false, begin, 0);
        let mut events = [EpollEvent::empty(); 128];
        let mut repeats = 0;
        loop {
            let ready = match self.epoll.wait(&mut events, EpollTimeout::ZERO) {
                Err(Errno::EINTR) => 0,
                ready => ready?,
            };
            let now = Instant::now();
            for event in &events[..ready] {
                let number = usize::try_from(event.data()).map_err(io::Error::other)?;
                self.readers[number].last_heard = now;
                if let Some(read) = self.readers[number].on_readable()? {
                    bytes += read;
                    self.readers[number] = Reader::start(self.options, number)?;
                    self.listen(&self.readers[number], number)?;
                }
            }
            if ready == 0 {
                repeats += self.repeat(now)?;
            }
            if !counted && now >= begin {
                // What was read before does not count.
                (counted, since, bytes) = (true, now, 0);
                self.readers.iter_mut().for_each(|reader| reader.uncounted = reader.received);
            }
            if now >= end {
                bytes += self.readers.iter().map(|reader| reader.received - reader.uncounted).sum::<u64>();
                return Ok(Measured { bytes_per_second: bytes as f64 / (now - since).as_secs_f64(), repeats });
            }
        }
    }

    fn repeat(&mut self, now: Instant) -> io::Result<u64> {
        let mut repeats = 0;
        for reader in &mut self.readers {
            if now - reader.last_heard > PATIENCE {
                reader.last_heard = now;
                reader.repeat()?;
                repeats += 1;
            }
        }
        Ok(repeats)
    }
}

/// One read of the file.
struct Reader<'a> {
    options: &'a Options,
    socket: UdpSocket,
    request: Vec<u8>,
    /// The server's socket for this transfer is known.
    connected: bool,
    /// As the server grants it.
    window: u64,
    blocks: u64,
    since_ack: u64,
    received: u64,
    uncounted: u64,
    last_heard: Instant,
}

impl<'a> Reader<'a> {
    fn start(options: &'a Options, number: usize) -> io::Result<Self> {
        let socket = UdpSocket::bind((source(options.server.ip(), number), 0))?;
        socket.set_nonblocking(true)?;
        let mut request = format!("\0\x01{}\0octet\0", options.file);
        if options.block_size != 512 {
            request += &format!("blksize\0{}\0", options.block_size);
        }
        if options.window != 1 {
            request += &format!("windowsize\0{}\0", options.window);
        }
        let request = request.into_bytes();
        socket.send_to(&request, options.server)?;
        let last_heard = Instant::now();
        let (connected, window, blocks, since_ack, received, uncounted) = (false, 1, 0, 0, 0, 0);
        Ok(Self { options, socket, request, connected, window, blocks, since_ack, received, uncounted, last_heard })
    }

    /// Takes what has come; how many bytes of the whole file count, once it is complete.
    fn on_readable(&mut self) -> io::Result<Option<u64>> {
        let mut packet = [0; 2048];
        if !self.connected {
            let (length, server) = self.socket.recv_from(&mut packet)?;
            self.socket.connect(server)?;
            self.connected = true;
            return self.on_packet(&packet[..length]);
        }
        // A window comes in one go; without one, looking for more is a wasted call.
        for _ in 0..self.window {
            let length = match recv(self.socket.as_raw_fd(), &mut packet, MsgFlags::empty()) {
                Ok(length) => length,
                Err(Errno::EAGAIN) => break,
                Err(error) => return Err(error.into()),
            };
            let read = self.on_packet(&packet[..length])?;
            if read.is_some() {
                return Ok(read);
            }
        }
        Ok(None)
    }

    fn on_packet(&mut self, packet: &[u8]) -> io::Result<Option<u64>> {
        match packet {
            [0, 6, options @ ..] if self.blocks == 0 => {
                // A server that knows no windows leaves the option out.
                let is_granted = options.split(|byte| *byte == 0).any(|word| word.eq_ignore_ascii_case(b"windowsize"));
                self.window = if is_granted { self.options.window } else { 1 };
                self.acknowledge()?;
            }
            [0, 3, high, low, data @ ..] => {
                let is_next = u16::from_be_bytes([*high, *low]) == low_bits(self.blocks + 1);
                if is_next {
                    self.blocks += 1;
                    self.since_ack += 1;
                    self.received += data.len() as u64;
                }
                let is_last = is_next && data.len() < self.options.block_size;
                if is_last || self.since_ack == self.window {
                    self.acknowledge()?;
                }
                return Ok(is_last.then(|| self.received - self.uncounted));
            }
            [0, 5, text @ ..] => return Err(io::Error::other(String::from_utf8_lossy(text).into_owned())),
            _ => {}
        }
        Ok(None)
    }

    fn acknowledge(&mut self) -> io::Result<()> {
        self.since_ack = 0;
        let [high, low] = low_bits(self.blocks).to_be_bytes();
        match self.socket.send(&[0, 4, high, low]) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
            sent => sent.map(drop),
        }
    }

    fn repeat(&mut self) -> io::Result<()> {
        if self.connected {
            self.acknowledge()
        } else {
            self.socket.send_to(&self.request, self.options.server).map(drop)
        }
    }
}

fn low_bits(block: u64) -> u16 {
    u16::try_from(block & 0xffff).expect("16 bits are kept")
}

/// On loopback each reader has an address of its own, as machines have.
fn source(server: IpAddr, number: usize) -> IpAddr {
    match server {
        IpAddr::V4(server) if server.is_loopback() => {
            let [high, low] = u16::try_from(number + 1).unwrap_or(u16::MAX).to_be_bytes();
            Ipv4Addr::new(127, 1, high, low).into()
        }
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    }
}
