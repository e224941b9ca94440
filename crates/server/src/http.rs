//! The HTTP listener: what a client may take its time for, and how many there may be.
//!
//! Bodies have limits of their own, in the handlers. Here is what no handler sees: a client that opens a
//! connection and says nothing, or says it one byte at a time, one that does not read its answer, one that is still
//! reading at a shutdown, and more of them than there is room for.

mod client_stream;
mod crowd;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use bytes::Bytes;
use client_stream::ClientStream;
use crowd::{Busy, Crowd, Visit};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioTimer;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use ranged::{Direct, Express};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tracing::{debug, warn};

/// The largest head of a request: four times what a browser with large cookies sends.
const MAX_HEAD: usize = 32 << 10;
/// Connections that may wait to be accepted, if the system allows as many (net.core.somaxconn). One that finds no place
/// is lost, and its client tries again after a second: a rack that comes up at once is not to notice.
const BACKLOG: u32 = 4096;
/// Clients that are told at a time that there is no room. More are not told.
const MOST_REFUSED: usize = 64;
/// What they are told. Connections end within seconds; all who came at once must not come back at once, but a
/// listener cannot know who they are.
const NO_ROOM: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// How long clients are waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// For a request's whole head, and for the next request on an open connection. A BMC or a firmware on a slow
    /// management network sends a head within 5 s; six times that.
    pub(crate) head: Duration,
    /// For a client to take a little of its answer. A machine that is being restarted takes nothing ever again.
    pub(crate) answer: Duration,
    /// For a client to take the word that there is no room.
    pub(crate) refusal: Duration,
    /// For answers under way at a shutdown. An agent goes on with an image where it was cut off.
    pub(crate) shutdown: Duration,
    /// After a connection could not be accepted for want of file descriptors.
    pub(crate) accept: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(30),
            answer: Duration::from_secs(60),
            refusal: Duration::from_secs(2),
            shutdown: Duration::from_secs(5),
            accept: Duration::from_millis(200),
        }
    }
}

/// Listens at `address`.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves `room` connections at a time until `stop`, then lets answers under way end for a while.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    patience: Patience,
    room: usize,
    stop: CancellationToken,
) {
    let connections = GracefulShutdown::new();
    let (crowd, refusals) = (Crowd::new(room), Arc::new(Semaphore::new(MOST_REFUSED)));
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
        match crowd.enter() {
            Some(visit) => {
                let connection = Connection { stream, client, router: router.clone(), patience, visit };
                let (stop, watcher) = (stop.clone(), connections.watcher());
                tokio::spawn(async move {
                    // One that has said nothing yet is not waited for.
                    let spoke = stop.run_until_cancelled(timeout(patience.head, connection.stream.readable())).await;
                    if let Some(Ok(Ok(()))) = spoke {
                        connection.serve(watcher).await;
                    }
                });
            }
            None => {
                let refusals = Arc::clone(&refusals);
                tokio::spawn(async move {
                    if let Ok(permit) = refusals.try_acquire() {
                        timeout(patience.refusal, refuse(stream, permit)).await.ok();
                    }
                });
            }
        }
    }
    drop(listener);
    if timeout(patience.shutdown, connections.shutdown()).await.is_err() {
        debug!("HTTP answers under way are cut off");
    }
}

/// Says that there is no room. The connection is closed after the client's side: what it has sent and is not read
/// would make the system cut the answer off.
async fn refuse(mut stream: TcpStream, _permit: SemaphorePermit<'_>) -> io::Result<()> {
    let mut unread = [0; 4096];
    if stream.read(&mut unread).await? == 0 {
        return Ok(());
    }
    stream.write_all(NO_ROOM).await?;
    stream.shutdown().await?;
    while stream.read(&mut unread).await? > 0 {}
    Ok(())
}

/// A client that is served.
struct Connection {
    stream: TcpStream,
    client: SocketAddr,
    router: Router,
    patience: Patience,
    visit: Arc<Visit>,
}

