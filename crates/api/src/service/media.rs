//! Discs and trees of installation media: in from a client, listed, removed.

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::service::image_content::{PIECES_IN_FLIGHT, refuse_while_full, send_all};
use artifact::media::{Listed, MediaError};
use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use lifecycle::medium::local_tree;
use std::sync::Arc;
use tokio::sync::mpsc;
use types::Digest;
use wire::{MediaList, MediumFile};

/// Everything that is in the folder.
pub(crate) async fn list(app: &App) -> ApiResult<MediaList> {
    let media = Arc::clone(&app.media);
    let listed = tokio::task::spawn_blocking(move || media.list()).await;
    let listed = listed.map_err(|error| ApiError::fault("listing the media", error))??;
    Ok(MediaList { items: listed.into_iter().map(view).collect() })
}

fn view(listed: Listed) -> MediumFile {
    let Listed { name, size_bytes, digest, label, problem } = listed;
    MediumFile { name, size_bytes, digest, label, problem }
}

/// Keeps a disc. One that breaks off, is another one, or cannot be read leaves nothing.
pub(crate) async fn store(
    app: &App,
    name: String,
    expected: Option<Digest>,
    headers: &HeaderMap,
    body: Body,
) -> ApiResult<MediumFile> {
    let limit = app.image_limit_bytes;
    refuse_while_full(app)?;
    let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit) {
        return Err(ApiError::BodyTooLarge { limit });
    }
    let (pieces, mut incoming) = mpsc::channel::<Bytes>(PIECES_IN_FLIGHT);
    let (complete, is_complete) = tokio::sync::oneshot::channel::<()>();
    let media = Arc::clone(&app.media);
    let writer = tokio::task::spawn_blocking(move || -> Result<Option<Listed>, MediaError> {
        let mut upload = media.begin(&name, limit)?;
        while let Some(piece) = incoming.blocking_recv() {
            upload.write(&piece)?;
        }
        // Without the word that it is complete, the sender is gone with half of it.
        if is_complete.blocking_recv().is_err() {
            return Ok(None);
        }
        upload.commit(expected).map(Some)
    });
    let sent = send_all(&mut body.into_data_stream(), &pieces).await;
    if sent.is_ok() {
        complete.send(()).ok();
    } else {
        drop(complete);
    }
    drop(pieces);
    let written = writer.await.map_err(|error| ApiError::fault("writing a disc", error))?;
    match (written?, sent) {
        (_, Err(error)) => Err(error),
        (Some(listed), Ok(())) => Ok(view(listed)),
        (None, Ok(())) => Err(ApiError::UploadBroken),
    }
}

/// Removes a disc that nothing names.
pub(crate) async fn remove(app: &App, name: String) -> ApiResult<()> {
    let site = app.sites.current().await?;
    let of_media = site.media.iter().filter(|(_, spec)| local_tree(&spec.url).is_some_and(|(tree, _)| tree == name));
    let of_envs = site.boot_envs.iter().filter(|(_, spec)| spec.iso.as_ref().is_some_and(|iso| iso.file == name));
    let mut reasons: Vec<String> =
        of_media.map(|(medium, _)| format!("medium {medium} is installed from it")).collect();
    reasons.extend(of_envs.map(|(env, _)| format!("boot environment {env} boots from it")));
    if !reasons.is_empty() {
        return Err(ApiError::Unavailable { reasons });
    }
    let (media, gone) = (Arc::clone(&app.media), name.clone());
    let removed = tokio::task::spawn_blocking(move || media.remove(&gone)).await;
    let removed = removed.map_err(|error| ApiError::fault("removing a disc", error))??;
    if removed { Ok(()) } else { Err(ApiError::NotFound { what: "disc", id: name }) }
}
