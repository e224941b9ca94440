//! What a run does next, decision by decision.

#![expect(clippy::unwrap_used, reason = "what a driver cannot do fails its test")]
mod anything;
mod driver;

use driver::{Driver, done, fails, needs_operator, retry, waits};
use jiff::SignedDuration;
use serde_json::{Value, json};
use types::ErrorClass;
use workflow::{Command, CommandError, DefinitionError, RunState, StageState, StepState, WorkflowSpec};

/// Two steps in a stage of an hour, and two at the end.
fn workflow(stage: Value) -> Value {
    let mut stages = json!([{
        "name": "INSTALL",
        "timeout": "1h",
        "backoff": {"initial": "10s", "factor": 2.0, "max": "2h", "jitter": 0.0},
        "steps": [{"use": "first"}, {"use": "second"}],
    }]);
    let Value::Object(changes) = stage else { unreachable!("stages are objects") };
    stages[0].as_object_mut().unwrap().extend(changes);
    json!({"stages": stages, "finally": [{"use": "release"}, {"use": "forget"}]})
}

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

#[test]
fn a_night_that_a_step_waits_for_a_person_does_not_count_against_its_stage() {
    let commands = [Command::Retry, Command::Skip { reason: "done by hand".to_owned() }];
    for command in commands {
        let mut driver = Driver::new(workflow(json!({})));
        driver.look(needs_operator());
        driver.pass(hours(9));
        assert_eq!(driver.next_look(), None);
        driver.command(&command).unwrap();
        while let Some(at) = driver.next_look() {
            driver.settle(at, done());
        }
        assert_eq!(driver.run.state(), RunState::Succeeded, "{command:?}");
    }
}

#[test]
fn time_that_a_run_is_held_while_it_waits_for_a_person_is_given_back_once() {
    let mut driver = Driver::new(workflow(json!({})));
    driver.look(needs_operator());
    driver.command(&Command::Pause).unwrap();
    driver.pass(hours(9));
    driver.command(&Command::Resume).unwrap();
    driver.command(&Command::Retry).unwrap();
    driver.look(waits(driver.now + hours(20)));
    driver.next_look();
    assert_eq!(driver.sleeps_until(), Some(driver.now + SignedDuration::from_mins(55)));
    assert_eq!(driver.run.stages[0].deadline, Some(driver.now + hours(1)));
}

#[test]
fn step_of_finally_that_asks_for_a_person_fails_and_the_run_ends() {
    let mut driver = Driver::new(workflow(json!({})));
    driver.look(done());
    driver.look(done());
    driver.look(needs_operator());
    driver.look(done());
    assert_eq!(driver.next_look(), None);
    assert_eq!(driver.run.state(), RunState::Succeeded);
    assert_eq!(driver.run.finally.state, StageState::Failed);
    assert_eq!(driver.run.finally.steps[0].reason.as_deref(), Some("no cable; plug it in"));
}

#[test]
fn pause_between_tries_ends_with_its_stage() {
    let mut driver = Driver::new(workflow(json!({"attempts": 5, "backoff": {"initial": "2h", "max": "2h"}})));
    driver.look(retry());
    assert_eq!(driver.next_look(), None);
    assert_eq!(driver.sleeps_until(), Some(driver.now + hours(1)));
    driver.pass(hours(1));
    driver.look(done());
    let failure = driver.run.failure.clone().unwrap();
    assert_eq!((failure.class, failure.step.as_str()), (ErrorClass::Timeout, "first"));
    assert!(failure.reason.starts_with("stage INSTALL took longer than it may; last: busy"), "{}", failure.reason);
}

#[test]
fn no_step_begins_after_the_time_of_its_stage() {
    let mut driver = Driver::new(workflow(json!({})));
    let first = driver.next_look().unwrap();
    driver.pass(hours(2));
    driver.settle(first, done());
    driver.look(done());
    let failure = driver.run.failure.as_ref().unwrap();
    assert_eq!((failure.step.as_str(), &failure.evidence["attempts"]), ("second", &json!(0)));
    assert_eq!(driver.run.stages[0].steps[1].attempts, 0);
}

#[test]
fn server_that_stops_in_a_last_look_does_not_cost_the_step_that_look() {
    let mut driver = Driver::new(workflow(json!({})));
    driver.look(waits(driver.now + hours(1)));
    driver.pass(hours(2));
    driver.next_look().unwrap();
    driver.crash();
    assert_eq!(driver.look(done()).step, 0);
    assert_eq!(driver.run.stages[0].steps[0].state, StepState::Done);
}

#[test]
fn each_step_of_finally_looks_once_however_late_it_is() {
    let mut driver = Driver::new(workflow(json!({})));
    driver.look(done());
    driver.look(done());
    driver.look(done());
    driver.pass(hours(5));
    assert_eq!(driver.look(done()).step, 1);
    assert_eq!(driver.next_look(), None);
    assert_eq!(driver.run.finally.state, StageState::Succeeded);
}

#[test]
fn time_without_a_server_counts_neither_against_the_step_nor_against_the_stage() {
    let mut driver = Driver::new(workflow(json!({})));
    driver.look(waits(driver.now + hours(1)));
    let before = driver.run.stages[0].clone();
    driver.leave_alone(hours(9));
    let after = &driver.run.stages[0];
    assert_eq!(after.deadline, before.deadline.map(|deadline| deadline + hours(9)));
    assert_eq!(after.steps[0].deadline, before.steps[0].deadline.map(|deadline| deadline + hours(9)));
    assert_eq!(after.steps[0].until, before.steps[0].until, "what was to be looked at is looked at now");
    driver.look(done());
    driver.look(done());
    driver.look(waits(driver.now + hours(1)));
    let before = driver.run.finally.clone();
    driver.leave_alone(hours(9));
    assert_eq!(driver.run.finally.deadline, before.deadline.map(|deadline| deadline + hours(9)));
}

