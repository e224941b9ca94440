//! What an operator can rely on when a run is advanced, in simulated time.

#![expect(clippy::unwrap_used, reason = "what a rig cannot do fails its test")]
mod rig;

use rig::{Look, Rig};
use serde_json::{Value, json};
use types::{ErrorClass, How};
use workflow::{Command, RunState, StageState, StepState};

fn one_stage(attempts: u32) -> Value {
    json!({
        "stages": [{
            "name": "INSTALL",
            "attempts": attempts,
            "backoff": {"initial": "10s", "factor": 2.0, "max": "60s", "jitter": 0.0},
            "steps": [{"use": "first"}, {"use": "second", "timeout": "2m"}],
        }],
        "finally": [{"use": "release"}],
    })
}

#[tokio::test(start_paused = true)]
async fn steps_run_in_order_and_finally_comes_last() {
    let rig = Rig::start(one_stage(1), &[("first", &[Look::Done(How::Changed)])]);
    let run = rig.ended().await;
    assert_eq!(run.state(), RunState::Succeeded);
    assert_eq!(rig.looks(), ["first", "second", "release"]);
    assert_eq!(run.stages[0].steps[0].how, Some(How::Changed));
}

#[tokio::test(start_paused = true)]
async fn transient_failure_is_tried_again_after_growing_pauses() {
    let looks = [Look::Fails(ErrorClass::Network), Look::Fails(ErrorClass::Transient)];
    let rig = Rig::start(one_stage(3), &[("first", &looks)]);
    let run = rig.ended().await;
    assert_eq!(run.state(), RunState::Succeeded);
    assert_eq!(run.stages[0].steps[0].attempts, 3);
    assert_eq!(rig.seconds_of("first"), [0, 10, 30]);
}

#[tokio::test(start_paused = true)]
async fn run_fails_when_attempts_are_used_up_and_says_where_and_why() {
    let looks = [Look::Fails(ErrorClass::Network), Look::Fails(ErrorClass::Network)];
    let rig = Rig::start(one_stage(2), &[("second", &looks)]);
    let run = rig.ended().await;
    assert_eq!(run.state(), RunState::Failed);
    let failure = run.failure.unwrap();
    assert_eq!((failure.stage.as_str(), failure.step.as_str()), ("INSTALL", "second"));
    assert_eq!((failure.class, failure.reason.as_str()), (ErrorClass::Network, "second broke"));
    assert_eq!(rig.looks().last().unwrap(), "release");
}

