//! The stages and steps of a run: where each stands, since when, and why.

use crate::definition::StepSpec;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use types::{How, HumanDuration, Timestamp};
use utoipa::ToSchema;

/// A stage of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StageRun {
    /// The stage's name.
    pub name: String,
    /// Where it stands.
    pub state: StageState,
    /// Why it is skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Which try this is; 0 before the first.
    pub attempt: u32,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub started: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub ended: Option<Timestamp>,
    /// When it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub deadline: Option<Timestamp>,
    /// How long it usually takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<HumanDuration>,
    /// Its steps, in order.
    pub steps: Vec<StepRun>,
}

/// Where a stage stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StageState {
    /// Not begun.
    Pending,
    /// At work.
    Running,
    /// All its steps are done.
    Succeeded,
    /// A step failed for good.
    Failed,
    /// Not run.
    Skipped,
    /// An operator ended the run in it.
    Cancelled,
}

/// A step of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StepRun {
    /// The step's catalogue name.
    #[serde(rename = "use")]
    pub uses: String,
    /// Where it stands.
    pub state: StepState,
    /// Tries so far.
    pub attempts: u32,
    /// Times that the server came back to find the step cut off, in this attempt.
    pub recoveries: u32,
    /// How it came about, once done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<How>,
    /// What it waits for, or why it is skipped, retried or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What a person could do, when one is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// When the current or last attempt began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub started: Option<Timestamp>,
    /// When the step last began to look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub looked: Option<Timestamp>,
    /// When the attempt ended, or was handed to a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub ended: Option<Timestamp>,
    /// When the attempt fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub deadline: Option<Timestamp>,
    /// While it waits or will retry: when it looks again in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub until: Option<Timestamp>,
    /// While it waits: the kinds of event that wake it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wake_on: Vec<String>,
    /// What it put on record, over all attempts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = Object)]
    pub notes: BTreeMap<String, Value>,
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Not begun.
    Pending,
    /// At work, or cut off at work.
    Running,
    /// Waits for its machine or for a time.
    Waiting,
    /// Failed, and will be tried again.
    Retrying,
    /// Needs a person.
    NeedsOperator,
    /// Done.
    Done,
    /// Not needed.
    Skipped,
    /// Failed for good.
    Failed,
    /// An operator ended the run in it.
    Cancelled,
}

impl StepState {
    /// Whether the step will not run any more in this try of its stage.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Skipped | Self::Failed | Self::Cancelled)
    }
}

impl StepRun {
    pub(crate) fn of(spec: &StepSpec) -> Self {
        Self {
            uses: spec.uses.clone(),
            state: StepState::Pending,
            attempts: 0,
            recoveries: 0,
            how: None,
            reason: None,
            hint: None,
            started: None,
            looked: None,
            ended: None,
            deadline: None,
            until: None,
            wake_on: Vec::new(),
            notes: BTreeMap::new(),
        }
    }

    /// Ends the present wait, if any: what it waited for is no longer so.
    pub(crate) fn stop_waiting(&mut self) {
        self.until = None;
        self.wake_on.clear();
        self.reason = None;
        self.hint = None;
    }

    pub(crate) fn end(&mut self, state: StepState, at: Timestamp) {
        self.stop_waiting();
        self.state = state;
        self.ended = Some(at);
    }
}

impl StageRun {
    pub(crate) fn of(name: &str, expected: Option<HumanDuration>, steps: &[StepSpec]) -> Self {
        Self {
            name: name.to_owned(),
            state: StageState::Pending,
            reason: None,
            attempt: 0,
            started: None,
            ended: None,
            deadline: None,
            expected,
            steps: steps.iter().map(StepRun::of).collect(),
        }
    }

    pub(crate) fn end(&mut self, state: StageState, at: Timestamp) {
        self.state = state;
        self.ended = Some(at);
    }
}
