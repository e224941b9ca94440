//! What a run will do: its workflow as it stands, with what groups, designs and people have switched.

use crate::{Effective, Own, Site};
use serde_json::Value;
use std::collections::BTreeMap;
use types::machine::MachineSpec;
use types::{HumanDuration, Name, Params};
use workflow::{StageSpec, StepSpec, WorkflowSpec};

/// The parameter in which NABP keeps the stages to run, their order and how long they usually take.
const ABP_WORKFLOW: &str = "abp_workflow";
/// The stage for which a design can name a group of its own.
const HEALTH_CHECK: &str = "HEALTH_CHECK";

/// What a run is started with.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// The workflow, by name.
    pub workflow: (&'a Name, &'a WorkflowSpec),
    /// Parameters of the run alone.
    pub params: &'a Params,
    /// Stages that are switched on or off for the run alone.
    pub stages: &'a BTreeMap<String, bool>,
}

/// What a run will do.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The workflow that the run keeps.
    pub definition: WorkflowSpec,
    /// Its parameters, without those that are secret.
    pub params: Params,
    /// What a person should know before it starts.
    pub warnings: Vec<String>,
}

/// Why a run cannot be planned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A stage is switched that the workflow has not.
    #[error("{by} switches stage {stage}, which workflow {workflow} has not: it has {known}")]
    UnknownStage {
        /// Who.
        by: String,
        /// What.
        stage: String,
        /// The workflow.
        workflow: Name,
        /// Its stages.
        known: String,
    },
    /// `abp_workflow` is not understood.
    #[error("parameter abp_workflow{pointer} (from {source_of_it}): {message}")]
    Abp {
        /// Where in it, as a JSON pointer.
        pointer: String,
        /// Who set it.
        source_of_it: String,
        /// What is wrong.
        message: String,
    },
    /// A parameter does not fit its declaration.
    #[error("parameter {key} (from {source_of_it}): {message}")]
    Param {
        /// Which.
        key: String,
        /// Who set it.
        source_of_it: String,
        /// What is wrong.
        message: String,
    },
}

impl Effective<'_> {
    /// Plans a run of a workflow on the machine.
    ///
    /// # Errors
    /// Everything that is wrong, so that one answer tells all of it.
    pub fn plan(
        &self,
        site: &Site,
        (name, spec): (&Name, &MachineSpec),
        start: Start<'_>,
    ) -> Result<Plan, Vec<PlanError>> {
        let own = Own { stage: None, run: Some(start.params) };
        let resolution = self.params(site, name, spec, own);
        let mut errors: Vec<PlanError> = Vec::new();
        for (key, resolved) in &resolution {
            let wrongs = site.declarations.check_resolved(key, &resolved.value, resolved.secret);
            errors.extend(wrongs.into_iter().map(|wrong| PlanError::Param {
                key: key.clone(),
                source_of_it: resolved.source.clone(),
                message: wrong.message,
            }));
        }
        let mut definition = start.workflow.1.clone();
        if let Some(abp) = resolution.get(ABP_WORKFLOW) {
            match follow_abp(&definition.stages, &abp.value) {
                Ok(stages) => definition.stages = stages,
                Err((pointer, message)) => {
                    errors.push(PlanError::Abp { pointer, source_of_it: abp.source.clone(), message });
                }
            }
        }
        errors.extend(self.switch(&mut definition, start));
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut warnings = self.override_boot(site, &mut definition, (name, spec));
        for stage in &mut definition.stages {
            let own = Own { stage: Some((&stage.name, &stage.params)), run: Some(start.params) };
            let of_stage = if stage.params.is_empty() { None } else { Some(self.params(site, name, spec, own)) };
            stage.params = of_stage.map(plain).unwrap_or_default();
        }
        if definition.stages.iter().any(|stage| stage.name == HEALTH_CHECK && !stage.enabled) {
            warnings.push(format!("{HEALTH_CHECK} is switched off: broken hardware is found by its users"));
        }
        Ok(Plan { definition, params: plain(resolution), warnings })
    }

    /// Switches stages: what the run says is stronger than what is declared.
    fn switch(&self, definition: &mut WorkflowSpec, start: Start<'_>) -> Vec<PlanError> {
        let declared = self.stages.iter().map(|(stage, said)| (stage, said.value, said.by.as_str()));
        let own = start.stages.iter().map(|(stage, on)| (stage, *on, "the run"));
        let mut errors = Vec::new();
        for (stage, on, by) in declared.chain(own) {
            match definition.stages.iter_mut().find(|known| known.name == *stage) {
                Some(known) => known.enabled = on,
                None => errors.push(PlanError::UnknownStage {
                    by: by.to_owned(),
                    stage: stage.clone(),
                    workflow: start.workflow.0.clone(),
                    known: names(&definition.stages),
                }),
            }
        }
        errors
    }

    /// Lets stages that have a boot environment of their own, or a group whose operating system has one, begin in it.
    fn override_boot(
        &self,
        site: &Site,
        definition: &mut WorkflowSpec,
        (name, spec): (&Name, &MachineSpec),
    ) -> Vec<String> {
        let health_group = self.design.and_then(|(_, design)| design.health_check_group.as_ref());
        let mut warnings = Vec::new();
        for stage in &mut definition.stages {
            let by_design = health_group.filter(|_| stage.name == HEALTH_CHECK);
            let group = by_design.or(stage.group.as_ref());
            let of_group = group.and_then(|group| {
                let member = MachineSpec { group: Some(group.clone()), ..spec.clone() };
                let env = site.effective(name, &member, None, None).os.and_then(|os| os.value.1.boot_env.clone());
                if env.is_none() {
                    warnings.push(format!("group {group} has no operating system with a boot environment"));
                }
                env
            });
            if let Some(env) = of_group.or_else(|| stage.boot_env.clone()) {
                begin_in(stage, &env);
            }
        }
        warnings
    }
}

