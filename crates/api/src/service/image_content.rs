//! An image's bytes: in from a client, out to agents.

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::service::{find, image};
use artifact::folder::{FolderError, Stored};
use axum::body::{Body, BodyDataStream};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderValue, StatusCode};
use std::io::SeekFrom;
use std::ops::RangeInclusive;
use std::time::Duration;
use store::Images;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::sync::mpsc;
use tokio_util::io::ReaderStream;
use types::Digest;
use wire::Image;

/// Pieces of an upload that may wait for the disk.
const PIECES_IN_FLIGHT: usize = 16;
/// How long an upload may give nothing: longer than a client's own retransmissions, shorter than anyone waits.
const SILENCE: Duration = Duration::from_secs(60);
/// Read from the disk in one go.
const CHUNK_BYTES: usize = 256 << 10;

/// Stores the content of a declared image, if it has the declared digest.
pub(crate) async fn store(app: &App, named: &str, headers: &HeaderMap, body: Body) -> ApiResult<Image> {
    let object = find::object::<Images>(app, named).await?;
    let limit = app.image_limit_bytes;
    let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit) {
        return Err(ApiError::BodyTooLarge { limit });
    }
    let stored = write(app, body.into_data_stream(), object.spec.digest).await?;
    image::note_content(app, &stored).await?;
    find::object::<Images>(app, &object.id.to_string()).await
}

/// Moves the body to a thread that hashes and writes it. An upload that breaks off leaves nothing.
async fn write(app: &App, mut body: BodyDataStream, digest: Digest) -> ApiResult<Stored> {
    let (pieces, mut incoming) = mpsc::channel::<Bytes>(PIECES_IN_FLIGHT);
    let (complete, is_complete) = tokio::sync::oneshot::channel::<()>();
    let (images, limit) = (app.images.clone(), app.image_limit_bytes);
    let writer = tokio::task::spawn_blocking(move || -> Result<Option<Stored>, FolderError> {
        let mut upload = images.begin(limit)?;
        while let Some(piece) = incoming.blocking_recv() {
            upload.write(&piece)?;
        }
        // Without the word that it is complete, the sender is gone with half of it.
        if is_complete.blocking_recv().is_err() {
            return Ok(None);
        }
        upload.commit(digest).map(Some)
    });
    let sent = send_all(&mut body, &pieces).await;
    if sent.is_ok() {
        complete.send(()).ok();
    } else {
        drop(complete);
    }
    drop(pieces);
    let written = writer.await.map_err(|error| ApiError::fault("writing an image", error))?;
    // What the disk says comes first: a full disk also ends the sending.
    match (written?, sent) {
        (_, Err(error)) => Err(error),
        (Some(stored), Ok(())) => Ok(stored),
        (None, Ok(())) => Err(ApiError::UploadBroken),
    }
}

async fn send_all(body: &mut BodyDataStream, pieces: &mpsc::Sender<Bytes>) -> ApiResult<()> {
    loop {
        let piece = tokio::time::timeout(SILENCE, body.next()).await.map_err(|_| ApiError::Slow)?;
        let Some(piece) = piece else { return Ok(()) };
        let piece = piece.map_err(|_| ApiError::UploadBroken)?;
        if pieces.send(piece).await.is_err() {
            // The writer has given up and says why.
            return Ok(());
        }
    }
}

/// Sends an image, or the part of it that is asked for (RFC 9110 §14).
pub(crate) async fn send(app: &App, digest: Digest, headers: &HeaderMap) -> ApiResult<Response> {
    let stored = app.images.find(digest).ok_or(ApiError::NoContent { digest })?;
    let tag = format!("\"{digest}\"");
    let is_tag = |value: &HeaderValue| value.as_bytes() == tag.as_bytes();
    if headers.get(IF_NONE_MATCH).is_some_and(is_tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response());
    }
    let same = headers.get(IF_RANGE).is_none_or(is_tag);
    let asked = headers.get(RANGE).filter(|_| same).and_then(|value| value.to_str().ok());
    let size = stored.size_bytes;
    let part = match asked.and_then(|range| part_of(range, size)) {
        None => None,
        Some(Ok(part)) => Some(part),
        Some(Err(())) => return Err(ApiError::Range { size }),
    };
    let (start, length) = match &part {
        Some(part) => (*part.start(), part.end() - part.start() + 1),
        None => (0, size),
    };
    let opening = async {
        let mut file = tokio::fs::File::open(&stored.path).await?;
        file.seek(SeekFrom::Start(start)).await?;
        Ok::<_, std::io::Error>(file)
    };
    let file = opening.await.map_err(|error| ApiError::fault("opening an image", error))?;
    let body = Body::from_stream(ReaderStream::with_capacity(file.take(length), CHUNK_BYTES));
    let mut response = Response::new(body);
    let fields = response.headers_mut();
    fields.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    fields.insert(CONTENT_LENGTH, length.into());
    fields.insert(ETAG, HeaderValue::from_str(&tag).expect("a digest is ASCII"));
    if let Some(part) = part {
        let range = format!("bytes {}-{}/{size}", part.start(), part.end());
        fields.insert(CONTENT_RANGE, HeaderValue::from_str(&range).expect("numbers are ASCII"));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

/// The part of `size` bytes that `range` asks for. None when it asks for something else than one part in bytes,
/// which a server may ignore (RFC 9110 §14.2); an error when no byte of it is there.
fn part_of(range: &str, size: u64) -> Option<Result<RangeInclusive<u64>, ()>> {
    let (first, last) = range.strip_prefix("bytes=")?.trim().split_once('-')?;
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    let end = size.checked_sub(1);
    let part = match (first, last) {
        ("", last) => {
            let length = number(last)?;
            end.filter(|_| length > 0).map(|end| size.saturating_sub(length)..=end)
        }
        (first, "") => {
            let first = number(first)?;
            end.filter(|end| first <= *end).map(|end| first..=end)
        }
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            end.filter(|end| first <= *end).map(|end| first..=last.min(end))
        }
    };
    Some(part.ok_or(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_part_in_bytes_is_understood() {
        for (range, expected) in [
            ("bytes=0-4", Some(Ok(0..=4))),
            ("bytes=5-", Some(Ok(5..=9))),
            ("bytes=5-100", Some(Ok(5..=9))),
            ("bytes=-3", Some(Ok(7..=9))),
            ("bytes=-30", Some(Ok(0..=9))),
            ("bytes=10-", Some(Err(()))),
            ("bytes=-0", Some(Err(()))),
            ("bytes=4-2", None),
            ("bytes=0-1,3-4", None),
            ("bytes=+1-2", None),
            ("bytes=-", None),
            ("pages=1-2", None),
        ] {
            assert_eq!(part_of(range, 10), expected, "{range}");
        }
        assert_eq!(part_of("bytes=0-", 0), Some(Err(())));
    }
}
