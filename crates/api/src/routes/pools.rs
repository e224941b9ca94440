//! How the addresses of the subnets are used.

use crate::App;
use crate::auth::User;
use crate::body::Json;
use axum::extract::State;
use wire::{Pools, Problem};

/// How the addresses of each subnet are used, and which rest because something uses them.
#[utoipa::path(
    get, path = "/api/v1/pools", tag = "server",
    responses((status = 200, body = Pools), (status = "4XX", body = Problem))
)]
pub(crate) async fn list(State(app): State<App>, _: User) -> Json<Pools> {
    Json(Pools { items: (app.pools)() })
}
