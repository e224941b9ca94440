//! Package repositories: `Repos`, `MachineRepos`, `InstallRepos` and what each of them can write.

use super::arguments::Arguments;
use super::machine::{arch, system_name};
use super::paths;
use super::value::{list, wrong};
use crate::facts::{Facts, Repository};
use minijinja::value::{Enumerator, Object};
use minijinja::{Error, ErrorKind, State, Value};
use serde::Deserialize;
use std::sync::Arc;

/// A repository as the parameter `package-repositories` describes it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Described {
    tag: String,
    os: Vec<String>,
    arch: String,
    url: String,
    #[serde(rename = "packageType")]
    package_type: String,
    #[serde(rename = "repoType")]
    repo_type: String,
    #[serde(rename = "installSource")]
    install_source: bool,
    #[serde(rename = "securitySource")]
    security_source: bool,
    distribution: String,
    bootloc: String,
    components: Vec<String>,
}

/// A repository that a template can ask.
#[derive(Debug)]
struct Repo {
    described: Described,
    facts: Arc<Facts>,
}

const NAMES: &[&str] = &[
    "Arch",
    "BootLoc",
    "Components",
    "Distribution",
    "InstallSource",
    "OS",
    "PackageType",
    "RepoType",
    "SecuritySource",
    "Tag",
    "URL",
];

/// Where the installer takes packages from.
pub(super) fn install_url(facts: &Facts) -> Option<String> {
    let own = facts.boot_env.as_ref().and_then(|env| env.install_url.clone());
    let medium = || facts.medium.as_ref().map(|medium| medium.url.clone()).filter(|url| !url.is_empty());
    let described = || all(facts).into_iter().find(|repo| repo.install_source).map(|repo| repo.url);
    own.or_else(medium).or_else(described)
}

/// Those of the parameter, and those of the facts.
fn all(facts: &Facts) -> Vec<Described> {
    let param = facts.param("package-repositories").cloned().unwrap_or_default();
    let mut all: Vec<Described> = serde_json::from_value(param).unwrap_or_default();
    let os = system_name(facts);
    all.extend(facts.repositories.iter().map(|repository| of_fact(repository, &os)));
    all
}

fn of_fact(repository: &Repository, os: &str) -> Described {
    Described {
        tag: repository.name.clone(),
        os: vec![os.to_owned()],
        arch: "any".to_owned(),
        url: repository.url.clone(),
        repo_type: match repository.kind.as_deref() {
            Some("deb") => "apt",
            Some("rpm") => "yum",
            Some("zypper") => "zypp",
            _ => "",
        }
        .to_owned(),
        install_source: repository.install_source,
        security_source: repository.security,
        distribution: repository.distribution.clone().unwrap_or_default(),
        components: repository.components.clone(),
        ..Described::default()
    }
}

/// The tree that the server itself offers.
fn local(facts: &Facts) -> Option<Described> {
    let url = facts.boot_env.as_ref().and_then(|env| env.install_url.clone());
    let medium = || facts.medium.as_ref().map(|medium| medium.url.clone()).filter(|url| !url.is_empty());
    Some(Described {
        tag: facts.boot_env.as_ref().map(|env| env.name.clone()).unwrap_or_default(),
        os: vec![system_name(facts)],
        arch: "any".to_owned(),
        url: url.or_else(medium)?,
        install_source: true,
        ..Described::default()
    })
}

fn fits(repo: &Described, facts: &Facts) -> bool {
    let any_arch = repo.arch == "any" && !repo.install_source;
    let same_arch = arch(&repo.arch) == arch(&facts.machine.arch);
    (any_arch || same_arch || repo.arch.is_empty()) && repo.os.contains(&system_name(facts))
}

fn for_machine(facts: &Facts) -> Vec<Described> {
    let own = local(facts);
    let rest = all(facts).into_iter().filter(|repo| !(own.is_some() && repo.install_source) && fits(repo, facts));
    // The tree of a Debian installer has no index that the installed system could use.
    let usable = own.clone().filter(|own| style(own, facts) != "apt");
    usable.into_iter().chain(rest).collect()
}

/// `MachineRepos()`.
pub(super) fn machine_repos(facts: &Arc<Facts>) -> Value {
    objects(for_machine(facts), facts)
}

/// `InstallRepos()`: where to install from, and where security updates are.
pub(super) fn install_repos(facts: &Arc<Facts>) -> Value {
    let found = for_machine(facts);
    let source = local(facts).or_else(|| found.iter().find(|repo| repo.install_source).cloned());
    let updates = found.into_iter().find(|repo| repo.security_source);
    objects(source.into_iter().flat_map(|source| [Some(source), updates.clone()]).flatten().collect(), facts)
}

/// `Repos(tag…)`.
pub(super) fn repos(tags: &[String], facts: &Arc<Facts>) -> Value {
    objects(all(facts).into_iter().filter(|repo| tags.contains(&repo.tag)).collect(), facts)
}

fn objects(repos: Vec<Described>, facts: &Arc<Facts>) -> Value {
    list(repos.into_iter().map(|described| Value::from_object(Repo { described, facts: facts.clone() })))
}

/// The package manager that reads it.
fn style<'a>(repo: &'a Described, facts: &Facts) -> &'a str {
    if !repo.repo_type.is_empty() {
        return &repo.repo_type;
    }
    match facts.os.as_ref().map(|os| os.family.as_str()) {
        Some("redhat") => "yum",
        Some("suse") => "zypp",
        Some("debian") => "apt",
        _ => "unknown",
    }
}

