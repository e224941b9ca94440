//! A run's state: the fold of its events.

use crate::definition::{StageSpec, StepSpec, WorkflowSpec};
use crate::event::{Continued, Ending, RunEvent, StepRef, WokenBy};
use crate::stage_run::{StageRun, StageState, StepRun, StepState};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use types::{ErrorClass, MachineId, Name, Params, RunId, Timestamp};
use utoipa::ToSchema;

/// The version of the stored form. A newer form is refused, never guessed at.
pub const FORMAT: u32 = 1;

/// What it takes to start a run.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// Its id, made by the caller so that a repeated request is the same run.
    pub id: RunId,
    /// The machine it works on.
    pub machine: MachineId,
    /// The workflow's name.
    pub workflow: Name,
    /// The workflow, frozen.
    pub definition: WorkflowSpec,
    /// Parameters, resolved and frozen.
    pub params: Params,
    /// Who asks.
    pub by: String,
    /// The failed run that it continues.
    pub continues: Option<Continued>,
}

/// One execution of a workflow on one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Version of this form.
    pub format: u32,
    /// Its id.
    pub id: RunId,
    /// The machine it works on.
    pub machine: MachineId,
    /// The workflow's name.
    pub workflow: Name,
    /// The workflow as it was at the start.
    pub definition: WorkflowSpec,
    /// The parameters as they resolved at the start.
    pub params: Params,
    /// Who asked for it.
    pub by: String,
    /// The failed run that it continues.
    pub continues: Option<RunId>,
    /// When it was asked for.
    pub created: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How it ended; never changes again.
    pub ending: Option<Ending>,
    /// Since when an operator holds it.
    pub paused_since: Option<Timestamp>,
    /// The stages, in order.
    pub stages: Vec<StageRun>,
    /// The steps at the end, as a stage of their own.
    pub finally: StageRun,
    /// How it will end once `finally` is through.
    pub settled: Option<Ending>,
    /// What failed, once something has failed for good.
    pub failure: Option<Failure>,
    /// What the steps found out, by the step's catalogue name.
    pub outputs: BTreeMap<String, Value>,
}

/// Where a run stands, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Not begun.
    Queued,
    /// At work.
    Running,
    /// A step waits for its machine, for a time, or for a person.
    Waiting,
    /// Held by an operator.
    Paused,
    /// Ended well.
    Succeeded,
    /// Ended because a stage failed.
    Failed,
    /// Ended by an operator.
    Cancelled,
}

impl RunState {
    /// As it is stored and shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What made a run fail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// The stage.
    pub stage: String,
    /// The step's catalogue name.
    pub step: String,
    /// What kind of failure.
    #[schema(value_type = String)]
    pub class: ErrorClass,
    /// What failed, in the operator's words.
    pub reason: String,
    /// What was seen.
    #[schema(value_type = Object)]
    pub evidence: Value,
}

impl Run {
    /// The state right after `RunEvent::Created`, which `new` becomes.
    pub fn create(new: NewRun, at: Timestamp) -> (Self, RunEvent) {
        let NewRun { id, machine, workflow, definition, params, by, continues } = new;
        let event = RunEvent::Created { machine, workflow, definition, params, by, continues };
        (Self::from_created(id, &event, at).expect("a Created event was just made"), event)
    }

