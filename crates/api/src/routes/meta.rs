//! What the server says of itself and of the caller.

use crate::App;
use crate::auth::User;
use crate::body::Json;
use axum::extract::State;
use store::{Condition, StoreError};
use wire::{Health, HealthStatus, PrincipalKind, Problem, Trouble, Version, Whoami, code};

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

/// Whether the server does all that it is there for. It says so with status 200 either way: who asks is answered.
#[utoipa::path(
    get, path = "/api/v1/health", tag = "server",
    responses((status = 200, body = Health), (status = "4XX", body = Problem))
)]
pub(crate) async fn health(State(app): State<App>, _: User) -> Json<Health> {
    let condition = app.store.condition().borrow().clone();
    let troubles: Vec<Trouble> = trouble(condition).into_iter().collect();
    let status = if troubles.is_empty() { HealthStatus::Ok } else { HealthStatus::Degraded };
    Json(Health { status, troubles })
}

fn trouble(condition: Condition) -> Option<Trouble> {
    let (code, since, detail) = match condition {
        Condition::Well => return None,
        Condition::Full { since } => (code::DISK_FULL, since, StoreError::Full.to_string()),
        Condition::Broken { since, reason } => (code::DISK_BROKEN, since, reason),
    };
    Some(Trouble { code: code.to_owned(), since, detail })
}

/// This document.
#[utoipa::path(
    get, path = "/api/v1/openapi.json", tag = "server",
    responses((status = 200, body = Object), (status = "4XX", body = Problem))
)]
pub(crate) async fn openapi(_: User) -> Json<utoipa::openapi::OpenApi> {
    Json(crate::openapi::document())
}
