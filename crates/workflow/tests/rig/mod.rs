//! An engine in simulated time over a store in memory and scripted steps.

use async_trait::async_trait;
use jiff::SignedDuration;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use types::{ErrorClass, How, MachineId, Params, RunId, Timestamp};
use workflow::ports::{Catalogue, Chance, Claimed, Clock, Commit, CommitError, Lease, RunStore, Then};
use workflow::{
    Command, Engine, EngineOptions, NewRun, OperatorCommand, Run, RunEvent, StepCx, StepError, StepOutcome, StepResult,
    StepSpec, WorkflowSpec,
};

/// What a scripted step does at one look.
#[derive(Clone)]
pub(crate) enum Look {
    Done(How),
    Fails(ErrorClass),
    Final(ErrorClass),
    StoreIsAway,
    WaitsFor(&'static str),
    WaitsSeconds(i64),
    NeedsOperator,
    Hangs,
    NotesThenHangs,
}

#[derive(Default)]
struct Rows {
    runs: HashMap<RunId, Row>,
    commands: Vec<(RunId, OperatorCommand)>,
    /// Given right after the next claim, before whoever claimed listens for commands.
    command_after_claim: Option<Command>,
    machine_events: Vec<(u64, MachineId, String)>,
    seq: u64,
}

struct Row {
    run: Run,
    epoch: i64,
    lease_until: Option<Timestamp>,
    wake_at: Option<Timestamp>,
    wake_on: Vec<String>,
    event_woke: bool,
    commands_done: i64,
    history: Vec<(Timestamp, RunEvent)>,
}

/// A store in memory that keeps the promises of [`RunStore`].
pub(crate) struct MemoryStore {
    rows: Mutex<Rows>,
    due: Arc<Notify>,
    command_seq: watch::Sender<i64>,
}

impl MemoryStore {
    fn lock(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap()
    }
}

fn fenced(rows: &mut Rows, lease: Lease) -> Result<&mut Row, CommitError> {
    let row = rows.runs.get_mut(&lease.run).ok_or(CommitError::LeaseLost)?;
    if row.epoch == lease.epoch { Ok(row) } else { Err(CommitError::LeaseLost) }
}

#[async_trait]
impl RunStore for MemoryStore {
    async fn claim_due(&self, now: Timestamp, until: Timestamp, limit: usize) -> Result<Vec<Claimed>, CommitError> {
        let mut rows = self.lock();
        let Rows { runs, commands, command_after_claim, seq, .. } = &mut *rows;
        let free = |row: &&mut Row| row.lease_until.is_none_or(|until| until <= now) && row.run.ending.is_none();
        let due = runs.values_mut().filter(free).filter(|row| row.wake_at.is_some_and(|at| at <= now));
        let claim = |row: &mut Row| {
            row.epoch += 1;
            row.lease_until = Some(until);
            let unread =
                |(run, command): &&(RunId, OperatorCommand)| *run == row.run.id && command.seq > row.commands_done;
            Claimed {
                run: row.run.clone(),
                lease: Lease { run: row.run.id, epoch: row.epoch },
                seen: *seq,
                event_woke: std::mem::take(&mut row.event_woke),
                commands: commands.iter().filter(unread).map(|(_, command)| command.clone()).collect(),
            }
        };
        let claimed: Vec<Claimed> = due.take(limit).map(claim).collect();
        if let Some(run) = claimed.first().map(|claimed| claimed.run.id)
            && let Some(command) = command_after_claim.take()
        {
            let seq = i64::try_from(commands.len()).unwrap() + 1;
            commands.push((run, OperatorCommand { seq, by: "ada".to_owned(), command }));
            self.command_seq.send_replace(seq);
        }
        Ok(claimed)
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<u64, CommitError> {
        let mut rows = self.lock();
        let machine = commit.run.machine;
        let (then_seen, then_on) = match &commit.then {
            Then::Release { seen, on, .. } => (*seen, on.clone()),
            Then::Keep { .. } => (u64::MAX, Vec::new()),
        };
        let happened = rows
            .machine_events
            .iter()
            .any(|(seq, of, kind)| *seq > then_seen && *of == machine && then_on.contains(kind));
        let unread = rows.commands.iter().filter(|(run, _)| *run == commit.run.id).map(|(_, c)| c.seq).max();
        let row = fenced(&mut rows, commit.lease)?;
        row.run = commit.run.clone();
        row.history.extend(commit.events.iter().cloned());
        row.commands_done = commit.commands_done.unwrap_or(row.commands_done);
        match commit.then {
            Then::Keep { until } => row.lease_until = Some(until),
            Then::Release { at, on, .. } => {
                row.lease_until = None;
                row.event_woke = happened;
                let now = happened || unread.is_some_and(|seq| seq > row.commands_done);
                row.wake_at = if now { Some(commit.at) } else { at };
                row.wake_on = on;
            }
        }
        rows.seq += u64::try_from(commit.events.len()).unwrap();
        self.due.notify_one();
        Ok(rows.seq)
    }

    async fn renew(&self, lease: Lease, until: Timestamp) -> Result<(), CommitError> {
        fenced(&mut self.lock(), lease)?.lease_until = Some(until);
        Ok(())
    }

    async fn commands(&self, run: RunId) -> Result<Vec<OperatorCommand>, CommitError> {
        let rows = self.lock();
        let done = rows.runs[&run].commands_done;
        let unread = rows.commands.iter().filter(|(of, command)| *of == run && command.seq > done);
        Ok(unread.map(|(_, command)| command.clone()).collect())
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, CommitError> {
        let rows = self.lock();
        let due = |row: &Row| match (row.run.ending, row.wake_at, row.lease_until) {
            (None, Some(at), Some(until)) => Some(at.max(until)),
            (None, Some(at), None) => Some(at),
            (_, _, _) => None,
        };
        Ok(rows.runs.values().filter_map(due).min())
    }

    fn due_changed(&self) -> Arc<Notify> {
        Arc::clone(&self.due)
    }

    fn command_seq(&self) -> watch::Receiver<i64> {
        self.command_seq.subscribe()
    }
}

/// Steps that do what the test wrote down, look by look, and succeed when nothing is left to do.
#[derive(Default)]
pub(crate) struct Script {
    looks: Mutex<HashMap<String, VecDeque<Look>>>,
    log: Mutex<Vec<(String, SignedDuration)>>,
    start: Mutex<Option<Timestamp>>,
}

#[async_trait]
impl Catalogue for Script {
    fn check(&self, _step: &StepSpec) -> Result<(), String> {
        Ok(())
    }

    async fn look(&self, uses: &str, cx: &mut StepCx<'_>) -> StepResult {
        let since = self.start.lock().unwrap().unwrap();
        self.log.lock().unwrap().push((uses.to_owned(), cx.now().duration_since(since)));
        let look = self.looks.lock().unwrap().get_mut(uses).and_then(VecDeque::pop_front);
        match look.unwrap_or(Look::Done(How::AlreadySo)) {
            Look::Done(how) => Ok(StepOutcome::done(how)),
            Look::Fails(class) => Err(StepError::problem(class, format!("{uses} broke"))),
            Look::Final(class) => {
                Ok(StepOutcome::Failed { class, reason: format!("{uses} broke"), evidence: serde_json::Value::Null })
            }
            Look::StoreIsAway => Err(StepError::StoreUnavailable("the disk is full".to_owned())),
            Look::WaitsFor(kind) => Ok(cx.wait("something to happen", &[kind], SignedDuration::from_hours(1))),
            Look::WaitsSeconds(seconds) => Ok(cx.wait("time", &[], SignedDuration::from_secs(seconds))),
            Look::NeedsOperator => {
                Ok(StepOutcome::NeedsOperator { reason: "stuck".to_owned(), hint: "unstick it".to_owned() })
            }
            Look::Hangs => std::future::pending().await,
            Look::NotesThenHangs => {
                cx.note("intent", true.into()).await?;
                std::future::pending().await
            }
        }
    }
}

/// Wall-clock time that follows tokio's, which the tests pause.
#[derive(Clone, Copy)]
pub(crate) struct SimulatedClock {
    start: Timestamp,
    origin: tokio::time::Instant,
}

#[async_trait]
impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        self.start + self.origin.elapsed()
    }

