//! An HTTP client as fast as they come, to measure servers with: it gets one file over and over, as many readers at
//! once as it is told, and prints how many bytes of bodies came in the time.
//!
//! The bodies are thrown away in the kernel, and it never sleeps, so that what is measured is the server's time and not
//! what it costs a processor to wake the client on another.

#![expect(clippy::print_stdout, reason = "a measurement prints what it finds")]

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{MsgFlags, recv};
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

/// A head is shorter.
const HEAD: usize = 4096;
/// Taken at a time.
const PIECE: usize = 1 << 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, path, readers, milliseconds] = &arguments[..] else {
        return Err("usage: http_load SERVER:PORT PATH READERS MILLISECONDS".into());
    };
    let (server, measured): (SocketAddr, u64) = (server.parse()?, milliseconds.parse()?);
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    let mut readers = (0..readers.parse::<usize>()?)
        .map(|number| {
            let reader = Reader::start(server, path)?;
            epoll.add(&reader.stream, EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
            Ok(reader)
        })
        .collect::<io::Result<Vec<_>>>()?;
    let end = Instant::now() + Duration::from_millis(measured);
    let mut events = [EpollEvent::empty(); 64];
    let mut buffer = vec![0; PIECE];
    while Instant::now() < end {
        let ready = match epoll.wait(&mut events, EpollTimeout::ZERO) {
            Err(Errno::EINTR) => 0,
            ready => ready?,
        };
        for event in &events[..ready] {
            readers[usize::try_from(event.data())?].on_readable(&mut buffer)?;
        }
    }
    println!("{}", readers.iter().map(|reader| reader.received).sum::<u64>());
    Ok(())
}

/// A connection on which one file comes after the other.
struct Reader {
    stream: TcpStream,
    request: Vec<u8>,
    head: Vec<u8>,
    /// Of the body under way.
    missing: usize,
    received: u64,
}

impl Reader {
    fn start(server: SocketAddr, path: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n").into_bytes();
        let mut reader = Self { stream, request, head: Vec::new(), missing: 0, received: 0 };
        reader.ask()?;
        Ok(reader)
    }

    fn ask(&mut self) -> io::Result<()> {
        self.head.clear();
        self.stream.write_all(&self.request)
    }

    fn on_readable(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        if self.missing == 0 {
            return self.read_head(buffer);
        }
        let len = self.missing.min(buffer.len());
        match recv(self.stream.as_raw_fd(), &mut buffer[..len], MsgFlags::MSG_TRUNC) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => {
                self.missing -= length;
                self.received += length as u64;
            }
            Err(Errno::EAGAIN) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        if self.missing == 0 { self.ask() } else { Ok(()) }
    }

    fn read_head(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let length = match recv(self.stream.as_raw_fd(), &mut buffer[..HEAD], MsgFlags::empty()) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => length,
            Err(Errno::EAGAIN) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        self.head.extend_from_slice(&buffer[..length]);
        let Some(end) = self.head.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(()) };
        let head = String::from_utf8_lossy(&self.head[..end]).to_ascii_lowercase();
        let body = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let body: usize = body.and_then(|length| length.parse().ok()).ok_or_else(|| io::Error::other(head.clone()))?;
        if !head.starts_with("http/1.1 200") {
            return Err(io::Error::other(head));
        }
        let came = self.head.len() - end - 4;
        self.received += came as u64;
        self.missing = body - came;
        if self.missing == 0 { self.ask() } else { Ok(()) }
    }
}
