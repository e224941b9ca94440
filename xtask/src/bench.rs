//! `cargo xtask bench`: what docs/benchmarks.md says of speed, measured here.

use crate::{cargo, command};
use anyhow::Result;

/// Packages with benches, each a program that prints what it finds.
const MEASURED: &[&str] = &["netboot", "store"];

/// Runs every bench.
pub(crate) fn run() -> Result<()> {
    for package in MEASURED {
        println!("== {package}");
        // By name: `--benches` would run a library's own tests too.
        command::show(cargo::command().args(["bench", "--quiet", "--package", package, "--bench", "*"]))?;
    }
    Ok(())
}
