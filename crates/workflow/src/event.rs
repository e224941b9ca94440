//! What can happen to a run. These are stored; a variant's meaning never changes.

use crate::definition::WorkflowSpec;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use types::{ErrorClass, How, MachineId, Name, Params, RunId, Timestamp};

/// Names one step of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StepRef {
    /// The stage, counted from 0; none for a step of `finally`.
    pub stage: Option<usize>,
    /// Counted from 0 within the stage.
    pub step: usize,
}

/// Why a step looks again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WokenBy {
    /// Something happened to its machine.
    Event,
    /// The time came that it had named.
    Time,
    /// The server stopped while the step was at work.
    Recovery,
    /// An operator asked.
    Operator,
}

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Every stage succeeded, was skipped, or may fail.
    Succeeded,
    /// A stage failed.
    Failed,
    /// An operator stopped it.
    Cancelled,
}

/// One thing that happened to a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum RunEvent {
    /// The run came to be, with everything it needs to know frozen.
    Created {
        /// The machine it works on.
        machine: MachineId,
        /// The workflow's name.
        workflow: Name,
        /// The workflow as it was.
        definition: WorkflowSpec,
        /// The parameters as they resolved.
        params: Params,
        /// Who asked for it.
        by: String,
        /// The failed run that this one continues, with what it had achieved.
        continues: Option<Continued>,
    },
    /// A stage began.
    StageStarted {
        /// Which.
        stage: usize,
        /// Which try.
        attempt: u32,
        /// It fails after this.
        deadline: Timestamp,
    },
    /// A stage is not run.
    StageSkipped {
        /// Which.
        stage: usize,
        /// Why.
        reason: String,
    },
    /// All steps of a stage are done.
    StageSucceeded {
        /// Which.
        stage: usize,
    },
    /// A step of the stage failed for good.
    StageFailed {
        /// Which.
        stage: usize,
    },
    /// The intent to run a step: on record before it acts.
    StepStarted {
        /// Which.
        at: StepRef,
        /// Which try.
        attempt: u32,
        /// It fails after this.
        deadline: Timestamp,
    },
    /// A step that waited, or was cut off, looks again.
    StepLooksAgain {
        /// Which.
        at: StepRef,
        /// Why now.
        woken_by: WokenBy,
    },
    /// A step put on record what it is about to do, or what it has learned.
    StepNoted {
        /// Which.
        at: StepRef,
        /// The note's name.
        key: String,
        /// The note.
        value: Value,
    },
    /// A step waits.
    StepWaits {
        /// Which.
        at: StepRef,
        /// What for, in the operator's words.
        reason: String,
        /// Kinds of machine event that wake it.
        wake_on: Vec<String>,
        /// When it looks again in any case.
        until: Timestamp,
    },
    /// A step reached what it is for.
    StepDone {
        /// Which.
        at: StepRef,
        /// How it came about.
        how: How,
        /// What later steps may want to know.
        outputs: Value,
    },
    /// A step is not needed.
    StepSkipped {
        /// Which.
        at: StepRef,
        /// Why.
        reason: String,
    },
    /// An attempt failed and another follows.
    StepWillRetry {
        /// Which.
        at: StepRef,
        /// What kind of failure.
        class: ErrorClass,
        /// What failed.
        reason: String,
        /// When the next attempt begins.
        not_before: Timestamp,
    },
    /// A step cannot go on without a person.
    StepNeedsOperator {
        /// Which.
        at: StepRef,
        /// What is wrong.
        reason: String,
        /// What the person could do.
        hint: String,
    },
    /// A step failed for good.
    StepFailed {
        /// Which.
        at: StepRef,
        /// What kind of failure.
        class: ErrorClass,
        /// What failed.
        reason: String,
        /// What was seen.
        evidence: Value,
    },
    /// An operator holds the run.
    Paused {
        /// Who.
        by: String,
    },
    /// An operator lets the run go on.
    Resumed {
        /// Who.
        by: String,
    },
    /// An operator ends the run.
    CancelRequested {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// An operator lets the step that needs a person try again.
    RetryRequested {
        /// Who.
        by: String,
    },
    /// An operator's command came too late to mean anything.
    CommandIgnored {
        /// Who.
        by: String,
        /// The command's name.
        command: String,
        /// Why it is ignored.
        reason: String,
    },
    /// No server was at work for a while; that time does not count against the run. `to` is before `from` when the
    /// clock was set back meanwhile.
    Unattended {
        /// The last that was heard of the server before.
        from: Timestamp,
        /// When the next one took the run over.
        to: Timestamp,
    },
    /// The outcome is settled; `finally` begins.
    FinallyStarted {
        /// How the run will end.
        ending: Ending,
        /// Steps of `finally` fail after this.
        deadline: Timestamp,
    },
    /// The run ended.
    Ended {
        /// How.
        ending: Ending,
    },
}

