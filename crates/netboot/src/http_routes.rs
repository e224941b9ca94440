//! The routes under `/boot`.

use crate::Inner;
use crate::event::HttpEvent;
use crate::namespace::{FindError, Found, PerMachine, TREES};
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use http_body::{Frame, SizeHint};
use ranged::serve_file;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use types::MacAddr;

/// The routes that need no token, and why.
pub const OPEN: [(&str, &str, &str); 3] = [
    ("GET", "/boot/files/{name}", "firmware and loaders have no token; the files are the same for everybody"),
    ("GET", "/boot/{mac}/{name}", "nor have they for their script and first token, which only a wanted machine gets"),
    ("GET", "/media/{name}", "installers have no token; the files are the same for everybody"),
];

pub(crate) fn routes(inner: Arc<Inner>) -> Router {
    Router::new()
        .route("/boot/files/{*name}", get(file))
        .route("/boot/{mac}/{*name}", get(per_machine))
        .route("/media/{*name}", get(tree_file))
        .with_state(inner)
}

async fn file(State(inner): State<Arc<Inner>>, Path(name): Path<String>, request: Request) -> Response {
    let peer = peer(&request);
    let found = match tftp::clean_path(name.as_bytes()) {
        Ok(name) => inner.find_file(name, peer).await,
        Err(_) => Err(FindError::NotFound),
    };
    respond(inner, request, peer, found).await
}

async fn tree_file(State(inner): State<Arc<Inner>>, Path(name): Path<String>, request: Request) -> Response {
    let peer = peer(&request);
    let found = match tftp::clean_path(name.as_bytes()) {
        Ok(name) => inner.find_file(&format!("{TREES}{name}"), peer).await,
        Err(_) => Err(FindError::NotFound),
    };
    respond(inner, request, peer, found).await
}

async fn per_machine(
    State(inner): State<Arc<Inner>>,
    Path((mac, name)): Path<(String, String)>,
    request: Request,
) -> Response {
    let peer = peer(&request);
    let file = PerMachine::from_name(&name);
    let found = match (mac.parse::<MacAddr>(), tftp::clean_path(name.as_bytes())) {
        (Ok(mac), Ok(_)) => inner.find_per_machine(mac, file, peer).await,
        _ => Err(FindError::NotFound),
    };
    let is_script = file != PerMachine::AgentConfig;
    let mut response = respond(inner, request, peer, found).await;
    if is_script && response.status().is_success() {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    }
    response
}

fn peer(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip().to_canonical())
}

async fn respond(
    inner: Arc<Inner>,
    request: Request,
    peer: Option<IpAddr>,
    found: Result<Found, FindError>,
) -> Response {
    let path: String = request.uri().path().chars().take(300).collect();
    let (mac, machine) = match &found {
        Ok(found) => (found.mac, found.machine),
        Err(_) => (peer.and_then(|peer| inner.mac_of(peer)), None),
    };
    let response = match found {
        Ok(found) => match serve_file(request.method(), request.headers(), found.source, None).await {
            Ok(response) => response,
            Err(error) => {
                tracing::error!(path, error = &error as &dyn std::error::Error, "The boot file {path} cannot be read");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        },
        Err(FindError::NotFound) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::warn!(path, error = &error as &dyn std::error::Error, "{path} cannot be served");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    };
    let status = response.status().as_u16();
    let method = request.method().to_string();
    let event = HttpEvent { machine, method, path, mac, peer, status };
    let promised = match request.method() {
        &Method::HEAD => Some(0),
        _ => response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok()),
    };
    response.map(|body| Body::new(Counted { body, sent: 0, promised, ended: false, event, inner }))
}

/// A body that records, when it ends or is dropped, how much of it was sent.
struct Counted {
    body: Body,
    sent: u64,
    promised: Option<u64>,
    ended: bool,
    event: HttpEvent,
    inner: Arc<Inner>,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => self.sent += frame.data_ref().map_or(0, |data| data.len() as u64),
            Some(Err(_)) => {}
            None => self.ended = true,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // With a length promised, the connection stops asking once it has that much.
        let complete = self.ended || self.promised.is_some_and(|promised| self.sent >= promised);
        self.inner.backend.record(self.event.at(self.inner.config.clock.now(), self.sent, complete));
    }
}
