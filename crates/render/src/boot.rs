//! What makes up a boot environment for a machine.

use crate::{Effective, Site};
use lifecycle::BootEnvFiles;
use lifecycle::medium::{MediumVariables, local_tree, medium_url};
use std::sync::Arc;
use template::facts::Facts;
use template::{RenderError, Rendered, TemplateSource};
use types::Name;
use types::bootenv::{BootEnvSpec, IsoSpec};
use types::template::TemplateKind;
use workflow::WorkflowSpec;

/// How the files of this server's trees begin, as boot files.
const TREES: &str = "media/";

/// Why an environment cannot be put together for a machine.
#[derive(Debug, thiserror::Error)]
pub enum NoBootFiles {
    /// It takes files from a medium, and the machine has none.
    #[error(
        "{file:?} is a file of the installation medium, and no operating system with a medium is named for the machine"
    )]
    NoMedium {
        /// Which file.
        file: String,
    },
    /// It takes files from its disc, and has none.
    #[error("{file:?} is a file of the environment's disc, and it has none")]
    NoIso {
        /// Which file.
        file: String,
    },
    /// Its arguments cannot be rendered.
    #[error("rendering the kernel's arguments of {env}")]
    Arguments {
        /// Which environment.
        env: Name,
        /// Why not.
        #[source]
        source: Box<RenderError>,
    },
}

/// A boot environment's own files and arguments on a machine, as boot files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnFiles {
    /// The kernel; none means the machine's disk.
    pub kernel: Option<String>,
    /// Initial RAM disks.
    pub initrds: Vec<String>,
    /// The kernel's arguments, as they are written.
    pub args: String,
}

/// Which files the environment has for this machine.
///
/// # Errors
/// When it takes them from a medium or a disc that is not named.
pub fn own_files(env: &BootEnvSpec, effective: &Effective<'_>) -> Result<OwnFiles, NoBootFiles> {
    let of_arch = env.arches.get(&effective.arch);
    let kernel = of_arch.map_or(env.kernel.as_ref(), |files| Some(&files.kernel));
    let initrds = of_arch.map_or(&env.initrds, |files| &files.initrds);
    let args = of_arch.and_then(|files| files.args.as_ref()).unwrap_or(&env.args);
    let iso = of_arch.and_then(|files| files.iso.as_ref()).or(env.iso.as_ref());
    let place = |file: &String| place(file, iso, effective);
    Ok(OwnFiles {
        kernel: kernel.map(place).transpose()?,
        initrds: initrds.iter().map(place).collect::<Result<_, _>>()?,
        args: args.clone(),
    })
}

fn place(file: &str, iso: Option<&IsoSpec>, effective: &Effective<'_>) -> Result<String, NoBootFiles> {
    let os = effective.os.as_ref().map(|said| said.value.1);
    let variables = os.map(|os| MediumVariables::of(os, effective.arch));
    let fill = |path: &str| {
        let path = path.trim_start_matches('/');
        variables.as_ref().map_or_else(|| path.to_owned(), |variables| variables.fill(path))
    };
    if let Some(path) = file.strip_prefix("iso:") {
        let iso = iso.ok_or_else(|| NoBootFiles::NoIso { file: file.to_owned() })?;
        return Ok(format!("{TREES}{}/{}", iso.file, fill(path)));
    }
    let Some(path) = file.strip_prefix("medium:") else { return Ok(file.to_owned()) };
    let medium = effective.medium.as_ref().map(|said| said.value.1);
    let (Some(medium), Some(variables)) = (medium, &variables) else {
        return Err(NoBootFiles::NoMedium { file: file.to_owned() });
    };
    let url = variables.fill(&medium.url);
    match local_tree(&url) {
        Some((tree, "")) => Ok(format!("{TREES}{tree}/{}", fill(path))),
        Some((tree, below)) => Ok(format!("{TREES}{tree}/{}/{}", below.trim_end_matches('/'), fill(path))),
        None => Ok(format!("{}/{}", medium_url(&url, variables, ""), fill(path))),
    }
}

impl Site {
    /// Whether an environment is the same for every machine, so that nothing needs to be known of one.
    pub fn is_same_for_all(env: &BootEnvSpec) -> bool {
        let plain = |file: &String| !file.starts_with("medium:") && !file.starts_with("iso:");
        env.arches.is_empty()
            && env.kernel.iter().chain(&env.initrds).all(plain)
            && !is_template(&env.args)
            && env.templates.is_empty()
    }