/// The values that a run may keep: secrets are read anew when they are needed.
fn plain(resolution: crate::Resolution) -> Params {
    let shown = resolution.into_iter().filter(|(_, resolved)| !resolved.secret);
    shown.map(|(key, resolved)| (key, resolved.value)).collect()
}

fn begin_in(stage: &mut StageSpec, env: &Name) {
    const BOOT: &str = "boot.into";
    let with = serde_json::Map::from_iter([("env".to_owned(), Value::from(env.as_str()))]);
    match stage.steps.first_mut().filter(|step| step.uses == BOOT) {
        Some(step) => step.with.extend(with),
        None => stage.steps.insert(0, StepSpec { uses: BOOT.to_owned(), with, timeout: None }),
    }
}

/// Puts the stages into the order of the list, which says of each whether it runs and how long it usually takes. A stage
/// that is not in the list does not run.
fn follow_abp(stages: &[StageSpec], list: &Value) -> Result<Vec<StageSpec>, (String, String)> {
    let parsed;
    let list = match list {
        Value::String(text) => {
            parsed = serde_json::from_str(text).map_err(|error| (String::new(), format!("is no JSON: {error}")))?;
            &parsed
        }
        other => other,
    };
    let entries = list.as_array().ok_or_else(|| (String::new(), "must be a list of stages".to_owned()))?;
    let mut ordered: Vec<StageSpec> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let at = |field: &str| format!("/{index}{field}");
        let name = entry.get("step").and_then(Value::as_str);
        let name = name.ok_or_else(|| (at("/step"), "names no stage".to_owned()))?;
        let known = stages.iter().find(|stage| stage.name == name);
        let known = known.ok_or_else(|| (at("/step"), format!("there is no stage {name:?}: use {}", names(stages))))?;
        if ordered.iter().any(|stage| stage.name == name) {
            return Err((at("/step"), format!("{name} is there twice")));
        }
        let mut stage = known.clone();
        if let Some(enabled) = entry.get("enabled") {
            let wrong = || (at("/enabled"), "must be true or false".to_owned());
            stage.enabled = enabled.as_bool().ok_or_else(wrong)?;
        }
        if let Some(duration) = entry.get("duration") {
            let wrong = || (at("/duration"), "must be a number of seconds, such as \"360\"".to_owned());
            stage.expected = Some(HumanDuration::from_secs(seconds(duration).ok_or_else(wrong)?));
        }
        ordered.push(stage);
    }
    let rest = stages.iter().filter(|stage| !ordered.iter().any(|known| known.name == stage.name));
    let rest: Vec<StageSpec> = rest.map(|stage| StageSpec { enabled: false, ..stage.clone() }).collect();
    ordered.extend(rest);
    Ok(ordered)
}

fn seconds(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_u64(),
    }
}

