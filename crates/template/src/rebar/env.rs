//! `Env`: what the machine boots, and `Env.OS`.

use super::arguments::Arguments;
use super::machine::{arch, system_name, text};
use super::paths;
use super::repo;
use super::value::{list, map, wrong};
use crate::facts::{BootEnv, Facts};
use crate::scope::{Render, Scope};
use minijinja::value::{Enumerator, Object};
use minijinja::{Error, ErrorKind, State, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The boot environment under Digital Rebar's names.
#[derive(Debug)]
pub(super) struct Env {
    pub(super) facts: Arc<Facts>,
}

const NAMES: &[&str] =
    &["Description", "Initrds", "InstallUrl", "Kernel", "Key", "Loaders", "Meta", "Name", "OS", "OnlyUnknown"];

impl Env {
    fn boot_env(&self) -> Option<&BootEnv> {
        self.facts.boot_env.as_ref()
    }

    fn member(&self, name: &str) -> Option<Value> {
        let env = self.boot_env();
        Some(match name {
            "Description" => text(env.and_then(|env| env.description.as_deref())),
            "Initrds" => list(self.initrds().iter().map(|initrd| Value::from(initrd.as_str()))),
            "InstallUrl" => repo::install_url(&self.facts)
                .map_or_else(|| Value::from(wrong("the boot environment has no installation source")), Value::from),
            "Kernel" => text(env.and_then(|env| env.kernel.as_deref())),
            "Key" | "Name" => text(env.map(|env| env.name.as_str())),
            "Loaders" => {
                let loaders = env.map(|env| env.loaders.clone()).unwrap_or_default();
                map(loaders.into_iter().map(|(arch, loader)| (arch, Value::from(loader))).collect())
            }
            "Meta" => map(BTreeMap::new()),
            "OS" => Value::from_object(System { facts: self.facts.clone() }),
            "OnlyUnknown" => Value::from(env.is_some_and(|env| env.only_unknown)),
            _ => return None,
        })
    }

    fn initrds(&self) -> &[String] {
        self.boot_env().map(|env| env.initrds.as_slice()).unwrap_or_default()
    }

    /// Where a client finds a file of the boot environment.
    fn path_for(&self, protocol: &str, file: &str) -> Result<String, Error> {
        if protocol == "http"
            && let Some(url) = self.known_url(file)
        {
            return Ok(url);
        }
        let path = self.path(file);
        match protocol {
            "http" => Ok(format!("{}/{path}", self.facts.urls.files.trim_end_matches('/'))),
            "tftp" => Ok(path),
            other => Err(wrong(format!("files are offered by http and tftp, and not by {other:?}"))),
        }
    }

    /// The kernel and the initial RAM disks have addresses of their own.
    fn known_url(&self, file: &str) -> Option<String> {
        let env = self.boot_env()?;
        if env.kernel.as_deref() == Some(file) {
            return env.kernel_url.clone();
        }
        let index = env.initrds.iter().position(|initrd| initrd == file)?;
        env.initrd_urls.get(index).cloned()
    }

    /// The path below the files that the server offers.
    fn path(&self, file: &str) -> String {
        let directory = self.boot_env().and_then(|env| env.directory.as_deref()).unwrap_or_default();
        let directory = directory.trim_matches('/');
        let file = file.trim_start_matches('/');
        let is_boot_file = self
            .boot_env()
            .is_some_and(|env| env.kernel.as_deref() == Some(file) || env.initrds.iter().any(|initrd| initrd == file));
        if directory.is_empty() || is_boot_file || file.starts_with(&format!("{directory}/")) {
            return file.to_owned();
        }
        if file.is_empty() { directory.to_owned() } else { format!("{directory}/{file}") }
    }

    fn joined_initrds(&self, protocol: &str) -> Result<String, Error> {
        let paths = self.initrds().iter().map(|initrd| self.path_for(protocol, initrd));
        Ok(paths.collect::<Result<Vec<_>, _>>()?.join(" "))
    }
}

/// The kernel's arguments, rendered where they are a template.
///
/// # Errors
/// When they do not render.
pub(super) fn boot_params(render: &Arc<Render>) -> Result<String, Error> {
    let Some(env) = &render.facts().boot_env else {
        return Err(wrong("the machine boots no boot environment now"));
    };
    let arguments =
        if env.args_are_template { render.render_text("boot arguments", &env.args)? } else { env.args.clone() };
    // iPXE in UEFI mode hands the first initial RAM disk on by its name.
    let asked = render.facts().request.path.as_deref().unwrap_or_default();
    Ok(match env.initrds.first() {
        Some(initrd) if asked.ends_with(".ipxe") => format!("initrd={} {arguments}", paths::base(initrd)),
        _ => arguments,
    })
}

impl Object for Env {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.member(key.as_str()?)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(NAMES)
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call_method(
        self: &Arc<Self>,
        state: &mut State<'_, '_>,
        method: &str,
        values: &[Value],
    ) -> Result<Value, Error> {
        let arguments = Arguments { function: method, values };
        match method {
            "BootParams" | "BootParamsFor" => Ok(Value::from(boot_params(Scope::render(&*Scope::of(state)?))?)),
            "InitrdsFor" => Ok(list(self.initrds().iter().map(|initrd| Value::from(initrd.as_str())))),
            "JoinInitrds" => self.joined_initrds(&arguments.exactly(1)?.text(0)?).map(Value::from),
            "JoinInitrdsFor" => self.joined_initrds(&arguments.exactly(2)?.text(0)?).map(Value::from),
            "KernelFor" => Ok(text(self.boot_env().and_then(|env| env.kernel.as_deref()))),
            "PathFor" => self.path_for(&arguments.exactly(2)?.text(0)?, &arguments.text(1)?).map(Value::from),
            "PathForArch" => self.path_for(&arguments.exactly(3)?.text(0)?, &arguments.text(1)?).map(Value::from),
            _ if values.is_empty() => self.member(method).ok_or_else(|| Error::from(ErrorKind::UnknownMethod)),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

/// The operating system of a boot environment.
#[derive(Debug)]
struct System {
    facts: Arc<Facts>,
}

const SYSTEM_NAMES: &[&str] = &["Codename", "Family", "FamilyName", "FamilyType", "FamilyVersion", "Name", "Version"];

impl System {
    fn member(&self, name: &str) -> Option<String> {
        let os = self.facts.os.as_ref();
        let distribution = os.map(|os| distribution(&os.name.to_lowercase(), &os.family)).unwrap_or_default();
        Some(match name {
            // Relatives of Red Hat's are told apart by it.
            "Codename" if distribution == "redhat" => os.map(|os| os.name.to_lowercase()).unwrap_or_default(),
            "Codename" => os.and_then(|os| os.codename.clone()).unwrap_or_default(),
            "Family" | "FamilyName" => distribution,
            "FamilyType" => family_type(&distribution).to_owned(),
            "FamilyVersion" | "Version" => os.map(|os| os.version.clone()).unwrap_or_default(),
            "Name" => system_name(&self.facts),
            _ => return None,
        })
    }

    /// Whether the version has all parts of `wanted`, and the same.
    fn version_eq(&self, wanted: &str) -> bool {
        let version = self.member("Version").unwrap_or_default();
        let mut parts = version.split('.');
        let same = |left: &str, right: &str| match (left.parse::<u64>(), right.parse::<u64>()) {
            (Ok(left), Ok(right)) => left == right,
            _ => false,
        };
        wanted.split('.').all(|wanted| parts.next().is_some_and(|part| same(part, wanted)))
    }
}

/// What Digital Rebar's content calls a distribution: relatives of Red Hat's go by that name.
fn distribution(name: &str, family: &str) -> String {
    const OWN: [&str; 7] = ["debian", "ubuntu", "fedora", "suse", "sles", "opensuse", "coreos"];
    if OWN.contains(&name) {
        return name.to_owned();
    }
    match family {
        "redhat" => "redhat".to_owned(),
        "esxi" => "vmware".to_owned(),
        "" => name.to_owned(),
        other => other.to_owned(),
    }
}

fn family_type(distribution: &str) -> &str {
    match distribution {
        "redhat" | "rhel" | "centos" | "fedora" | "rocky" | "alma" | "almalinux" | "scientificlinux" => "rhel",
        "debian" | "ubuntu" => "debian",
        other => other,
    }
}

impl Object for System {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.member(key.as_str()?).map(Value::from)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(SYSTEM_NAMES)
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, values: &[Value]) -> Result<Value, Error> {
        let arguments = Arguments { function: method, values };
        match method {
            "VersionEq" => Ok(Value::from(self.version_eq(&arguments.exactly(1)?.text(0)?))),
            "SupportsArch" => {
                let wanted = arguments.exactly(1)?.text(0)?;
                Ok(Value::from(arch(&self.facts.machine.arch) == arch(&wanted)))
            }
            _ if values.is_empty() => {
                self.member(method).map(Value::from).ok_or_else(|| Error::from(ErrorKind::UnknownMethod))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}
