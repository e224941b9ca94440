//! Runs as the engine sees them: claimed, committed, released.

use crate::Store;
use async_trait::async_trait;
use std::sync::Arc;
use tokio::sync::{Notify, watch};
use types::{RunId, Timestamp};
use workflow::OperatorCommand;
use workflow::ports::{Claimed, Commit, CommitError, Lease, RunStore};

#[async_trait]
impl RunStore for Store {
    async fn claim_due(&self, _now: Timestamp, _until: Timestamp, _limit: usize) -> Result<Vec<Claimed>, CommitError> {
        unimplemented!()
    }

    async fn commit(&self, _commit: Commit<'_>) -> Result<u64, CommitError> {
        unimplemented!()
    }

    async fn renew(&self, _lease: Lease, _until: Timestamp) -> Result<(), CommitError> {
        unimplemented!()
    }

    async fn commands(&self, _run: RunId) -> Result<Vec<OperatorCommand>, CommitError> {
        unimplemented!()
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, CommitError> {
        unimplemented!()
    }

    fn due_changed(&self) -> Arc<Notify> {
        unimplemented!()
    }

    fn command_seq(&self) -> watch::Receiver<i64> {
        unimplemented!()
    }
}
