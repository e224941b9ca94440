//! Whether what is declared can be used as it is: an object may be valid and still lack something.

use crate::Site;
use types::bootenv::BootEnvSpec;
use types::object::{Kind, Spec};
use types::os::OperatingSystemSpec;
use types::template::TemplateKind;
use types::{Name, chain};
use workflow::{StepSpec, WorkflowSpec};

/// What a step's argument must be a template of.
const TEMPLATE_OF: [(&str, TemplateKind); 1] = [("agent.configure", TemplateKind::Platform)];

impl Site {
    /// Whether an object of the site has this name; of a kind that is not part of the site, nothing is known.
    pub fn has(&self, kind: Kind, name: &str) -> Option<bool> {
        let Ok(name) = name.parse::<Name>() else { return Some(false) };
        Some(match kind {
            Kind::BootEnv => self.boot_envs.contains_key(&name),
            Kind::Design => self.designs.contains_key(&name),
            Kind::Group => self.groups.contains_key(&name),
            Kind::HardwareProfile => self.hardware_profiles.contains_key(&name),
            Kind::Medium => self.media.contains_key(&name),
            Kind::OperatingSystem => self.operating_systems.contains_key(&name),
            Kind::PartitionTable => self.partition_tables.contains_key(&name),
            Kind::Profile => self.profiles.contains_key(&name),
            Kind::Subnet => self.subnets.contains_key(&name),
            Kind::Template => self.templates.contains_key(&name),
            Kind::Workflow => self.workflows.contains_key(&name),
            Kind::Bmc | Kind::Deployment | Kind::Image | Kind::Machine | Kind::Param | Kind::Reservation => {
                return None;
            }
        })
    }

    /// What the object names that is not there.
    pub fn missing_of(&self, spec: &impl Spec) -> Vec<String> {
        let dangling = spec.references().into_iter().filter(|named| self.has(named.kind, &named.name) == Some(false));
        dangling.map(|named| format!("{}: there is no {} {}", named.pointer, named.kind.words(), named.name)).collect()
    }

    /// What keeps a template or a layout from being rendered, whoever it is for.
    pub fn broken_text(&self, name: &str) -> Option<String> {
        self.library.broken().get(name).map(|error| chain(error))
    }

    /// What does not fit together in an operating system.
    pub fn misfits_of_os(&self, os: &OperatingSystemSpec) -> Vec<String> {
        let mut misfits = Vec::new();
        for (kind, name) in &os.templates {
            let Some(template) = self.templates.get(name) else { continue };
            if template.kind != *kind {
                misfits.push(format!("/templates/{kind}: template {name} is a {}, not a {kind}", template.kind));
            }
            if !template.families.is_empty() && !template.families.contains(&os.family) {
                let message =
                    format!("/templates/{kind}: template {name} is not for the family {}", os.family.as_str());
                misfits.push(message);
            }
        }
        if let Some((name, layout)) =
            os.partition_table.as_ref().and_then(|name| self.partition_tables.get_key_value(name))
        {
            if layout.family.is_some_and(|family| family != os.family) {
                misfits.push(format!("/partition_table: {name} is not for the family {}", os.family.as_str()));
            }
            if os.diskless && !layout.diskless {
                misfits.push(format!("/partition_table: {name} writes disks, and the system runs from memory"));
            }
        }
        if let Some((name, medium)) = os.medium.as_ref().and_then(|name| self.media.get_key_value(name))
            && medium.family.is_some_and(|family| family != os.family)
        {
            misfits.push(format!("/medium: {name} is not for the family {}", os.family.as_str()));
        }
        misfits
    }

    /// Templates that a workflow's steps name and that are of another kind.
    pub fn misfits_of_workflow(&self, workflow: &WorkflowSpec) -> Vec<String> {
        let of_stages = workflow.stages.iter().enumerate().flat_map(|(number, stage)| {
            let steps = stage.steps.iter().enumerate();
            steps.map(move |(index, step)| (format!("/stages/{number}/steps/{index}"), step))
        });
        let finally = workflow.finally.iter().enumerate().map(|(index, step)| (format!("/finally/{index}"), step));
        of_stages.chain(finally).filter_map(|(pointer, step)| self.misfit_of_step(&pointer, step)).collect()
    }

    fn misfit_of_step(&self, pointer: &str, step: &StepSpec) -> Option<String> {
        let (_, wanted) = TEMPLATE_OF.into_iter().find(|(uses, _)| *uses == step.uses)?;
        let name: Name = step.with.get("template")?.as_str()?.parse().ok()?;
        let template = self.templates.get(&name).filter(|template| template.kind != wanted)?;
        Some(format!("{pointer}/with/template: template {name} is a {}, not a {wanted}", template.kind))
    }

    /// Parameters that a boot environment and its templates need and that a machine with these has not.
    pub fn missing_params<'a>(&'a self, env: &'a BootEnvSpec, params: &crate::Resolution) -> Vec<&'a str> {
        let templates = env.templates.iter().filter_map(|served| self.templates.get(&served.template));
        let needed = env.required_params.iter().chain(templates.flat_map(|template| &template.required_params));
        let mut missing: Vec<&str> = needed.map(String::as_str).filter(|key| !params.contains_key(*key)).collect();
        missing.sort_unstable();
        missing.dedup();
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn site() -> Site {
        Site {
            templates: serde_json::from_value(json!({
                "ks": {"output": "provision", "text": "x", "families": ["redhat"]},
                "motd": {"output": "script", "text": "{% if %}"},
            }))
            .unwrap(),
            partition_tables: serde_json::from_value(json!({"lvm": {"text": "x", "family": "redhat"}})).unwrap(),
            ..Site::default()
        }
        .compile(&crate::Declared::new())
    }

    #[test]
    fn what_is_named_and_not_there_is_told_with_its_place() {
        let group: types::group::GroupSpec =
            serde_json::from_value(json!({"os": "gone", "profiles": ["lost"]})).unwrap();
        let expected = ["/os: there is no operating system gone", "/profiles/0: there is no profile lost"];
        assert_eq!(site().missing_of(&group), expected);
    }

    #[test]
    fn an_operating_system_whose_parts_do_not_fit_says_which() {
        let os: OperatingSystemSpec = serde_json::from_value(json!({
            "title": "Debian", "family": "debian", "major": "12", "diskless": true, "partition_table": "lvm",
            "templates": {"provision": "ks", "finish": "motd"},
        }))
        .unwrap();
        let expected = [
            "/templates/provision: template ks is not for the family debian",
            "/templates/finish: template motd is a script, not a finish",
            "/partition_table: lvm is not for the family debian",
            "/partition_table: lvm writes disks, and the system runs from memory",
        ];
        assert_eq!(site().misfits_of_os(&os), expected);
    }

    #[test]
    fn a_step_whose_template_is_of_another_kind_is_told() {
        let step = json!({"use": "agent.configure", "with": {"template": "ks"}});
        let workflow: WorkflowSpec =
            serde_json::from_value(json!({"stages": [{"name": "A", "steps": [step]}]})).unwrap();
        let expected = ["/stages/0/steps/0/with/template: template ks is a provision, not a platform"];
        assert_eq!(site().misfits_of_workflow(&workflow), expected);
    }

    #[test]
    fn a_text_that_cannot_be_read_says_why() {
        assert!(site().broken_text("motd").unwrap().contains("line 1"));
        assert_eq!(site().broken_text("ks"), None);
    }
}
