//! What the engine needs from outside: steps, storage, time, chance.

use crate::command::OperatorCommand;
use crate::definition::StepSpec;
use crate::event::RunEvent;
use crate::outcome::{StepCx, StepResult};
use crate::run::Run;
use async_trait::async_trait;
use std::sync::Arc;
use types::{RunId, Timestamp};

/// The step catalogue.
#[async_trait]
pub trait Catalogue: Send + Sync + 'static {
    /// Whether the step exists and its arguments can be read; the reason when not.
    fn check(&self, step: &StepSpec) -> Result<(), String>;

    /// One look of a step: look, act where it differs, look again, report.
    ///
    /// It may be called again at any time, after a crash between any two of its lines, and it may be dropped at
    /// any await.
    async fn look(&self, uses: &str, cx: &mut StepCx<'_>) -> StepResult;
}

#[async_trait]
impl<C: Catalogue> Catalogue for Arc<C> {
    fn check(&self, step: &StepSpec) -> Result<(), String> {
        (**self).check(step)
    }

    async fn look(&self, uses: &str, cx: &mut StepCx<'_>) -> StepResult {
        (**self).look(uses, cx).await
    }
}

/// The right to advance a run. A higher epoch voids all lower ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The run.
    pub run: RunId,
    /// Rises with every claim.
    pub epoch: i64,
}

/// A run that this server may advance now.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// As it stands.
    pub run: Run,
    /// The right to advance it.
    pub lease: Lease,
    /// The history's last entry when the run was read: what came later may concern a waiting step.
    pub seen: u64,
    /// An event of its machine that the waiting step named has happened.
    pub event_woke: bool,
    /// What operators said since the run was last at work, in order.
    pub commands: Vec<OperatorCommand>,
}

/// What follows a commit.
#[derive(Debug, Clone, PartialEq)]
pub enum Then {
    /// The run stays with this server until then at least.
    Keep {
        /// End of the lease unless it is renewed.
        until: Timestamp,
    },
    /// The run goes back: nobody needs to look at it before `at`, unless one of `on` happens to its machine
    /// after history entry `seen`.
    Release {
        /// Time to look again; none for a run that needs a person or has ended.
        at: Option<Timestamp>,
        /// Kinds of event that wake it.
        on: Vec<String>,
        /// Entries up to this one have been taken into account.
        seen: u64,
    },
}

/// What is written at once, or not at all.
#[derive(Debug)]
pub struct Commit<'a> {
    /// The right to write.
    pub lease: Lease,
    /// The run after the events.
    pub run: &'a Run,
    /// What happened, in order, and when.
    pub events: &'a [(Timestamp, RunEvent)],
    /// When this is written.
    pub at: Timestamp,
    /// Commands up to this one have been dealt with.
    pub commands_done: Option<i64>,
    /// What follows.
    pub then: Then,
}

/// A commit did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Another server owns the run, or the lease has run out.
    #[error("this server no longer owns the run")]
    LeaseLost,
    /// The store cannot write now; nothing was changed.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// It will not be taken later either: what is stored is damaged, say. Nothing was changed.
    #[error("the run cannot be written: {0}")]
    Unwritable(String),
}

/// Where runs are kept.
#[async_trait]
pub trait RunStore: Send + Sync + 'static {
    /// Claims up to `limit` runs that are due at `now` and that nobody else holds.
    async fn claim_due(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Claimed>, CommitError>;

    /// Writes a commit, if its lease is the run's newest. Durable when it returns; gives the place of the
    /// history's last entry.
    async fn commit(&self, commit: Commit<'_>) -> Result<u64, CommitError>;

    /// Lengthens a lease.
    async fn renew(&self, lease: Lease, until: Timestamp) -> Result<(), CommitError>;

    /// Commands to the run that have not been dealt with.
    async fn commands(&self, run: RunId) -> Result<Vec<OperatorCommand>, CommitError>;

    /// The earliest time at which a run that nobody holds becomes due.
    async fn next_due(&self) -> Result<Option<Timestamp>, CommitError>;

    /// Is notified when a run may have become due.
    fn due_changed(&self) -> Arc<tokio::sync::Notify>;

    /// The place of the last command to any run.
    fn command_seq(&self) -> tokio::sync::watch::Receiver<i64>;
}

/// Time, injected so that tests can simulate it.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Returns when it is `at` or later.
    async fn sleep_until(&self, at: Timestamp);
}

/// Chance, injected so that a simulation can be repeated from its seed.
pub trait Chance: Send + Sync + 'static {
    /// A number in 0..1.
    fn fraction(&self) -> f64;
}
