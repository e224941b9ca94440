//! Images: which content is here, and which is still needed.

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::service::{find, object};
use artifact::folder::Stored;
use store::{Images, StoreError};
use types::{Digest, Name, ObjectId};

/// Images that are looked at in one go.
const BATCH: usize = 500;

/// Takes note of whether the content that the image declares is here.
pub(crate) async fn refresh_status(app: &App, id: ObjectId) -> ApiResult<()> {
    let image = find::object::<Images>(app, &id.to_string()).await?;
    let size = app.images.find(image.spec.digest).map(|stored| stored.size_bytes);
    if image.status.file_size_bytes != size {
        app.store.update_status::<Images>(id, move |status| status.file_size_bytes = size).await?;
    }
    Ok(())
}

/// Takes note, for every image, of whether its content is here: for the server's start, since files can be moved
/// while it is down.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn refresh_statuses(app: &App) -> Result<(), StoreError> {
    let mut after: Option<Name> = None;
    loop {
        let batch = app.store.list::<Images>(after.as_ref(), BATCH).await?;
        let Some(last) = batch.last() else { return Ok(()) };
        after = Some(last.name.clone());
        for image in batch {
            let size = app.images.find(image.spec.digest).map(|stored| stored.size_bytes);
            if image.status.file_size_bytes != size {
                app.store.update_status::<Images>(image.id, move |status| status.file_size_bytes = size).await?;
            }
        }
    }
}

/// Takes note that content is here, for every image that declares it.
pub(crate) async fn note_content(app: &App, stored: &Stored) -> ApiResult<()> {
    let size = Some(stored.size_bytes);
    for image in object::all::<Images>(app).await? {
        if image.spec.digest == stored.digest && image.status.file_size_bytes != size {
            app.store.update_status::<Images>(image.id, move |status| status.file_size_bytes = size).await?;
        }
    }
    Ok(())
}

/// Removes the content with this digest, unless an image declares it.
pub(crate) async fn remove_unused_content(app: &App, digest: Digest) -> ApiResult<()> {
    if object::all::<Images>(app).await?.iter().any(|image| image.spec.digest == digest) {
        return Ok(());
    }
    let images = app.images.clone();
    let removal = tokio::task::spawn_blocking(move || images.remove(digest));
    removal.await.map_err(|error| ApiError::fault("removing an image", error))??;
    Ok(())
}
