//! Runs as operators see them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use types::agent::TaskProgress;
use types::{How, MachineId, Name, Params, RunId, TaskId, Timestamp};
use utoipa::ToSchema;
use workflow::{Failure, Run, RunState, StageRun, StageState, StepRun, StepState};

/// `POST /api/v1/machines/{machine}/runs`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartRun {
    /// The workflow's name; without it, the one that the machine's design, group or operating system names, or
    /// `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<Name>,
    /// Parameters of this run alone; stronger than all others.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub params: Params,
    /// Stages that are switched on or off for this run alone, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stages: BTreeMap<String, bool>,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunView {
    /// Its id.
    pub id: RunId,
    /// The machine it works on.
    pub machine: MachineId,
    /// The machine's name, unless the machine is gone.
    pub machine_name: Option<Name>,
    /// The workflow's name.
    pub workflow: Name,
    /// Where it stands.
    pub state: RunState,
    /// The stage that is under way.
    pub stage: Option<String>,
    /// The step that is under way, waits, or needs somebody.
    pub step: Option<String>,
    /// Why it is where it is, in the operator's words.
    pub reason: Option<String>,
    /// What a person could do, when one is needed.
    pub hint: Option<String>,
    /// What failed.
    pub failure: Option<Failure>,
    /// Who asked for it.
    pub by: String,
    /// The failed run that it continues.
    pub continues: Option<RunId>,
    /// When it was asked for.
    #[schema(value_type = String)]
    pub created: Timestamp,
    /// When it ended.
    #[schema(value_type = Option<String>)]
    pub ended: Option<Timestamp>,
    /// How long the workflow's stages usually take in all.
    pub expected_s: Option<f64>,
    /// How long it has taken so far, or took.
    pub actual_s: f64,
    /// The parameters as they resolved at the start, without secrets.
    #[schema(value_type = Object)]
    pub params: Params,
    /// The stages, in order.
    pub stages: Vec<StageView>,
    /// The steps at the end.
    pub finally: StageView,
    /// What the steps found out, by the step's catalogue name.
    #[schema(value_type = Object)]
    pub outputs: BTreeMap<String, Value>,
}

/// A stage of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StageView {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: StageState,
    /// Why it is skipped.
    pub reason: Option<String>,
    /// Which try this is; 0 before the first.
    pub attempt: u32,
    /// When it began.
    #[schema(value_type = Option<String>)]
    pub started: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>)]
    pub ended: Option<Timestamp>,
    /// When it fails.
    #[schema(value_type = Option<String>)]
    pub deadline: Option<Timestamp>,
    /// How long it usually takes.
    pub expected_s: Option<f64>,
    /// How long it has taken so far, or took; none before it begins.
    pub actual_s: Option<f64>,
    /// Its steps, in order.
    pub steps: Vec<StepView>,
}

/// A step of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StepView {
    /// Its catalogue name.
    #[serde(rename = "use")]
    pub uses: String,
    /// Where it stands.
    pub state: StepState,
    /// Tries so far.
    pub attempts: u32,
    /// How it came about, once done.
    pub how: Option<How>,
    /// What it waits for, or why it is skipped, retried or failed.
    pub reason: Option<String>,
    /// What a person could do, when one is needed.
    pub hint: Option<String>,
    /// When the current or last attempt began.
    #[schema(value_type = Option<String>)]
    pub started: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>)]
    pub ended: Option<Timestamp>,
    /// When the attempt fails.
    #[schema(value_type = Option<String>)]
    pub deadline: Option<Timestamp>,
    /// While it waits or will retry: when it looks again in any case.
    #[schema(value_type = Option<String>)]
    pub until: Option<Timestamp>,
    /// How long the attempt has taken so far, or took.
    pub actual_s: Option<f64>,
    /// What the machine's agent does for it.
    pub task: Option<TaskView>,
}

/// What an agent does for a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskView {
    /// The order.
    pub id: TaskId,
    /// How far it is.
    pub progress: Option<TaskProgress>,
}

/// Seconds from `from` to `to`, to the millisecond.
fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_millis().max(0) as f64 / 1000.0
}

impl RunView {
    /// What `run` looks like at `now`. `task` is what the agent does for the step under way.
    pub fn of(run: &Run, machine_name: Option<Name>, task: Option<TaskView>, now: Timestamp) -> Self {
        let current = run.current_step();
        let mut stages: Vec<StageView> = run.stages.iter().map(|stage| StageView::of(stage, now)).collect();
        let mut finally = StageView::of(&run.finally, now);
        if let Some(at) = current {
            let stage = at.stage.map_or(&mut finally, |stage| &mut stages[stage]);
            stage.steps[at.step].task = task;
        }
        let step = current.map(|at| run.step(at));
        let expected: Vec<f64> = stages.iter().filter_map(|stage| stage.expected_s).collect();
        Self {
            id: run.id,
            machine: run.machine,
            machine_name,
            workflow: run.workflow.clone(),
            state: run.state(),
            stage: run.current_stage().map(|stage| stage.name.clone()),
            step: step.map(|step| step.uses.clone()),
            reason: step
                .and_then(|step| step.reason.clone())
                .or_else(|| run.failure.as_ref().map(|failure| failure.reason.clone())),
            hint: step.and_then(|step| step.hint.clone()),
            failure: run.failure.clone(),
            by: run.by.clone(),
            continues: run.continues,
            created: run.created,
            ended: run.ended,
            expected_s: (!expected.is_empty()).then(|| expected.iter().sum()),
            actual_s: seconds(run.created, run.ended.unwrap_or(now)),
            params: run.params.clone(),
            stages,
            finally,
            outputs: run.outputs.clone(),
        }
    }

    /// Whether it never changes again.
    pub fn is_over(&self) -> bool {
        matches!(self.state, RunState::Succeeded | RunState::Failed | RunState::Cancelled)
    }

    /// The step that is under way, if there is one.
    pub fn current_step(&self) -> Option<&StepView> {
        let mut steps = self.stages.iter().chain([&self.finally]).flat_map(|stage| &stage.steps);
        steps.find(|step| !step.state.is_over() && step.state != StepState::Pending)
    }
}

impl StageView {
    fn of(stage: &StageRun, now: Timestamp) -> Self {
        Self {
            name: stage.name.clone(),
            state: stage.state,
            reason: stage.reason.clone(),
            attempt: stage.attempt,
            started: stage.started,
            ended: stage.ended,
            deadline: stage.deadline,
            expected_s: stage.expected.map(|expected| expected.0.as_secs_f64()),
            actual_s: stage.started.map(|started| seconds(started, stage.ended.unwrap_or(now))),
            steps: stage.steps.iter().map(|step| StepView::of(step, now)).collect(),
        }
    }
}

impl StepView {
    fn of(step: &StepRun, now: Timestamp) -> Self {
        Self {
            uses: step.uses.clone(),
            state: step.state,
            attempts: step.attempts,
            how: step.how,
            reason: step.reason.clone(),
            hint: step.hint.clone(),
            started: step.started,
            ended: step.ended,
            deadline: step.deadline,
            until: step.until,
            actual_s: step.started.map(|started| seconds(started, step.ended.unwrap_or(now))),
            task: None,
        }
    }
}