    /// What the loader of the machine with these facts is told of the environment; `None` where that is the disk.
    ///
    /// # Errors
    /// When the arguments cannot be rendered.
    pub fn boot_files(&self, name: &Name, facts: &Facts) -> Result<Option<BootEnvFiles>, NoBootFiles> {
        let env = facts.boot_env.as_ref();
        let Some((env, kernel)) = env.and_then(|env| Some((env, env.kernel.clone()?))) else { return Ok(None) };
        Ok(Some(BootEnvFiles {
            env: name.clone(),
            kernel,
            initrds: env.initrds.clone(),
            args: self.arguments(name, facts)?.split_whitespace().map(str::to_owned).collect(),
            agent_config: self.boot_envs.get(name).is_some_and(|env| env.agent),
        }))
    }

    /// The kernel's arguments of an environment for the machine with these facts.
    ///
    /// # Errors
    /// When they cannot be rendered.
    pub fn arguments(&self, name: &Name, facts: &Facts) -> Result<String, NoBootFiles> {
        let Some(env) = facts.boot_env.as_ref() else { return Ok(String::new()) };
        if !env.args_are_template {
            return Ok(env.args.clone());
        }
        let source = TemplateSource { name: &format!("arguments of {name}"), text: &env.args };
        let rendered = self.library.preview(source, &Arc::new(facts.clone()));
        let failed = |source| NoBootFiles::Arguments { env: name.clone(), source: Box::new(source) };
        rendered.map(|rendered| rendered.text).map_err(failed)
    }

    /// The template that an environment serves at `path` to the machine with these facts: the operating system's of
    /// the same kind, where it has one.
    ///
    /// # Errors
    /// When the path of a served text, which is a template, cannot be rendered.
    pub fn served_template(&self, env: &Name, path: &str, facts: &Arc<Facts>) -> Result<Option<String>, RenderError> {
        let Some(spec) = self.boot_envs.get(env) else { return Ok(None) };
        let of_os = |kind: TemplateKind| facts.os.as_ref()?.templates.get(kind.as_str()).cloned();
        for served in &spec.templates {
            let matches = match is_template(&served.path) {
                true => self.library.preview(TemplateSource { name: path, text: &served.path }, facts)?.text == path,
                false => served.path == path,
            };
            if matches {
                let kind = self.templates.get(&served.template).map(|template| template.kind);
                let replaced = kind.filter(|kind| *kind != TemplateKind::Snippet && spec.installs).and_then(of_os);
                return Ok(Some(replaced.unwrap_or_else(|| served.template.to_string())));
            }
        }
        let loaders = [
            ("script.ipxe", TemplateKind::Ipxe),
            ("grub.cfg", TemplateKind::Grub2),
            ("pxelinux.cfg", TemplateKind::Pxelinux),
        ];
        let of_loader = loaders.into_iter().find(|(name, _)| *name == path).filter(|_| spec.installs);
        Ok(of_loader.and_then(|(_, kind)| of_os(kind)))
    }

    /// The path of the text of this kind that the environment serves.
    pub fn path_of_kind(&self, env: &Name, kind: TemplateKind) -> Option<&str> {
        let served = &self.boot_envs.get(env)?.templates;
        let of_kind = |name: &Name| self.templates.get(name).is_some_and(|template| template.kind == kind);
        served.iter().find(|served| of_kind(&served.template)).map(|served| served.path.as_str())
    }

    /// The text that an environment has at `path` for the machine with these facts.
    ///
    /// # Errors
    /// When it cannot be rendered.
    pub fn serve(&self, env: &Name, path: &str, facts: &Arc<Facts>) -> Result<Option<Rendered>, RenderError> {
        let template = self.served_template(env, path, facts)?;
        template.map(|template| self.library.render(&template, facts)).transpose()
    }
}

impl Effective<'_> {
    /// What cannot be true together: why no run may start.
    pub fn contradiction(&self) -> Option<String> {
        let (os, _) = self.os.as_ref().filter(|said| said.value.1.diskless)?.value;
        let said = self.partition_table.as_ref().filter(|said| !said.value.1.diskless)?;
        let table = said.value.0;
        let by = &said.by;
        Some(format!(
            "{os} runs from memory, and the disk layout {table} (from {by}) writes disks; choose one that is diskless"
        ))
    }
}

impl Effective<'_> {
    /// Why a workflow is not for a machine that runs from memory: it writes its disks.
    pub fn writes_disks(&self, workflow: &WorkflowSpec) -> Option<String> {
        let (os, _) = self.os.as_ref().filter(|said| said.value.1.diskless)?.value;
        let step = ["agent.write_image", "os.install"].into_iter().find(|step| uses(workflow, step))?;
        Some(format!("{os} runs from memory, and the workflow has the step {step}, which writes disks"))
    }
}

/// Whether a stage of the workflow that is switched on has this step.
pub fn uses(workflow: &WorkflowSpec, step: &str) -> bool {
    workflow.stages.iter().filter(|stage| stage.enabled).flat_map(|stage| &stage.steps).any(|found| found.uses == step)
}

fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;
    use types::machine::MachineSpec;

    fn declared<Spec: serde::de::DeserializeOwned>(objects: Value) -> BTreeMap<Name, Spec> {
        serde_json::from_value(objects).expect("specs")
    }

    fn site(medium: &str) -> Site {
        Site {
            groups: declared(json!({
                "web": {"os": "debian-12"}, "ram": {"os": "live"}, "wrong": {"os": "live", "partition_table": "lvm"},
            })),
            operating_systems: declared(json!({
                "debian-12": {
                    "title": "Debian", "family": "debian", "major": "12", "release": "bookworm", "medium": "debian",
                    "templates": {"provision": "own-preseed"},
                },
                "live": {"title": "Live", "family": "debian", "major": "1", "partition_table": "none", "diskless": true},
            })),
            partition_tables: declared(json!({"lvm": {"text": "x"}, "none": {"text": "", "diskless": true}})),
            media: declared(json!({"debian": {"url": medium}})),
            boot_envs: declared(json!({
                "install": {
                    "kernel": "medium:dists/$release/$arch/linux", "initrds": ["iso:/initrd.gz"], "installs": true,
                    "args": "host={{ machine.name | kernel }} ---", "iso": {"file": "debian.iso"},
                    "templates": [{"path": "preseed.cfg", "template": "preseed"}],
                },
            })),
            templates: declared(json!({
                "preseed": {"output": "provision", "text": "built in"},
                "own-preseed": {"output": "provision", "text": "of {{ machine.name }}"},
            })),
            ..Site::default()
        }
        .compile(&BTreeMap::new())
    }

    fn effective<'s>(site: &'s Site, group: &str) -> Effective<'s> {
        let spec: MachineSpec = serde_json::from_value(json!({"group": group})).expect("a machine");
        site.effective(&"m1".parse().expect("a name"), &spec, None, None)
    }

    #[test]
    fn files_of_a_medium_are_here_or_elsewhere_as_its_address_says() {
        for (medium, kernel) in [
            ("local:tree/debian/", "media/tree/debian/dists/bookworm/amd64/linux"),
            ("local:tree", "media/tree/dists/bookworm/amd64/linux"),
            ("http://mirror/$release/", "http://mirror/bookworm/dists/bookworm/amd64/linux"),
        ] {
            let site = site(medium);
            let files = own_files(&site.boot_envs[&"install".parse().unwrap()], &effective(&site, "web")).unwrap();
            assert_eq!((files.kernel.as_deref(), &files.initrds[0][..]), (Some(kernel), "media/debian.iso/initrd.gz"));
        }
    }

    #[test]
    fn an_environment_that_needs_a_medium_says_so_where_there_is_none() {
        let site = site("local:tree");
        let error = own_files(&site.boot_envs[&"install".parse().unwrap()], &effective(&site, "ram")).unwrap_err();
        assert!(error.to_string().contains("dists/$release/$arch/linux"), "{error}");
    }

    #[test]
    fn the_template_of_the_operating_system_takes_the_place_of_the_environments() {
        let (site, env) = (site("local:tree"), "install".parse().unwrap());
        let mut facts = Facts::default();
        facts.machine.name = "m1".to_owned();
        assert_eq!(site.serve(&env, "preseed.cfg", &Arc::new(facts.clone())).unwrap().unwrap().text, "built in");
        let mut os = template::facts::OperatingSystem::default();
        os.templates.insert("provision".to_owned(), "own-preseed".to_owned());
        facts.os = Some(os);
        assert_eq!(site.serve(&env, "preseed.cfg", &Arc::new(facts.clone())).unwrap().unwrap().text, "of m1");
        assert!(site.serve(&env, "script.ipxe", &Arc::new(facts)).unwrap().is_none());
        assert_eq!(site.path_of_kind(&env, TemplateKind::Provision), Some("preseed.cfg"));
    }

    #[test]
    fn a_layout_that_writes_disks_contradicts_a_system_in_memory() {
        let site = site("local:tree");
        assert_eq!(effective(&site, "ram").contradiction(), None);
        assert_eq!(
            effective(&site, "wrong").contradiction().as_deref(),
            Some(
                "live runs from memory, and the disk layout lvm (from group wrong) writes disks; choose one that is diskless"
            )
        );
        let workflow = |step: &str| {
            let stages = json!({"stages": [{"name": "OS_INSTALL", "steps": [{"use": step}]}]});
            serde_json::from_value::<WorkflowSpec>(stages).expect("a workflow")
        };
        assert!(effective(&site, "ram").writes_disks(&workflow("os.install")).is_some());
        assert!(effective(&site, "ram").writes_disks(&workflow("agent.health_check")).is_none());
        assert!(effective(&site, "web").writes_disks(&workflow("os.install")).is_none());
    }
}
