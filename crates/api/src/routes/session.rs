//! Sessions of browsers.

use crate::App;
use crate::auth::{SESSION_COOKIE, User, session};
use crate::body::Json;
use crate::error::{ApiError, ApiResult};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::SignedDuration;
use store::Grant;
use wire::{Login, PrincipalKind, Problem, Whoami};

/// A working day and the evening after it.
const SESSION_LIFE: SignedDuration = SignedDuration::from_hours(12);

/// Turns a token into a session, which a script in a page cannot read.
#[utoipa::path(
    post, path = "/login", tag = "session",
    request_body = Login,
    responses((status = 200, body = Whoami, headers(("Set-Cookie"))), (status = "4XX", body = Problem))
)]
pub(crate) async fn login(State(app): State<App>, Json(login): Json<Login>) -> ApiResult<Response> {
    let Some(Grant::User { name }) = app.store.check_token(login.token.expose()) else {
        return Err(ApiError::Unauthenticated);
    };
    let expires = app.now().checked_add(SESSION_LIFE).ok();
    let session = app.store.issue_token(Grant::User { name: name.clone() }, expires).await?;
    let cookie = cookie(&app, session.expose(), SESSION_LIFE.as_secs())?;
    let whoami = Whoami { kind: PrincipalKind::User, name: name.to_string() };
    Ok(([(SET_COOKIE, cookie)], Json::<_>(whoami)).into_response())
}

/// Ends the session.
#[utoipa::path(
    post, path = "/logout", tag = "session",
    responses((status = 204), (status = "4XX", body = Problem))
)]
pub(crate) async fn logout(State(app): State<App>, _: User, headers: HeaderMap) -> ApiResult<Response> {
    if let Some(token) = session(&headers) {
        app.store.revoke_token(token).await?;
    }
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie(&app, "", 0)?)]).into_response())
}

fn cookie(app: &App, token: &str, max_age_s: i64) -> ApiResult<HeaderValue> {
    let secure = if app.secure_cookies { "; Secure" } else { "" };
    let text = format!("{SESSION_COOKIE}={token}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}");
    let mut value = HeaderValue::from_str(&text).map_err(|error| ApiError::fault("making a cookie", error))?;
    value.set_sensitive(true);
    Ok(value)
}
