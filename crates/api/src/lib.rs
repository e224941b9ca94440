//! The REST API: routes, who may use them, and how errors become answers.
//!
//! A handler extracts, calls one function and wraps. What takes more than one call to the store is in `service`.
//! Status codes are known in `error` alone; rights are decided in `auth` alone, closed unless said otherwise.

mod agent;
mod app;
mod auth;
mod body;
mod deploy;
mod error;
mod extract;
mod openapi;
mod redact;
mod routes;
mod service;

pub use app::{App, CheckStep, ListPools};
pub use auth::{Access, OPEN, access};
pub use body::read_json;
pub use deploy::run_deployments;
pub use openapi::document as openapi_document;
pub use service::apply::problems_of;
pub use service::builtin::{SetBuiltinError, set_builtin};
pub use service::image::refresh_statuses as refresh_image_statuses;

use axum::middleware::{from_fn, from_fn_with_state};
use axum::{Extension, Router};
use std::sync::Arc;

/// Every route of the API, behind the guard that decides who may use it.
///
/// Serve it with `into_make_service_with_connect_info::<SocketAddr>()`: the subnet that an agent registers from
/// decides whether a workflow starts by itself.
pub fn router(app: App) -> Router {
    let (router, _) = openapi::documented().split_for_parts();
    router
        .fallback(error::no_route)
        .method_not_allowed_fallback(error::no_method)
        .layer(from_fn_with_state(app.clone(), auth::guard))
        .layer(Extension(Arc::new(service::refusal::Refusals::default())))
        .layer(from_fn(auth::headers))
        .with_state(app)
}
