//! Fetches an image over as many connections as it takes.
//!
//! What has arrived stays: after a break the next connection asks for the rest (RFC 9110 §14.2) of the same file
//! (`If-Range`, §13.1.5), so that neither a flaky link nor a restarted server starts a write again. A source that
//! trickles, over one connection or over many that break, is given up after a while: it would hold a machine for days.

use super::pace::{Pace, TooSlow, WINDOW};
use crate::clock::Backoff;
use crate::server::CallError;
use crate::task::{Stop, TaskContext};
use serde_json::json;
use std::io::{self, Read};
use types::ErrorClass;
use types::agent::WriteImage;
use types::chain;
use ureq::http::{HeaderMap, Response, StatusCode, header};
use ureq::{Body, BodyReader};

/// After so many windows in a row in which too little came the source is given up.
const MAX_SLOW: u32 = 10;

/// Why a connection brought less than was asked for.
enum Broken {
    /// The server is away or busy, for as long as it likes.
    NotNow(String),
    /// The file had begun to come; another one may bring more.
    Midway(String),
    /// No other one will.
    ForGood(Stop),
}

/// An image's file, read from its first byte to its last.
pub(super) struct Download<'a> {
    order: &'a WriteImage,
    context: &'a TaskContext<'a>,
    offset: u64,
    body: Option<BodyReader<'static>>,
    backoff: Backoff,
    pace: Pace,
}

impl<'a> Download<'a> {
    /// Nothing is asked for yet.
    pub(super) fn new(order: &'a WriteImage, context: &'a TaskContext<'a>) -> Self {
        let pace = Pace::new(order.min_bytes_per_second);
        Self { order, context, offset: 0, body: None, backoff: context.server.backoff(), pace }
    }

    /// Reads the next bytes; none at the file's end. It tries for as long as `report`, which it calls after each
    /// break, says nothing against it.
    pub(super) fn read(&mut self, buffer: &mut [u8], report: impl Fn() -> Result<(), Stop>) -> Result<usize, Stop> {
        let left = self.order.file_size_bytes - self.offset;
        let length = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let buffer = buffer.get_mut(..length).unwrap_or_default();
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match self.read_some(buffer) {
                Ok(read) => {
                    self.offset += read as u64;
                    self.backoff.reset();
                    return Ok(read);
                }
                Err(broken) => {
                    self.body = None;
                    self.settle(broken, self.offset, &report)?;
                }
            }
        }
    }

    /// Fills `buffer` from anywhere, over a connection of its own.
    pub(super) fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), Stop> {
        loop {
            match self.read_once_at(offset, buffer) {
                Ok(()) => return Ok(()),
                Err(broken) => self.settle(broken, offset, &|| Ok(()))?,
            }
            self.context.progress(0, self.order.disk_size_bytes, "bytes", "reading the image's tables")?;
        }
    }

    /// Waits until another connection is worth trying, if one is.
    fn settle(&mut self, broken: Broken, offset: u64, report: &dyn Fn() -> Result<(), Stop>) -> Result<(), Stop> {
        let pause = self.backoff.next_pause();
        let reason = match broken {
            Broken::ForGood(stop) => return Err(stop),
            Broken::NotNow(reason) => reason,
            Broken::Midway(reason) => {
                self.pace.count(0, pause);
                reason
            }
        };
        if let Some((MAX_SLOW.., too_slow)) = self.pace.end_slow_window() {
            return Err(self.too_slow(offset, &too_slow));
        }
        let context = self.context;
        context.journal.info(&format!("download broke at byte {offset}, will go on from there: {reason}"));
        context.clock.pause(pause);
        report()
    }

    fn too_slow(&self, offset: u64, too_slow: &TooSlow) -> Stop {
        let reason = format!("the image comes too slowly, {MAX_SLOW} times in a row: {too_slow}");
        let evidence = json!({
            "offset": offset,
            "file_size_bytes": self.order.file_size_bytes,
            "min_bytes_per_second": self.order.min_bytes_per_second,
            "window_seconds": WINDOW.as_secs(),
        });
        Stop::Failed { class: ErrorClass::Transient, reason, evidence }
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize, Broken> {
        let body = match &mut self.body {
            Some(body) => body,
            none => none.insert(open(self.order, self.context, self.offset, &mut self.pace)?),
        };
        match self.pace.paced(body, self.context.clock).read(buffer) {
            Ok(0) => Err(Broken::Midway("the server closed the connection".to_owned())),
            Ok(read) => Ok(read),
            Err(error) => Err(Broken::Midway(error.to_string())),
        }
    }

    fn read_once_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), Broken> {
        let body = open(self.order, self.context, offset, &mut self.pace)?;
        let mut body = self.pace.paced(body, self.context.clock);
        body.read_exact(buffer).map_err(|error| Broken::Midway(error.to_string()))
    }
}

/// The file from `offset` on.
fn open(
    order: &WriteImage,
    context: &TaskContext<'_>,
    offset: u64,
    pace: &mut Pace,
) -> Result<BodyReader<'static>, Broken> {
    let answer = context
        .server
        .open_file(&order.path, order.digest, offset)
        .map_err(|error: CallError| Broken::NotNow(chain(&error)))?;
    let skip = bytes_to_skip(&answer, order, offset)?;
    let mut body = answer.into_body().into_with_config().limit(u64::MAX).reader();
    io::copy(&mut pace.paced(&mut body, context.clock).take(skip), &mut io::sink())
        .map_err(|error| Broken::Midway(error.to_string()))?;
    Ok(body)
}

/// Whether an answer has the bytes from `offset` on, and how many it has before them.
fn bytes_to_skip(answer: &Response<Body>, order: &WriteImage, offset: u64) -> Result<u64, Broken> {
    let status = answer.status();
    let is_same = match answer.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok()) {
        Some(tag) => tag.trim_matches('"') == order.digest.to_string(),
        None => offset == 0 || status == StatusCode::PARTIAL_CONTENT,
    };
    match status {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT if !is_same => {
            Err(for_good(format!("the server no longer has image {}, but another at its place", order.digest)))
        }
        StatusCode::OK => Ok(offset),
        StatusCode::PARTIAL_CONTENT => match first_byte(answer.headers()) {
            Some(first) if first == offset => Ok(0),
            first => Err(Broken::NotNow(format!("asked for bytes from {offset} on, got them from {first:?} on"))),
        },
        StatusCode::NOT_FOUND | StatusCode::GONE => Err(for_good(format!("the server has no image {}", order.digest))),
        StatusCode::RANGE_NOT_SATISFIABLE => {
            Err(for_good(format!("the image's file ends before byte {offset} of {}", order.file_size_bytes)))
        }
        // Where it leads is not said: a redirect may carry anything.
        status if status.is_redirection() => Err(for_good(format!(
            "the server redirects (status {}) instead of sending the image; images come from the server itself",
            status.as_u16()
        ))),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            Err(Broken::NotNow(format!("the server answered with status {}", status.as_u16())))
        }
        // Refused although the machine has just registered again.
        status if status.is_client_error() && status != StatusCode::UNAUTHORIZED => {
            Err(for_good(format!("the server refuses to send the image (status {})", status.as_u16())))
        }
        status => Err(Broken::NotNow(format!("the server answered with status {}", status.as_u16()))),
    }
}

fn for_good(reason: String) -> Broken {
    Broken::ForGood(Stop::failed(ErrorClass::Configuration, reason))
}

/// `bytes 100-199/200` begins at 100.
fn first_byte(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(header::CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    range.split_once('-')?.0.parse().ok()
}
