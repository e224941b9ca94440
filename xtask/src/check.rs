//! `cargo xtask check`: everything but the tests that a change must pass, as CI runs it.

use crate::{cargo, command, licences, setup, tidy};
use anyhow::{Result, bail};

/// A check's heading, and the check.
type Check<'a> = (&'a str, Box<dyn FnOnce() -> Result<()> + 'a>);

/// Checks the whole workspace.
pub(crate) fn run() -> Result<()> {
    run_all(vec![
        ("format", Box::new(|| command::show(cargo::command().args(["fmt", "--all", "--check"])))),
        ("clippy", Box::new(|| clippy(&["--workspace"]))),
        ("tidy", Box::new(tidy::run)),
        ("licences", Box::new(licences::run)),
    ])
}

/// Checks what a commit of the staged files would change: in seconds, because it runs before every commit.
pub(crate) fn run_staged() -> Result<()> {
    let crates = setup::staged_crates()?;
    let packages: Vec<&str> = crates.iter().flat_map(|name| ["--package", name]).collect();
    let mut checks: Vec<Check<'_>> = Vec::new();
    if !crates.is_empty() {
        let format = || command::show(cargo::command().arg("fmt").args(&packages).arg("--check"));
        checks.push(("format", Box::new(format)));
        checks.push(("clippy", Box::new(|| clippy(&packages))));
    }
    checks.push(("tidy", Box::new(tidy::run)));
    run_all(checks)
}

/// In the same profile and target directory as the tests, so that both share what build scripts and macros build.
fn clippy(packages: &[&str]) -> Result<()> {
    let arguments = ["--all-targets", "--keep-going", "--quiet", "--", "--deny", "warnings"];
    command::show(cargo::command().arg("clippy").args(packages).args(arguments))
}

/// Runs every check, also after one failed: one look tells all there is to mend.
fn run_all(checks: Vec<Check<'_>>) -> Result<()> {
    let mut failed = Vec::new();
    for (name, check) in checks {
        println!("== {name}");
        if let Err(error) = check() {
            eprintln!("{error:#}");
            failed.push(name);
        }
    }
    if !failed.is_empty() {
        bail!("not passed: {}. cargo xtask fix mends what can be mended by itself", failed.join(", "));
    }
    println!("== all passed");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn checks_after_a_failed_one_still_run() {
        let ran = Cell::new(false);
        let last = || {
            ran.set(true);
            Ok(())
        };
        let error = run_all(vec![("first", Box::new(|| bail!("broken"))), ("last", Box::new(last))]).unwrap_err();
        assert!(ran.get());
        assert!(error.to_string().starts_with("not passed: first."), "{error}");
    }
}
