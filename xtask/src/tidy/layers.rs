//! The direction of dependencies between the workspace's crates.

use super::Problem;
use super::files::File;
use crate::{cargo, command};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The workspace's crates, lowest first. A crate depends only on crates of lower rows.
const LAYERS: &[&[&str]] = &[
    &["types"],
    &["dhcp", "ipmi", "lifecycle", "redfish", "search", "template", "tftp", "workflow"],
    &["convert", "ranged", "sheet", "wire"],
    &["artifact", "bmc", "content", "store"],
    &["render"],
    &["agent", "api", "client", "netboot", "steps", "web"],
    &["fuzz-targets", "server"],
    &["lab", "simulation"],
    &["slipway", "slipway-agent", "xtask"],
];

/// Simulators are for tests and these; a server must not carry them by accident.
const MAY_USE_LAB: &[&str] = &["slipway", "xtask"];

/// A program in the machine's memory has no business with the server's database.
const NEVER_TOGETHER: &[(&str, &str)] = &[("slipway-agent", "store"), ("slipway-agent", "server")];

/// The crates of the workspace, as `cargo metadata` describes them.
#[derive(Debug, Deserialize)]
pub(super) struct Workspace {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// `None` for what is linked, else `dev` or `build`.
    kind: Option<String>,
}

/// Asks cargo for the workspace's crates.
pub(super) fn load() -> Result<Workspace> {
    let arguments = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    let described = command::run(cargo::command().args(arguments))?;
    serde_json::from_str(&described).context("reading what cargo metadata says")
}

/// Checks every dependency of a workspace crate on another.
pub(super) fn check(workspace: &Workspace, files: &[File]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for package in &workspace.packages {
        let Some(own_layer) = layer(&package.name) else {
            let what = format!("{} has no place in the table of xtask/src/tidy/layers.rs: give it one", package.name);
            problems.push(problem(files, &package.name, "name", what));
            continue;
        };
        for dependency in linked(package) {
            let name = dependency.name.as_str();
            if let Some(what) = refuse(&package.name, own_layer, name) {
                problems.push(problem(files, &package.name, name, what));
            }
        }
    }
    for (from, to) in NEVER_TOGETHER {
        if let Some(path) = find_path(workspace, from, to) {
            problems.push(problem(files, from, &path[1], format!("{} must never be: cut it", path.join(" → "))));
        }
    }
    problems
}

/// Tests may use anything: simulators know the crates that are tested with them.
fn linked(package: &Package) -> impl Iterator<Item = &Dependency> {
    package.dependencies.iter().filter(|dependency| dependency.kind.as_deref() != Some("dev"))
}

fn layer(name: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&name))
}

/// Why a crate of a layer may not depend on the crate `to`.
fn refuse(from: &str, own_layer: usize, to: &str) -> Option<String> {
    if to == "lab" && !MAY_USE_LAB.contains(&from) {
        return Some(format!(
            "{from} → lab: only tests, {} use it; make it a dev-dependency",
            MAY_USE_LAB.join(" and ")
        ));
    }
    (layer(to)? >= own_layer).then(|| {
        format!(
            "{from} → {to} points up or sideways: move what is shared to a lower crate, or define a trait in {from}"
        )
    })
}

/// The shortest way from one crate to another over what is linked.
fn find_path(workspace: &Workspace, from: &str, to: &str) -> Option<Vec<String>> {
    let packages: BTreeMap<_, _> = workspace.packages.iter().map(|package| (package.name.as_str(), package)).collect();
    let mut paths = vec![vec![from.to_owned()]];
    for _ in 0..LAYERS.len() {
        if let Some(found) = paths.iter().find(|path| path.last().is_some_and(|last| last == to)) {
            return Some(found.clone());
        }
        let mut longer = Vec::new();
        for path in paths {
            let Some(package) = path.last().and_then(|last| packages.get(last.as_str())) else { continue };
            longer.extend(linked(package).map(|next| [path.as_slice(), std::slice::from_ref(&next.name)].concat()));
        }
        paths = longer;
    }
    None
}

/// A problem at the line of a crate's manifest that starts with `key`.
fn problem(files: &[File], package: &str, key: &str, what: String) -> Problem {
    let manifest = |file: &&File| file.path.ends_with("/Cargo.toml") && file.crate_name() == package;
    let file = files.iter().find(manifest);
    let lines = file.map(|file| file.text.lines()).into_iter().flatten();
    let starts_with_key = |line: &str| line.strip_prefix(key).is_some_and(|after| after.starts_with([' ', '.', '=']));
    let line = lines.zip(1..).find(|(line, _)| starts_with_key(line)).map_or(1, |(_, number)| number);
    let path = file.map_or_else(|| format!("{package}/Cargo.toml"), |file| file.path.clone());
    Problem { path, line, what }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks a workspace of crates with their dependencies, those after a `+` being for tests.
    fn problems(crates: &[(&str, &[&str])]) -> Vec<String> {
        let dependency = |name: &&str| match name.strip_prefix('+') {
            Some(name) => Dependency { name: name.to_owned(), kind: Some("dev".to_owned()) },
            None => Dependency { name: (*name).to_owned(), kind: None },
        };
        let package = |(name, dependencies): &(&str, &[&str])| Package {
            name: (*name).to_owned(),
            dependencies: dependencies.iter().map(dependency).collect(),
        };
        let workspace = Workspace { packages: crates.iter().map(package).collect() };
        let found = check(&workspace, &[]).into_iter();
        found.map(|problem| problem.what.split(": ").next().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn dependencies_point_down() {
        assert_eq!(problems(&[("api", &["store", "types", "serde"]), ("store", &["types"])]), [""; 0]);
        assert_eq!(problems(&[("store", &["api"])]), ["store → api points up or sideways"]);
        assert_eq!(problems(&[("workflow", &["lifecycle"])]), ["workflow → lifecycle points up or sideways"]);
    }

    #[test]
    fn lab_is_for_tests_and_two_programs() {
        assert_eq!(problems(&[("slipway", &["lab"]), ("server", &["+lab"])]), [""; 0]);
        assert_eq!(problems(&[("slipway-agent", &["lab"])]), ["slipway-agent → lab"]);
    }

    #[test]
    fn agent_does_not_reach_the_store_over_another_crate() {
        let crates: &[(&str, &[&str])] =
            &[("slipway-agent", &["agent"]), ("agent", &["artifact"]), ("artifact", &["types"]), ("types", &[])];
        assert_eq!(problems(crates), [""; 0]);
        let crates: &[(&str, &[&str])] = &[("slipway-agent", &["agent"]), ("agent", &["store"]), ("store", &[])];
        assert_eq!(problems(crates), ["slipway-agent → agent → store must never be"]);
    }

    #[test]
    fn crate_without_a_place_is_refused_at_its_name() {
        let files =
            [File { path: "crates/misc/Cargo.toml".to_owned(), text: "[package]\nname = \"misc\"\n".to_owned() }];
        let workspace = Workspace { packages: vec![Package { name: "misc".to_owned(), dependencies: Vec::new() }] };
        let problem = check(&workspace, &files).remove(0);
        assert_eq!((problem.path.as_str(), problem.line), ("crates/misc/Cargo.toml", 2));
    }
}
