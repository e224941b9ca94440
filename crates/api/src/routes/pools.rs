//! How the addresses of the subnets are used.

use crate::App;
use crate::auth::User;
use crate::body::Json;
use crate::error::{ApiError, ApiResult};
use axum::extract::State;
use wire::{Pools, Problem};

/// How the addresses of each subnet are used, and which rest because something uses them.
#[utoipa::path(
    get, path = "/api/v1/pools", tag = "server",
    responses((status = 200, body = Pools), (status = "4XX", body = Problem))
)]
pub(crate) async fn list(State(app): State<App>, _: User) -> ApiResult<Json<Pools>> {
    // They are counted under the lock for which whoever answers DHCP waits, too.
    let counted = tokio::task::spawn_blocking(move || (app.pools)()).await;
    let items = counted.map_err(|error| ApiError::fault("counting addresses", error))?;
    Ok(Json(Pools { items }))
}
