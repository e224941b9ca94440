//! A file as an HTTP response: ranges and conditions (RFC 9110 §13, §14), for boot files and images alike.
//!
//! Who may have which file is the caller's to decide.

mod body;
mod conditions;

pub use body::{Direct, Express};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use body::Pieces;
use bytes::Bytes;
use conditions::{Facts, Plan, decide};
use futures_util::stream;
use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileSource {
    /// A file on disk, read when it is asked for.
    Path(PathBuf),
    /// A part of a file on disk, such as a file in the image of a disc.
    Section {
        /// The file that holds it.
        path: PathBuf,
        /// Its bytes.
        range: Range<u64>,
    },
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
}

/// Answers a GET or HEAD request for a file. Without `validators`, they come from the file's length and time.
/// A request for several ranges at once gets the whole (RFC 9110 §14.2 leaves that to the server).
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
    let facts = Facts { len: opened.len, etag: &opened.etag, modified: opened.modified };
    let plan = decide(headers, &facts);
    let (etag, modified, len) = (opened.etag, opened.modified, opened.len);
    let mut response = match plan {
        Plan::NotModified => StatusCode::NOT_MODIFIED.into_response(),
        Plan::PreconditionFailed => StatusCode::PRECONDITION_FAILED.into_response(),
        Plan::Unsatisfiable => {
            let mut response = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
            put(&mut response, CONTENT_RANGE, &format!("bytes */{len}"));
            response
        }
        Plan::Whole => content(method, opened.content, 0..len),
        Plan::Part(range) => {
            let describes = format!("bytes {}-{}/{len}", range.start, range.end - 1);
            let mut response = content(method, opened.content, range);
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            put(&mut response, CONTENT_RANGE, &describes);
            response
        }
    };
    put(&mut response, ETAG, &etag);
    if let Some(modified) = modified {
        put(&mut response, LAST_MODIFIED, &httpdate::fmt_http_date(modified));
    }
    Ok(response)
}

struct Opened {
    content: Content,
    len: u64,
    etag: String,
    modified: Option<SystemTime>,
}

enum Content {
    Bytes(Bytes),
    File(File, u64),
}

impl Opened {
    async fn open(source: FileSource, validators: Option<Validators>) -> Result<Self, FileFailure> {
        let given = validators.map(|validators| validators.etag);
        match source {
            FileSource::Bytes(bytes) => {
                let etag = given.unwrap_or_else(|| format!("\"{}\"", types::Digest::of(&bytes)));
                Ok(Self { len: bytes.len() as u64, content: Content::Bytes(bytes), etag, modified: None })
            }
            FileSource::Path(path) => {
                let opened = tokio::task::spawn_blocking(move || open_file(&path)).await;
                let (file, metadata) = opened.map_err(io::Error::other).flatten().map_err(FileFailure::Open)?;
                let etag = given.unwrap_or_else(|| file_etag(&metadata));
                let modified = metadata.modified().ok();
                Ok(Self { len: metadata.len(), content: Content::File(file, 0), etag, modified })
            }
            FileSource::Section { path, range } => {
                let opened = tokio::task::spawn_blocking(move || open_file(&path)).await;
                let (file, metadata) = opened.map_err(io::Error::other).flatten().map_err(FileFailure::Open)?;
                if range.start > range.end || range.end > metadata.len() {
                    return Err(FileFailure::Open(io::ErrorKind::UnexpectedEof.into()));
                }
                let etag = given.unwrap_or_else(|| section_etag(&metadata, &range));
                let (len, modified) = (range.end - range.start, metadata.modified().ok());
                Ok(Self { len, content: Content::File(file, range.start), etag, modified })
            }
        }
    }
}

/// Anything but a plain file is refused, and not waited for: opening a pipe would wait for its other end.
fn open_file(path: &Path) -> io::Result<(File, std::fs::Metadata)> {
    let no_waiting = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).map_err(io::Error::other)?;
    let file = File::options().read(true).custom_flags(no_waiting).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() { Ok((file, metadata)) } else { Err(io::ErrorKind::NotFound.into()) }
}

/// The file's identity, length and time of change. A file that is replaced, as boot files are, gets another.
fn file_etag(metadata: &std::fs::Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    format!("\"{:x}-{:x}-{:x}.{:x}\"", metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec())
}

/// The identity of the file that holds it, and its place in that.
fn section_etag(metadata: &std::fs::Metadata, range: &Range<u64>) -> String {
    let whole = file_etag(metadata);
    format!("{}@{:x}-{:x}\"", whole.trim_end_matches('"'), range.start, range.end)
}

fn content(method: &Method, content: Content, range: Range<u64>) -> Response {
    let len = range.end.saturating_sub(range.start);
    let mut response = match content {
        _ if method == Method::HEAD => Response::new(Body::empty()),
        Content::Bytes(bytes) => {
            let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
            Response::new(Body::from(bytes.slice(index(range.start)..index(range.end))))
        }
        Content::File(file, start) => file_content(file, start + range.start..start + range.end),
    };
    put(&mut response, CONTENT_TYPE, "application/octet-stream");
    put(&mut response, CONTENT_LENGTH, &len.to_string());
    put(&mut response, ACCEPT_RANGES, "bytes");
    response
}

fn file_content(file: File, range: Range<u64>) -> Response {
    let direct = Direct::default();
    let pieces = Pieces::new(file, range, direct.clone());
    let stream = stream::try_unfold(pieces, async |mut pieces| {
        Ok::<_, io::Error>(pieces.next().await?.map(|piece| (piece, pieces)))
    });
    let mut response = Response::new(Body::from_stream(stream));
    response.extensions_mut().insert(direct);
    response
}

fn put(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
