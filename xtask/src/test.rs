//! `cargo xtask test`: every test, with all that they need built first.
//!
//! Machines in QEMU boot what operators' machines boot, so the agent, the maintenance OS and a disk image come
//! first; each is built again only when its inputs changed. Tests that need a network of their own make it.

use crate::{cargo, command, debian_installer, image, maintenance_os, packages, qcow2_image, signed_loaders};
use anyhow::{Context, Result};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Run only tests whose names contain this; what follows goes to the test runner.
    #[arg(last = true)]
    filter: Vec<String>,
}

/// Shorter preparations are not worth a line.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// Runs the tests, and ends the process as their runner ended: the last line is the runner's.
pub(crate) fn run(options: &Options) -> Result<()> {
    timed("packages", packages::ensure_installed)?;
    timed("agent and maintenance OS", maintenance_os::build)?;
    timed("disk image", || qcow2_image::build(&image::build()?))?;
    timed("signed loaders", signed_loaders::fetch)?;
    timed("Debian's installer", debian_installer::netboot)?;

    let mut runner = cargo::command();
    if command::run(cargo::command().args(["nextest", "--version"])).is_ok() {
        // nextest leaves the examples in documentation out.
        command::show(cargo::command().args(["test", "--workspace", "--doc", "--quiet"]))?;
        runner.args(["nextest", "run", "--workspace", "--no-fail-fast"]).args(&options.filter);
    } else {
        runner.args(["test", "--workspace", "--no-fail-fast", "--"]).args(&options.filter);
    }
    let status = runner.stdin(Stdio::null()).status().context("starting the test runner")?;
    std::process::exit(status.code().unwrap_or(1));
}

/// Prepares something, and says how long it took.
fn timed<T>(what: &str, prepare: impl FnOnce() -> Result<T>) -> Result<T> {
    let started = Instant::now();
    let prepared = prepare()?;
    if started.elapsed() > WORTH_TELLING {
        println!("{what}: ready after {} s", started.elapsed().as_secs());
    }
    Ok(prepared)
}
