//! Objects as files.

use crate::App;
use crate::auth::User;
use crate::body::{APPLY_LIMIT, Json};
use crate::error::ApiResult;
use crate::service;
use axum::extract::State;
use wire::{ApplyReport, ApplyRequest, Export, Problem};

/// Makes the store match files: all of their documents, or none.
#[utoipa::path(
    post, path = "/api/v1/apply", tag = "files",
    request_body = ApplyRequest,
    responses((status = 200, body = ApplyReport), (status = "4XX", body = Problem))
)]
pub(crate) async fn apply(
    State(app): State<App>,
    user: User,
    Json(request): Json<ApplyRequest, APPLY_LIMIT>,
) -> ApiResult<Json<ApplyReport>> {
    Ok(Json(service::apply::apply(&app, &user, request).await?))
}

/// Every object that is not built in, as files. Secrets are left out.
#[utoipa::path(
    get, path = "/api/v1/export", tag = "files",
    responses((status = 200, body = Export), (status = "4XX", body = Problem))
)]
pub(crate) async fn export(State(app): State<App>, _: User) -> ApiResult<Json<Export>> {
    Ok(Json(service::export::export(&app).await?))
}
