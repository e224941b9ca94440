//! A way into the demo's network namespace: a listening socket made outside, whose connections are carried on
//! to the server inside. A socket belongs to the namespace that it was made in, wherever its owner lives.

use anyhow::Context;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Connections carried at a time.
const MAX_CONNECTIONS: usize = 64;

/// The listener behind an inherited descriptor.
pub(super) fn listener(descriptor: &OwnedFd) -> anyhow::Result<TcpListener> {
    let listener = std::net::TcpListener::from(descriptor.try_clone()?);
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener).context("taking over the listening socket")
}

/// Carries connections to `target` until it fails.
pub(super) async fn serve(listener: TcpListener, target: SocketAddr) -> anyhow::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        let (mut outside, _) = listener.accept().await.context("accepting a connection")?;
        if connections.len() >= MAX_CONNECTIONS {
            connections.join_next().await;
        }
        connections.spawn(async move {
            if let Ok(mut inside) = TcpStream::connect(target).await {
                // A connection that breaks off is its two ends' matter.
                copy_bidirectional(&mut outside, &mut inside).await.ok();
            }
        });
    }
}
