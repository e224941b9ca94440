//! The HTTP listener: what a client may take its time for.
//!
//! Bodies have limits of their own, in the handlers. Here is what no handler sees: a client that opens a
//! connection and says nothing, or says it one byte at a time, and one that is still reading at a shutdown.

use axum::Router;
use axum::extract::ConnectInfo;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::io;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tracing::{debug, warn};

/// How long clients are waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// For a request's whole head, and for the next request on an open connection. A BMC or a firmware on a slow
    /// management network sends a head within 5 s; six times that.
    pub(crate) head: Duration,
    /// For answers under way at a shutdown. An agent goes on with an image where it was cut off.
    pub(crate) shutdown: Duration,
    /// After a connection could not be accepted for want of file descriptors.
    pub(crate) accept: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { head: Duration::from_secs(30), shutdown: Duration::from_secs(5), accept: Duration::from_millis(200) }
    }
}

/// Serves until `stop`, then lets answers under way end for a while.
pub(crate) async fn serve(listener: TcpListener, router: Router, patience: Patience, stop: CancellationToken) {
    let connections = GracefulShutdown::new();
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(patience.head);
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, client) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if concerns_one_client(&error) => continue,
            Err(error) => {
                warn!(%error, "HTTP connections cannot be accepted");
                tokio::time::sleep(patience.accept).await;
                continue;
            }
        };
        stream.set_nodelay(true).ok();
        let router = router.clone().map_request(move |request: hyper::Request<Incoming>| {
            let mut request: Request = request.map(axum::body::Body::new);
            request.extensions_mut().insert(ConnectInfo(client));
            request
        });
        let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, %client, "HTTP connection ended early");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(patience.shutdown, connections.shutdown()).await.is_err() {
        debug!("HTTP answers under way are cut off");
    }
}

/// Errors of `accept` that are over with the connection that they are about (accept(2)).
fn concerns_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use std::net::SocketAddr;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;
    use tokio::task::JoinHandle;

    /// Far longer than any of it takes.
    const LIMIT: Duration = Duration::from_secs(20);

    async fn start(patience: Patience) -> (SocketAddr, CancellationToken, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let router = Router::new()
            .route("/", get(async |ConnectInfo(client): ConnectInfo<SocketAddr>| client.ip().to_string()))
            .route("/never", get(std::future::pending::<()>));
        let serving = tokio::spawn(serve(listener, router, patience, stop.clone()));
        (address, stop, serving)
    }

    async fn all_of(stream: &mut TcpStream) -> String {
        let mut text = String::new();
        let read = tokio::time::timeout(LIMIT, stream.read_to_string(&mut text));
        read.await.expect("the server closes the connection").unwrap();
        text
    }

    #[tokio::test]
    async fn a_head_that_does_not_end_ends_the_connection() {
        let patience = Patience { head: Duration::from_millis(100), ..Patience::default() };
        let (address, _stop, _serving) = start(patience).await;
        for beginning in ["", "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(beginning.as_bytes()).await.unwrap();
            let answer = all_of(&mut stream).await;
            assert!(!answer.contains("200 OK"), "{beginning:?}: {answer}");
        }
    }

    #[tokio::test]
    async fn a_client_is_answered_and_known_by_its_address() {
        let (address, _stop, _serving) = start(Patience::default()).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let answer = all_of(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("127.0.0.1"), "{answer}");
    }

    #[tokio::test]
    async fn an_answer_without_end_does_not_hold_up_a_shutdown() {
        let patience = Patience { shutdown: Duration::from_millis(50), ..Patience::default() };
        let (address, stop, serving) = start(patience).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /never HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        stop.cancel();
        tokio::time::timeout(LIMIT, serving).await.expect("the shutdown ends").unwrap();
    }
}
