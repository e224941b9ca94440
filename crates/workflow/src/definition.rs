//! What a workflow is: ordered stages of ordered steps, as an administrator writes them.

use crate::condition::{self, ConditionError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;
use types::object::{Kind, NoStatus, Spec};
use types::reference::{Reference, References};
use types::{HumanDuration, Name, Params};
use utoipa::ToSchema;

/// A workflow's definition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkflowSpec {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Run in this order.
    pub stages: Vec<StageSpec>,
    /// Run at the end whatever the outcome: gives back what the run took.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finally: Vec<StepSpec>,
}

/// A stage of a workflow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StageSpec {
    /// Shown to operators, such as `OS_INSTALL`.
    pub name: String,
    /// A stage that is switched off is shown as skipped.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// How long it usually takes; shown beside the actual time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<HumanDuration>,
    /// The stage fails when it takes longer, whatever its step is doing.
    #[serde(default = "default_timeout")]
    pub timeout: HumanDuration,
    /// Tries in all: of each step, or of the whole stage with `on_failure: retry-stage`.
    #[serde(default = "one")]
    pub attempts: u32,
    /// The pause between tries.
    #[serde(default)]
    pub backoff: Backoff,
    /// The stage is skipped unless this expression over `params` is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What the machine boots first, instead of what the stage's own steps say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_env: Option<Name>,
    /// The group whose operating system the machine has during the stage: it boots that system's environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Name>,
    /// Parameters of the stage alone. Of a run's, these are what they came to.
    #[serde(default, skip_serializing_if = "Params::is_empty")]
    #[schema(value_type = Object)]
    pub params: Params,
    /// What happens to the run when the stage fails.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// Run in this order.
    pub steps: Vec<StepSpec>,
}

/// One step: an entry of the step catalogue with its arguments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StepSpec {
    /// The catalogue's name of it, such as `agent.write_image`.
    #[serde(rename = "use")]
    pub uses: String,
    /// Its arguments.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    #[schema(value_type = Object)]
    pub with: serde_json::Map<String, serde_json::Value>,
    /// An attempt fails when it takes longer, waiting included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<HumanDuration>,
}

/// What a failed stage means for the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// The run fails.
    #[default]
    Stop,
    /// The run goes on with the next stage.
    Continue,
    /// The stage starts again from its first step, while it has attempts.
    RetryStage,
}

/// The pause between tries: `initial * factor^(n-1)`, at most `max`, spread by `jitter` to either side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Backoff {
    /// Before the second try.
    pub initial: HumanDuration,
    /// Growth from try to try.
    pub factor: f64,
    /// Never longer than this.
    pub max: HumanDuration,
    /// Share of the pause by which it varies, 0 to 1, so that a thousand machines do not come back at once.
    pub jitter: f64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { initial: HumanDuration::from_secs(5), factor: 2.0, max: HumanDuration::from_secs(300), jitter: 0.2 }
    }
}

impl Backoff {
    /// The pause before try number `next` (2 or more). `chance` is in 0..1.
    pub fn pause_before(&self, next: u32, chance: f64) -> Duration {
        let exponent = i32::try_from(next.saturating_sub(2)).unwrap_or(i32::MAX);
        let grown = self.initial.0.as_secs_f64() * self.factor.powi(exponent);
        let capped = grown.min(self.max.0.as_secs_f64());
        let spread = capped * self.jitter * (chance * 2.0 - 1.0);
        Duration::try_from_secs_f64((capped + spread).max(0.0)).unwrap_or(self.max.0)
    }
}

fn yes() -> bool {
    true
}

fn one() -> u32 {
    1
}

/// Nothing waits for ever: a stage that says nothing else may take an hour.
fn default_timeout() -> HumanDuration {
    HumanDuration::from_secs(3600)
}

/// A definition cannot be run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DefinitionError {
    /// No stages.
    #[error("a workflow needs at least one stage")]
    NoStages,
    /// Two stages share a name.
    #[error("stage {0:?} is there twice")]
    DuplicateStage(String),
    /// A name that cannot be shown or addressed.
    #[error("stage name {0:?} is not 1 to 64 letters, digits, '-' and '_'")]
    BadStageName(String),
    /// Zero attempts.
    #[error("stage {stage:?} has attempts: 0; use 1 or more")]
    NoAttempts {
        /// The stage.
        stage: String,
    },
    /// A backoff that does not shrink to sense.
    #[error("stage {stage:?} has a backoff whose {field} is {value}; {wanted}")]
    BadBackoff {
        /// The stage.
        stage: String,
        /// `factor` or `jitter`.
        field: &'static str,
        /// What was given.
        value: f64,
        /// What would do.
        wanted: &'static str,
    },
    /// No steps.
    #[error("stage {stage:?} needs at least one step")]
    NoSteps {
        /// The stage.
        stage: String,
    },
    /// `when` does not parse.
    #[error("stage {stage:?} has a condition that does not parse")]
    BadCondition {
        /// The stage.
        stage: String,
        /// Why.
        source: ConditionError,
    },
    /// The catalogue does not know the step, or refuses its arguments.
    #[error("step {index} of {stage:?}: {reason}")]
    BadStep {
        /// The stage, or `finally`.
        stage: String,
        /// Counted from 0.
        index: usize,
        /// What the catalogue said.
        reason: String,
    },
}

