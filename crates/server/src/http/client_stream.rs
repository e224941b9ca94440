//! A client's connection: sends files from the page cache, and gives up on a client that does not read.

use super::crowd::Visit;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use ranged::Express;
use rustix::fs::sendfile;
use rustix::net::sockopt::set_tcp_cork;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncWrite, Interest};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

/// A client that takes less than this within the time that it is waited for has stopped. One on a line of 8 kbit/s
/// takes twice as much in a minute.
const LEAST_PROGRESS: u64 = 32 << 10;

/// A connection.
pub(super) struct ClientStream {
    stream: TokioIo<TcpStream>,
    express: Express,
    visit: Arc<Visit>,
    patience: Duration,
    sent: u64,
    stall: Option<Stall>,
    /// Whether the system holds back packets that are not full, as more comes at once.
    is_corked: bool,
}

/// The client has not taken all that there is for it.
struct Stall {
    until: Pin<Box<Sleep>>,
    sent_before: u64,
}

impl ClientStream {
    /// `express` has what placeholders stand for. A client may read too little for as long as `patience`.
    pub(super) fn new(stream: TcpStream, express: Express, visit: Arc<Visit>, patience: Duration) -> Self {
        Self { stream: TokioIo::new(stream), express, visit, patience, sent: 0, stall: None, is_corked: false }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let is_bytes = |buf: &IoSlice<'_>| !Express::is_placeholder(buf);
        let bytes = bufs.iter().position(|buf| !is_bytes(buf)).unwrap_or(bufs.len());
        if bytes < bufs.len() {
            self.cork(true);
        }
        match bufs.get(bytes) {
            Some(placeholder) if bytes == 0 => self.poll_send_file(cx, placeholder.len()),
            _ => Pin::new(self.stream.inner_mut()).poll_write_vectored(cx, &bufs[..bytes]),
        }
    }

    fn poll_send_file(&self, cx: &mut Context<'_>, len: usize) -> Poll<io::Result<usize>> {
        let stream = self.stream.inner();
        loop {
            ready!(stream.poll_write_ready(cx))?;
            let sent = stream.try_io(Interest::WRITABLE, || {
                self.express.send(len, |file, mut offset, len| Ok(sendfile(stream, file, Some(&mut offset), len)?))
            });
            match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return Poll::Ready(sent),
            }
        }
    }

    /// A file goes out in full packets: each of those that are not costs as much as one that is.
    fn cork(&mut self, cork: bool) {
        if self.is_corked != cork && set_tcp_cork(self.stream.inner(), cork).is_ok() {
            self.is_corked = cork;
        }
    }

    /// Bounds the time for which nothing, or next to nothing, can be sent.
    fn watch(&mut self, cx: &mut Context<'_>, sent: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(sent) = sent {
            self.sent += sent.as_ref().map_or(0, |sent| *sent as u64);
            return Poll::Ready(sent);
        }
        let (sent, patience) = (self.sent, self.patience);
        let stall = self.stall.get_or_insert_with(|| Stall {
            until: Box::pin(sleep_until(Instant::now() + patience)),
            sent_before: sent,
        });
        while stall.until.as_mut().poll(cx).is_ready() {
            if sent - stall.sent_before < LEAST_PROGRESS {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")));
            }
            stall.sent_before = sent;
            stall.until.as_mut().reset(Instant::now() + patience);
        }
        Poll::Pending
    }
}

impl Read for ClientStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        pin!(&mut self.stream).poll_read(cx, buf)
    }
}

impl Write for ClientStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent = self.poll_send(cx, bufs);
        self.watch(cx, sent)
    }

    /// Called when everything has been taken.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stall = None;
        self.cork(false);
        self.visit.settle();
        Pin::new(self.stream.inner_mut()).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.inner_mut()).poll_shutdown(cx)
    }
}
