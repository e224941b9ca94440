//! The durable workflow engine.
//!
//! A run is a fold over its events: [`Run::apply`] is the only way its state changes, and [`decide`] says, from
//! that state and the time alone, what comes next. [`Engine`] acts on the decision and commits what happened
//! before anything else sees it. Steps, storage, time and chance come in through the traits of [`ports`];
//! machines, SQL and HTTP are unknown here.

mod command;
mod condition;
mod decide;
mod definition;
mod engine;
mod event;
mod outcome;
pub mod ports;
mod run;
pub mod settle;
mod stage_run;
mod unattended;

pub use command::{Command, CommandError, OperatorCommand};
pub use condition::ConditionError;
pub use decide::{Next, decide};
pub use definition::{Backoff, DefinitionError, OnFailure, StageSpec, StepSpec, WorkflowSpec};
pub use engine::{Engine, EngineOptions};
pub use event::{Ending, RunEvent, StepRef, WokenBy};
pub use outcome::{StepCx, StepError, StepOutcome, StepResult, Wait};
pub use run::{FORMAT as RUN_FORMAT, Failure, NewRun, Run, RunState};
pub use stage_run::{StageRun, StageState, StepRun, StepState};
