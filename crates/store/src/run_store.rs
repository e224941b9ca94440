//! Runs as the engine sees them: claimed, committed, released.
//!
//! A claim leaves what made the run due as it is; only a commit changes it. So a server that dies between the
//! two leaves the run due, for the same reason, to whoever comes next.

use crate::column::{nanos, timestamp, to_json};
use crate::kinds::Machines;
use crate::run_row::{SELECT_RUNS, end_on_machine, facts, read_run, state_word, unread_commands};
use crate::sql::{query, query_scalar};
use crate::writer::Tx;
use crate::{Store, StoreError};
use async_trait::async_trait;
use search::RunFacts;
use std::sync::Arc;
use tokio::sync::{Notify, watch};
use tracing::error;
use types::event::NewEvent;
use types::{MachineId, RunId, Timestamp};
use workflow::ports::{Claimed, Commit, CommitError, Lease, RunStore, Then};
use workflow::{Ending, OperatorCommand, RUN_FORMAT, Run, RunEvent};

/// A run cannot be read or written, and rests until somebody repairs what is stored. Data: reason. It is not one of
/// the run's own events: [`SELECT_RUNS`] passes it over.
const RUN_DAMAGED: &str = "run.damaged";

#[async_trait]
impl RunStore for Store {
    async fn claim_due(&self, now: Timestamp, until: Timestamp, limit: usize) -> Result<Vec<Claimed>, CommitError> {
        // Looking costs the other writers nothing, and most of the time there is nothing to claim.
        if limit == 0 || self.earliest_due()?.is_none_or(|due| due > now) {
            return Ok(Vec::new());
        }
        self.write(move |tx| tx.claim_due(now, until, limit)).await
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<u64, CommitError> {
        let run = commit.lease.run;
        let written = Written::of(commit);
        let committed = self.write(move |tx| tx.commit_run(&written)).await;
        if let Err(CommitError::Unwritable(reason)) = &committed {
            self.lay_down(run, reason.clone()).await;
        }
        committed
    }

    async fn renew(&self, lease: Lease, until: Timestamp) -> Result<(), CommitError> {
        self.write(move |tx| tx.renew(lease, until)).await
    }

    async fn commands(&self, run: RunId) -> Result<Vec<OperatorCommand>, CommitError> {
        Ok(unread_commands(self.reader(), run)?)
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, CommitError> {
        Ok(self.earliest_due()?)
    }

    fn due_changed(&self) -> Arc<Notify> {
        Arc::clone(&self.inner.signals.due)
    }

    fn command_seq(&self) -> watch::Receiver<i64> {
        self.inner.signals.command_seq.subscribe()
    }
}

/// A commit in a form that can go to the writing task.
struct Written {
    lease: Lease,
    machine: MachineId,
    state: String,
    /// The whole run. A commit that goes on writes only what happened.
    doc: Option<String>,
    settled: bool,
    ended: Option<(Timestamp, Ending)>,
    /// As searches see it.
    facts: RunFacts,
    events: Vec<(NewEvent, String)>,
    at: Timestamp,
    commands_done: Option<i64>,
    then: Then,
}

impl Written {
    fn of(commit: Commit<'_>) -> Self {
        let Commit { lease, run, events, at, commands_done, then } = commit;
        Self {
            lease,
            machine: run.machine,
            state: state_word(run),
            doc: (run.ended.is_some() || matches!(then, Then::Release { .. })).then(|| to_json(run)),
            settled: run.settled.is_some(),
            ended: run.ended.zip(run.ending),
            facts: facts(run),
            events: events.iter().map(|(at, event)| entry(run, event, *at)).collect(),
            at,
            commands_done,
            then,
        }
    }
}

/// The history's entry for what happened to the run.
fn entry(run: &Run, event: &RunEvent, at: Timestamp) -> (NewEvent, String) {
    let actor = match event {
        RunEvent::Created { by, .. }
        | RunEvent::Paused { by }
        | RunEvent::Resumed { by }
        | RunEvent::CancelRequested { by, .. }
        | RunEvent::RetryRequested { by }
        | RunEvent::CommandIgnored { by, .. } => by.clone(),
        _ => "engine".to_owned(),
    };
    let entry = NewEvent {
        at,
        kind: event.kind().to_owned(),
        machine: Some(run.machine),
        run: Some(run.id),
        actor,
        data: serde_json::Value::Null,
    };
    (entry, to_json(event))
}

/// What a run sleeps on once it is released.
struct Sleep {
    wake_at: Option<Timestamp>,
    wake_on: Vec<String>,
    event_woke: bool,
}

impl Store {
    /// Lets a run rest that cannot be written: to try again and again would help nobody.
    async fn lay_down(&self, run: RunId, reason: String) {
        error!(run.id = %run, reason, "run {run} cannot be written; it rests until it is repaired");
        let rests = self.write(move |tx| tx.put_to_rest(&run.to_string(), &reason)).await;
        if let Err(error) = rests {
            error!(run.id = %run, %error, "nor can it be put to rest");
        }
    }

    /// When a run becomes due: at its time, unless somebody holds it for longer.
    fn earliest_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let due: Option<i64> = query_scalar(
            "SELECT min(due) FROM (
                 SELECT * FROM (SELECT wake_at AS due FROM runs
                     WHERE ended IS NULL AND wake_at IS NOT NULL AND lease_until IS NULL AND format <= ?1
                     ORDER BY wake_at LIMIT 1)
                 UNION ALL
                 SELECT max(wake_at, lease_until) AS due FROM runs
                     WHERE ended IS NULL AND wake_at IS NOT NULL AND lease_until IS NOT NULL AND format <= ?1
             )",
        )
        .bind(i64::from(RUN_FORMAT))
        .fetch_one(self.reader())?;
        Ok(due.map(timestamp))
    }
}

