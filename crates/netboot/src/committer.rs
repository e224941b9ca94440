//! Makes leases durable, many at a time.
//!
//! One task commits whatever has come while the last commit was busy. So a flush is shared by all who wait
//! for it, and rows reach the store in the order in which they were decided.

use crate::BootBackend;
use dhcp::Lease;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Leases waiting for their commit; when it is full, the messages behind them wait.
const QUEUE: usize = 4096;
/// Most leases of one commit: keeps one slow flush from becoming a slower one.
const BATCH: usize = 1024;

type Waiting = (Lease, oneshot::Sender<()>);

/// Hands leases to the committing task.
pub(crate) struct Committer {
    queue: mpsc::Sender<Waiting>,
}

/// A lease is not durable.
#[derive(Debug, thiserror::Error)]
#[error("the lease could not be stored")]
pub(crate) struct NotDurable;

impl Committer {
    /// Starts the task. It ends with the `Committer`; whoever gave it a lease waits for it, so nothing is lost.
    pub(crate) fn start(backend: Arc<dyn BootBackend>) -> Self {
        let (queue, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(commit_all(backend, receiver));
        Self { queue }
    }

    /// Waits for a place in the queue. It is taken before the decision, so that filling it needs no waiting.
    pub(crate) async fn reserve(&self) -> Result<Place<'_>, NotDurable> {
        self.queue.reserve().await.map(Place).map_err(|_| NotDurable)
    }
}

/// A place in the queue.
pub(crate) struct Place<'a>(mpsc::Permit<'a, Waiting>);

impl Place<'_> {
    /// Fills the place.
    pub(crate) fn fill(self, lease: Lease) -> Durable {
        let (durable, wait) = oneshot::channel();
        self.0.send((lease, durable));
        Durable(wait)
    }
}

/// A lease on its way to the disk.
pub(crate) struct Durable(oneshot::Receiver<()>);

impl Durable {
    /// Waits until the lease is durable.
    pub(crate) async fn wait(self) -> Result<(), NotDurable> {
        self.0.await.map_err(|_| NotDurable)
    }
}

async fn commit_all(backend: Arc<dyn BootBackend>, mut receiver: mpsc::Receiver<Waiting>) {
    let mut batch: Vec<Waiting> = Vec::with_capacity(BATCH);
    while receiver.recv_many(&mut batch, BATCH).await > 0 {
        let (leases, waiting): (Vec<Lease>, Vec<_>) = batch.drain(..).unzip();
        match backend.commit_leases(&leases).await {
            Ok(()) => {
                for durable in waiting {
                    // A receiver that is gone belongs to a message that was given up at shutdown.
                    durable.send(()).ok();
                }
            }
            Err(error) => {
                let source: &dyn std::error::Error = &error;
                tracing::error!(error = source, leases = leases.len(), "{} leases could not be stored", leases.len());
            }
        }
    }
}
