//! A file as an HTTP response: ranges and conditions (RFC 9110 §13, §14), for boot files and images alike.
//!
//! Who may have which file is the caller's to decide.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use std::io::{self, SeekFrom};
use std::ops::Range;
use std::path::PathBuf;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileSource {
    /// A file on disk, read when it is asked for.
    Path(PathBuf),
    /// A text or archive in memory.
    Bytes(Bytes),
}

/// By what a client recognises the content it has a part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validators {
    /// A strong entity tag, with its quotes: `"sha256:…"`.
    pub etag: String,
}

/// A file cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum FileFailure {
    /// It is gone.
    #[error("opening the file")]
    Open(#[source] io::Error),
    /// It cannot be read.
    #[error("reading the file")]
    Read(#[source] io::Error),
}

/// How much is read at a time.
const READ_BUFFER: usize = 256 << 10;

/// Answers a GET or HEAD request for a file. Without `validators`, they come from the file's length and time.
///
/// # Errors
/// When the file cannot be opened.
pub async fn serve_file(
    method: &Method,
    headers: &HeaderMap,
    source: FileSource,
    validators: Option<Validators>,
) -> Result<Response, FileFailure> {
    let opened = Opened::open(source, validators).await?;
    let mut response = match decide(headers, opened.len, &opened.etag) {
        Plan::NotModified => StatusCode::NOT_MODIFIED.into_response(),
        Plan::PreconditionFailed => StatusCode::PRECONDITION_FAILED.into_response(),
        Plan::Unsatisfiable => {
            let mut response = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
            put(&mut response, CONTENT_RANGE, &format!("bytes */{}", opened.len));
            response
        }
        Plan::Whole => {
            let len = opened.len;
            content(method, opened.content, 0..len, &opened.etag).await?
        }
        Plan::Part(range) => {
            let describes = format!("bytes {}-{}/{}", range.start, range.end - 1, opened.len);
            let mut response = content(method, opened.content, range, &opened.etag).await?;
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            put(&mut response, CONTENT_RANGE, &describes);
            return Ok(response);
        }
    };
    put(&mut response, ETAG, &opened.etag);
    Ok(response)
}

struct Opened {
    content: Content,
    len: u64,
    etag: String,
}

enum Content {
    Bytes(Bytes),
    File(tokio::fs::File),
}

impl Opened {
    async fn open(source: FileSource, validators: Option<Validators>) -> Result<Self, FileFailure> {
        let given = validators.map(|validators| validators.etag);
        match source {
            FileSource::Bytes(bytes) => {
                let etag = given.unwrap_or_else(|| format!("\"{}\"", types::Digest::of(&bytes)));
                Ok(Self { len: bytes.len() as u64, content: Content::Bytes(bytes), etag })
            }
            FileSource::Path(path) => {
                let file = tokio::fs::File::open(&path).await.map_err(FileFailure::Open)?;
                let metadata = file.metadata().await.map_err(FileFailure::Open)?;
                if !metadata.is_file() {
                    return Err(FileFailure::Open(io::ErrorKind::NotFound.into()));
                }
                let etag = given.unwrap_or_else(|| file_etag(&metadata));
                Ok(Self { len: metadata.len(), content: Content::File(file), etag })
            }
        }
    }
}

/// The file's identity, length and time of change. A file that is replaced, as boot files are, gets another.
fn file_etag(metadata: &std::fs::Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    format!("\"{:x}-{:x}-{:x}.{:x}\"", metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec())
}

#[derive(Debug, PartialEq, Eq)]
enum Plan {
    Whole,
    Part(Range<u64>),
    NotModified,
    PreconditionFailed,
    Unsatisfiable,
}

/// RFC 9110 §13.2.2, with entity tags only: dates are too coarse for files that are replaced within a second.
fn decide(headers: &HeaderMap, len: u64, etag: &str) -> Plan {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if text(IF_MATCH).is_some_and(|tags| !matches_tag(tags, etag)) {
        return Plan::PreconditionFailed;
    }
    if text(IF_NONE_MATCH).is_some_and(|tags| matches_tag(tags, etag)) {
        return Plan::NotModified;
    }
    // RFC 9110 §13.1.5: a range of content that has changed is answered with the whole.
    if text(IF_RANGE).is_some_and(|tag| tag.trim() != etag) {
        return Plan::Whole;
    }
    match text(RANGE).map(|range| parse_range(range, len)) {
        Some(RangeHeader::Of(range)) => Plan::Part(range),
        Some(RangeHeader::Outside) => Plan::Unsatisfiable,
        Some(RangeHeader::Ignored) | None => Plan::Whole,
    }
}

fn matches_tag(tags: &str, etag: &str) -> bool {
    tags.split(',').map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == "*" || tag == etag)
}