    async fn sleep_until(&self, at: Timestamp) {
        let wait = at.duration_since(self.now());
        // Rounded up: tokio's timers count milliseconds, and a sleep must not end early.
        let wait = std::time::Duration::try_from(wait).unwrap_or_default();
        tokio::time::sleep(wait).await;
    }
}

struct EvenChance;

impl Chance for EvenChance {
    fn fraction(&self) -> f64 {
        0.5
    }
}

/// One run under an engine.
pub(crate) struct Rig {
    pub(crate) store: Arc<MemoryStore>,
    script: Arc<Script>,
    clock: SimulatedClock,
    machine: MachineId,
    pub(crate) run: RunId,
    engine: Option<(JoinHandle<()>, CancellationToken)>,
}

impl Rig {
    /// A run of `yaml` whose steps do as `looks` says. The engine has begun.
    pub(crate) fn start(yaml: serde_json::Value, looks: &[(&str, &[Look])]) -> Self {
        let definition: WorkflowSpec = serde_json::from_value(yaml).unwrap();
        definition.validate(&|_| Ok(())).unwrap();
        let clock = SimulatedClock { start: Timestamp::UNIX_EPOCH, origin: tokio::time::Instant::now() };
        let script = Script::default();
        *script.start.lock().unwrap() = Some(clock.now());
        for (uses, looks) in looks {
            script.looks.lock().unwrap().insert((*uses).to_owned(), looks.iter().cloned().collect());
        }
        let store =
            MemoryStore { rows: Mutex::default(), due: Arc::new(Notify::new()), command_seq: watch::Sender::new(0) };
        let machine = MachineId::new();
        let params = Params::from([("role".to_owned(), "compute".into())]);
        let (id, workflow) = (RunId::new(), "test".parse().unwrap());
        let new = NewRun { id, machine, workflow, definition, params, by: "test".to_owned(), continues: None };
        let (run, created) = Run::create(new, clock.now());
        store.lock().runs.insert(
            id,
            Row {
                run,
                epoch: 0,
                lease_until: None,
                wake_at: Some(clock.now()),
                wake_on: Vec::new(),
                event_woke: false,
                commands_done: 0,
                history: vec![(clock.now(), created)],
            },
        );
        let mut rig = Self { store: Arc::new(store), script: Arc::new(script), clock, machine, run: id, engine: None };
        rig.start_engine();
        rig
    }

