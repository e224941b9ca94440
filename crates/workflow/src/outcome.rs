//! What a step is given and what it says: outcomes are data.

use crate::event::{RunEvent, StepRef};
use crate::ports::{CommitError, Lease};
use crate::run::Run;
use async_trait::async_trait;
use jiff::SignedDuration;
use serde_json::Value;
use types::{ErrorClass, How, Timestamp};

/// How one look of a step ended.
#[derive(Debug, Clone, PartialEq)]
pub enum StepOutcome {
    /// It is so.
    Done {
        /// How it came about.
        how: How,
        /// What later steps may want to know; null for nothing.
        outputs: Value,
    },
    /// It is not so yet, and something else has to happen first.
    Wait(Wait),
    /// It is not needed.
    Skipped {
        /// Why.
        reason: String,
    },
    /// This attempt failed; another may not.
    Retry {
        /// What failed.
        reason: String,
        /// What kind of failure.
        class: ErrorClass,
    },
    /// Only a person can go on.
    NeedsOperator {
        /// What is wrong.
        reason: String,
        /// What the person could do.
        hint: String,
    },
    /// It failed, and no attempt will do better.
    Failed {
        /// What kind of failure.
        class: ErrorClass,
        /// What failed.
        reason: String,
        /// What was seen.
        evidence: Value,
    },
}

/// What a step waits for.
#[derive(Debug, Clone, PartialEq)]
pub struct Wait {
    /// In the operator's words.
    pub reason: String,
    /// Kinds of event of the machine that wake the step.
    pub wake_on: Vec<String>,
    /// When it looks again in any case.
    pub until: Timestamp,
}

/// A step's look ended without an outcome of its own.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The run is no longer this server's to advance; nothing more may be done for it.
    #[error("this server no longer owns the run")]
    LeaseLost,
    /// What is known cannot be read or written just now. It is no fault of the step: the step looks again, and no
    /// attempt is used up.
    #[error("the store is unavailable: {0}")]
    StoreUnavailable(String),
    /// Something went wrong.
    #[error("{reason}")]
    Problem {
        /// What kind of failure; it decides whether the step is tried again.
        class: ErrorClass,
        /// What failed, in the operator's words.
        reason: String,
        /// What was seen.
        evidence: Value,
    },
}

impl StepError {
    /// A problem without evidence beyond its reason.
    pub fn problem(class: ErrorClass, reason: impl Into<String>) -> Self {
        Self::Problem { class, reason: reason.into(), evidence: Value::Null }
    }
}

/// What a look ends with. An error counts as `Retry` or `Failed`, by its class.
pub type StepResult = Result<StepOutcome, StepError>;

impl StepOutcome {
    /// Done, with nothing to tell.
    pub fn done(how: How) -> Self {
        Self::Done { how, outputs: Value::Null }
    }
}

/// Writes a note of a running step into the run's history, fenced by the lease.
#[async_trait]
pub(crate) trait NoteTaker: Send + Sync {
    async fn note(&mut self, event: RunEvent) -> Result<(), CommitError>;
    fn run(&self) -> &Run;
    fn lease(&self) -> Lease;
}

/// What a step sees of its run while it looks and acts.
pub struct StepCx<'a> {
    pub(crate) at: StepRef,
    pub(crate) now: Timestamp,
    pub(crate) notes: &'a mut dyn NoteTaker,
}

impl StepCx<'_> {
    /// The run, as it was when this look began, with the notes taken since.
    pub fn run(&self) -> &Run {
        self.notes.run()
    }

    /// The right to advance the run, for writes of the step's own that must be fenced like the engine's.
    pub fn lease(&self) -> Lease {
        self.notes.lease()
    }

    /// Which step this is.
    pub fn at(&self) -> StepRef {
        self.at
    }

    /// A name for this attempt that is unique in its run.
    pub fn attempt_path(&self) -> String {
        let (stage, step) = (self.run().stage(self.at), self.run().step(self.at));
        format!("{}#{}/{}/{}#{}", stage.name, stage.attempt, self.at.step, step.uses, step.attempts)
    }

    /// A name for this try of the stage that no other run has.
    pub fn stage_path(&self) -> String {
        let stage = self.run().stage(self.at);
        format!("{}/{}#{}", self.run().id, stage.name, stage.attempt)
    }

    /// A parameter of the run, as the step's stage has it.
    pub fn param(&self, key: &str) -> Option<&Value> {
        self.run().param(self.at, key)
    }

    /// The step's arguments, as its own type.
    pub fn arguments<T: serde::de::DeserializeOwned>(&self) -> Result<T, StepError> {
        let with = Value::Object(self.run().step_spec(self.at).with.clone());
        serde_json::from_value(with)
            .map_err(|error| StepError::problem(ErrorClass::Configuration, format!("arguments: {error}")))
    }

    /// When this look began.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// When this attempt began.
    pub fn attempt_started(&self) -> Timestamp {
        self.run().step(self.at).started.unwrap_or(self.now)
    }

    /// Which try this is.
    pub fn attempt(&self) -> u32 {
        self.run().step(self.at).attempts
    }

    /// What the step has put on record under `key`, in this attempt or an earlier one of the same try of its stage.
    pub fn noted(&self, key: &str) -> Option<&Value> {
        self.run().step(self.at).notes.get(key).filter(|note| !note.is_null())
    }

    /// Puts `value` on record. When this returns, it is durable, and this server still owned the run: so it is
    /// called right before an act that must not be repeated. Null takes a note back.
    pub async fn note(&mut self, key: &str, value: Value) -> Result<(), StepError> {
        let event = RunEvent::StepNoted { at: self.at, key: key.to_owned(), value };
        self.notes.note(event).await.map_err(|error| match error {
            // Either way nothing more may be done for the run.
            CommitError::LeaseLost | CommitError::Unwritable(_) => StepError::LeaseLost,
            CommitError::Unavailable(reason) => StepError::StoreUnavailable(reason),
        })
    }

    /// Waits until one of `wake_on` happens to the machine, and looks again after `at_most` anyway.
    pub fn wait(&self, reason: impl Into<String>, wake_on: &[&str], at_most: SignedDuration) -> StepOutcome {
        StepOutcome::Wait(Wait {
            reason: reason.into(),
            wake_on: wake_on.iter().map(|kind| (*kind).to_owned()).collect(),
            until: self.now.checked_add(at_most).unwrap_or(Timestamp::MAX),
        })
    }
}
