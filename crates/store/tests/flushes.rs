//! How many times the disk is made to write: counted in SQLite's log, where every transaction ends with a frame
//! that says so, and is flushed once.

#![expect(clippy::unwrap_used, reason = "what the arrangement of a test cannot do fails it")]

mod rig;

use futures_util::future::join_all;
use rig::{FIRST, Rig, new_run};
use workflow::RunEvent;
use workflow::ports::{Commit, RunStore as _};

/// Runs that commit at the same moment.
const RUNS: u8 = 100;

/// Transactions in the log since it was begun anew: <https://sqlite.org/fileformat2.html#the_write_ahead_log>.
fn flushes(rig: &Rig) -> usize {
    const HEADER: usize = 32;
    const FRAME_HEADER: usize = 24;
    let log = std::fs::read(rig.folder.path().join("slipway.db-wal")).unwrap();
    let word = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
    let (page_size, salt) = (usize::try_from(word(8)).unwrap(), word(16));
    let frames = (HEADER..log.len()).step_by(FRAME_HEADER + page_size);
    let pages_after_commit = |frame: usize| word(frame + 4);
    frames.filter(|frame| word(frame + 8) == salt && pages_after_commit(*frame) != 0).count()
}

#[tokio::test]
async fn a_hundred_runs_commit_with_one_flush() {
    let rig = Rig::start().await;
    for number in 1..=RUNS {
        let machine = rig.machine(&format!("node-{number}"), number).await;
        rig.store().start_run(new_run(machine.id.into())).await.unwrap();
    }
    let claimed = rig.claim_all().await;
    assert_eq!(claimed.len(), usize::from(RUNS));
    let before = flushes(&rig);

    let started = RunEvent::StageStarted { stage: FIRST.stage.unwrap(), attempt: 1, deadline: rig.after(60) };
    let events = [(rig.now(), started)];
    let commits = claimed.iter().map(|claimed| {
        let (lease, run, events, at) = (claimed.lease, &claimed.run, &events[..], rig.now());
        rig.store().commit(Commit { lease, run, events, at, commands_done: None, then: rig.keep() })
    });
    for committed in join_all(commits).await {
        committed.unwrap();
    }
    assert_eq!(flushes(&rig) - before, 1);
    assert_eq!(rig.kinds().await.into_iter().filter(|kind| kind == "run.stage.started").count(), usize::from(RUNS));
}

#[tokio::test]
async fn every_transaction_is_flushed_before_it_is_acknowledged() {
    let rig = Rig::start().await;
    let machine = rig.machine("node-1", 1).await;
    let before = flushes(&rig);
    for number in 1..=5 {
        rig.happen(machine.id.into(), "agent.log").await;
        assert_eq!(flushes(&rig) - before, number);
    }
}