impl Repo {
    fn member(&self, name: &str) -> Option<Value> {
        let repo = &self.described;
        Some(match name {
            "Arch" => Value::from(repo.arch.as_str()),
            "BootLoc" => Value::from(repo.bootloc.as_str()),
            "Components" => list(repo.components.iter().map(|component| Value::from(component.as_str()))),
            "Distribution" => Value::from(repo.distribution.as_str()),
            "Install" => self.install().map_or_else(Value::from, Value::from),
            "InstallSource" => Value::from(repo.install_source),
            "JoinedComponents" => Value::from(repo.components.join(" ")),
            "Lines" => self.lines().map_or_else(Value::from, Value::from),
            "OS" => list(repo.os.iter().map(|os| Value::from(os.as_str()))),
            "PackageType" => Value::from(repo.package_type.as_str()),
            "RepoType" => Value::from(repo.repo_type.as_str()),
            "SecuritySource" => Value::from(repo.security_source),
            "Tag" => Value::from(repo.tag.as_str()),
            "Target" => Value::from(system_name(&self.facts)),
            "URL" => Value::from(repo.url.as_str()),
            _ => return None,
        })
    }

    fn url_for(&self, component: &str) -> String {
        let repo = &self.described;
        if repo.install_source || repo.distribution.is_empty() || component.is_empty() {
            return repo.url.clone();
        }
        let os = self.facts.os.as_ref().map(|os| os.name.to_lowercase()).unwrap_or_default();
        match os.as_str() {
            "centos" => format!("{}/{}/{component}/$basearch", repo.url, repo.distribution),
            "scientificlinux" => format!("{}/{}/$basearch/{component}", repo.url, repo.distribution),
            _ => repo.url.clone(),
        }
    }

    /// What an installer's answers say of it.
    fn install(&self) -> Result<String, Error> {
        match style(&self.described, &self.facts) {
            "yum" => Ok(self.kickstart()),
            "apt" => Ok(self.preseed()),
            other => Err(no_style(other)),
        }
    }

    fn kickstart(&self) -> String {
        let repo = &self.described;
        let proxy = match self.facts.param("proxy-servers").and_then(|proxies| proxies.get(0)?.as_str()) {
            Some(proxy) => format!(" --proxy=\"{proxy}\""),
            None => String::new(),
        };
        let line =
            |name: &str, url: &str, cost: u16| format!("repo --name=\"{name}\" --baseurl={url} --cost={cost}{proxy}\n");
        if repo.install_source {
            // Installers of version 8 and later do not know the word any more.
            let major = self.facts.os.as_ref().and_then(|os| os.major.parse::<u32>().ok());
            let install = if major.is_some_and(|major| major < 8) { "install\n" } else { "" };
            return format!("{install}url --url {}\n{}", repo.url, line(&repo.tag, &repo.url, 100));
        }
        if repo.components.is_empty() {
            return line(&repo.tag, &repo.url, 200);
        }
        let components = repo.components.iter();
        components.map(|component| line(&format!("{}-{component}", repo.tag), &self.url_for(component), 200)).collect()
    }

    fn preseed(&self) -> String {
        let repo = &self.described;
        let url = paths::url(&repo.url);
        if repo.install_source {
            return format!(
                "d-i mirror/protocol string {}\nd-i mirror/http/hostname string {}\nd-i mirror/http/directory string {}\n",
                url.scheme, url.host, url.path
            );
        }
        if self.facts.os.as_ref().is_some_and(|os| os.name.eq_ignore_ascii_case("debian")) {
            return format!("\nd-i apt-setup/security_host string {}\n\n", repo.url);
        }
        format!(
            "\nd-i apt-setup/security_host string {}\nd-i apt-setup/security_path string {}\n\n",
            url.host, url.path
        )
    }

    /// What the package manager's own file says of it.
    fn lines(&self) -> Result<String, Error> {
        let repo = &self.described;
        match style(repo, &self.facts) {
            "yum" if repo.components.is_empty() => Ok(format!(
                "\n[{tag}]\nname={os} - {tag}\nbaseurl={url}\ngpgcheck=0\n",
                tag = repo.tag,
                os = system_name(&self.facts),
                url = self.url_for("")
            )),
            "yum" => {
                let section = |component: &String| {
                    format!(
                        "\n[{tag}-{component}]\nname={tag} - {component}\nbaseurl={url}\ngpgcheck=0\n",
                        tag = repo.tag,
                        url = self.url_for(component)
                    )
                };
                Ok(repo.components.iter().map(section).collect())
            }
            "apt" => Ok(format!("deb {} {} {}\n", repo.url, repo.distribution, repo.components.join(" "))),
            other => Err(no_style(other)),
        }
    }
}

fn no_style(style: &str) -> Error {
    wrong(format!("it is not known how a repository of the type {style:?} is written"))
}

impl Object for Repo {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.member(key.as_str()?)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(NAMES)
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, values: &[Value]) -> Result<Value, Error> {
        match method {
            "UrlFor" => {
                let component = Arguments { function: method, values }.exactly(1)?.text(0)?;
                Ok(Value::from(self.url_for(&component)))
            }
            _ if values.is_empty() => self.member(method).ok_or_else(|| Error::from(ErrorKind::UnknownMethod)),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}
