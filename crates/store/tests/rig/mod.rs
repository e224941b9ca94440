//! A store in a folder of its own, with a clock that the test moves, and the smallest things to put into it.

#![expect(clippy::unwrap_used, reason = "what a rig cannot do fails its test")]
#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses its part of the rig, some all of it")]

use async_trait::async_trait;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use store::{EncryptionKey, Machine, Machines, OpenError, Store, StoreOptions};
use tempfile::TempDir;
use types::event::{Event, NewEvent};
use types::machine::MachineSpec;
use types::object::Source;
use types::{MacAddr, MachineId, Name, Params, RunId, Timestamp};
use workflow::ports::{Claimed, Clock, Commit, CommitError, Lease, RunStore, Then};
use workflow::{NewRun, Run, RunEvent, StepRef, WorkflowSpec};

/// Time that moves when told to.
#[derive(Default)]
pub(crate) struct HandClock(AtomicI64);

#[async_trait]
impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanosecond(i128::from(self.0.load(Ordering::SeqCst))).unwrap()
    }

    async fn sleep_until(&self, _at: Timestamp) {
        std::future::pending().await
    }
}

pub(crate) struct Rig {
    pub(crate) folder: TempDir,
    pub(crate) clock: Arc<HandClock>,
    store: Option<Store>,
}

pub(crate) const KEY: [u8; 32] = [7; 32];

impl Rig {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(HandClock(AtomicI64::new(1_800_000_000_123_456_789)));
        let mut rig = Self { folder, clock, store: None };
        rig.store = Some(rig.open().await.unwrap());
        rig
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("slipway.db")
    }

    pub(crate) async fn open_with(&self, key: [u8; 32]) -> Result<Store, OpenError> {
        let clock: Arc<dyn Clock> = self.clock.clone();
        Store::open(StoreOptions { path: self.path(), key: EncryptionKey::from_bytes(key), clock }).await
    }

    async fn open(&self) -> Result<Store, OpenError> {
        self.open_with(KEY).await
    }

    pub(crate) fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    /// Lets go of the store as a crash does, and opens it again.
    pub(crate) async fn crash(&mut self) {
        self.store = None;
        self.store = Some(self.open().await.unwrap());
    }

    /// Closes the store, lets `meddle` work on its file, and opens it again.
    pub(crate) async fn meddle(&mut self, meddle: &'static str) {
        self.store.take().unwrap().close().await;
        rusqlite::Connection::open(self.path()).unwrap().execute_batch(meddle).unwrap();
        self.store = Some(self.open().await.unwrap());
    }

    pub(crate) async fn close(&mut self) {
        self.store.take().unwrap().close().await;
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * 1_000_000_000, Ordering::SeqCst);
    }

    /// Now, and some seconds.
    pub(crate) fn after(&self, seconds: i64) -> Timestamp {
        self.now() + std::time::Duration::from_secs(u64::try_from(seconds).unwrap())
    }

    pub(crate) async fn machine(&self, name_of_it: &str, last_octet: u8) -> Machine {
        let spec = MachineSpec { macs: vec![mac(last_octet)], ..MachineSpec::default() };
        self.store().create::<Machines>(name(name_of_it), spec, Source::Api, "user:ada").await.unwrap()
    }

    /// A run of two steps on a new machine.
    pub(crate) async fn run(&self) -> Run {
        let machine = self.machine("node-1", 1).await;
        self.store().start_run(new_run(machine.id.into())).await.unwrap()
    }

    /// Claims the only due run, for a minute.
    pub(crate) async fn claim(&self) -> Claimed {
        let mut claimed = self.claim_all().await;
        assert_eq!(claimed.len(), 1, "one run is due");
        claimed.remove(0)
    }

    pub(crate) async fn claim_all(&self) -> Vec<Claimed> {
        self.store().claim_due(self.now(), self.after(60), 100).await.unwrap()
    }

    /// Commits `events` on top of `run` at the present time.
    pub(crate) async fn commit(
        &self,
        lease: Lease,
        run: &mut Run,
        events: &[RunEvent],
        then: Then,
    ) -> Result<u64, CommitError> {
        let events: Vec<_> = events.iter().map(|event| (self.now(), event.clone())).collect();
        for (at, event) in &events {
            run.apply(event, *at);
        }
        let commit = Commit { lease, run, events: &events, at: self.now(), commands_done: None, then };
        self.store().commit(commit).await
    }

    pub(crate) fn keep(&self) -> Then {
        Then::Keep { until: self.after(60) }
    }

    /// Lets the claimed run wait for `kinds`, for an hour.
    pub(crate) async fn wait_for(&self, claimed: &mut Claimed, kinds: &[&str]) {
        let on: Vec<String> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        let until = self.after(3600);
        let waits = RunEvent::StepWaits { at: FIRST, reason: "it".to_owned(), wake_on: on.clone(), until };
        let then = Then::Release { at: Some(until), on, seen: claimed.seen };
        self.commit(claimed.lease, &mut claimed.run, &begin(self, waits), then).await.unwrap();
    }

    pub(crate) fn event(&self, machine: impl Into<MachineId>, kind: &str) -> NewEvent {
        NewEvent {
            at: self.now(),
            kind: kind.to_owned(),
            machine: Some(machine.into()),
            run: None,
            actor: "test".to_owned(),
            data: json!({}),
        }
    }

    pub(crate) async fn happen(&self, machine: MachineId, kind: &str) -> u64 {
        self.store().append(vec![self.event(machine, kind)]).await.unwrap()
    }

    pub(crate) async fn history(&self) -> Vec<Event> {
        self.store().events(&Default::default(), usize::MAX).await.unwrap()
    }

    pub(crate) async fn kinds(&self) -> Vec<String> {
        self.history().await.into_iter().map(|event| event.kind).collect()
    }

    /// The database file and those beside it, as bytes; the reserve holds nothing.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.folder.path()).unwrap().map(|file| file.unwrap().path());
        let files = files.filter(|file| file.extension().is_none_or(|extension| extension != "reserve"));
        files.flat_map(|file| std::fs::read(file).unwrap()).collect()
    }
}

/// The first step of the first stage.
pub(crate) const FIRST: StepRef = StepRef { stage: Some(0), step: 0 };

/// The events that lead to `then` of a run that has not begun.
fn begin(rig: &Rig, then: RunEvent) -> Vec<RunEvent> {
    vec![
        RunEvent::StageStarted { stage: 0, attempt: 1, deadline: rig.after(7200) },
        RunEvent::StepStarted { at: FIRST, attempt: 1, deadline: rig.after(7200) },
        then,
    ]
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(crate) fn mac(last_octet: u8) -> MacAddr {
    MacAddr([0x52, 0x54, 0, 0, 0, last_octet])
}

pub(crate) fn new_run(machine: MachineId) -> NewRun {
    let step = |uses: &str| json!({ "use": uses });
    let definition: WorkflowSpec = serde_json::from_value(json!({
        "stages": [{ "name": "ONLY", "steps": [step("a"), step("b")] }],
    }))
    .unwrap();
    NewRun {
        id: RunId::new(),
        machine,
        workflow: name("test"),
        definition,
        params: Params::new(),
        by: "user:ada".to_owned(),
        continues: None,
    }
}
