//! Who may do what. Closed unless said otherwise.

use crate::App;
use crate::error::ApiError;
use crate::service::refusal::{Refusals, Subject};
use axum::extract::{Extension, FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CACHE_CONTROL, COOKIE, HOST, HeaderName, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};
use std::net::SocketAddr;
use std::sync::Arc;
use store::Grant;
use types::{MacAddr, MachineId, RunId};
use uuid::Uuid;

/// What it takes to use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Open,
    /// A user's token, or a session.
    User,
    /// A registration token.
    Registration,
    /// An agent's token.
    Agent,
    /// An installed system's token.
    CallHome,
    /// An installer's token.
    Installer,
}

/// The routes that need no token, and why.
pub const OPEN: [(&str, &str, &str); 1] =
    [("POST", "/login", "turns a token into a session: the token is in the body and is checked there")];

/// What it takes to use the route of `path`. Any path that is not named here, routed or not, is for users.
pub fn access(method: &Method, path: &str) -> Access {
    if OPEN.iter().any(|(open_method, open_path, _)| method == *open_method && path == *open_path) {
        return Access::Open;
    }
    match path {
        "/agent/v1/register" => Access::Registration,
        "/agent/v1/call-home" => Access::CallHome,
        "/unattended/built" | "/unattended/failed" | "/unattended/started" => Access::Installer,
        _ if path.starts_with("/agent/v1/") => Access::Agent,
        _ => Access::User,
    }
}

/// The cookie that holds a session.
pub(crate) const SESSION_COOKIE: &str = "slipway_session";

/// A person, or a program on a person's behalf.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) name: String,
}

impl User {
    /// As the history names it.
    pub(crate) fn actor(&self) -> String {
        format!("user:{}", self.name)
    }
}

/// A machine that may register.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Registrant {
    pub(crate) mac: MacAddr,
    /// The boot that used the token before.
    pub(crate) boot_id: Option<Uuid>,
}

/// A machine's agent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Agent {
    pub(crate) machine: MachineId,
    pub(crate) boot_id: Uuid,
}

/// An installed system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Installed {
    pub(crate) machine: MachineId,
    pub(crate) run: RunId,
}

/// An installer, or the system that it installed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Installing {
    pub(crate) machine: MachineId,
    pub(crate) run: RunId,
}

/// Lets a request through whose token is good for its route.
pub(crate) async fn guard(
    State(app): State<App>,
    Extension(refusals): Extension<Arc<Refusals>>,
    mut request: Request,
    next: Next,
) -> Response {
    match admit(&app, &refusals, &mut request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

fn admit(app: &App, refusals: &Refusals, request: &mut Request) -> Result<(), ApiError> {
    let needed = access(request.method(), request.uri().path());
    if needed == Access::Open {
        return Ok(());
    }
    let in_url = (needed == Access::Installer).then(|| token_in(request.uri())).flatten();
    let credential = match &in_url {
        Some(token) => Credential::Bearer(token),
        None => credential(request.headers(), needed).ok_or(ApiError::Unauthenticated)?,
    };
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip());
    let Some(grant) = app.store.check_token(credential.token()) else {
        let void = app.store.void_token(credential.token());
        if let Some((subject, reason)) = void.as_ref().and_then(|was| Some((Subject::of(was)?, why_void(was)))) {
            refusals.record(app, subject, reason, peer);
        }
        // Who called home for a run that is over need not call again.
        let is_over = needed == Access::CallHome && matches!(void, Some(Grant::CallHome { .. }));
        return Err(if is_over { ApiError::Gone } else { ApiError::Unauthenticated });
    };
    if matches!(credential, Credential::Cookie(_)) {
        refuse_foreign_pages(request.method(), request.headers())?;
    }
    let extensions = request.extensions_mut();
    match (needed, grant) {
        (Access::User, Grant::User { name }) => {
            extensions.insert(User { name: name.to_string() });
        }
        (Access::Registration, Grant::Registration { mac }) => {
            extensions.insert(Registrant { mac, boot_id: None });
        }
        (Access::Registration, Grant::Registered { mac, boot_id }) => {
            extensions.insert(Registrant { mac, boot_id: Some(boot_id) });
        }
        (Access::Agent, Grant::Agent { machine, boot_id }) => {
            app.store.hear_agent(machine, boot_id);
            extensions.insert(Agent { machine, boot_id });
        }
        (Access::CallHome, Grant::CallHome { machine, run }) => {
            extensions.insert(Installed { machine, run });
        }
        (Access::Installer, Grant::Installer { machine, run }) => {
            extensions.insert(Installing { machine, run });
        }
        (_, grant) => {
            const REASON: &str = "the token is not good for this";
            if let Some(subject) = Subject::of(&grant) {
                refusals.record(app, subject, REASON, peer);
            }
            return Err(ApiError::Forbidden { reason: REASON });
        }
    }
    Ok(())
}

/// Why a token that was good is not any more.
fn why_void(was: &Grant) -> &'static str {
    match was {
        Grant::Agent { .. } => "its boot is over: another has registered since",
        Grant::CallHome { .. } => "its run is over",
        Grant::User { .. } | Grant::Registration { .. } | Grant::Registered { .. } | Grant::Installer { .. } => {
            "its token has expired"
        }
    }
}

