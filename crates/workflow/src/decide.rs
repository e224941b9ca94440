//! What a run does next: a pure function of its state and the time.

use crate::condition;
use crate::definition::OnFailure;
use crate::event::{Ending, RunEvent, StepRef, WokenBy};
use crate::run::Run;
use crate::stage_run::{StageState, StepState};
use jiff::SignedDuration;
use serde_json::json;
use types::{ErrorClass, HumanDuration, Timestamp};

/// The next move of a run.
#[expect(clippy::large_enum_variant, reason = "one is made and taken apart at a time; boxing would buy nothing")]
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// These things are so; take note and decide again.
    Note(Vec<RunEvent>),
    /// Put the event on record, then let the step act.
    Act(StepRef, RunEvent),
    /// Nothing to do before this time, or before one of these kinds of event happens to the machine.
    Sleep {
        /// Look again then.
        until: Timestamp,
        /// Or when one of these happens.
        wake_on: Vec<String>,
    },
    /// Nothing to do until a person says something; for ever, when the run has ended.
    Rest,
}

/// An attempt that says nothing else may take this long: longer than the slowest honest step that was measured
/// (a real installer over PXE under emulation, 44 min), with a quarter on top.
const DEFAULT_STEP_TIMEOUT: HumanDuration = HumanDuration::from_secs(55 * 60);
/// `finally` gives things back; what cannot be given back in this time is reported and left.
const FINALLY_TIMEOUT: HumanDuration = HumanDuration::from_secs(10 * 60);
/// The least that a look gets which begins after the deadline: a BMC may be asked and an answer awaited in it.
const LAST_LOOK: SignedDuration = SignedDuration::from_secs(60);
/// A step that takes the server down with it each time must not do so for ever.
const MAX_RECOVERIES: u32 = 10;

/// Decides what `run` does next, at `now`.
///
/// `woken` says why a waiting step is looked at before its time; without it a waiting step sleeps on.
pub fn decide(run: &Run, now: Timestamp, woken: Option<WokenBy>) -> Next {
    if run.ending.is_some() || run.paused_since.is_some() {
        return Next::Rest;
    }
    if let Some(at) = run.current_step() {
        return continue_step(run, at, now, woken);
    }
    if run.finally.state == StageState::Running {
        return next_of_finally(run, now);
    }
    if let Some(ending) = run.settled {
        return start_finally(ending, now);
    }
    next_of_stages(run, now)
}

fn continue_step(run: &Run, at: StepRef, now: Timestamp, woken: Option<WokenBy>) -> Next {
    let step = run.step(at);
    if let Some(verdict) = overdue(run, at, now) {
        return verdict;
    }
    match step.state {
        StepState::Running if step.recoveries >= MAX_RECOVERIES => Next::Note(vec![crate::settle::hand_over(
            run,
            at,
            format!("the server stopped {MAX_RECOVERIES} times while this step was at work"),
            "look into the server's log for the cause, then retry, skip the step or cancel the run".to_owned(),
        )]),
        StepState::Running => look_again(at, WokenBy::Recovery),
        StepState::Waiting => match (woken, step.until) {
            (_, Some(until)) if until <= now => look_again(at, WokenBy::Time),
            (Some(by), _) => look_again(at, by),
            (None, Some(until)) => Next::Sleep { until: until.min(deadline(run, at)), wake_on: step.wake_on.clone() },
            (None, None) => look_again(at, WokenBy::Time),
        },
        StepState::Retrying => match step.until {
            // A pause between tries does not outlive its stage.
            Some(until) if until > now && woken != Some(WokenBy::Operator) => {
                Next::Sleep { until: until.min(stage_deadline(run, at)), wake_on: Vec::new() }
            }
            Some(_) | None => start_step(run, at, now),
        },
        StepState::NeedsOperator => Next::Rest,
        StepState::Pending | StepState::Done | StepState::Skipped | StepState::Failed | StepState::Cancelled => {
            Next::Rest
        }
    }
}

fn look_again(at: StepRef, woken_by: WokenBy) -> Next {
    Next::Act(at, RunEvent::StepLooksAgain { at, woken_by })
}

/// When the step's present attempt, or its stage, fails for being late.
pub(crate) fn deadline(run: &Run, at: StepRef) -> Timestamp {
    run.step(at).deadline.unwrap_or(Timestamp::MAX).min(stage_deadline(run, at))
}

/// When a look that is under way is cut off.
pub(crate) fn cut_off(run: &Run, at: StepRef) -> Timestamp {
    let deadline = deadline(run, at);
    match run.step(at).looked {
        Some(looked) if looked >= deadline => looked.checked_add(LAST_LOOK).unwrap_or(Timestamp::MAX),
        Some(_) | None => deadline,
    }
}

fn stage_deadline(run: &Run, at: StepRef) -> Timestamp {
    run.stage(at).deadline.unwrap_or(Timestamp::MAX)
}

