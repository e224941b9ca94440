//! `cargo xtask test`: every test, with all that they need built first.
//!
//! Machines in QEMU boot what operators' machines boot, so the agent, the maintenance OS and a disk image come
//! first; each is built again only when its inputs changed. Tests that need a network of their own make it.

use crate::{cargo, command, image, maintenance_os, packages};
use anyhow::{Context, Result};
use std::time::{Duration, Instant};

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Leave out the tests that start machines in QEMU, and build nothing for them.
    #[arg(long)]
    without_machines: bool,
    /// Run only tests whose names contain this; what follows goes to the test runner.
    #[arg(last = true)]
    filter: Vec<String>,
}

/// Tests that start machines have this in their names; .config/nextest.toml runs them one at a time.
const MACHINES: &str = "qemu";

/// Runs the tests, and ends the process as their runner ended: the last line is the runner's.
pub(crate) fn run(options: &Options) -> Result<()> {
    if !options.without_machines {
        timed("packages", packages::ensure_installed)?;
        timed("agent and maintenance OS", maintenance_os::build)?;
        timed("disk image", image::build)?;
    }
    let mut runner = cargo::command();
    if command::run(cargo::command().args(["nextest", "--version"])).is_ok() {
        // nextest leaves examples in documentation out.
        command::show(cargo::command().args(["test", "--workspace", "--doc", "--quiet"]))?;
        runner.args(["nextest", "run", "--workspace", "--no-fail-fast"]).args(&options.filter);
        if options.without_machines {
            runner.arg("--filterset").arg(format!("not test({MACHINES})"));
        }
    } else {
        runner.args(["test", "--workspace", "--no-fail-fast", "--"]).args(&options.filter);
        if options.without_machines {
            runner.args(["--skip", MACHINES]);
        }
    }
    let status = runner.stdin(std::process::Stdio::null()).status().context("starting the test runner")?;
    std::process::exit(status.code().unwrap_or(1));
}

/// Prepares something, and says how long it took if that is worth knowing.
fn timed<T>(what: &str, prepare: impl FnOnce() -> Result<T>) -> Result<T> {
    let started = Instant::now();
    let prepared = prepare()?;
    if started.elapsed() > Duration::from_secs(1) {
        println!("{what}: ready after {} s", started.elapsed().as_secs());
    }
    Ok(prepared)
}
