//! From a step's outcome to what the run takes note of.

use crate::event::{RunEvent, StepRef};
use crate::outcome::{StepError, StepOutcome, StepResult};
use crate::run::Run;
use jiff::SignedDuration;
use serde_json::{Value, json};
use types::{ErrorClass, Timestamp};

/// The event that follows from `result`, or none when this server cannot go on with the run. `chance` is in 0..1.
pub fn settle(run: &Run, at: StepRef, result: StepResult, now: Timestamp, chance: f64) -> Option<RunEvent> {
    let outcome = match result {
        Ok(outcome) => outcome,
        Err(StepError::LeaseLost | StepError::StoreUnavailable(_)) => return None,
        Err(StepError::Problem { class, reason, evidence }) => {
            return Some(attempt_failed(run, at, class, reason, evidence, now, chance));
        }
    };
    Some(match outcome {
        StepOutcome::Done { how, outputs } => RunEvent::StepDone { at, how, outputs },
        StepOutcome::Skipped { reason } => RunEvent::StepSkipped { at, reason },
        StepOutcome::Wait(wait) => {
            RunEvent::StepWaits { at, reason: wait.reason, wake_on: wait.wake_on, until: wait.until }
        }
        StepOutcome::NeedsOperator { reason, hint } => hand_over(run, at, reason, hint),
        StepOutcome::Retry { reason, class } => attempt_failed(run, at, class, reason, Value::Null, now, chance),
        StepOutcome::Failed { class, reason, evidence } => failed(run, at, class, reason, evidence),
    })
}

/// The event of a step that cannot go on without a person.
///
/// `finally` waits for nobody: the outcome is settled, and the machine must not stay taken for want of a person.
pub(crate) fn hand_over(run: &Run, at: StepRef, reason: String, hint: String) -> RunEvent {
    match at.stage {
        Some(_) => RunEvent::StepNeedsOperator { at, reason, hint },
        None => {
            let reason = format!("{reason}; {hint}");
            failed(run, at, ErrorClass::Configuration, reason, Value::Null)
        }
    }
}

/// The event of an attempt, or a whole stage, that took longer than it may.
///
/// A late attempt is tried again like any other failure. In a late stage no step is: only the stage as a whole
/// may begin anew, with `on_failure: retry-stage`.
pub(crate) fn late(run: &Run, at: StepRef, now: Timestamp, doing: &str) -> RunEvent {
    let stage = run.stage(at);
    let reason = if stage.deadline.is_some_and(|deadline| deadline <= now) {
        format!("stage {} took longer than it may; last: {doing}", stage.name)
    } else {
        format!("the attempt took longer than it may; last: {doing}")
    };
    // No jitter: lateness is already spread by whatever was late.
    attempt_failed(run, at, ErrorClass::Timeout, reason, Value::Null, now, 0.5)
}

fn attempt_failed(
    run: &Run,
    at: StepRef,
    class: ErrorClass,
    reason: String,
    evidence: Value,
    now: Timestamp,
    chance: f64,
) -> RunEvent {
    let step = run.step(at);
    let stage_is_over = run.stage(at).deadline.is_some_and(|deadline| deadline <= now);
    // Steps of `finally` are tried three times: giving back matters, but not for ever.
    let (attempts, backoff) = match at.stage {
        Some(stage) => (run.definition.stages[stage].step_attempts(), run.definition.stages[stage].backoff.clone()),
        None => (3, crate::definition::Backoff::default()),
    };
    if stage_is_over || !class.is_worth_retrying() || step.attempts >= attempts {
        return failed(run, at, class, reason, evidence);
    }
    let pause = backoff.pause_before(step.attempts + 1, chance);
    let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
    RunEvent::StepWillRetry { at, class, reason, not_before: now.checked_add(pause).unwrap_or(Timestamp::MAX) }
}

/// The event of a step that failed for good. It always shows something: what the step has seen, or else what is
/// on record of its last attempt.
pub(crate) fn failed(run: &Run, at: StepRef, class: ErrorClass, reason: String, evidence: Value) -> RunEvent {
    let evidence = if evidence.is_null() { attempt_record(run, at) } else { evidence };
    RunEvent::StepFailed { at, class, reason, evidence }
}

fn attempt_record(run: &Run, at: StepRef) -> Value {
    let step = run.step(at);
    json!({
        "attempts": step.attempts,
        "started": step.started,
        "looked": step.looked,
        "deadline": step.deadline,
        "stage_deadline": run.stage(at).deadline,
        "notes": step.notes,
    })
}