    /// Starts an engine, beside the old one if that was not crashed.
    pub(crate) fn start_engine(&mut self) {
        let shutdown = CancellationToken::new();
        let engine = Engine::new(
            Arc::clone(&self.store),
            Arc::clone(&self.script),
            Arc::new(self.clock),
            Arc::new(EvenChance),
            EngineOptions::default(),
        );
        let token = shutdown.clone();
        let task = tokio::spawn(async move { engine.run(token).await });
        self.engine = Some((task, shutdown));
    }

    /// Ends the engine between two awaits, as `kill -9` would.
    pub(crate) async fn crash(&mut self) {
        let (task, _) = self.engine.take().unwrap();
        task.abort();
        let _ended = task.await;
    }

    pub(crate) fn command(&self, command: Command) {
        let mut rows = self.store.lock();
        let seq = i64::try_from(rows.commands.len()).unwrap() + 1;
        rows.commands.push((self.run, OperatorCommand { seq, by: "ada".to_owned(), command }));
        let now = self.clock.now();
        rows.runs.get_mut(&self.run).unwrap().wake_at = Some(now);
        drop(rows);
        self.store.command_seq.send_replace(seq);
        self.store.due.notify_one();
    }

    /// An operator says something between the next claim and the engine's listening for it.
    pub(crate) fn command_after_claim(&self, command: Command) {
        self.store.lock().command_after_claim = Some(command);
    }

    /// Something happens to the machine.
    pub(crate) fn machine_event(&self, kind: &str) {
        let mut rows = self.store.lock();
        rows.seq += 1;
        let seq = rows.seq;
        rows.machine_events.push((seq, self.machine, kind.to_owned()));
        let now = self.clock.now();
        let row = rows.runs.get_mut(&self.run).unwrap();
        if row.wake_on.iter().any(|on| on == kind) {
            row.wake_at = Some(now);
            row.event_woke = true;
        }
        drop(rows);
        self.store.due.notify_one();
    }

    pub(crate) fn run(&self) -> Run {
        self.store.lock().runs[&self.run].run.clone()
    }

    /// Lets simulated time pass until `holds`.
    pub(crate) async fn wait_until(&self, what: &str, holds: impl Fn(&Run) -> bool) -> Run {
        for _ in 0..100_000 {
            let run = self.run();
            if holds(&run) {
                return run;
            }
            tokio::time::advance(std::time::Duration::from_millis(100)).await;
            tokio::task::yield_now().await;
        }
        panic!("never {what}; last: {:#?}", self.run());
    }

    /// Lets simulated time pass until the run has ended, and checks what must be true of every ended run.
    pub(crate) async fn ended(&self) -> Run {
        let run = self.wait_until("ended", |run| run.ending.is_some()).await;
        let rows = self.store.lock();
        let history = &rows.runs[&self.run].history;
        let replayed = Run::replay(self.run, history.iter().map(|(at, event)| (*at, event))).unwrap();
        assert_eq!(replayed, run, "the history replays to the present state");
        assert!(run.ended.is_some() && run.current_step().is_none());
        run
    }

    /// The catalogue names of all looks so far.
    pub(crate) fn looks(&self) -> Vec<String> {
        self.script.log.lock().unwrap().iter().map(|(uses, _)| uses.clone()).collect()
    }

    /// Whole seconds from the start at which `uses` looked.
    pub(crate) fn seconds_of(&self, uses: &str) -> Vec<i64> {
        let log = self.script.log.lock().unwrap();
        log.iter().filter(|(of, _)| of == uses).map(|(_, at)| at.as_secs()).collect()
    }

    pub(crate) fn notes(&self) -> BTreeMap<String, serde_json::Value> {
        let run = self.run();
        run.current_step().map(|at| run.step(at).notes.clone()).unwrap_or_default()
    }
}
