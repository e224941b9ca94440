//! Virtual media: the image is fetched when it is inserted, so that a machine boots what was there then.

use super::documents::MEDIA;
use super::messages::Message;
use super::patch;
use super::reply::Reply;
use super::simulator::Shared;
use super::state::Slot;
use axum::body::Bytes;
use http::StatusCode;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

/// An image could not be fetched.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("setting up TLS")]
    Tls(#[source] rustls::Error),
    #[error("downloading the image")]
    Download(#[source] reqwest::Error),
    #[error("writing the image")]
    Write(#[source] std::io::Error),
}

/// An action on the virtual drive with this number, counted from 1.
pub(super) async fn act(shared: &Shared, number: &str, action: &str, body: &Bytes) -> Reply {
    let index = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let Some(index) = index.filter(|&index| index < shared.state().slots.len()) else {
        return Reply::error(StatusCode::NOT_FOUND, &Message::missing(&format!("{MEDIA}/{number}")));
    };
    match action {
        "VirtualMedia.InsertMedia" => insert(shared, index, body).await,
        "VirtualMedia.EjectMedia" => {
            eject(shared, index);
            Reply::no_content()
        }
        _ => Reply::error(StatusCode::NOT_FOUND, &Message::missing(action)),
    }
}

async fn insert(shared: &Shared, index: usize, body: &Bytes) -> Reply {
    let request = match patch::object(body) {
        Ok(request) => request,
        Err(reply) => return reply,
    };
    let Some(url) = request.get("Image").and_then(Value::as_str).map(str::to_owned) else {
        return Reply::bad_request(&Message::parameter_missing("VirtualMedia.InsertMedia", "Image"));
    };
    if shared.state().slots.get(index).is_some_and(|slot| slot.url.is_some()) {
        return Reply::error(StatusCode::CONFLICT, &Message::already_so());
    }
    let id = shared.state().new_id();
    let name = format!("image-{id}.iso");
    let fetched = match shared.media_folder() {
        Ok(folder) => fetch(&url, folder.join(name)).await,
        Err(error) => Err(FetchError::Write(error)),
    };
    let file = match fetched {
        Ok(file) => file,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "Lab BMC could not fetch a virtual medium");
            return Reply::bad_request(&Message::cannot_connect(&url));
        }
    };
    put(shared, index, Slot { url: Some(url), file: Some(file) });
    Reply::no_content()
}

fn eject(shared: &Shared, index: usize) {
    put(shared, index, Slot::default());
}

/// The old image's file is removed; a machine that still runs from it keeps it open.
fn put(shared: &Shared, index: usize, slot: Slot) {
    let old: Option<PathBuf> =
        shared.state().slots.get_mut(index).and_then(|place| std::mem::replace(place, slot).file);
    if let Some(Err(error)) = old.map(std::fs::remove_file) {
        tracing::warn!(%error, "Lab BMC could not remove an ejected image");
    }
}

/// Any certificate authority is refused: images of the lab come over plain HTTP.
async fn fetch(url: &str, file: PathBuf) -> Result<PathBuf, FetchError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(FetchError::Tls)?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build();
    let request = client.map_err(FetchError::Download)?.get(url);
    let mut response =
        request.send().await.and_then(reqwest::Response::error_for_status).map_err(FetchError::Download)?;
    let mut out = tokio::fs::File::create(&file).await.map_err(FetchError::Write)?;
    while let Some(chunk) = response.chunk().await.map_err(FetchError::Download)? {
        out.write_all(&chunk).await.map_err(FetchError::Write)?;
    }
    out.flush().await.map_err(FetchError::Write)?;
    Ok(file)
}