impl Connection {
    async fn serve(self, watcher: Watcher) {
        let Self { stream, client, router, patience, visit } = self;
        stream.set_nodelay(true).ok();
        let express = Express::default();
        let stream = ClientStream::new(stream, express.clone(), Arc::clone(&visit), patience.answer);
        let host = Arc::clone(&visit);
        let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            let (router, express, busy) = (router.clone(), express.clone(), host.busy());
            async move {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(ConnectInfo(client));
                let response = match router.oneshot(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                };
                if let Some(direct) = response.extensions().get::<Direct>() {
                    direct.attach(express);
                }
                Ok::<_, Infallible>(response.map(|body| Answer { body, _busy: busy }))
            }
        });
        let mut builder = http1::Builder::new();
        // Placeholders must reach the stream as they are: nothing may be copied together.
        builder.timer(TokioTimer::new()).header_read_timeout(patience.head).max_header_size(MAX_HEAD).writev(true);
        let connection = watcher.watch(builder.serve_connection(stream, service));
        tokio::select! {
            ended = connection => if let Err(error) = ended {
                debug!(%error, %client, "HTTP connection ended early");
            },
            () = visit.sent_away() => debug!(%client, "HTTP connection gives its place to another"),
        }
    }
}

/// A body during which its connection is not idle.
struct Answer {
    body: Body,
    _busy: Busy,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
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
    use axum::extract::Request;
    use axum::routing::get;
    use tokio::task::JoinHandle;

    /// Far longer than any of it takes.
    const LIMIT: Duration = Duration::from_secs(20);

    /// What a large answer is longer than: what all buffers between two processes hold.
    const LARGE: usize = 64 << 20;

    struct Rig {
        address: SocketAddr,
        stop: CancellationToken,
        serving: JoinHandle<()>,
        _file: tempfile::NamedTempFile,
    }

