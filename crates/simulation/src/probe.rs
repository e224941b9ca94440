//! Crashes at commits: the server stops for ever right before or right after one, and is then killed.

use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use store::{Moment, Probe};
use tokio::sync::Notify;

/// Where a life of the server ends, and whether it has.
pub(crate) struct Crash {
    /// The transaction, counted from 1, and the moment of it; none when it lives on.
    at: Option<(u64, Moment)>,
    has_happened: AtomicBool,
    happened: Notify,
}

impl Crash {
    pub(crate) fn new(at: Option<(u64, Moment)>) -> Arc<Self> {
        Arc::new(Self { at, has_happened: AtomicBool::new(false), happened: Notify::new() })
    }

    pub(crate) fn has_happened(&self) -> bool {
        self.has_happened.load(Ordering::Acquire)
    }

    /// Returns when it happens.
    pub(crate) async fn happens(&self) {
        self.happened.notified().await;
    }

    fn happen(&self) {
        self.has_happened.store(true, Ordering::Release);
        self.happened.notify_one();
    }
}

/// Crashes at the appointed commit.
pub(crate) struct CrashingProbe {
    pub(crate) crash: Arc<Crash>,
    /// Transactions so far.
    pub(crate) transactions: Arc<AtomicU64>,
}

#[async_trait]
impl Probe for CrashingProbe {
    async fn reached(&self, moment: Moment) {
        let number = match moment {
            Moment::BeforeCommit => self.transactions.load(Ordering::Acquire) + 1,
            Moment::AfterCommit => self.transactions.fetch_add(1, Ordering::AcqRel) + 1,
        };
        if self.crash.at == Some((number, moment)) {
            self.crash.happen();
            std::future::pending::<()>().await;
        }
    }

    fn gathering(&self) -> Duration {
        Duration::ZERO
    }
}
