//! The engine's view of the store, which stops for ever at the crash.

use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use store::Store;
use tokio::sync::{Notify, watch};
use types::{RunId, Timestamp};
use workflow::OperatorCommand;
use workflow::ports::{Claimed, Commit, CommitError, Lease, RunStore};

/// Where the server is killed. Commits are counted from the first server's first, over all servers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Crash {
    #[default]
    Never,
    /// Right before the commit of this number reaches the store.
    Before(usize),
    /// Right after it, before anybody is told.
    After(usize),
}

/// How many commits there were, and whether the server has come to its crash.
#[derive(Clone, Default)]
pub(crate) struct Commits {
    count: Arc<AtomicUsize>,
    crashed: Arc<Notify>,
}

impl Commits {
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// Returns when the server stands still at its crash.
    pub(crate) async fn crashed(&self) {
        self.crashed.notified().await;
    }

    async fn stop_here(&self) {
        self.crashed.notify_one();
        std::future::pending().await
    }
}

/// See the module.
pub(crate) struct CrashingStore {
    pub(crate) store: Store,
    pub(crate) crash: Crash,
    pub(crate) commits: Commits,
}

#[async_trait]
impl RunStore for CrashingStore {
    async fn claim_due(&self, now: Timestamp, until: Timestamp, limit: usize) -> Result<Vec<Claimed>, CommitError> {
        self.store.claim_due(now, until, limit).await
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<u64, CommitError> {
        let number = self.commits.count.fetch_add(1, Ordering::SeqCst);
        if self.crash == Crash::Before(number) {
            self.commits.stop_here().await;
        }
        let committed = self.store.commit(commit).await;
        if self.crash == Crash::After(number) {
            self.commits.stop_here().await;
        }
        committed
    }

    async fn renew(&self, lease: Lease, until: Timestamp) -> Result<(), CommitError> {
        self.store.renew(lease, until).await
    }

    async fn commands(&self, run: RunId) -> Result<Vec<OperatorCommand>, CommitError> {
        RunStore::commands(&self.store, run).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, CommitError> {
        self.store.next_due().await
    }

    fn due_changed(&self) -> Arc<Notify> {
        self.store.due_changed()
    }

    fn command_seq(&self) -> watch::Receiver<i64> {
        self.store.command_seq()
    }
}