    /// Replays a history. None when it does not begin with its creation.
    pub fn replay<'a>(id: RunId, events: impl IntoIterator<Item = (Timestamp, &'a RunEvent)>) -> Option<Self> {
        let mut events = events.into_iter();
        let (at, first) = events.next()?;
        let mut run = Self::from_created(id, first, at)?;
        for (at, event) in events {
            run.apply(event, at);
        }
        Some(run)
    }

    fn from_created(id: RunId, event: &RunEvent, at: Timestamp) -> Option<Self> {
        let RunEvent::Created { machine, workflow, definition, params, by, continues } = event else {
            return None;
        };
        let stage_run = |spec: &StageSpec| StageRun::of(&spec.name, spec.expected, &spec.steps);
        let mut run = Self {
            format: FORMAT,
            id,
            machine: *machine,
            workflow: workflow.clone(),
            definition: definition.clone(),
            params: params.clone(),
            by: by.clone(),
            continues: continues.as_ref().map(|continued| continued.run),
            created: at,
            ended: None,
            ending: None,
            paused_since: None,
            stages: definition.stages.iter().map(stage_run).collect(),
            finally: StageRun::of("finally", None, &definition.finally),
            settled: None,
            failure: None,
            outputs: BTreeMap::new(),
        };
        if let Some(continued) = continues {
            run.take_over(continued, at);
        }
        Some(run)
    }

    /// Marks what the continued run had achieved as not needed here.
    fn take_over(&mut self, continued: &Continued, at: Timestamp) {
        let reason = || Some(format!("done by run {}", continued.run));
        for (index, stage) in self.stages.iter_mut().enumerate().take(continued.stage + 1) {
            let whole = index < continued.stage;
            let steps = if whole { stage.steps.len() } else { continued.step };
            for step in stage.steps.iter_mut().take(steps) {
                step.end(StepState::Skipped, at);
                step.reason = reason();
            }
            if whole {
                stage.state = StageState::Skipped;
                stage.reason = reason();
            }
        }
        self.outputs.clone_from(&continued.outputs);
    }

    /// As [`Run::apply`], for an event that was read. False, and nothing changes, when it names a stage or step that
    /// the run has not: then it is not this run's, or one of the two is damaged.
    pub fn apply_stored(&mut self, event: &RunEvent, at: Timestamp) -> bool {
        let is_there = event.place().is_none_or(|(stage, step)| {
            let (run, specs) = match stage {
                Some(stage) => (self.stages.get(stage), self.definition.stages.get(stage).map(|spec| &spec.steps)),
                None => (Some(&self.finally), Some(&self.definition.finally)),
            };
            let is_there = |count: usize| step.is_none_or(|step| step < count);
            run.is_some_and(|run| is_there(run.steps.len())) && specs.is_some_and(|specs| is_there(specs.len()))
        });
        if is_there {
            self.apply(event, at);
        }
        is_there
    }

    /// Takes note of one event. This is the only way a run changes.
    pub fn apply(&mut self, event: &RunEvent, at: Timestamp) {
        match event {
            RunEvent::Created { .. } | RunEvent::CommandIgnored { .. } => {}
            RunEvent::StageStarted { stage, attempt, deadline } => self.start_stage(*stage, *attempt, *deadline, at),
            RunEvent::StageSkipped { stage, reason } => {
                self.stages[*stage].state = StageState::Skipped;
                self.stages[*stage].reason = Some(reason.clone());
                for step in self.stages[*stage].steps.iter_mut().filter(|step| !step.state.is_over()) {
                    step.state = StepState::Skipped;
                }
            }
            RunEvent::StageSucceeded { stage } => self.stages[*stage].end(StageState::Succeeded, at),
            RunEvent::StageFailed { stage } => self.stages[*stage].end(StageState::Failed, at),
            RunEvent::StepStarted { at: step, attempt, deadline } => {
                let step = self.step_mut(*step);
                step.stop_waiting();
                step.state = StepState::Running;
                step.attempts = *attempt;
                step.recoveries = 0;
                step.started = Some(at);
                step.looked = Some(at);
                step.ended = None;
                step.deadline = Some(*deadline);
            }
            RunEvent::StepLooksAgain { at: step, woken_by } => {
                let step = self.step_mut(*step);
                step.stop_waiting();
                step.state = StepState::Running;
                step.looked = Some(at);
                step.recoveries += u32::from(*woken_by == WokenBy::Recovery);
            }
            RunEvent::StepNoted { at: step, key, value } => {
                self.step_mut(*step).notes.insert(key.clone(), value.clone());
            }
            RunEvent::StepWaits { at: step, reason, wake_on, until } => {
                let step = self.step_mut(*step);
                step.state = StepState::Waiting;
                step.recoveries = 0;
                step.reason = Some(reason.clone());
                step.wake_on.clone_from(wake_on);
                step.until = Some(*until);
            }
            RunEvent::StepDone { at: step, how, outputs } => {
                let uses = self.step(*step).uses.clone();
                if !outputs.is_null() {
                    self.outputs.insert(uses, outputs.clone());
                }
                self.step_mut(*step).end(StepState::Done, at);
                self.step_mut(*step).how = Some(*how);
            }
            RunEvent::StepSkipped { at: step, reason } => {
                self.give_time_back(*step, at);
                self.step_mut(*step).end(StepState::Skipped, at);
                self.step_mut(*step).reason = Some(reason.clone());
            }
            RunEvent::StepWillRetry { at: step, class: _, reason, not_before } => {
                let step = self.step_mut(*step);
                step.end(StepState::Retrying, at);
                step.reason = Some(reason.clone());
                step.until = Some(*not_before);
            }
            RunEvent::StepNeedsOperator { at: step, reason, hint } => {
                let step = self.step_mut(*step);
                step.stop_waiting();
                step.state = StepState::NeedsOperator;
                step.ended = Some(at);
                step.reason = Some(reason.clone());
                step.hint = Some(hint.clone());
            }
            RunEvent::StepFailed { at: step, class, reason, evidence } => {
                self.fail_step(*step, *class, reason, evidence, at);
            }
            RunEvent::Paused { .. } => self.paused_since = Some(at),
            RunEvent::Resumed { .. } => self.resume(at),
            RunEvent::CancelRequested { .. } => self.cancel(at),
            RunEvent::RetryRequested { .. } => self.retry(at),
            RunEvent::Unattended { from, to } => self.pass_over(to.duration_since(*from)),
            RunEvent::FinallyStarted { ending, deadline } => {
                self.settled = Some(*ending);
                self.finally.state = StageState::Running;
                self.finally.attempt = 1;
                self.finally.started = Some(at);
                self.finally.deadline = Some(*deadline);
            }
            RunEvent::Ended { ending } => {
                if self.finally.state == StageState::Running {
                    let failed = self.finally.steps.iter().any(|step| step.state == StepState::Failed);
                    self.finally.end(if failed { StageState::Failed } else { StageState::Succeeded }, at);
                }
                self.settled = Some(*ending);
                self.ending = Some(*ending);
                self.ended = Some(at);
                self.paused_since = None;
            }
        }
    }

    fn start_stage(&mut self, index: usize, attempt: u32, deadline: Timestamp, at: Timestamp) {
        let stage = &mut self.stages[index];
        stage.state = StageState::Running;
        stage.started = stage.started.or(Some(at));
        stage.ended = None;
        stage.deadline = Some(deadline);
        stage.attempt = attempt;
        if attempt > 1 {
            for (step, spec) in stage.steps.iter_mut().zip(&self.definition.stages[index].steps) {
                *step = StepRun::of(spec);
            }
            self.failure = None;
        }
    }

    fn fail_step(&mut self, at_step: StepRef, class: ErrorClass, reason: &str, evidence: &Value, at: Timestamp) {
        let step = self.step_mut(at_step);
        step.end(StepState::Failed, at);
        step.reason = Some(reason.to_owned());
        if at_step.stage.is_some() {
            self.failure = Some(Failure {
                stage: self.stage(at_step).name.clone(),
                step: self.step(at_step).uses.clone(),
                class,
                reason: reason.to_owned(),
                evidence: evidence.clone(),
            });
        }
    }

    /// Moves every deadline by the time that the run was held.
    fn resume(&mut self, at: Timestamp) {
        let Some(since) = self.paused_since.take() else { return };
        self.move_deadlines(at.duration_since(since));
    }

    /// Lets the step that needs a person try again.
    fn retry(&mut self, at: Timestamp) {
        let Some(at_step) = self.current_step() else { return };
        if self.step(at_step).state != StepState::NeedsOperator {
            return;
        }
        self.give_time_back(at_step, at);
        let step = self.step_mut(at_step);
        step.stop_waiting();
        step.state = StepState::Retrying;
        step.until = Some(at);
    }

    /// Moves the stage's deadline by the time that its step has waited for a person: people sleep.
    fn give_time_back(&mut self, at_step: StepRef, at: Timestamp) {
        let step = self.step(at_step);
        let (StepState::NeedsOperator, Some(since)) = (step.state, step.ended) else { return };
        // While the run is held, `resume` gives the time back.
        let waited = self.paused_since.unwrap_or(at).duration_since(since);
        if let Some(stage) = at_step.stage {
            let stage = &mut self.stages[stage];
            stage.deadline = stage.deadline.and_then(|deadline| deadline.checked_add(waited).ok());
        }
    }

    fn cancel(&mut self, at: Timestamp) {
        self.paused_since = None;
        for stage in &mut self.stages {
            match stage.state {
                StageState::Pending => stage.state = StageState::Skipped,
                StageState::Running => stage.end(StageState::Cancelled, at),
                StageState::Succeeded | StageState::Failed | StageState::Skipped | StageState::Cancelled => continue,
            }
            for step in stage.steps.iter_mut().filter(|step| !step.state.is_over()) {
                let state = if step.attempts > 0 { StepState::Cancelled } else { StepState::Skipped };
                step.end(state, at);
            }
        }
        self.settled = Some(Ending::Cancelled);
    }

    /// The stage that `at` is in.
    pub fn stage(&self, at: StepRef) -> &StageRun {
        at.stage.map_or(&self.finally, |stage| &self.stages[stage])
    }

    /// The step at `at`.
    pub fn step(&self, at: StepRef) -> &StepRun {
        &self.stage(at).steps[at.step]
    }

    fn step_mut(&mut self, at: StepRef) -> &mut StepRun {
        let stage = match at.stage {
            Some(stage) => &mut self.stages[stage],
            None => &mut self.finally,
        };
        &mut stage.steps[at.step]
    }

    /// The parameter as it is for the step at `at`: a stage may have its own.
    pub fn param(&self, at: StepRef, key: &str) -> Option<&Value> {
        let of_stage = at.stage.and_then(|stage| self.definition.stages[stage].params.get(key));
        of_stage.or_else(|| self.params.get(key))
    }

    /// The parameters as they are in the stage.
    pub fn params_of(&self, stage: Option<usize>) -> Params {
        let mut params = self.params.clone();
        params.extend(stage.map(|stage| self.definition.stages[stage].params.clone()).unwrap_or_default());
        params
    }

    /// The definition of the step at `at`.
    pub fn step_spec(&self, at: StepRef) -> &StepSpec {
        let steps = at.stage.map_or(&self.definition.finally, |stage| &self.definition.stages[stage].steps);
        &steps[at.step]
    }

    /// The step that is under way, waits, or needs somebody.
    pub fn current_step(&self) -> Option<StepRef> {
        let in_stage = |stage: Option<usize>, run: &StageRun| {
            let open = |step: &StepRun| !step.state.is_over() && step.state != StepState::Pending;
            run.steps.iter().position(open).map(|step| StepRef { stage, step })
        };
        let stages = self.stages.iter().enumerate();
        stages
            .filter_map(|(index, stage)| in_stage(Some(index), stage))
            .next()
            .or_else(|| in_stage(None, &self.finally))
    }

    /// The stage that is under way, by name: what an operator is shown first.
    pub fn current_stage(&self) -> Option<&StageRun> {
        self.stages.iter().chain([&self.finally]).find(|stage| stage.state == StageState::Running)
    }

    /// Where the run stands.
    pub fn state(&self) -> RunState {
        match self.ending {
            Some(Ending::Succeeded) => return RunState::Succeeded,
            Some(Ending::Failed) => return RunState::Failed,
            Some(Ending::Cancelled) => return RunState::Cancelled,
            None => {}
        }
        if self.paused_since.is_some() {
            return RunState::Paused;
        }
        let Some(at) = self.current_step() else {
            let begun = self.stages.iter().any(|stage| stage.attempt > 0);
            return if begun { RunState::Running } else { RunState::Queued };
        };
        match self.step(at).state {
            StepState::Waiting | StepState::Retrying | StepState::NeedsOperator => RunState::Waiting,
            StepState::Pending
            | StepState::Running
            | StepState::Done
            | StepState::Skipped
            | StepState::Failed
            | StepState::Cancelled => RunState::Running,
        }
    }

    /// What a new run takes over to go on from where this one failed. None while it has not failed.
    pub fn continuation(&self) -> Option<Continued> {
        if self.ending != Some(Ending::Failed) {
            return None;
        }
        // The last one: a stage that may fail did not stop the run.
        let stage = self.stages.iter().rposition(|stage| stage.state == StageState::Failed)?;
        let step = self.stages[stage].steps.iter().position(|step| step.state == StepState::Failed)?;
        Some(Continued { run: self.id, stage, step, outputs: self.outputs.clone() })
    }
}