impl WorkflowSpec {
    /// Checks everything that can be known before a run. `check_step` is the catalogue's word on one step.
    pub fn validate(&self, check_step: &dyn Fn(&StepSpec) -> Result<(), String>) -> Result<(), DefinitionError> {
        if self.stages.is_empty() {
            return Err(DefinitionError::NoStages);
        }
        let mut names = BTreeSet::new();
        for stage in &self.stages {
            stage.validate()?;
            if !names.insert(&stage.name) {
                return Err(DefinitionError::DuplicateStage(stage.name.clone()));
            }
            check_steps(&stage.name, &stage.steps, check_step)?;
        }
        check_steps("finally", &self.finally, check_step)
    }
}

impl StageSpec {
    fn validate(&self) -> Result<(), DefinitionError> {
        let stage = || self.name.clone();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(plain) {
            return Err(DefinitionError::BadStageName(self.name.clone()));
        }
        if self.attempts == 0 {
            return Err(DefinitionError::NoAttempts { stage: stage() });
        }
        let Backoff { factor, jitter, .. } = self.backoff;
        if !(1.0..=10.0).contains(&factor) {
            let wanted = "use 1 to 10";
            return Err(DefinitionError::BadBackoff { stage: stage(), field: "factor", value: factor, wanted });
        }
        if !(0.0..=1.0).contains(&jitter) {
            let wanted = "use 0 to 1";
            return Err(DefinitionError::BadBackoff { stage: stage(), field: "jitter", value: jitter, wanted });
        }
        if let Some(when) = &self.when {
            condition::check(when).map_err(|source| DefinitionError::BadCondition { stage: stage(), source })?;
        }
        if self.steps.is_empty() {
            return Err(DefinitionError::NoSteps { stage: stage() });
        }
        Ok(())
    }

    /// Tries that each step of the stage has.
    pub(crate) fn step_attempts(&self) -> u32 {
        match self.on_failure {
            OnFailure::RetryStage => 1,
            OnFailure::Stop | OnFailure::Continue => self.attempts,
        }
    }

    /// Tries that the stage as a whole has.
    pub(crate) fn stage_attempts(&self) -> u32 {
        match self.on_failure {
            OnFailure::RetryStage => self.attempts,
            OnFailure::Stop | OnFailure::Continue => 1,
        }
    }
}

fn check_steps(
    stage: &str,
    steps: &[StepSpec],
    check_step: &dyn Fn(&StepSpec) -> Result<(), String>,
) -> Result<(), DefinitionError> {
    for (index, step) in steps.iter().enumerate() {
        check_step(step).map_err(|reason| DefinitionError::BadStep { stage: stage.to_owned(), index, reason })?;
    }
    Ok(())
}

impl Spec for WorkflowSpec {
    const KIND: Kind = Kind::Workflow;
    type Status = NoStatus;

    fn references(&self) -> Vec<Reference> {
        let stages = self.stages.iter().enumerate();
        let of_stages = stages.flat_map(|(number, stage)| {
            let steps = stage.steps.iter().enumerate();
            let own = References::new()
                .one(Kind::BootEnv, stage.boot_env.as_ref(), &format!("/stages/{number}/boot_env"))
                .one(Kind::Group, stage.group.as_ref(), &format!("/stages/{number}/group"))
                .all();
            let of_steps =
                steps.flat_map(move |(index, step)| step.references(&format!("/stages/{number}/steps/{index}")));
            own.into_iter().chain(of_steps)
        });
        let finally = self.finally.iter().enumerate();
        of_stages.chain(finally.flat_map(|(index, step)| step.references(&format!("/finally/{index}")))).collect()
    }
}

impl StepSpec {
    /// What its arguments name.
    fn references(&self, pointer: &str) -> Vec<Reference> {
        const KINDS: [(&str, Kind); 3] = [("image", Kind::Image), ("template", Kind::Template), ("env", Kind::BootEnv)];
        let named = KINDS.into_iter().filter_map(|(argument, kind)| {
            let name = self.with.get(argument)?.as_str()?.to_owned();
            Some(Reference { kind, name, pointer: format!("{pointer}/with/{argument}") })
        });
        named.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff() -> Backoff {
        Backoff { jitter: 0.0, ..Backoff::default() }
    }

    #[test]
    fn pauses_grow_to_their_limit() {
        let pauses: Vec<u64> = (2..10).map(|next| backoff().pause_before(next, 0.5).as_secs()).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300]);
    }

    #[test]
    fn jitter_spreads_to_both_sides() {
        let backoff = Backoff { jitter: 0.2, ..backoff() };
        assert_eq!(backoff.pause_before(2, 0.0), Duration::from_secs(4));
        assert_eq!(backoff.pause_before(2, 1.0), Duration::from_secs(6));
    }
}
