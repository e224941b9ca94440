//! How many durable writes a second: one writer after another, and many at once. `cargo bench -p store`.
//!
//! Give a folder on the disk in question as the argument; else it is the system's folder for temporary files.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement prints what it finds or fails")]

use async_trait::async_trait;
use futures_util::future::join_all;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{EncryptionKey, Machines, Store, StoreOptions};
use types::machine::MachineSpec;
use types::object::Source;
use types::{Params, RunId, Timestamp};
use workflow::ports::{Claimed, Clock, Commit, RunStore, Then};
use workflow::{NewRun, RunEvent, StepRef};

/// How long each case is measured.
const MEASURED: Duration = Duration::from_secs(3);

struct StoppedClock;

#[async_trait]
impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    async fn sleep_until(&self, _at: Timestamp) {}
}

async fn claimed_runs(store: &Store, count: usize) -> Vec<Claimed> {
    let steps: Vec<_> = (0..6).map(|step| json!({ "use": format!("step.{step}") })).collect();
    let stages: Vec<_> = (0..6).map(|stage| json!({ "name": format!("STAGE_{stage}"), "steps": steps })).collect();
    let definition: workflow::WorkflowSpec = serde_json::from_value(json!({ "stages": stages })).unwrap();
    for number in 0..count {
        let name = format!("node-{number}").parse().unwrap();
        let machine = store.create::<Machines>(name, MachineSpec::default(), Source::Api, "bench").await.unwrap();
        let new = NewRun {
            id: RunId::new(),
            machine: machine.id.into(),
            workflow: "bench".parse().unwrap(),
            definition: definition.clone(),
            params: Params::new(),
            by: "bench".to_owned(),
            continues: None,
        };
        store.start_run(new).await.unwrap();
    }
    store.claim_due(Timestamp::UNIX_EPOCH, Timestamp::MAX, count).await.unwrap()
}

/// Commits a step's note again and again, as an engine does between looks.
async fn commit_until(store: Store, claimed: Claimed, end: Instant) -> u64 {
    let mut count = 0;
    while Instant::now() < end {
        let at = StepRef { stage: Some(0), step: 0 };
        let event = RunEvent::StepNoted { at, key: "offset".to_owned(), value: count.into() };
        let event = (Timestamp::UNIX_EPOCH, event);
        let then = Then::Keep { until: Timestamp::MAX };
        let (lease, run, events) = (claimed.lease, &claimed.run, std::slice::from_ref(&event));
        let commit = Commit { lease, run, events, at: Timestamp::UNIX_EPOCH, commands_done: None, then };
        store.commit(commit).await.unwrap();
        count += 1;
    }
    count
}

#[tokio::main]
async fn main() {
    let given = std::env::args().nth(1).filter(|argument| !argument.starts_with('-'));
    let folder = given.map_or_else(tempfile::tempdir, tempfile::tempdir_in).unwrap();
    for writers in [1, 8, 64, 256] {
        let path = folder.path().join(format!("{writers}.db"));
        let key = EncryptionKey::from_bytes([0; 32]);
        let store = Store::open(StoreOptions { path, key, clock: Arc::new(StoppedClock) }).await.unwrap();
        let runs = claimed_runs(&store, writers).await;
        let before = store.statistics();
        let start = Instant::now();
        let tasks = runs.into_iter().map(|run| tokio::spawn(commit_until(store.clone(), run, start + MEASURED)));
        let counts = join_all(tasks).await.into_iter().map(Result::unwrap);
        let (total, seconds) = (counts.sum::<u64>(), start.elapsed().as_secs_f64());
        let flushes = store.statistics().transactions - before.transactions;
        println!(
            "{writers:>4} at once: {:>7.0} commits/s, {:>6.0} flushes/s, {:>6.2} ms each",
            total as f64 / seconds,
            flushes as f64 / seconds,
            seconds * 1000.0 * f64::from(u32::try_from(writers).unwrap()) / total as f64,
        );
        store.close().await;
    }
}
