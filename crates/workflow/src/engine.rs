//! Moves runs along: claims those that are due, acts on [`decide`], commits what happened.
//!
//! A run that waits holds nothing here: it is a row in the store until its time or its event comes. What is
//! being advanced is held under a lease, which is renewed while a step is at work and checked by every commit.

use crate::command::OperatorCommand;
use crate::decide::{self, Next, decide};
use crate::event::{RunEvent, StepRef, WokenBy};
use crate::outcome::{NoteTaker, StepCx, StepError, StepResult};
use crate::ports::{Catalogue, Chance, Claimed, Clock, Commit, CommitError, Lease, RunStore, Then};
use crate::run::Run;
use crate::settle;
use async_trait::async_trait;
use jiff::SignedDuration;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use types::{RunId, Timestamp};

/// How an engine works.
#[derive(Debug, Clone, Copy)]
pub struct EngineOptions {
    /// How long a run stays with a server that has fallen silent.
    pub lease: SignedDuration,
    /// Runs at work at the same time. Waiting runs do not count.
    pub slots: usize,
    /// How often it looks for due runs that no signal announced.
    pub poll: SignedDuration,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { lease: SignedDuration::from_secs(60), slots: 256, poll: SignedDuration::from_secs(5) }
    }
}

/// Pause before a commit is tried again that the store could not take.
const STORE_PAUSE: SignedDuration = SignedDuration::from_secs(1);

/// The durable workflow engine.
pub struct Engine<S, C> {
    store: Arc<S>,
    catalogue: Arc<C>,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    options: EngineOptions,
}

impl<S, C> Clone for Engine<S, C> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            catalogue: Arc::clone(&self.catalogue),
            clock: Arc::clone(&self.clock),
            chance: Arc::clone(&self.chance),
            options: self.options,
        }
    }
}

/// A run in the hands of a worker, with what has happened since the last commit.
struct Work<S> {
    store: Arc<S>,
    clock: Arc<dyn Clock>,
    lease_length: SignedDuration,
    run: Run,
    lease: Lease,
    seen: u64,
    pending: Vec<(Timestamp, RunEvent)>,
    commands_done: Option<i64>,
}

/// How a look ended.
enum Looked {
    Finished(StepResult),
    Late,
    Interrupted,
    LeaseLost,
}

impl<S: RunStore, C: Catalogue> Engine<S, C> {
    /// An engine over these parts. Nothing happens before [`Engine::run`].
    pub fn new(
        store: Arc<S>,
        catalogue: Arc<C>,
        clock: Arc<dyn Clock>,
        chance: Arc<dyn Chance>,
        options: EngineOptions,
    ) -> Self {
        Self { store, catalogue, clock, chance, options }
    }