    async fn start(patience: Patience, room: usize) -> Rig {
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content()).unwrap();
        let path = file.path().to_owned();
        let send_file = async move |request: Request| {
            let source = ranged::FileSource::Path(path.clone());
            ranged::serve_file(request.method(), request.headers(), source, None).await.unwrap()
        };
        let router = Router::new()
            .route("/", get(async |ConnectInfo(client): ConnectInfo<SocketAddr>| client.ip().to_string()))
            .route("/file", get(send_file))
            .route("/large", get(async || vec![b'x'; LARGE]))
            .route("/never", get(std::future::pending::<()>));
        let serving = tokio::spawn(serve(listener, router, patience, room, stop.clone()));
        Rig { address, stop, serving, _file: file }
    }

    fn content() -> Vec<u8> {
        (0..3_000_001).map(|at| u8::try_from(at % 251).unwrap()).collect()
    }

    async fn ask(address: SocketAddr, path: &str, headers: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n").as_bytes()).await.unwrap();
        stream
    }

    /// Reads an answer's head and nothing more.
    async fn head(stream: &mut TcpStream) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(tokio::time::timeout(LIMIT, stream.read_u8()).await.expect("an answer comes").unwrap());
        }
        String::from_utf8(head).unwrap()
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
        let rig = start(patience, 100).await;
        for beginning in ["", "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
            let mut stream = TcpStream::connect(rig.address).await.unwrap();
            stream.write_all(beginning.as_bytes()).await.unwrap();
            let answer = all_of(&mut stream).await;
            assert!(!answer.contains("200 OK"), "{beginning:?}: {answer}");
        }
    }

    #[tokio::test]
    async fn a_client_is_answered_and_known_by_its_address() {
        let rig = start(Patience::default(), 100).await;
        let answer = all_of(&mut ask(rig.address, "/", "Connection: close\r\n").await).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("127.0.0.1"), "{answer}");
    }

    #[tokio::test]
    async fn an_answer_without_end_does_not_hold_up_a_shutdown() {
        let patience = Patience { shutdown: Duration::from_millis(50), ..Patience::default() };
        let rig = start(patience, 100).await;
        let _client = ask(rig.address, "/never", "").await;
        rig.stop.cancel();
        tokio::time::timeout(LIMIT, rig.serving).await.expect("the shutdown ends").unwrap();
    }

    #[tokio::test]
    async fn a_file_arrives_as_it_is_whole_and_in_part_and_on_the_same_connection() {
        let rig = start(Patience::default(), 100).await;
        let content = content();
        let mut stream = ask(rig.address, "/file", "").await;
        for range in [0..content.len(), 1_048_000..2_100_000, content.len() - 1..content.len()] {
            let head = head(&mut stream).await;
            assert!(head.contains(&format!("content-length: {}\r\n", range.len())), "{head}");
            let mut body = vec![0; range.len()];
            stream.read_exact(&mut body).await.unwrap();
            assert!(body == content[range]);
            let next = "GET /file HTTP/1.1\r\nHost: x\r\nRange: bytes=1048000-2099999\r\n\r\n";
            let last = "GET /file HTTP/1.1\r\nHost: x\r\nRange: bytes=-1\r\n\r\n";
            let request = if body.len() == content.len() { next } else { last };
            stream.write_all(request.as_bytes()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_client_that_stops_reading_is_given_up() {
        let patience = Patience { answer: Duration::from_millis(100), ..Patience::default() };
        for path in ["/large", "/file"] {
            let rig = start(patience, 100).await;
            let mut streams = Vec::new();
            // The file is shorter than the buffers on its way: asked for again and again, it fills them.
            for _ in 0..if path == "/file" { 8 } else { 1 } {
                let mut stream = ask(rig.address, path, "").await;
                for _ in 0..40 {
                    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
                }
                head(&mut stream).await;
                streams.push(stream);
            }
            rig.stop.cancel();
            tokio::time::timeout(LIMIT, rig.serving).await.expect("nothing is left to wait for").unwrap();
            let mut rest = Vec::new();
            let read = tokio::time::timeout(LIMIT, streams[0].read_to_end(&mut rest)).await.unwrap();
            assert!(read.is_err() || rest.len() < LARGE, "{path}: all of it came");
        }
    }

    #[tokio::test]
    async fn a_head_too_large_is_refused() {
        let rig = start(Patience::default(), 100).await;
        let large = format!("X-Large: {}\r\nConnection: close\r\n", "x".repeat(MAX_HEAD));
        let answer = all_of(&mut ask(rig.address, "/", &large).await).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
        let many = "X: y\r\n".repeat(200) + "Connection: close\r\n";
        let answer = all_of(&mut ask(rig.address, "/", &many).await).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }

    #[tokio::test]
    async fn an_idle_connection_gives_its_place_to_a_new_one() {
        let rig = start(Patience::default(), 2).await;
        let mut silent = TcpStream::connect(rig.address).await.unwrap();
        let mut idle = ask(rig.address, "/", "").await;
        head(&mut idle).await;
        for _ in 0..2 {
            let answer = all_of(&mut ask(rig.address, "/", "Connection: close\r\n").await).await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
        assert_eq!(all_of(&mut silent).await, "");
    }

    #[tokio::test]
    async fn with_every_place_at_work_the_next_client_is_told_when_to_come_back() {
        let rig = start(Patience::default(), 1).await;
        let mut working = ask(rig.address, "/large", "").await;
        head(&mut working).await;
        let answer = all_of(&mut ask(rig.address, "/", "").await).await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("Retry-After: 5\r\n"), "{answer}");
        drop(working);
        let mut answer = String::new();
        while !answer.starts_with("HTTP/1.1 200") {
            answer = all_of(&mut ask(rig.address, "/", "Connection: close\r\n").await).await;
        }
    }
}
