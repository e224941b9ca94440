//! Time without a server does not count against a run.

#![expect(clippy::unwrap_used, reason = "what the arrangement of a test cannot do fails it")]

mod rig;

use rig::Rig;
use store::EventFilter;
use types::Timestamp;
use workflow::ports::Then;
use workflow::{Run, RunEvent, StepRef};

const FIRST: StepRef = StepRef { stage: Some(0), step: 0 };

/// A run whose first step waits for ten seconds at most.
async fn waiting_run(rig: &Rig) -> Run {
    rig.run().await;
    let claimed = rig.claim().await;
    let mut run = claimed.run;
    let events = [
        RunEvent::StageStarted { stage: 0, attempt: 1, deadline: rig.after(600) },
        RunEvent::StepStarted { at: FIRST, attempt: 1, deadline: rig.after(60) },
        RunEvent::StepWaits { at: FIRST, reason: "a sign".to_owned(), wake_on: Vec::new(), until: rig.after(10) },
    ];
    let then = Then::Release { at: Some(rig.after(10)), on: Vec::new(), seen: claimed.seen };
    rig.commit(claimed.lease, &mut run, &events, then).await.unwrap();
    run
}

fn deadlines(run: &Run) -> (Option<Timestamp>, Option<Timestamp>) {
    (run.stages[0].deadline, run.stages[0].steps[0].deadline)
}

async fn absences(rig: &Rig) -> usize {
    let filter = EventFilter { kinds: vec!["run.unattended".to_owned()], ..EventFilter::default() };
    rig.store().events(&filter, 100).await.unwrap().len()
}

#[tokio::test]
async fn waiting_run_has_as_much_time_left_after_an_absence_as_before() {
    let mut rig = Rig::start().await;
    let run = waiting_run(&rig).await;
    rig.advance(5);
    rig.store().attend().await.unwrap();
    rig.advance(7200);
    rig.crash().await;
    let moved = rig.claim().await.run;
    assert_eq!(deadlines(&moved), (Some(rig.after(595)), Some(rig.after(55))));
    assert_eq!(rig.store().run(run.id).await.unwrap(), Some(moved));
}

#[tokio::test]
async fn absence_counts_once_however_often_the_next_server_dies() {
    let mut rig = Rig::start().await;
    let run = waiting_run(&rig).await;
    rig.advance(7200);
    for _ in 0..3 {
        rig.crash().await;
        rig.store().attend().await.unwrap();
    }
    let moved = rig.store().run(run.id).await.unwrap().unwrap();
    assert_eq!(deadlines(&moved), (Some(rig.after(600)), Some(rig.after(60))));
    assert_eq!(absences(&rig).await, 1);
}

#[tokio::test]
async fn clock_that_was_set_back_while_no_server_was_there_holds_no_run_up() {
    let mut rig = Rig::start().await;
    rig.advance(36_000);
    rig.store().attend().await.unwrap();
    let run = waiting_run(&rig).await;
    rig.advance(-3600);
    rig.crash().await;
    rig.store().attend().await.unwrap();
    let moved = rig.store().run(run.id).await.unwrap().unwrap();
    assert_eq!(deadlines(&moved), (Some(rig.after(600)), Some(rig.after(60))));
    assert!(rig.claim_all().await.is_empty());
    rig.advance(10);
    rig.claim().await;
}

#[tokio::test]
async fn run_that_has_not_begun_or_has_ended_has_no_absence_in_its_history() {
    let mut rig = Rig::start().await;
    rig.run().await;
    rig.advance(7200);
    rig.crash().await;
    rig.claim().await;
    assert_eq!(absences(&rig).await, 0);
}