    /// Advances runs until `shutdown`. Steps that are at work then are cut off and go on at the next start.
    pub async fn run(&self, shutdown: CancellationToken) {
        let due_changed = self.store.due_changed();
        let mut workers = JoinSet::new();
        while !shutdown.is_cancelled() {
            let free = self.options.slots.saturating_sub(workers.len());
            let now = self.clock.now();
            // From before the claim, which gives each run's commands up to it: none is announced to nobody.
            let new_commands = self.store.command_seq();
            let earliest = match self.store.claim_due(now, after(now, self.options.lease), free).await {
                Ok(claimed) => {
                    for claimed in claimed {
                        let (engine, new_commands) = (self.clone(), new_commands.clone());
                        workers.spawn(async move { engine.advance(claimed, new_commands).await });
                    }
                    now
                }
                Err(error) => {
                    warn!(%error, "due runs cannot be claimed; trying again");
                    after(now, STORE_PAUSE)
                }
            };
            let poll = after(now, self.options.poll).max(earliest);
            let wake_at = match self.store.next_due().await {
                Ok(Some(due)) if workers.len() < self.options.slots => due.clamp(earliest, poll),
                Ok(_) | Err(_) => poll,
            };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = due_changed.notified() => {}
                () = self.clock.sleep_until(wake_at) => {}
                Some(ended) = workers.join_next() => pass_on_panic(ended),
            }
            // A claim costs a commit, so it is for all that have ended by now.
            while let Some(ended) = workers.try_join_next() {
                pass_on_panic(ended);
            }
        }
        workers.shutdown().await;
    }

    /// Moves one claimed run until it sleeps, rests or is lost to another server.
    async fn advance(&self, claimed: Claimed, new_commands: watch::Receiver<i64>) {
        let run_id = claimed.run.id;
        match self.advance_while_owned(claimed, new_commands).await {
            Ok(()) => {}
            Err(CommitError::LeaseLost) => info!(run.id = %run_id, "run {run_id} is another server's now"),
            Err(error) => warn!(run.id = %run_id, %error, "run {run_id} is let go of"),
        }
    }

    async fn advance_while_owned(
        &self,
        claimed: Claimed,
        mut new_commands: watch::Receiver<i64>,
    ) -> Result<(), CommitError> {
        let Claimed { run, lease, seen, event_woke, mut commands } = claimed;
        let mut woken = event_woke.then_some(WokenBy::Event);
        let mut work = Work {
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            lease_length: self.options.lease,
            run,
            lease,
            seen,
            pending: Vec::new(),
            commands_done: None,
        };
        loop {
            if let Some(by) = work.obey(std::mem::take(&mut commands)) {
                woken = Some(by);
            }
            match decide(&work.run, self.clock.now(), woken.take()) {
                Next::Note(events) => events.into_iter().for_each(|event| work.take_note(event)),
                Next::Act(at, event) => {
                    work.take_note(event);
                    work.commit_and_keep().await?;
                    let looked = self.look(at, &mut work, new_commands.clone()).await;
                    let now = self.clock.now();
                    let mut commanded = new_commands.has_changed().unwrap_or(false);
                    let event = match looked {
                        Looked::Finished(result) => {
                            let event = settle::settle(&work.run, at, result, now, self.chance.fraction());
                            Some(event.ok_or(CommitError::LeaseLost)?)
                        }
                        Looked::Late => Some(settle::late(&work.run, at, now, "it was at work")),
                        Looked::Interrupted => {
                            commanded = true;
                            None
                        }
                        Looked::LeaseLost => return Err(CommitError::LeaseLost),
                    };
                    event.into_iter().for_each(|event| work.take_note(event));
                    if commanded {
                        new_commands.mark_unchanged();
                        commands = work.unread_commands().await?;
                    }
                }
                Next::Sleep { until, wake_on } => return work.release(Some(until), wake_on).await,
                Next::Rest => return work.release(None, Vec::new()).await,
            }
        }
    }

    /// Lets the step look, until it ends, is late, is interrupted by an operator, or the lease is lost.
    async fn look(&self, at: StepRef, work: &mut Work<S>, new_commands: watch::Receiver<i64>) -> Looked {
        let cut_off = decide::cut_off(&work.run, at);
        let uses = work.run.step(at).uses.clone();
        let lease = work.lease;
        let done = work.commands_done;
        let mut cx = StepCx { at, now: self.clock.now(), notes: work };
        tokio::select! {
            result = self.look_while_stored(&uses, &mut cx) => Looked::Finished(result),
            () = self.clock.sleep_until(cut_off) => Looked::Late,
            () = self.keep_lease(lease) => Looked::LeaseLost,
            () = self.interrupted(lease.run, done, new_commands) => Looked::Interrupted,
        }
    }

    /// Looks, and looks again as long as only the store was in the way.
    async fn look_while_stored(&self, uses: &str, cx: &mut StepCx<'_>) -> StepResult {
        loop {
            match self.catalogue.look(uses, cx).await {
                Err(StepError::StoreUnavailable(reason)) => {
                    debug!(run.id = %cx.run().id, step = uses, reason, "the step looks again");
                    self.clock.sleep_until(after(self.clock.now(), STORE_PAUSE)).await;
                    cx.now = self.clock.now();
                }
                looked => return looked,
            }
        }
    }

    /// Renews the lease as long as that works; returns when the run may have become another server's.
    async fn keep_lease(&self, lease: Lease) {
        let mut held_until = after(self.clock.now(), self.options.lease);
        loop {
            self.clock.sleep_until(after(self.clock.now(), self.options.lease / 3)).await;
            let until = after(self.clock.now(), self.options.lease);
            match self.store.renew(lease, until).await {
                Ok(()) => held_until = until,
                Err(CommitError::LeaseLost | CommitError::Unwritable(_)) => return,
                Err(CommitError::Unavailable(_)) if self.clock.now() < held_until => {}
                Err(CommitError::Unavailable(_)) => return,
            }
        }
    }

    /// Returns when an operator says something that must not wait for the step.
    async fn interrupted(&self, run: RunId, done: Option<i64>, mut new_commands: watch::Receiver<i64>) {
        let unread = |command: &&OperatorCommand| done.is_none_or(|done| command.seq > done);
        loop {
            if new_commands.changed().await.is_err() {
                return std::future::pending().await;
            }
            match self.store.commands(run).await {
                Ok(commands) if commands.iter().filter(unread).any(|command| command.command.interrupts()) => return,
                Ok(_) => {}
                Err(error) => {
                    info!(run.id = %run, %error, "commands cannot be read; trying again");
                    new_commands.mark_changed();
                    self.clock.sleep_until(after(self.clock.now(), STORE_PAUSE)).await;
                }
            }
        }
    }
}

