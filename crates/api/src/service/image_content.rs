//! An image's bytes: in from a client, out to agents.

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::service::{find, image};
use artifact::folder::{FolderError, Stored};
use axum::body::{Body, BodyDataStream};
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Method, StatusCode};
use ranged::{FileSource, Validators, serve_file};
use std::time::Duration;
use store::{Condition, Images, StoreError};
use tokio::sync::mpsc;
use types::Digest;
use wire::Image;

/// Pieces of an upload that may wait for the disk.
pub(crate) const PIECES_IN_FLIGHT: usize = 16;
/// How long an upload may give nothing: longer than a client's own retransmissions, shorter than anyone waits.
const SILENCE: Duration = Duration::from_secs(60);

/// Stores the content of a declared image, if it has the declared digest.
pub(crate) async fn store(app: &App, named: &str, headers: &HeaderMap, body: Body) -> ApiResult<Image> {
    let object = find::object::<Images>(app, named).await?;
    let limit = app.image_limit_bytes;
    refuse_while_full(app)?;
    let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit) {
        return Err(ApiError::BodyTooLarge { limit });
    }
    let stored = write(app, body.into_data_stream(), object.spec.digest).await?;
    image::note_content(app, &stored).await?;
    find::object::<Images>(app, &object.id.to_string()).await
}

/// An image would take the room that the runs under way still have.
pub(crate) fn refuse_while_full(app: &App) -> ApiResult<()> {
    match *app.store.condition().borrow() {
        Condition::Full { .. } => Err(StoreError::Full.into()),
        Condition::Well | Condition::Broken { .. } => Ok(()),
    }
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

pub(crate) async fn send_all(body: &mut BodyDataStream, pieces: &mpsc::Sender<Bytes>) -> ApiResult<()> {
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

/// Sends an image, or the part of it that is asked for. The digest is the entity tag, so that a part is always of
/// the same file.
pub(crate) async fn send(app: &App, method: &Method, digest: Digest, headers: &HeaderMap) -> ApiResult<Response> {
    let stored = app.images.find(digest).ok_or(ApiError::NoContent { digest })?;
    let validators = Validators { etag: format!("\"{digest}\"") };
    let sent = serve_file(method, headers, FileSource::Path(stored.path), Some(validators)).await;
    let response = sent.map_err(|error| ApiError::fault("sending an image", error))?;
    if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
        return Err(ApiError::Range { size: stored.size_bytes });
    }
    Ok(response)
}
