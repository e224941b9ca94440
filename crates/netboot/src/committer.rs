//! Makes leases durable, many at a time.
//!
//! One task commits whatever has come while the last commit was busy. So a flush is shared by all who wait
//! for it, and rows reach the store in the order in which they were decided. Nobody waits in a task of his own:
//! what is to follow is handed over with the lease.

use crate::{BackendError, BootBackend};
use async_trait::async_trait;
use dhcp::Lease;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Leases waiting for their commit; a message that finds it full is dropped, and its client repeats it.
const QUEUE: usize = 8192;
/// Most leases of one commit: keeps one slow flush from becoming a slower one.
const BATCH: usize = 1024;
/// From this many leases in a commit on, the next one gathers first: a flush costs as much for one as for many.
const BUSY: usize = 8;
/// How long it gathers; a client waits for seconds.
const GATHER: Duration = Duration::from_millis(4);
/// Answers that a relay's socket has room for: `net.core.rmem_default` as Linux has it, and what it counts for one of
/// them, which is 1 KiB for up to some 600 bytes and 256 bytes for the buffer's own head.
pub(crate) const RELAY_ROOM: usize = 212_992 / (1024 + 256);
/// Leases whose answers go out together, where who sends them keeps no measure: a slow flush may have held back more
/// than a relay has room for.
const BURST: usize = RELAY_ROOM / 3;
/// Pause between bursts.
const BURST_PAUSE: Duration = Duration::from_millis(1);
/// Commits whose answers are going out.
const SETTLING: usize = 16;

/// What follows when it is known whether a lease is durable.
pub(crate) type Afterwards = Box<dyn FnOnce(Outcome) + Send>;

/// What became of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is durable.
    Stored,
    /// It could not be made so.
    Lost,
}

type Waiting<L> = (L, Afterwards);
type Settled = mpsc::Sender<(Outcome, Vec<Afterwards>)>;

/// Where rows are made durable.
#[async_trait]
pub(crate) trait Keeper<L>: Send + Sync + 'static {
    /// Stores rows, the later ones last; they are durable when it returns.
    async fn keep(&self, rows: &[L]) -> Result<(), BackendError>;
}

#[async_trait]
impl Keeper<Lease> for Arc<dyn BootBackend> {
    async fn keep(&self, rows: &[Lease]) -> Result<(), BackendError> {
        self.commit_leases(rows).await
    }
}

/// Hands leases to the committing task.
pub(crate) struct Committer<L = Lease> {
    queue: mpsc::Sender<Waiting<L>>,
}

/// There is no place in the queue.
#[derive(Debug, thiserror::Error)]
#[error("{QUEUE} leases wait for the disk already")]
pub(crate) struct NoPlace;

impl<L: Send + Sync + 'static> Committer<L> {
    /// Starts the task. It ends with the `Committer`, when all that it was given is settled.
    pub(crate) fn start(keeper: impl Keeper<L>) -> Self {
        Self::start_settling(keeper, None)
    }

    /// As [`Self::start`], for what must not follow all at once: in bursts.
    pub(crate) fn start_paced(keeper: impl Keeper<L>) -> Self {
        let (settled, settling) = mpsc::channel(SETTLING);
        tokio::spawn(answer_all(settling));
        Self::start_settling(keeper, Some(settled))
    }

    fn start_settling(keeper: impl Keeper<L>, settled: Option<Settled>) -> Self {
        let (queue, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(commit_all(keeper, receiver, settled));
        Self { queue }
    }

    /// Takes a place in the queue. It is taken before the decision, so that filling it cannot fail.
    pub(crate) fn reserve(&self) -> Result<Place<'_, L>, NoPlace> {
        self.queue.try_reserve().map(Place).map_err(|_| NoPlace)
    }
}

/// A place in the queue.
pub(crate) struct Place<'a, L = Lease>(mpsc::Permit<'a, Waiting<L>>);

impl<L> Place<'_, L> {
    /// Fills the place.
    pub(crate) fn fill(self, lease: L, afterwards: Afterwards) {
        self.0.send((lease, afterwards));
    }
}

async fn commit_all<L: Send + Sync>(
    keeper: impl Keeper<L>,
    mut receiver: mpsc::Receiver<Waiting<L>>,
    settled: Option<Settled>,
) {
    let mut batch: Vec<Waiting<L>> = Vec::with_capacity(BATCH);
    let mut failing = false;
    while receiver.recv_many(&mut batch, BATCH).await > 0 {
        let (leases, waiting): (Vec<L>, Vec<Afterwards>) = batch.drain(..).unzip();
        let outcome = match keeper.keep(&leases).await {
            Ok(()) => Outcome::Stored,
            Err(error) => {
                tell_failure(&error, leases.len(), failing);
                Outcome::Lost
            }
        };
        if failing && outcome == Outcome::Stored {
            tracing::info!("Leases are stored again");
        }
        failing = outcome == Outcome::Lost;
        match &settled {
            None => waiting.into_iter().for_each(|afterwards| afterwards(outcome)),
            // It ends after this task, which holds its queue.
            Some(settled) => settled.send((outcome, waiting)).await.unwrap_or_default(),
        }
        if leases.len() >= BUSY {
            tokio::time::sleep(GATHER).await;
        }
    }
}

/// Once for as long as it lasts: on a full disk every client asks again every few seconds.
fn tell_failure(error: &(dyn std::error::Error + 'static), leases: usize, is_known: bool) {
    match is_known {
        false => tracing::error!(error, leases, "Leases cannot be stored; their clients get no answer"),
        true => tracing::debug!(error, leases, "leases cannot be stored"),
    }
}

async fn answer_all(mut settling: mpsc::Receiver<(Outcome, Vec<Afterwards>)>) {
    while let Some((outcome, waiting)) = settling.recv().await {
        let mut waiting = waiting.into_iter();
        while waiting.len() > 0 {
            waiting.by_ref().take(BURST).for_each(|afterwards| afterwards(outcome));
            if waiting.len() > 0 {
                tokio::time::sleep(BURST_PAUSE).await;
            }
        }
    }
}
