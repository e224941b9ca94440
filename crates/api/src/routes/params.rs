//! What a machine's templates see: its parameters with their origins, and texts rendered for it.

use crate::App;
use crate::auth::User;
use crate::body::Json;
use crate::error::ApiResult;
use crate::extract::Path;
use crate::service::preview;
use axum::extract::State;
use wire::{MachineParams, Problem, RenderPreview, RenderedPreview};

/// A machine's parameters, each with where it comes from.
#[utoipa::path(
    get, path = "/api/v1/machines/{id}/params", tag = "machines", operation_id = "explain_params",
    params(("id" = String, Path, description = "Id or name")),
    responses((status = 200, body = MachineParams), (status = "4XX", body = Problem))
)]
pub(crate) async fn explain(State(app): State<App>, _: User, Path(id): Path<String>) -> ApiResult<Json<MachineParams>> {
    Ok(Json(preview::explain_params(&app, &id).await?))
}

/// Renders a template for a machine, for a person to look at: nothing is changed, and secrets are hidden.
#[utoipa::path(
    post, path = "/api/v1/machines/{id}/render", tag = "machines", operation_id = "preview_template",
    params(("id" = String, Path, description = "Id or name")),
    request_body = RenderPreview,
    responses((status = 200, body = RenderedPreview), (status = "4XX", body = Problem))
)]
pub(crate) async fn render(
    State(app): State<App>,
    _: User,
    Path(id): Path<String>,
    Json(wanted): Json<RenderPreview>,
) -> ApiResult<Json<RenderedPreview>> {
    Ok(Json(preview::render(&app, &id, wanted).await?))
}
