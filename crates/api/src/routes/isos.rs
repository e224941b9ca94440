//! Discs in the server's folder of media.

use crate::App;
use crate::auth::User;
use crate::body::Json;
use crate::error::ApiResult;
use crate::extract::{Path, Query};
use crate::service::media;
use axum::body::Body;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use types::Digest;
use utoipa::IntoParams;
use wire::{MediaList, MediumFile, Problem};

/// What a disc must be.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Expected {
    /// Its digest, where one is known: another disc is not kept.
    #[param(value_type = Option<String>)]
    digest: Option<Digest>,
}

/// The discs and trees that are here.
#[utoipa::path(
    get, path = "/api/v1/isos", tag = "media", operation_id = "list_isos",
    responses((status = 200, body = MediaList), (status = "4XX", body = Problem))
)]
pub(crate) async fn list(State(app): State<App>, _: User) -> ApiResult<Json<MediaList>> {
    Ok(Json(media::list(&app).await?))
}

/// Keeps a disc, which replaces one of the same name.
#[utoipa::path(
    put, path = "/api/v1/isos/{name}", tag = "media", operation_id = "upload_iso",
    params(("name" = String, Path, description = "Its file name"), Expected),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = MediumFile), (status = "4XX", body = Problem))
)]
pub(crate) async fn upload(
    State(app): State<App>,
    _: User,
    Path(name): Path<String>,
    Query(expected): Query<Expected>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Json<MediumFile>> {
    Ok(Json(media::store(&app, name, expected.digest, &headers, body).await?))
}

/// Removes a disc.
#[utoipa::path(
    delete, path = "/api/v1/isos/{name}", tag = "media", operation_id = "delete_iso",
    params(("name" = String, Path, description = "Its file name")),
    responses((status = 204), (status = "4XX", body = Problem))
)]
pub(crate) async fn delete(State(app): State<App>, _: User, Path(name): Path<String>) -> ApiResult<StatusCode> {
    media::remove(&app, name).await?;
    Ok(StatusCode::NO_CONTENT)
}
