//! The content of images.

use crate::App;
use crate::auth::User;
use crate::body::Json;
use crate::error::ApiResult;
use crate::extract::Path;
use crate::service::image_content;
use axum::body::Body;
use axum::extract::State;
use http::HeaderMap;
use types::image::{ImageSpec, ImageStatus};
use types::object::Object as Stored;
use wire::{Image, Problem};

/// Stores the content of a declared image.
#[utoipa::path(
    put, path = "/api/v1/images/{id}/content", tag = "images", operation_id = "upload_image",
    params(("id" = String, Path, description = "Id or name")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = Stored<ImageSpec, ImageStatus>), (status = "4XX", body = Problem))
)]
pub(crate) async fn upload(
    State(app): State<App>,
    _: User,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Json<Image>> {
    Ok(Json(image_content::store(&app, &id, &headers, body).await?))
}