#[tokio::test(start_paused = true)]
async fn step_that_cannot_reach_the_store_looks_again_and_uses_up_no_attempt() {
    let rig = Rig::start(one_stage(1), &[("first", &vec![Look::StoreIsAway; 3])]);
    let run = rig.ended().await;
    assert_eq!(run.state(), RunState::Succeeded);
    assert_eq!(run.stages[0].steps[0].attempts, 1);
    assert_eq!(rig.seconds_of("first"), [0, 1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn configuration_error_is_not_tried_again() {
    let rig = Rig::start(one_stage(5), &[("first", &[Look::Fails(ErrorClass::Configuration)])]);
    assert_eq!(rig.ended().await.state(), RunState::Failed);
    assert_eq!(rig.looks(), ["first", "release"]);
}

#[tokio::test(start_paused = true)]
async fn attempt_that_hangs_is_cut_off_at_its_deadline() {
    let rig = Rig::start(one_stage(1), &[("second", &[Look::Hangs])]);
    let run = rig.ended().await;
    assert_eq!(run.failure.unwrap().class, ErrorClass::Timeout);
    assert_eq!(rig.seconds_of("release"), [120]);
}

#[tokio::test(start_paused = true)]
async fn waiting_step_that_is_late_looks_once_more_and_fails_with_what_it_waited_for() {
    let rig = Rig::start(one_stage(1), &[("second", &vec![Look::WaitsFor("agent.registered"); 2])]);
    let run = rig.ended().await;
    let failure = run.failure.unwrap();
    assert!(failure.reason.contains("something to happen"), "{}", failure.reason);
    assert_eq!(failure.evidence["attempts"], 1);
    assert_eq!(rig.seconds_of("second"), [0, 120]);
    assert_eq!(rig.seconds_of("release"), [120]);
}

#[tokio::test(start_paused = true)]
async fn what_came_unseen_is_found_by_the_last_look() {
    let rig = Rig::start(one_stage(1), &[("second", &[Look::WaitsFor("agent.registered")])]);
    assert_eq!(rig.ended().await.state(), RunState::Succeeded);
    assert_eq!(rig.seconds_of("second"), [0, 120]);
}

#[tokio::test(start_paused = true)]
async fn last_look_that_hangs_is_cut_off() {
    let rig = Rig::start(one_stage(1), &[("second", &[Look::WaitsFor("agent.registered"), Look::Hangs])]);
    assert_eq!(rig.ended().await.failure.unwrap().class, ErrorClass::Timeout);
    assert_eq!(rig.seconds_of("release"), [180]);
}

#[tokio::test(start_paused = true)]
async fn waiting_step_looks_again_when_its_event_happens() {
    let rig = Rig::start(one_stage(1), &[("second", &[Look::WaitsFor("agent.registered"), Look::Done(How::ByOther)])]);
    rig.wait_until("waiting", |run| run.state() == RunState::Waiting).await;
    rig.machine_event("boot.dhcp");
    rig.machine_event("agent.registered");
    let run = rig.ended().await;
    assert_eq!(run.stages[0].steps[1].how, Some(How::ByOther));
    assert_eq!(rig.looks(), ["first", "second", "second", "release"]);
}

#[tokio::test(start_paused = true)]
async fn waiting_step_looks_again_at_its_time() {
    let rig = Rig::start(one_stage(1), &[("second", &[Look::WaitsSeconds(30), Look::WaitsSeconds(30)])]);
    rig.ended().await;
    assert_eq!(rig.seconds_of("second"), [0, 30, 60]);
}

#[tokio::test(start_paused = true)]
async fn stage_whose_condition_is_false_and_stage_that_is_off_are_shown_as_skipped() {
    let rig = Rig::start(
        json!({"stages": [
            {"name": "OFF", "enabled": false, "steps": [{"use": "first"}]},
            {"name": "NOT_HERE", "when": "params.role == 'login'", "steps": [{"use": "first"}]},
            {"name": "HERE", "when": "params.role == 'compute'", "steps": [{"use": "second"}]},
        ]}),
        &[],
    );
    let run = rig.ended().await;
    let states: Vec<_> = run.stages.iter().map(|stage| stage.state).collect();
    assert_eq!(states, [StageState::Skipped, StageState::Skipped, StageState::Succeeded]);
    assert_eq!(run.stages[1].reason.as_deref(), Some("condition is not met: params.role == 'login'"));
    assert_eq!(rig.looks(), ["second"]);
}

#[tokio::test(start_paused = true)]
async fn stage_that_may_fail_does_not_stop_the_run() {
    let rig = Rig::start(
        json!({"stages": [
            {"name": "MAY_FAIL", "on_failure": "continue", "steps": [{"use": "first"}]},
            {"name": "AFTER", "steps": [{"use": "second"}]},
        ]}),
        &[("first", &[Look::Final(ErrorClass::Hardware)])],
    );
    let run = rig.ended().await;
    assert_eq!(run.state(), RunState::Succeeded);
    assert_eq!(run.stages[0].state, StageState::Failed);
}

#[tokio::test(start_paused = true)]
async fn stage_that_is_retried_begins_with_its_first_step() {
    let rig = Rig::start(
        json!({"stages": [
            {"name": "AGAIN", "on_failure": "retry-stage", "attempts": 2, "steps": [{"use": "first"}, {"use": "second"}]},
        ]}),
        &[("second", &[Look::Fails(ErrorClass::Transient)])],
    );
    let run = rig.ended().await;
    assert_eq!((run.state(), run.stages[0].attempt), (RunState::Succeeded, 2));
    assert_eq!(rig.looks(), ["first", "second", "first", "second"]);
    assert_eq!(run.failure, None);
}

#[tokio::test(start_paused = true)]
async fn paused_run_does_nothing_and_its_deadlines_wait_with_it() {
    let rig = Rig::start(one_stage(1), &[("second", &[Look::WaitsSeconds(90), Look::Done(How::Changed)])]);
    rig.wait_until("waiting", |run| run.state() == RunState::Waiting).await;
    rig.command(Command::Pause);
    rig.wait_until("paused", |run| run.state() == RunState::Paused).await;
    tokio::time::advance(std::time::Duration::from_secs(600)).await;
    assert_eq!(rig.seconds_of("second"), [0]);
    rig.command(Command::Resume);
    assert_eq!(rig.ended().await.state(), RunState::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn cancel_cuts_off_a_step_at_work_and_finally_still_runs() {
    let rig = Rig::start(one_stage(1), &[("first", &[Look::Hangs])]);
    rig.wait_until("at work", |run| run.state() == RunState::Running && run.stages[0].steps[0].attempts == 1).await;
    rig.command(Command::Cancel { reason: "wrong machine".to_owned() });
    let run = rig.ended().await;
    assert_eq!(run.state(), RunState::Cancelled);
    assert_eq!(run.stages[0].state, StageState::Cancelled);
    assert_eq!(rig.looks(), ["first", "release"]);
}

#[tokio::test(start_paused = true)]
async fn command_that_comes_right_after_a_claim_is_obeyed_at_once() {
    let rig = Rig::start(one_stage(1), &[("first", &vec![Look::Hangs; 20])]);
    rig.command_after_claim(Command::Cancel { reason: "wrong machine".to_owned() });
    let run = rig.ended().await;
    assert_eq!(run.state(), RunState::Cancelled);
    assert_eq!(run.stages[0].steps[0].recoveries, 0, "the step was not cut off for nothing");
}

#[tokio::test(start_paused = true)]
async fn step_that_needs_a_person_waits_until_one_says_retry() {
    let rig = Rig::start(one_stage(1), &[("first", &[Look::NeedsOperator])]);
    let stuck = |run: &workflow::Run| run.stages[0].steps[0].state == StepState::NeedsOperator;
    let run = rig.wait_until("stuck", stuck).await;
    assert_eq!(run.stages[0].steps[0].hint.as_deref(), Some("unstick it"));
    rig.command(Command::Retry);
    assert_eq!(rig.ended().await.state(), RunState::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn skipped_step_keeps_who_skipped_it_and_why() {
    let rig = Rig::start(one_stage(1), &[("first", &[Look::NeedsOperator])]);
    rig.wait_until("stuck", |run| run.stages[0].steps[0].state == StepState::NeedsOperator).await;
    rig.command(Command::Skip { reason: "done by hand".to_owned() });
    let run = rig.ended().await;
    assert_eq!(run.stages[0].steps[0].state, StepState::Skipped);
    assert_eq!(run.stages[0].steps[0].reason.as_deref(), Some("skipped by ada: done by hand"));
}

#[tokio::test(start_paused = true)]
async fn ended_run_never_changes_again() {
    let rig = Rig::start(one_stage(1), &[]);
    let run = rig.ended().await;
    for command in [Command::Pause, Command::Retry, Command::Cancel { reason: String::new() }] {
        assert!(run.accept(&command, "ada").is_err(), "{command:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_the_same_attempt_goes_on_with_its_notes() {
    let mut rig = Rig::start(one_stage(1), &[("first", &[Look::NotesThenHangs, Look::Done(How::Changed)])]);
    rig.wait_until("noted", |run| !run.stages[0].steps[0].notes.is_empty()).await;
    rig.crash().await;
    assert_eq!(rig.notes()["intent"], json!(true));
    rig.start_engine();
    let run = rig.ended().await;
    assert_eq!(run.state(), RunState::Succeeded);
    assert_eq!((run.stages[0].steps[0].attempts, run.stages[0].steps[0].recoveries), (1, 1));
    assert_eq!(run.stages[0].steps[0].notes["intent"], json!(true));
}

#[tokio::test(start_paused = true)]
async fn step_that_takes_the_server_down_each_time_ends_in_an_operators_hands() {
    let hangs = vec![Look::NotesThenHangs; 20];
    let mut rig = Rig::start(one_stage(1), &[("first", &hangs)]);
    for crash in 0..=10 {
        let looked = |run: &workflow::Run| {
            let step = &run.stages[0].steps[0];
            step.attempts == 1 && step.recoveries == crash || step.state == StepState::NeedsOperator
        };
        rig.wait_until("looked", looked).await;
        rig.crash().await;
        rig.start_engine();
    }
    let stuck = |run: &workflow::Run| run.stages[0].steps[0].state == StepState::NeedsOperator;
    let run = rig.wait_until("handed over", stuck).await;
    assert!(run.stages[0].steps[0].reason.as_deref().unwrap().contains("stopped 10 times"));
}

#[tokio::test(start_paused = true)]
async fn failed_run_can_be_continued_from_its_failed_step() {
    let rig = Rig::start(one_stage(1), &[("second", &[Look::Final(ErrorClass::Hardware)])]);
    let failed = rig.ended().await;
    let continued = failed.continuation().unwrap();
    assert_eq!((continued.stage, continued.step), (0, 1));
    let new = workflow::NewRun {
        id: types::RunId::new(),
        machine: failed.machine,
        workflow: failed.workflow.clone(),
        definition: failed.definition.clone(),
        params: failed.params.clone(),
        by: "ada".to_owned(),
        continues: Some(continued),
    };
    let (run, _) = workflow::Run::create(new, failed.created);
    assert_eq!(run.stages[0].steps[0].state, StepState::Skipped);
    assert_eq!(run.stages[0].steps[1].state, StepState::Pending);
}
