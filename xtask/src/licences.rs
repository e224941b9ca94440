//! `cargo xtask licences`: holds every dependency's licence against the policy in deny.toml.
//!
//! cargo-deny is the judge of that file, and of advisories; it takes longer to install than everything here to
//! build. So this reads the same policy, and only its licences, without anything to install.

mod expression;
mod policy;

use crate::{cargo, command, place};
use anyhow::{Context, Result, bail};
use policy::Policy;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;

const POLICY: &str = "deny.toml";

/// A dependency, as `cargo metadata` describes it.
#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// Checks the dependencies of every platform that the policy names.
pub(crate) fn run() -> Result<()> {
    let text = fs::read_to_string(place::root().join(POLICY)).with_context(|| format!("reading {POLICY}"))?;
    let policy = Policy::parse(&text)?;
    let mut packages = BTreeMap::new();
    for target in &policy.targets {
        for package in load_packages(target)? {
            packages.insert((package.name.clone(), package.version.clone()), package);
        }
    }
    let refused: Vec<_> = packages.values().filter_map(|package| refuse(&policy, package)).collect();
    for reason in &refused {
        eprintln!("{POLICY}: {reason}");
    }
    if !refused.is_empty() {
        bail!("{} of {} packages are not under a licence that {POLICY} allows", refused.len(), packages.len());
    }
    println!(
        "{} packages are under allowed licences. For advisories: cargo install --locked cargo-deny, then cargo deny check",
        packages.len()
    );
    Ok(())
}

fn load_packages(target: &str) -> Result<Vec<Package>> {
    let arguments = ["metadata", "--format-version", "1", "--filter-platform", target];
    let described = command::run(cargo::command().args(arguments))?;
    let metadata: Metadata = serde_json::from_str(&described).context("reading what cargo metadata says")?;
    Ok(metadata.packages)
}

/// Why the policy does not allow a package.
fn refuse(policy: &Policy, package: &Package) -> Option<String> {
    let Package { name, version, .. } = package;
    let Some(licence) = &package.license else {
        return Some(format!("{name} {version} names no licence: use another, or ask its authors"));
    };
    match expression::parse(licence) {
        Err(error) => Some(format!("{name} {version}: {error:#}")),
        Ok(expression) if expression.holds(&|licence| policy.allows(name, licence)) => None,
        Ok(_) => Some(format!(
            "{name} {version} is under {licence}: use another, or allow it under [licenses], for all or as an \
             exception for it, with the reason"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(licence: Option<&str>) -> Option<String> {
        let policy = Policy::parse(
            "[graph]\ntargets = [\"x\"]\n[licenses]\nallow = [\"MIT\", \"ISC\"]\n\
             # Certificates are data.\n[[licenses.exceptions]]\ncrate = \"roots\"\nallow = [\"CDLA-Permissive-2.0\"]\n",
        );
        let name = if licence.is_some_and(|licence| licence.starts_with("CDLA")) { "roots" } else { "other" };
        let package =
            Package { name: name.to_owned(), version: "1.0.0".to_owned(), license: licence.map(str::to_owned) };
        refuse(&policy.unwrap(), &package)
    }

    #[test]
    fn one_allowed_choice_is_enough() {
        assert_eq!(refused(Some("GPL-3.0 OR MIT")), None);
        assert_eq!(refused(Some("CDLA-Permissive-2.0")), None);
    }

    #[test]
    fn package_with_another_licence_or_none_is_named() {
        assert!(refused(Some("MIT AND GPL-3.0")).unwrap().starts_with("other 1.0.0 is under MIT AND GPL-3.0"));
        assert!(refused(None).unwrap().starts_with("other 1.0.0 names no licence"));
    }
}
