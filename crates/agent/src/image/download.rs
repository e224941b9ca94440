//! Fetches an image over as many connections as it takes.
//!
//! What has arrived stays: after a break the next connection asks for the rest (RFC 9110 §14.2) of the same file
//! (`If-Range`, §13.1.5), so that neither a flaky link nor a restarted server starts a write again.

use super::failed;
use crate::server::CallError;
use crate::task::{Stop, TaskContext};
use artifact::{BlockTarget, ImageSink};
use std::io::Read;
use types::ErrorClass;
use types::agent::WriteImage;
use types::chain;
use ureq::Body;
use ureq::http::{HeaderMap, Response, StatusCode, header};

/// One read: what a socket's buffer holds after tuning.
const PIECE_BYTES: usize = 256 << 10;

/// Why a connection brought less than all of the rest.
enum Broken {
    /// Another one may bring more.
    Connection(String),
    /// No other one will.
    ForGood(Stop),
}

impl From<Stop> for Broken {
    fn from(stop: Stop) -> Self {
        Self::ForGood(stop)
    }
}

/// Feeds `sink` until it has the whole file. It tries for as long as the order stands.
pub(super) fn feed<T: BlockTarget>(
    sink: &mut ImageSink<T>,
    order: &WriteImage,
    context: &TaskContext<'_>,
) -> Result<(), Stop> {
    let mut backoff = context.server.backoff();
    while sink.fed_bytes() < order.file_size_bytes {
        let before = sink.fed_bytes();
        match fetch(sink, order, context) {
            Ok(()) => {}
            Err(Broken::ForGood(stop)) => return Err(stop),
            Err(Broken::Connection(reason)) => {
                if sink.fed_bytes() > before {
                    backoff.reset();
                }
                let offset = sink.fed_bytes();
                context.journal.info(&format!("download broke at byte {offset}, will go on from there: {reason}"));
                context.clock.pause(backoff.next_pause());
                report(sink, order, context)?;
            }
        }
    }
    Ok(())
}

/// Feeds what one connection brings.
fn fetch<T: BlockTarget>(sink: &mut ImageSink<T>, order: &WriteImage, context: &TaskContext<'_>) -> Result<(), Broken> {
    let answer = context
        .server
        .open_file(&order.path, order.digest, sink.fed_bytes())
        .map_err(|error: CallError| Broken::Connection(chain(&error)))?;
    let skip = bytes_to_skip(&answer, order, sink.fed_bytes())?;
    let mut body = answer.into_body().into_with_config().limit(u64::MAX).reader();
    let broke = |error: std::io::Error| Broken::Connection(error.to_string());
    std::io::copy(&mut body.by_ref().take(skip), &mut std::io::sink()).map_err(broke)?;
    let mut piece = vec![0; PIECE_BYTES];
    while sink.fed_bytes() < order.file_size_bytes {
        let read = body.read(&mut piece).map_err(broke)?;
        if read == 0 {
            return Err(Broken::Connection("the server closed the connection".to_owned()));
        }
        sink.feed(piece.get(..read).unwrap_or_default()).map_err(|error| failed(&error))?;
        report(sink, order, context)?;
    }
    Ok(())
}

fn report<T: BlockTarget>(sink: &ImageSink<T>, order: &WriteImage, context: &TaskContext<'_>) -> Result<(), Stop> {
    context.progress(sink.disk_bytes(), order.disk_size_bytes, "bytes", "writing the image")
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
            first => Err(Broken::Connection(format!("asked for bytes from {offset} on, got them from {first:?} on"))),
        },
        StatusCode::NOT_FOUND | StatusCode::GONE => Err(for_good(format!("the server has no image {}", order.digest))),
        StatusCode::RANGE_NOT_SATISFIABLE => {
            Err(for_good(format!("the image's file ends before byte {offset} of {}", order.file_size_bytes)))
        }
        status => Err(Broken::Connection(format!("the server answered with status {}", status.as_u16()))),
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