fn names(stages: &[StageSpec]) -> String {
    stages.iter().map(|stage| stage.name.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn site() -> Site {
        Site {
            groups: serde_json::from_value(json!({
                "compute": {"stages": {"BIOS_SETUP": false}},
                "checkers": {"os": "live"},
            }))
            .unwrap(),
            operating_systems: serde_json::from_value(json!({
                "live": {"title": "Live", "family": "debian", "major": "1", "boot_env": "memtest"},
            }))
            .unwrap(),
            designs: serde_json::from_value(json!({
                "d": {"group": "compute", "health_check_group": "checkers"},
            }))
            .unwrap(),
            ..Site::default()
        }
        .compile(&serde_json::from_value(json!({"size": {"type": "integer"}})).unwrap())
    }

    fn plan(machine: Value, params: Value, stages: Value) -> Result<Plan, Vec<String>> {
        let definition: WorkflowSpec = serde_json::from_value(json!({"stages": [
            {"name": "REGISTERING", "steps": [{"use": "machine.register"}]},
            {"name": "HEALTH_CHECK", "steps": [{"use": "agent.health_check"}], "params": {"limit": 1}},
            {"name": "BIOS_SETUP", "expected": "20s", "steps": [{"use": "bios.configure"}]},
        ]}))
        .unwrap();
        let (site, name): (_, Name) = (site(), "m1".parse().unwrap());
        let machine: MachineSpec = serde_json::from_value(machine).unwrap();
        let (params, stages) = (serde_json::from_value(params).unwrap(), serde_json::from_value(stages).unwrap());
        let start = Start { workflow: (&"default".parse().unwrap(), &definition), params: &params, stages: &stages };
        let planned = site.effective(&name, &machine, None, None).plan(&site, (&name, &machine), start);
        planned.map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    fn stages(plan: &Plan) -> Vec<(&str, bool)> {
        plan.definition.stages.iter().map(|stage| (stage.name.as_str(), stage.enabled)).collect()
    }

    #[test]
    fn a_stage_is_switched_by_the_group_and_the_run_has_the_last_word() {
        let planned = plan(json!({"group": "compute"}), json!({}), json!({})).unwrap();
        assert_eq!(stages(&planned), [("REGISTERING", true), ("HEALTH_CHECK", true), ("BIOS_SETUP", false)]);
        let planned = plan(json!({"group": "compute"}), json!({}), json!({"BIOS_SETUP": true})).unwrap();
        assert!(planned.definition.stages[2].enabled);
    }

    #[test]
    fn a_stage_that_is_not_there_is_refused_with_those_that_are() {
        let errors = plan(json!({}), json!({}), json!({"HEALTHCHECK": false})).unwrap_err();
        let expected = "the run switches stage HEALTHCHECK, which workflow default has not: it has REGISTERING, \
                        HEALTH_CHECK, BIOS_SETUP";
        assert_eq!(errors, [expected]);
    }

    #[test]
    fn abp_workflow_orders_switches_and_says_how_long_stages_take() {
        let text = r#"[{"step":"BIOS_SETUP","enabled":true,"duration":"180"},{"step":"REGISTERING","enabled":false}]"#;
        let planned = plan(json!({}), json!({"abp_workflow": text}), json!({})).unwrap();
        assert_eq!(stages(&planned), [("BIOS_SETUP", true), ("REGISTERING", false), ("HEALTH_CHECK", false)]);
        assert_eq!(planned.definition.stages[0].expected, Some(HumanDuration::from_secs(180)));
        assert_eq!(planned.warnings.len(), 1, "{:?}", planned.warnings);
    }

    #[test]
    fn abp_workflow_that_is_wrong_is_told_with_its_place_and_origin() {
        let of = |text: &str| plan(json!({}), json!({"abp_workflow": text}), json!({})).unwrap_err().remove(0);
        let unknown = of(r#"[{"step":"OS_INSTAL"}]"#);
        assert!(unknown.starts_with(r#"parameter abp_workflow/0/step (from run): there is no stage "OS_INSTAL""#));
        assert!(
            of(r#"[{"step":"BIOS_SETUP","duration":"soon"}]"#).contains("/0/duration (from run): must be a number")
        );
        assert!(of("[").contains("is no JSON"));
    }

    #[test]
    fn a_design_lets_its_health_check_run_in_another_groups_system() {
        let planned = plan(json!({"design": "d"}), json!({}), json!({})).unwrap();
        let steps = &planned.definition.stages[1].steps;
        assert_eq!((steps[0].uses.as_str(), steps[0].with["env"].as_str()), ("boot.into", Some("memtest")));
        assert_eq!(steps.len(), 2);
    }

    #[test]
    fn a_stages_parameters_hold_where_nothing_stronger_is_set() {
        let planned = plan(json!({}), json!({}), json!({})).unwrap();
        assert_eq!((planned.params.get("limit"), &planned.definition.stages[1].params["limit"]), (None, &json!(1)));
        let planned = plan(json!({"params": {"limit": 5}}), json!({}), json!({})).unwrap();
        assert_eq!((&planned.params["limit"], &planned.definition.stages[1].params["limit"]), (&json!(5), &json!(5)));
    }

    #[test]
    fn a_value_that_does_not_fit_its_declaration_is_refused_with_its_origin() {
        let errors = plan(json!({"params": {"size": "big"}}), json!({}), json!({})).unwrap_err();
        assert_eq!(errors, ["parameter size (from machine m1): expected integer, got a text"]);
    }

    #[test]
    fn a_run_keeps_no_secret() {
        let planned = plan(json!({"params": {"a": 1}, "secrets": {"b": "hunter2"}}), json!({}), json!({})).unwrap();
        assert_eq!(planned.params.keys().collect::<Vec<_>>(), ["a"]);
    }
}
