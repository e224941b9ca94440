//! What the server says of itself and of the caller.

use crate::App;
use crate::auth::User;
use crate::body::Json;
use axum::extract::State;
use wire::{PrincipalKind, Problem, Version, Whoami};

/// Who the token says that the caller is.
#[utoipa::path(
    get, path = "/api/v1/whoami", tag = "server",
    responses((status = 200, body = Whoami), (status = "4XX", body = Problem))
)]
pub(crate) async fn whoami(user: User) -> Json<Whoami> {
    Json(Whoami { kind: PrincipalKind::User, name: user.name })
}

/// The server's version and clock.
#[utoipa::path(
    get, path = "/api/v1/version", tag = "server",
    responses((status = 200, body = Version), (status = "4XX", body = Problem))
)]
pub(crate) async fn version(State(app): State<App>, _: User) -> Json<Version> {
    Json(Version { version: wire::VERSION.to_owned(), now: app.now() })
}

/// This document.
#[utoipa::path(
    get, path = "/api/v1/openapi.json", tag = "server",
    responses((status = 200, body = Object), (status = "4XX", body = Problem))
)]
pub(crate) async fn openapi(_: User) -> Json<utoipa::openapi::OpenApi> {
    Json(crate::openapi::document())
}
