//! `cargo xtask bench`: what docs/benchmarks.md says of speed, measured here.

use crate::{cargo, command};
use anyhow::Result;

/// Packages with benches, each a program that prints what it finds.
const MEASURED: &[&str] = &["netboot", "store"];

/// Runs every bench.
pub(crate) fn run() -> Result<()> {
    for package in MEASURED {
        println!("== {package}");
        // Benches only: a library's own tests would be run by `cargo bench` too.
        command::show(cargo::command().args(["bench", "--quiet", "--package", package, "--benches"]))?;
    }
    Ok(())
}