#[derive(Debug, PartialEq, Eq)]
enum RangeHeader {
    Of(Range<u64>),
    Outside,
    /// Malformed, of another unit, or several ranges: a server may answer those with the whole (RFC 9110 §14.2).
    Ignored,
}

fn parse_range(header: &str, len: u64) -> RangeHeader {
    let Some((first, last)) = header.trim().strip_prefix("bytes=").and_then(|range| range.trim().split_once('-'))
    else {
        return RangeHeader::Ignored;
    };
    let number = |text: &str| -> Option<u64> {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().unwrap_or(u64::MAX))
    };
    let range = match (first.trim(), last.trim()) {
        ("", "") => return RangeHeader::Ignored,
        ("", suffix) => number(suffix).map(|suffix| len.saturating_sub(suffix)..len),
        (first, "") => number(first).map(|first| first..len),
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => Some(first..last.saturating_add(1).min(len)),
            _ => None,
        },
    };
    match range {
        None => RangeHeader::Ignored,
        Some(range) if range.is_empty() => RangeHeader::Outside,
        Some(range) => RangeHeader::Of(range),
    }
}

async fn content(method: &Method, content: Content, range: Range<u64>, etag: &str) -> Result<Response, FileFailure> {
    let len = range.end.saturating_sub(range.start);
    let body = match content {
        _ if method == Method::HEAD => Body::empty(),
        Content::Bytes(bytes) => {
            let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
            Body::from(bytes.slice(index(range.start)..index(range.end)))
        }
        Content::File(mut file) => {
            if range.start > 0 {
                file.seek(SeekFrom::Start(range.start)).await.map_err(FileFailure::Read)?;
            }
            file.set_max_buf_size(READ_BUFFER);
            Body::from_stream(ReaderStream::with_capacity(file.take(len), READ_BUFFER))
        }
    };
    let mut response = Response::new(body);
    put(&mut response, CONTENT_TYPE, "application/octet-stream");
    put(&mut response, CONTENT_LENGTH, &len.to_string());
    put(&mut response, ACCEPT_RANGES, "bytes");
    put(&mut response, ETAG, etag);
    Ok(response)
}

fn put(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(headers: &[(HeaderName, &str)]) -> Plan {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
        decide(&headers.collect(), 100, "\"a\"")
    }

    #[test]
    fn ranges_are_read_as_they_are_meant() {
        for (header, expected) in [
            ("bytes=0-9", Plan::Part(0..10)),
            ("bytes=90-", Plan::Part(90..100)),
            ("bytes=90-1000", Plan::Part(90..100)),
            ("bytes=-5", Plan::Part(95..100)),
            ("bytes=-500", Plan::Part(0..100)),
            ("bytes=0-99999999999999999999999", Plan::Part(0..100)),
            ("bytes=100-", Plan::Unsatisfiable),
            ("bytes=99999999999999999999999-", Plan::Unsatisfiable),
            ("bytes=-0", Plan::Unsatisfiable),
            ("bytes=9-1", Plan::Whole),
            ("bytes=-", Plan::Whole),
            ("bytes=a-b", Plan::Whole),
            ("bytes=0-1,5-6", Plan::Whole),
            ("lines=0-1", Plan::Whole),
        ] {
            assert_eq!(plan(&[(RANGE, header)]), expected, "{header}");
        }
    }

    #[test]
    fn conditions_are_weighed_in_their_order() {
        assert_eq!(plan(&[(IF_NONE_MATCH, "\"b\", W/\"a\"")]), Plan::NotModified);
        assert_eq!(plan(&[(IF_NONE_MATCH, "\"b\"")]), Plan::Whole);
        assert_eq!(plan(&[(IF_MATCH, "\"b\"")]), Plan::PreconditionFailed);
        assert_eq!(plan(&[(IF_MATCH, "\"a\""), (RANGE, "bytes=0-0")]), Plan::Part(0..1));
        assert_eq!(plan(&[(IF_RANGE, "\"a\""), (RANGE, "bytes=5-")]), Plan::Part(5..100));
        assert_eq!(plan(&[(IF_RANGE, "\"b\""), (RANGE, "bytes=5-")]), Plan::Whole);
    }
}
