//! The BMCs of a fleet: one listener on every loopback address, which tells them apart by the address that was called.
//!
//! All of 127.0.0.0/8 is this computer's (RFC 1122 §3.2.1.3, Linux answers on each address), so ten thousand BMCs
//! need no interfaces and one descriptor between their connections. They share a certificate; a client that pins it
//! makes the same handshake as with one for each.

use crate::redfish::{BmcService, StartError, own_certificate};
use axum::body::{Body, Bytes};
use axum_server::accept::Accept as _;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use types::Digest;

/// Requests are small: the longest is a list of BIOS attributes.
const MAX_REQUEST_BYTES: usize = 1024 * 1024;
/// Connections that wait to be accepted: a server that asks a whole fleet at once.
const BACKLOG: i32 = 4096;
/// After a connection could not be accepted for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// BMCs by address.
pub(super) type Bmcs = HashMap<Ipv4Addr, Arc<BmcService>>;

/// Listens for all of them at `port`, until the runtime ends. Gives the certificate's digest.
pub(super) fn serve(bmcs: Bmcs, port: u16) -> Result<Digest, StartError> {
    let (tls, certificate) = own_certificate(vec!["localhost".to_owned()])?;
    let listener = listen(port).map_err(StartError::Listen)?;
    let acceptor = RustlsAcceptor::new(RustlsConfig::from_config(tls));
    tokio::spawn(accept(listener, acceptor, Arc::new(bmcs)));
    Ok(certificate)
}

fn listen(port: u16) -> std::io::Result<TcpListener> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

async fn accept(listener: TcpListener, acceptor: RustlsAcceptor, bmcs: Arc<Bmcs>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let called = stream.local_addr().map(|address| address.ip());
        let Ok(IpAddr::V4(address)) = called else { continue };
        let Some(bmc) = bmcs.get(&address) else { continue };
        tokio::spawn(speak(stream, acceptor.clone(), Arc::clone(bmc)));
    }
}

/// Serves one connection. How it ends is its client's business.
async fn speak(stream: TcpStream, acceptor: RustlsAcceptor, bmc: Arc<BmcService>) {
    stream.set_nodelay(true).ok();
    let Ok((stream, ())) = acceptor.accept(stream, ()).await else { return };
    let service = service_fn(move |request| answer(Arc::clone(&bmc), request));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a lab BMC's connection ended early");
    }
}

/// The connection is closed unanswered.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped on purpose")]
struct Dropped;

async fn answer(bmc: Arc<BmcService>, request: Request<Incoming>) -> Result<Response<Body>, Dropped> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(Body::new(body), MAX_REQUEST_BYTES).await else {
        let mut refusal = Response::new(Body::empty());
        *refusal.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return Ok(refusal);
    };
    let body: Bytes = body;
    bmc.answer(Request::from_parts(parts, body)).await.ok_or(Dropped)
}
