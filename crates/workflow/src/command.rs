//! What an operator can tell a run.

use crate::event::{RunEvent, WokenBy};
use crate::run::{Run, RunState};
use crate::stage_run::StepState;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A command to a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Hold the run after what its step is doing now.
    Pause,
    /// Let a held run go on.
    Resume,
    /// End the run now; `finally` still runs.
    Cancel {
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// Let the step that needs a person try again, or a pause between tries end now.
    Retry,
    /// Take the current step as not needed.
    Skip {
        /// Why.
        reason: String,
    },
    /// Let a waiting step look again now.
    Recheck,
}

/// A command with who gave it, in the order in which they were given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorCommand {
    /// Its place among all commands.
    pub seq: i64,
    /// Who.
    pub by: String,
    /// What.
    pub command: Command,
}

/// A command that means nothing to the run as it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The run has ended.
    #[error("the run has {} and never changes again", .state.word())]
    Ended {
        /// How.
        state: RunState,
    },
    /// It is already so.
    #[error("the run is already paused")]
    AlreadyPaused,
    /// Only a paused run can be resumed.
    #[error("the run is not paused")]
    NotPaused,
    /// The run is already on its way to its end.
    #[error("the run is already ending")]
    AlreadyEnding,
    /// No step needs a person or waits for its next try.
    #[error("no step of the run needs a retry")]
    NothingToRetry,
    /// No step is under way.
    #[error("no step of the run is under way")]
    NoStep,
    /// Looking again does not help a step that needs a person.
    #[error("the step needs a person; retry or skip it")]
    NothingToRecheck,
    /// A skipped step needs a reason, which is recorded.
    #[error("skipping a step needs a reason")]
    NoReason,
}

impl Command {
    /// Its name in the history.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel { .. } => "cancel",
            Self::Retry => "retry",
            Self::Skip { .. } => "skip",
            Self::Recheck => "recheck",
        }
    }

    /// Whether what a step is doing right now must be cut off for it.
    pub(crate) fn interrupts(&self) -> bool {
        matches!(self, Self::Cancel { .. } | Self::Skip { .. })
    }
}

impl Run {
    /// What follows from `command`: events to take note of, and whether a sleeping step looks at once.
    ///
    /// The same function answers the operator (may I?) and moves the run (do it), so that they agree.
    pub fn accept(&self, command: &Command, by: &str) -> Result<(Vec<RunEvent>, Option<WokenBy>), CommandError> {
        if self.ending.is_some() {
            return Err(CommandError::Ended { state: self.state() });
        }
        let by = by.to_owned();
        let current = self.current_step();
        match command {
            Command::Pause if self.paused_since.is_some() => Err(CommandError::AlreadyPaused),
            Command::Pause => Ok((vec![RunEvent::Paused { by }], None)),
            Command::Resume if self.paused_since.is_none() => Err(CommandError::NotPaused),
            Command::Resume => Ok((vec![RunEvent::Resumed { by }], Some(WokenBy::Operator))),
            Command::Cancel { .. } if self.settled.is_some() => Err(CommandError::AlreadyEnding),
            Command::Cancel { reason } => Ok((vec![RunEvent::CancelRequested { by, reason: reason.clone() }], None)),
            Command::Retry => match current.map(|at| self.step(at).state) {
                Some(StepState::NeedsOperator | StepState::Retrying) => {
                    Ok((vec![RunEvent::RetryRequested { by }], Some(WokenBy::Operator)))
                }
                Some(
                    StepState::Pending
                    | StepState::Running
                    | StepState::Waiting
                    | StepState::Done
                    | StepState::Skipped
                    | StepState::Failed
                    | StepState::Cancelled,
                )
                | None => Err(CommandError::NothingToRetry),
            },
            Command::Skip { reason } if reason.trim().is_empty() => Err(CommandError::NoReason),
            Command::Skip { reason } => {
                let at = current.ok_or(CommandError::NoStep)?;
                let reason = format!("skipped by {by}: {reason}");
                Ok((vec![RunEvent::StepSkipped { at, reason }], None))
            }
            Command::Recheck => match current.map(|at| self.step(at).state) {
                None => Err(CommandError::NoStep),
                Some(StepState::NeedsOperator) => Err(CommandError::NothingToRecheck),
                Some(_) => Ok((Vec::new(), Some(WokenBy::Operator))),
            },
        }
    }
}
