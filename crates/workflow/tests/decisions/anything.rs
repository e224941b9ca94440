//! What holds whatever happens: any small workflow, any outcomes, commands, crashes and times.

use crate::driver::{Driver, done, fails, needs_operator, retry, waits};
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};
use workflow::{Command, Run, RunEvent, StageState, StepState};

/// Something that happens to a run.
#[derive(Debug, Clone)]
enum Happening {
    Done,
    Retry,
    Fails,
    NeedsOperator,
    Waits,
    Hangs,
    Crash,
    Wake,
    Passes(i64),
    LeftAlone(i64),
    Command(Command),
}

fn happening() -> impl Strategy<Value = Happening> {
    let why = || "why".to_owned();
    prop_oneof![
        4 => Just(Happening::Done),
        3 => Just(Happening::Retry),
        1 => Just(Happening::Fails),
        1 => Just(Happening::NeedsOperator),
        3 => Just(Happening::Waits),
        1 => Just(Happening::Hangs),
        3 => Just(Happening::Crash),
        2 => Just(Happening::Wake),
        3 => (1_i64..10_000).prop_map(Happening::Passes),
        2 => (-10_000_i64..10_000).prop_map(Happening::LeftAlone),
        1 => Just(Happening::Command(Command::Pause)),
        1 => Just(Happening::Command(Command::Resume)),
        1 => Just(Happening::Command(Command::Cancel { reason: why() })),
        1 => Just(Happening::Command(Command::Retry)),
        1 => Just(Happening::Command(Command::Skip { reason: why() })),
        1 => Just(Happening::Command(Command::Recheck)),
    ]
}

fn stage() -> impl Strategy<Value = Value> {
    let on_failure = prop_oneof![Just("stop"), Just("continue"), Just("retry-stage")];
    (1_usize..4, 1_u32..4, on_failure, prop::bool::weighted(0.8)).prop_map(|(steps, attempts, on_failure, enabled)| {
        let steps: Vec<Value> = (0..steps).map(|step| json!({"use": format!("s{step}"), "timeout": "20m"})).collect();
        json!({"enabled": enabled, "attempts": attempts, "on_failure": on_failure, "timeout": "1h", "steps": steps})
    })
}

fn workflow() -> impl Strategy<Value = Value> {
    (prop::collection::vec(stage(), 1..4), 0_usize..3).prop_map(|(mut stages, finally)| {
        for (index, stage) in stages.iter_mut().enumerate() {
            stage["name"] = json!(format!("STAGE_{index}"));
        }
        let finally: Vec<Value> = (0..finally).map(|step| json!({"use": format!("f{step}")})).collect();
        json!({"stages": stages, "finally": finally})
    })
}

fn happen(driver: &mut Driver, happening: &Happening) {
    let result = match happening {
        Happening::Done => done(),
        Happening::Retry => retry(),
        Happening::Fails => fails(),
        Happening::NeedsOperator => needs_operator(),
        Happening::Waits => waits(driver.now + SignedDuration::from_secs(30)),
        Happening::Hangs => {
            driver.next_look();
            return driver.pass(SignedDuration::from_hours(2));
        }
        Happening::Crash => return driver.crash(),
        Happening::Wake => return driver.wake(),
        Happening::LeftAlone(seconds) => return driver.leave_alone(SignedDuration::from_secs(*seconds)),
        Happening::Passes(seconds) => return driver.pass(SignedDuration::from_secs(*seconds)),
        // A command that means nothing now is refused; that is as good.
        Happening::Command(command) => return driver.command(command).unwrap_or_default(),
    };
    if let Some(at) = driver.next_look() {
        driver.settle(at, result);
    }
}

/// From here on nothing goes wrong, and a person does what is asked for.
fn bring_to_its_end(driver: &mut Driver) {
    for _ in 0..200 {
        if driver.run.ending.is_some() {
            return;
        }
        match driver.next_look() {
            Some(at) => driver.settle(at, done()),
            None if driver.run.paused_since.is_some() => driver.command(&Command::Resume).unwrap(),
            None => match driver.sleeps_until() {
                Some(until) => driver.now = until,
                None if driver.run.ending.is_some() => return,
                None => driver.command(&Command::Retry).unwrap(),
            },
        }
    }
    panic!("the run does not end: {:#?}", driver.run);
}

fn count(driver: &Driver, is: impl Fn(&RunEvent) -> bool) -> usize {
    driver.history.iter().filter(|(_, event)| is(event)).count()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn every_run_ends_once_with_finally_run_once_and_replays(
        workflow in workflow(),
        happenings in prop::collection::vec(happening(), 0..60),
    ) {
        let mut driver = Driver::new(workflow);
        for happening in &happenings {
            if driver.run.ending.is_none() {
                happen(&mut driver, happening);
            }
        }
        bring_to_its_end(&mut driver);

        let events = driver.history.iter().map(|(at, event)| (*at, event));
        prop_assert_eq!(Run::replay(driver.run.id, events), Some(driver.run.clone()));
        prop_assert_eq!(count(&driver, |event| matches!(event, RunEvent::Ended { .. })), 1);
        prop_assert_eq!(count(&driver, |event| matches!(event, RunEvent::FinallyStarted { .. })), 1);
        prop_assert!(matches!(driver.run.finally.state, StageState::Succeeded | StageState::Failed));
        prop_assert!(driver.run.finally.steps.iter().all(|step| step.state.is_over()));
        prop_assert_eq!(driver.run.settled, driver.run.ending);
        let stored = serde_json::to_string(&driver.run).unwrap();
        prop_assert_eq!(serde_json::from_str::<Run>(&stored).unwrap(), driver.run.clone());
        let over = |state| !matches!(state, StepState::Running | StepState::Waiting | StepState::Retrying);
        prop_assert!(driver.run.stages.iter().flat_map(|stage| &stage.steps).all(|step| over(step.state)));
    }
}