/// What becomes of a step whose time has run out, if it has.
///
/// A step is not given up before it has looked once more: what it waited for may have come while nobody was there
/// to see it, or the clock may have been set.
fn overdue(run: &Run, at: StepRef, now: Timestamp) -> Option<Next> {
    let step = run.step(at);
    let over = match step.state {
        StepState::Running | StepState::Waiting => deadline(run, at),
        StepState::Retrying => stage_deadline(run, at),
        StepState::Pending
        | StepState::NeedsOperator
        | StepState::Done
        | StepState::Skipped
        | StepState::Failed
        | StepState::Cancelled => return None,
    };
    if now < over {
        return None;
    }
    let has_looked = step.looked.is_some_and(|looked| looked >= over);
    match step.state {
        StepState::Waiting if !has_looked => Some(look_again(at, WokenBy::Time)),
        // Cut off in its last look: it begins that look again.
        StepState::Running if step.recoveries < MAX_RECOVERIES => Some(look_again(at, WokenBy::Recovery)),
        _ => {
            let doing = step.reason.as_deref().unwrap_or("it was at work");
            Some(Next::Note(vec![crate::settle::late(run, at, now, doing)]))
        }
    }
}

fn next_of_stages(run: &Run, now: Timestamp) -> Next {
    for (index, stage) in run.stages.iter().enumerate() {
        match stage.state {
            StageState::Succeeded | StageState::Skipped => {}
            StageState::Cancelled => return start_finally(Ending::Cancelled, now),
            StageState::Failed => match run.definition.stages[index].on_failure {
                OnFailure::Continue => {}
                OnFailure::Stop | OnFailure::RetryStage => return start_finally(Ending::Failed, now),
            },
            StageState::Pending => return begin_stage(run, index, now),
            StageState::Running => return next_in_stage(run, index, now),
        }
    }
    start_finally(Ending::Succeeded, now)
}

fn begin_stage(run: &Run, index: usize, now: Timestamp) -> Next {
    let spec = &run.definition.stages[index];
    if !spec.enabled {
        return Next::Note(vec![RunEvent::StageSkipped { stage: index, reason: "switched off".to_owned() }]);
    }
    let start = start_stage(run, index, 1, now);
    match spec.when.as_deref().map(|when| condition::holds(when, &run.params_of(Some(index)))) {
        None | Some(Ok(true)) => Next::Note(vec![start]),
        Some(Ok(false)) => {
            let reason = format!("condition is not met: {}", spec.when.as_deref().unwrap_or_default());
            Next::Note(vec![RunEvent::StageSkipped { stage: index, reason }])
        }
        Some(Err(error)) => {
            let reason = format!("condition of the stage cannot be decided: {error}");
            let at = StepRef { stage: Some(index), step: 0 };
            let mut events = vec![start];
            if !run.stages[index].steps.is_empty() {
                let (class, evidence) = (ErrorClass::Configuration, json!({"when": spec.when}));
                events.push(crate::settle::failed(run, at, class, reason, evidence));
            }
            events.push(RunEvent::StageFailed { stage: index });
            Next::Note(events)
        }
    }
}

fn start_stage(run: &Run, stage: usize, attempt: u32, now: Timestamp) -> RunEvent {
    RunEvent::StageStarted { stage, attempt, deadline: after(now, run.definition.stages[stage].timeout) }
}

fn next_in_stage(run: &Run, index: usize, now: Timestamp) -> Next {
    let stage = &run.stages[index];
    let spec = &run.definition.stages[index];
    if stage.steps.iter().any(|step| step.state == StepState::Failed) {
        let retriable = run.failure.as_ref().is_some_and(|failure| failure.class.is_worth_retrying());
        if retriable && stage.attempt < spec.stage_attempts() {
            return Next::Note(vec![start_stage(run, index, stage.attempt + 1, now)]);
        }
        return Next::Note(vec![RunEvent::StageFailed { stage: index }]);
    }
    match stage.steps.iter().position(|step| step.state == StepState::Pending) {
        Some(step) => start_step(run, StepRef { stage: Some(index), step }, now),
        None => Next::Note(vec![RunEvent::StageSucceeded { stage: index }]),
    }
}

fn start_step(run: &Run, at: StepRef, now: Timestamp) -> Next {
    // What `finally` gives back it gives back late rather than not at all: each of its steps looks once.
    let may_be_late = at.stage.is_none() && run.step(at).attempts == 0;
    if stage_deadline(run, at) <= now && !may_be_late {
        return Next::Note(vec![crate::settle::late(run, at, now, "the step had not begun")]);
    }
    let timeout = run.step_spec(at).timeout.unwrap_or(DEFAULT_STEP_TIMEOUT);
    let attempt = run.step(at).attempts + 1;
    Next::Act(at, RunEvent::StepStarted { at, attempt, deadline: after(now, timeout) })
}

fn start_finally(ending: Ending, now: Timestamp) -> Next {
    Next::Note(vec![RunEvent::FinallyStarted { ending, deadline: after(now, FINALLY_TIMEOUT) }])
}

/// Steps of `finally` do not depend on each other: one that fails does not keep the next from its work.
fn next_of_finally(run: &Run, now: Timestamp) -> Next {
    match run.finally.steps.iter().position(|step| step.state == StepState::Pending) {
        Some(step) => start_step(run, StepRef { stage: None, step }, now),
        None => Next::Note(vec![RunEvent::Ended { ending: run.settled.unwrap_or(Ending::Failed) }]),
    }
}

fn after(now: Timestamp, duration: HumanDuration) -> Timestamp {
    let span = SignedDuration::try_from(duration.0).unwrap_or(SignedDuration::MAX);
    now.checked_add(span).unwrap_or(Timestamp::MAX)
}