/// The token of a request that was let in with one.
pub(crate) fn bearer(headers: &HeaderMap) -> &str {
    credential(headers, Access::Agent).map_or("", |credential| match credential {
        Credential::Bearer(token) | Credential::Cookie(token) => token,
    })
}

enum Credential<'a> {
    Bearer(&'a str),
    Cookie(&'a str),
}

impl Credential<'_> {
    fn token(&self) -> &str {
        match self {
            Self::Bearer(token) | Self::Cookie(token) => token,
        }
    }
}

/// The token of an installer, which can send no headers: `?token=…`. No other token is taken from a URL, which ends up
/// in logs.
fn token_in(uri: &http::Uri) -> Option<String> {
    let pairs = url::form_urlencoded::parse(uri.query()?.as_bytes());
    pairs.into_iter().find(|(name, _)| name == "token").map(|(_, token)| token.into_owned())
}

fn credential(headers: &HeaderMap, needed: Access) -> Option<Credential<'_>> {
    if let Some(value) = headers.get(AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| Credential::Bearer(token.trim()));
    }
    (needed == Access::User).then(|| session(headers))?.map(Credential::Cookie)
}

/// The session's token, if the request has one.
pub(crate) fn session(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == SESSION_COOKIE).map(|(_, token)| token)
}

/// A browser sends the cookie along with whatever any page makes it send, so a change must come from our own
/// page. `SameSite` says so too; this does not rely on it.
fn refuse_foreign_pages(method: &Method, headers: &HeaderMap) -> Result<(), ApiError> {
    if method.is_safe() {
        return Ok(());
    }
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let own_by_fetch = text(&HeaderName::from_static("sec-fetch-site")).map(|site| site == "same-origin");
    let own_by_origin = || {
        let (_, origin) = text(&ORIGIN)?.split_once("://")?;
        Some(text(&HOST)? == origin)
    };
    match own_by_fetch.or_else(own_by_origin) {
        Some(true) => Ok(()),
        Some(false) | None => Err(ApiError::Forbidden { reason: "a session is good for our own pages only" }),
    }
}

/// Adds what every answer says to browsers.
pub(crate) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let fixed = [
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
        (HeaderName::from_static("referrer-policy"), "no-referrer"),
        (HeaderName::from_static("content-security-policy"), "default-src 'none'; frame-ancestors 'none'"),
    ];
    for (name, value) in fixed {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

macro_rules! admitted {
    ($($principal:ty),*) => {
        $(impl<S: Sync> FromRequestParts<S> for $principal {
            type Rejection = ApiError;

            async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
                parts.extensions.get::<Self>().cloned().ok_or(ApiError::Forbidden { reason: "the token is not good for this" })
            }
        })*
    };
}

admitted!(User, Registrant, Agent, Installed, Installing);

/// The other end of the connection.
pub(crate) type Peer = axum::extract::ConnectInfo<SocketAddr>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_is_for_users() {
        for path in ["/", "/api/v1/machines", "/agent", "/agent/v2/register", "/x", "//agent/v1/register", "/login/"] {
            assert_eq!(access(&Method::POST, path), Access::User, "{path}");
        }
        assert_eq!(access(&Method::GET, "/login"), Access::User);
        assert_eq!(access(&Method::POST, "/login"), Access::Open);
        assert_eq!(access(&Method::GET, "/agent/v1/tasks/next"), Access::Agent);
    }

    #[test]
    fn a_cookie_changes_nothing_for_another_page() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
        };
        let allowed =
            |pairs: &[(&'static str, &'static str)]| refuse_foreign_pages(&Method::POST, &headers(pairs)).is_ok();
        assert!(allowed(&[("sec-fetch-site", "same-origin")]));
        assert!(allowed(&[("origin", "http://rack:8080"), ("host", "rack:8080")]));
        assert!(!allowed(&[("origin", "http://evil"), ("host", "rack:8080")]));
        assert!(!allowed(&[("sec-fetch-site", "cross-site"), ("origin", "http://rack"), ("host", "rack")]));
        assert!(!allowed(&[]));
        assert!(refuse_foreign_pages(&Method::GET, &HeaderMap::new()).is_ok());
    }

    #[test]
    fn the_session_is_found_among_other_cookies() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=b; slipway_session=abc; c=d"));
        assert_eq!(session(&headers), Some("abc"));
    }
}