impl<S: RunStore> Work<S> {
    fn take_note(&mut self, event: RunEvent) {
        let at = self.clock.now();
        self.run.apply(&event, at);
        self.pending.push((at, event));
    }

    /// Carries out what operators said. Returns why a sleeping step should look at once, if it should.
    fn obey(&mut self, commands: Vec<OperatorCommand>) -> Option<WokenBy> {
        let mut woken = None;
        for OperatorCommand { seq, by, command } in commands {
            match self.run.accept(&command, &by) {
                Ok((events, wakes)) => {
                    events.into_iter().for_each(|event| self.take_note(event));
                    woken = woken.or(wakes);
                }
                Err(error) => {
                    let command = command.name().to_owned();
                    self.take_note(RunEvent::CommandIgnored { by, command, reason: error.to_string() });
                }
            }
            self.commands_done = Some(seq);
        }
        woken
    }

    async fn unread_commands(&self) -> Result<Vec<OperatorCommand>, CommitError> {
        let mut commands = self.store.commands(self.run.id).await?;
        commands.retain(|command| self.commands_done.is_none_or(|done| command.seq > done));
        Ok(commands)
    }

    async fn commit_and_keep(&mut self) -> Result<(), CommitError> {
        let until = after(self.clock.now(), self.lease_length);
        self.commit(Then::Keep { until }).await
    }

    async fn release(mut self, at: Option<Timestamp>, on: Vec<String>) -> Result<(), CommitError> {
        let seen = self.seen;
        self.commit(Then::Release { at, on, seen }).await
    }

    /// Commits until the store takes it. The lease fences a commit that comes too late.
    async fn commit(&mut self, then: Then) -> Result<(), CommitError> {
        loop {
            let commit = Commit {
                lease: self.lease,
                run: &self.run,
                events: &self.pending,
                at: self.clock.now(),
                commands_done: self.commands_done,
                then: then.clone(),
            };
            match self.store.commit(commit).await {
                Ok(seen) => {
                    self.seen = seen;
                    self.pending.clear();
                    return Ok(());
                }
                Err(lasting @ (CommitError::LeaseLost | CommitError::Unwritable(_))) => return Err(lasting),
                Err(CommitError::Unavailable(reason)) => {
                    // The store itself says, once, that it cannot write.
                    debug!(run.id = %self.run.id, reason, "commit cannot be written; trying again");
                    self.clock.sleep_until(after(self.clock.now(), STORE_PAUSE)).await;
                }
            }
        }
    }
}

#[async_trait]
impl<S: RunStore> NoteTaker for Work<S> {
    /// A note does not move `seen`: the look that takes it began before.
    async fn note(&mut self, event: RunEvent) -> Result<(), CommitError> {
        let seen = self.seen;
        self.take_note(event);
        self.commit_and_keep().await?;
        self.seen = seen;
        Ok(())
    }

    fn run(&self) -> &Run {
        &self.run
    }

    fn lease(&self) -> Lease {
        self.lease
    }
}

fn pass_on_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}

fn after(now: Timestamp, duration: SignedDuration) -> Timestamp {
    now.checked_add(duration).unwrap_or(Timestamp::MAX)
}
