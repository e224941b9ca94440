//! The engine's view of the store, watched.
//!
//! Every claim and commit is put down in the ledger. What wakes the engine goes through the timeline, so that an
//! engine and the request that woke it are never at work at the same time.

use crate::rules::Sabotage;
use crate::world::Shared;
use async_trait::async_trait;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use store::Store;
use tokio::sync::{Notify, watch};
use types::{RunId, Timestamp};
use workflow::ports::{Claimed, Commit, CommitError, Lease, RunStore, Then};
use workflow::{OperatorCommand, RunEvent};

/// The engine's view of the store.
pub(crate) struct EngineView {
    pub(crate) engine: usize,
    pub(crate) store: Store,
    pub(crate) world: Shared,
    pub(crate) due: Arc<Notify>,
    pub(crate) commands: watch::Receiver<i64>,
    /// Transactions so far, and what was due after so many.
    pub(crate) transactions: Arc<AtomicU64>,
    pub(crate) known_due: Mutex<Option<(u64, Option<Timestamp>)>>,
}

impl EngineView {
    /// What is known of the next due run without asking, while nothing was written.
    fn known_due(&self) -> Option<Option<Timestamp>> {
        let known = *self.known_due.lock().unwrap_or_else(PoisonError::into_inner);
        known.filter(|(transactions, _)| *transactions == self.transactions.load(Ordering::Acquire)).map(|(_, due)| due)
    }

    fn sabotage(&self) -> Option<Sabotage> {
        self.world.lock().common.rules.sabotage
    }

    fn put_down(&self, checked: Result<(), String>) {
        if let Err(violation) = checked {
            self.world.lock().common.violation(violation);
        }
    }

    /// The broken rule: who comes too late writes all the same.
    async fn commit_anyway(&self, commit: Commit<'_>) -> Result<u64, CommitError> {
        let lease = Lease { run: commit.lease.run, epoch: commit.lease.epoch + 1 };
        let late = Commit {
            lease,
            run: commit.run,
            events: commit.events,
            at: commit.at,
            commands_done: commit.commands_done,
            then: commit.then.clone(),
        };
        let committed = self.store.commit(late).await;
        if committed.is_ok() {
            let checked = self.world.lock().common.ledger.committed(self.engine, &commit);
            self.put_down(checked);
        }
        committed
    }
}

#[async_trait]
impl RunStore for EngineView {
    async fn claim_due(&self, now: Timestamp, until: Timestamp, limit: usize) -> Result<Vec<Claimed>, CommitError> {
        if self.known_due().is_some_and(|due| due.is_none_or(|due| due > now)) {
            return Ok(Vec::new());
        }
        // One at a time: the next is claimed when this one sleeps, or waits for its BMC.
        let claimed = self.store.claim_due(now, until, limit.min(1)).await?;
        for claimed in &claimed {
            let mut world = self.world.lock();
            let common = &mut world.common;
            let checked = common.ledger.claimed(self.engine, claimed.run.id, claimed.lease.epoch);
            let name = common.ledger.run_name(claimed.run.id);
            let (engine, epoch) = (self.engine, claimed.lease.epoch);
            common.tell(|| format!("engine {engine} claims {name}, epoch {epoch}"));
            drop(world);
            self.put_down(checked);
        }
        Ok(claimed)
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<u64, CommitError> {
        {
            let mut world = self.world.lock();
            let common = &mut world.common;
            let name = common.ledger.run_name(commit.lease.run);
            let events: Vec<String> = commit.events.iter().map(|(_, event)| told(event)).collect();
            let (engine, epoch) = (self.engine, commit.lease.epoch);
            let then = match &commit.then {
                Then::Keep { .. } => "keeps",
                Then::Release { .. } => "releases",
            };
            common.tell(|| format!("engine {engine} epoch {epoch} {then} {name}: {}", events.join("; ")));
        }
        let sabotage = self.sabotage();
        let only_notes = commit.events.iter().all(|(_, event)| matches!(event, RunEvent::StepNoted { .. }));
        let committed = if sabotage == Some(Sabotage::NotesForgotten) && only_notes && !commit.events.is_empty() {
            Ok(*self.store.last_seq().borrow())
        } else {
            self.store.commit(copy(&commit)).await
        };
        match &committed {
            Ok(_) => {
                let checked = self.world.lock().common.ledger.committed(self.engine, &commit);
                self.put_down(checked);
            }
            Err(CommitError::LeaseLost) if sabotage == Some(Sabotage::EpochsIgnored) => {
                return self.commit_anyway(commit).await;
            }
            Err(error) => {
                let mut world = self.world.lock();
                let name = world.common.ledger.run_name(commit.lease.run);
                world.common.tell(|| format!("commit of {name} is refused: {error}"));
            }
        }
        committed
    }

    async fn renew(&self, lease: Lease, until: Timestamp) -> Result<(), CommitError> {
        match self.store.renew(lease, until).await {
            Err(CommitError::LeaseLost) if self.sabotage() == Some(Sabotage::EpochsIgnored) => Ok(()),
            renewed => renewed,
        }
    }

    async fn commands(&self, run: RunId) -> Result<Vec<OperatorCommand>, CommitError> {
        RunStore::commands(&self.store, run).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, CommitError> {
        if let Some(due) = self.known_due() {
            return Ok(due);
        }
        let transactions = self.transactions.load(Ordering::Acquire);
        let due = self.store.next_due().await?;
        *self.known_due.lock().unwrap_or_else(PoisonError::into_inner) = Some((transactions, due));
        Ok(due)
    }

    fn due_changed(&self) -> Arc<Notify> {
        Arc::clone(&self.due)
    }

    fn command_seq(&self) -> watch::Receiver<i64> {
        self.commands.clone()
    }
}

fn copy<'a>(commit: &Commit<'a>) -> Commit<'a> {
    Commit {
        lease: commit.lease,
        run: commit.run,
        events: commit.events,
        at: commit.at,
        commands_done: commit.commands_done,
        then: commit.then.clone(),
    }
}

/// An event for the trace, without what is random in it.
fn told(event: &RunEvent) -> String {
    use RunEvent as E;
    match event {
        E::Created { .. } => "created".to_owned(),
        E::StageStarted { stage, attempt, .. } => format!("stage {stage} starts (attempt {attempt})"),
        E::StepStarted { at, attempt, .. } => format!("step {:?}.{} starts (attempt {attempt})", at.stage, at.step),
        E::StepLooksAgain { woken_by, .. } => format!("looks again ({woken_by:?})"),
        E::StepNoted { key, value, .. } => {
            format!("notes {key} (done: {})", value.get("done").unwrap_or(&serde_json::Value::Null))
        }
        E::StepWaits { reason, .. } => format!("waits for {reason}"),
        E::StepDone { how, .. } => format!("done ({how:?})"),
        E::StepSkipped { reason, .. } => format!("skipped: {reason}"),
        E::StepWillRetry { reason, .. } => format!("will retry: {reason}"),
        E::StepNeedsOperator { reason, .. } => format!("needs an operator: {reason}"),
        E::StepFailed { reason, .. } => format!("failed: {reason}"),
        E::CommandIgnored { command, reason, .. } => format!("ignores {command}: {reason}"),
        other => other.kind().trim_start_matches("run.").to_owned(),
    }
}
