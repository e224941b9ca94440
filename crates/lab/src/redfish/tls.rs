//! A TLS listener with a certificate of its own, over a handler that may close a connection unanswered.

use async_trait::async_trait;
use axum::body::{Body, Bytes, HttpBody};
use http::{Request, Response};
use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::task::JoinHandle;
use tower::Service;
use types::Digest;

use super::simulator::StartError;

/// Requests are small: the longest is a list of BIOS attributes.
const MAX_REQUEST_BYTES: usize = 1024 * 1024;

/// The connection ends here, without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped on purpose")]
pub(super) struct Dropped;

/// What answers requests.
#[async_trait]
pub(super) trait Handler: Send + Sync + 'static {
    async fn answer(&self, request: Request<Bytes>) -> Result<Response<Body>, Dropped>;
}

/// TLS with a new certificate for `names`, and the certificate's SHA-256.
pub(crate) fn own_certificate(names: Vec<String>) -> Result<(Arc<rustls::ServerConfig>, Digest), StartError> {
    let own = rcgen::generate_simple_self_signed(names).map_err(StartError::Certificate)?;
    let certificate = own.cert.der().clone();
    let digest = Digest::of(&certificate);
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(vec![certificate], key.into()))
        .map_err(StartError::Tls)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((Arc::new(config), digest))
}

/// A listener that runs.
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    pub(super) certificate: Digest,
    handle: axum_server::Handle<SocketAddr>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Listener {
    pub(super) async fn start(listen: SocketAddr, handler: Arc<dyn Handler>) -> Result<Self, StartError> {
        let (config, digest) = own_certificate(vec![listen.ip().to_string(), "localhost".to_owned()])?;
        let socket = std::net::TcpListener::bind(listen).map_err(StartError::Listen)?;
        socket.set_nonblocking(true).map_err(StartError::Listen)?;
        let address = socket.local_addr().map_err(StartError::Listen)?;
        let handle = axum_server::Handle::new();
        let tls = axum_server::tls_rustls::RustlsConfig::from_config(config);
        let server = axum_server::from_tcp_rustls(socket, tls).map_err(StartError::Listen)?;
        let task = tokio::spawn(server.handle(handle.clone()).serve(Front(handler)));
        Ok(Self { address, certificate: digest, handle, task })
    }

    pub(super) async fn stop(self) {
        self.handle.shutdown();
        if let Ok(Err(error)) = self.task.await {
            tracing::warn!(%error, "Lab BMC listener ended with an error");
        }
    }
}

/// Makes itself for each connection, and answers each request.
#[derive(Clone)]
struct Front(Arc<dyn Handler>);

impl Service<SocketAddr> for Front {
    type Response = Requests;
    type Error = Infallible;
    type Future = Ready<Result<Requests, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: SocketAddr) -> Self::Future {
        ready(Ok(Requests(self.0.clone())))
    }
}

#[derive(Clone)]
struct Requests(Arc<dyn Handler>);

impl<B> Service<Request<B>> for Requests
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    type Response = Response<Body>;
    type Error = Dropped;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Dropped>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Dropped>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let handler = self.0.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(Body::new(body), MAX_REQUEST_BYTES).await.map_err(|_| Dropped)?;
            handler.answer(Request::from_parts(parts, body)).await
        })
    }
}