/// What a run takes over from the failed run that it continues.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Continued {
    /// The failed run.
    pub run: RunId,
    /// Stages before this one are taken as they were.
    pub stage: usize,
    /// Steps of that stage before this one are taken as they were.
    pub step: usize,
    /// Outputs of the steps that are taken over.
    pub outputs: BTreeMap<String, Value>,
}

impl RunEvent {
    /// The stage that it is about, none for `finally`, and the step if it is about one. None when it is about the run.
    pub(crate) fn place(&self) -> Option<(Option<usize>, Option<usize>)> {
        match self {
            Self::StageStarted { stage, .. }
            | Self::StageSkipped { stage, .. }
            | Self::StageSucceeded { stage }
            | Self::StageFailed { stage } => Some((Some(*stage), None)),
            Self::StepStarted { at, .. }
            | Self::StepLooksAgain { at, .. }
            | Self::StepNoted { at, .. }
            | Self::StepWaits { at, .. }
            | Self::StepDone { at, .. }
            | Self::StepSkipped { at, .. }
            | Self::StepWillRetry { at, .. }
            | Self::StepNeedsOperator { at, .. }
            | Self::StepFailed { at, .. } => Some((at.stage, Some(at.step))),
            Self::Created { .. }
            | Self::Paused { .. }
            | Self::Resumed { .. }
            | Self::CancelRequested { .. }
            | Self::RetryRequested { .. }
            | Self::CommandIgnored { .. }
            | Self::Unattended { .. }
            | Self::FinallyStarted { .. }
            | Self::Ended { .. } => None,
        }
    }

    /// The event's kind in the history. Kinds that begin with `run.` are for these; what else is said of a run under
    /// such a kind must be known to whoever reads runs from the history.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "run.created",
            Self::StageStarted { .. } => "run.stage.started",
            Self::StageSkipped { .. } => "run.stage.skipped",
            Self::StageSucceeded { .. } => "run.stage.succeeded",
            Self::StageFailed { .. } => "run.stage.failed",
            Self::StepStarted { .. } => "run.step.started",
            Self::StepLooksAgain { .. } => "run.step.looks_again",
            Self::StepNoted { .. } => "run.step.noted",
            Self::StepWaits { .. } => "run.step.waits",
            Self::StepDone { .. } => "run.step.done",
            Self::StepSkipped { .. } => "run.step.skipped",
            Self::StepWillRetry { .. } => "run.step.will_retry",
            Self::StepNeedsOperator { .. } => "run.step.needs_operator",
            Self::StepFailed { .. } => "run.step.failed",
            Self::Paused { .. } => "run.paused",
            Self::Resumed { .. } => "run.resumed",
            Self::CancelRequested { .. } => "run.cancel_requested",
            Self::RetryRequested { .. } => "run.retry_requested",
            Self::CommandIgnored { .. } => "run.command_ignored",
            Self::Unattended { .. } => "run.unattended",
            Self::FinallyStarted { .. } => "run.finally.started",
            Self::Ended { ending: Ending::Succeeded } => "run.succeeded",
            Self::Ended { ending: Ending::Failed } => "run.failed",
            Self::Ended { ending: Ending::Cancelled } => "run.cancelled",
        }
    }
}