#[test]
fn clock_that_was_set_back_between_two_servers_leaves_a_run_as_much_time_as_it_had() {
    let mut driver = Driver::new(workflow(json!({})));
    driver.pass(hours(10));
    driver.look(waits(driver.now + SignedDuration::from_mins(1)));
    driver.leave_alone(-hours(8));
    driver.next_look();
    assert_eq!(driver.sleeps_until(), Some(driver.now + SignedDuration::from_mins(1)));
    assert_eq!(driver.run.stages[0].deadline, Some(driver.now + hours(1)));
    assert_eq!(driver.run.stages[0].steps[0].started, Some(driver.now));
}

#[test]
fn time_without_a_server_is_given_back_once_to_a_run_that_is_held_or_waits_for_a_person() {
    let mut driver = Driver::new(workflow(json!({})));
    driver.look(needs_operator());
    driver.leave_alone(hours(9));
    driver.command(&Command::Pause).unwrap();
    driver.leave_alone(hours(9));
    driver.command(&Command::Resume).unwrap();
    driver.command(&Command::Retry).unwrap();
    assert_eq!(driver.run.stages[0].deadline, Some(driver.now + hours(1)));
}

#[test]
fn late_stage_that_is_tried_again_has_its_whole_time_anew() {
    let mut driver = Driver::new(workflow(json!({"on_failure": "retry-stage", "attempts": 2})));
    driver.look(done());
    driver.look(waits(driver.now + hours(1)));
    driver.pass(hours(2));
    driver.look(waits(driver.now + hours(1)));
    let at = driver.next_look().unwrap();
    assert_eq!((at.step, driver.run.stages[0].attempt), (0, 2));
    assert_eq!(driver.run.stages[0].deadline, Some(driver.now + hours(1)));
}

#[test]
fn continued_run_whose_stage_is_tried_again_begins_the_stage_with_its_first_step() {
    let mut driver = Driver::new(workflow(json!({"on_failure": "retry-stage", "attempts": 2})));
    driver.look(done());
    driver.look(fails());
    driver.look(done());
    driver.look(done());
    assert_eq!(driver.next_look(), None);
    let mut continued = driver.continued();
    assert_eq!(continued.look(retry()).step, 1);
    assert_eq!(continued.look(done()).step, 0);
    assert_eq!(continued.look(done()).step, 1);
    assert_eq!(continued.run.failure, None);
}

#[test]
fn continued_run_goes_on_at_the_stage_that_stopped_it_not_at_one_that_may_fail() {
    let stage =
        |name: &str, on_failure: &str| json!({"name": name, "on_failure": on_failure, "steps": [{"use": name}]});
    let mut driver = Driver::new(json!({"stages": [stage("MAY_FAIL", "continue"), stage("MUST_NOT", "stop")]}));
    driver.look(fails());
    driver.look(fails());
    assert_eq!(driver.next_look(), None);
    assert_eq!(driver.run.continuation().unwrap().stage, 1);
}

#[test]
fn result_of_a_step_counts_that_ends_while_the_run_is_held() {
    let mut driver = Driver::new(workflow(json!({})));
    let first = driver.next_look().unwrap();
    driver.command(&Command::Pause).unwrap();
    driver.settle(first, done());
    assert_eq!(driver.next_look(), None);
    assert_eq!(driver.run.state(), RunState::Paused);
    driver.command(&Command::Resume).unwrap();
    assert_eq!(driver.look(done()).step, 1);
}

#[test]
fn held_run_that_is_cancelled_runs_finally() {
    let mut driver = Driver::new(workflow(json!({})));
    driver.next_look();
    driver.command(&Command::Pause).unwrap();
    driver.command(&Command::Cancel { reason: String::new() }).unwrap();
    assert_eq!(driver.look(done()).stage, None);
    driver.look(done());
    assert_eq!(driver.next_look(), None);
    assert_eq!(driver.run.state(), RunState::Cancelled);
}

#[test]
fn run_that_is_giving_things_back_cannot_be_cancelled_but_its_step_can_be_skipped() {
    let mut driver = Driver::new(workflow(json!({})));
    driver.look(done());
    driver.look(done());
    driver.look(waits(driver.now + hours(1)));
    let cancel = Command::Cancel { reason: String::new() };
    assert_eq!(driver.command(&cancel), Err(CommandError::AlreadyEnding));
    driver.command(&Command::Skip { reason: "BMC is gone".to_owned() }).unwrap();
    assert_eq!(driver.look(done()).step, 1);
    assert_eq!(driver.next_look(), None);
    assert_eq!(driver.run.state(), RunState::Succeeded);
    assert_eq!(driver.run.finally.steps[0].state, StepState::Skipped);
}

#[test]
fn step_that_needs_a_person_is_not_helped_by_a_recheck() {
    let mut driver = Driver::new(workflow(json!({})));
    driver.look(needs_operator());
    assert_eq!(driver.command(&Command::Recheck), Err(CommandError::NothingToRecheck));
}

#[test]
fn stage_without_steps_is_refused() {
    let spec: WorkflowSpec = serde_json::from_value(json!({"stages": [{"name": "A", "steps": []}]})).unwrap();
    let refused = spec.validate(&|_| Ok(())).unwrap_err();
    assert_eq!(refused, DefinitionError::NoSteps { stage: "A".to_owned() });
}