impl Tx {
    fn claim_due(&mut self, now: Timestamp, until: Timestamp, limit: usize) -> Result<Vec<Claimed>, CommitError> {
        self.attend()?;
        let due = query(format!(
            "{SELECT_RUNS}
             WHERE r.ended IS NULL AND r.wake_at <= ?1 AND (r.lease_until IS NULL OR r.lease_until <= ?1)
             AND r.format <= ?2 ORDER BY r.wake_at, r.seq LIMIT ?3",
        ))
        .bind(nanos(now))
        .bind(i64::from(RUN_FORMAT))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&mut self.connection)
        .map_err(StoreError::from)?;
        let seen = self.last_seq()?;
        let mut claimed = Vec::with_capacity(due.len());
        for row in due {
            let id: String = row.get("id").map_err(StoreError::from)?;
            let event_woke: bool = row.get("event_woke").map_err(StoreError::from)?;
            let epoch: i64 = row.get("epoch").map_err(StoreError::from)?;
            let run = match read_run(&row) {
                Ok(run) => run,
                Err(unreadable) => {
                    error!(run.id = id, error = %unreadable, "run {id} cannot be read; it rests until it is repaired");
                    self.put_to_rest(&id, &unreadable.to_string())?;
                    continue;
                }
            };
            let lease = Lease { run: run.id, epoch: epoch + 1 };
            self.take_lease(lease, until)?;
            let commands = unread_commands(&mut self.connection, run.id)?;
            claimed.push(Claimed { run, lease, seen, event_woke, commands });
        }
        Ok(claimed)
    }

    fn take_lease(&mut self, lease: Lease, until: Timestamp) -> Result<(), StoreError> {
        query("UPDATE runs SET epoch = ?2, lease_until = ?3 WHERE id = ?1")
            .bind(lease.run.to_string())
            .bind(lease.epoch)
            .bind(nanos(until))
            .execute(&mut self.connection)?;
        Ok(())
    }

    /// Keeps a run that cannot be read or written from being claimed again and again before all others, and says so
    /// in the history.
    fn put_to_rest(&mut self, run: &str, reason: &str) -> Result<(), StoreError> {
        let machine: Option<String> =
            query_scalar("UPDATE runs SET wake_at = NULL, lease_until = NULL WHERE id = ?1 RETURNING machine")
                .bind(run.to_owned())
                .fetch_optional(&mut self.connection)?;
        let event = NewEvent {
            at: self.now(),
            kind: RUN_DAMAGED.to_owned(),
            machine: machine.and_then(|machine| machine.parse().ok()),
            run: run.parse().ok(),
            actor: "store".to_owned(),
            data: serde_json::Value::Null,
        };
        self.insert_event(&event, to_json(&serde_json::json!({ "reason": reason })))
    }

    fn renew(&mut self, lease: Lease, until: Timestamp) -> Result<(), CommitError> {
        let renewed = query(
            "UPDATE runs SET lease_until = ?3
             WHERE id = ?1 AND epoch = ?2 AND lease_until IS NOT NULL AND ended IS NULL",
        )
        .bind(lease.run.to_string())
        .bind(lease.epoch)
        .bind(nanos(until))
        .execute(&mut self.connection)
        .map_err(StoreError::from)?;
        if renewed == 0 { Err(CommitError::LeaseLost) } else { Ok(()) }
    }

    fn commit_run(&mut self, written: &Written) -> Result<u64, CommitError> {
        self.check_lease(written.lease, written.machine)?;
        self.finish_commands(written)?;
        let (lease_until, sleep) = match &written.then {
            _ if written.ended.is_some() => (None, Sleep { wake_at: None, wake_on: Vec::new(), event_woke: false }),
            // A run that is held is due as soon as its lease has run out.
            Then::Keep { until } => {
                (Some(*until), Sleep { wake_at: Some(written.at), wake_on: Vec::new(), event_woke: false })
            }
            Then::Release { at, on, seen } => (None, self.sleep(written, *at, on.clone(), *seen)?),
        };
        self.insert_events(&written.events)?;
        self.save_run(written, lease_until, &sleep)?;
        if let Some(doc) = &written.doc {
            self.save_run_doc(written.lease.run, doc.clone())?;
        }
        if let Some((_, ending)) = written.ended {
            self.end_run(written, ending)?;
        }
        self.effects.due |= lease_until.is_none();
        Ok(self.last_seq()?)
    }

    /// What the run sleeps on, unless there is a reason not to sleep: a command that it has not dealt with, or
    /// an event that came while its step was looking.
    fn sleep(
        &mut self,
        written: &Written,
        at: Option<Timestamp>,
        on: Vec<String>,
        seen: u64,
    ) -> Result<Sleep, StoreError> {
        let event_woke = self.happened_after(written.machine, seen, &on)?;
        let commanded = !unread_commands(&mut self.connection, written.lease.run)?.is_empty();
        let wake_at = if event_woke || commanded { Some(written.at) } else { at };
        Ok(Sleep { wake_at, wake_on: on, event_woke })
    }

    fn finish_commands(&mut self, written: &Written) -> Result<(), StoreError> {
        let until = if written.ended.is_some() { Some(i64::MAX) } else { written.commands_done };
        let Some(until) = until else { return Ok(()) };
        query("UPDATE run_commands SET done = 1 WHERE run = ?1 AND seq <= ?2 AND done = 0")
            .bind(written.lease.run.to_string())
            .bind(until)
            .execute(&mut self.connection)?;
        Ok(())
    }

    fn save_run(&mut self, written: &Written, lease_until: Option<Timestamp>, sleep: &Sleep) -> Result<(), StoreError> {
        query(
            "UPDATE runs SET behind = ?2, state = ?3, settled = ?4, ended = ?5, lease_until = ?6, wake_at = ?7,
             wake_on = ?8, event_woke = ?9, stage = ?10 WHERE id = ?1",
        )
        .bind(written.lease.run.to_string())
        .bind(written.doc.is_none())
        .bind(written.state.clone())
        .bind(written.settled)
        .bind(written.ended.map(|(at, _)| nanos(at)))
        .bind(lease_until.map(nanos))
        .bind(sleep.wake_at.map(nanos))
        .bind(to_json(&sleep.wake_on))
        .bind(sleep.event_woke)
        .bind(written.facts.stage.clone())
        .execute(&mut self.connection)?;
        Ok(())
    }

    /// The run lets go of its machine, and the machine's agent of its orders.
    fn end_run(&mut self, written: &Written, ending: Ending) -> Result<(), StoreError> {
        let run = written.lease.run;
        let ended = self.change_status::<Machines>(written.machine.into(), move |status| {
            end_on_machine(status, run, ending);
        });
        self.index_last_run(written.machine.into(), Some(&written.facts))?;
        match ended {
            // A machine cannot be removed under its run, but a run must be able to end without one.
            Ok(_) | Err(StoreError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        self.effects.tasks.push(written.machine);
        Ok(())
    }
}
