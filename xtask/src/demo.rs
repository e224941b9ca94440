//! `cargo xtask demo`: a virtual rack from power-on to DEPLOYED.
//!
//! This builds what the demo needs and hands over to `slipway lab demo`, which makes a network of its own.

use crate::{cargo, command, image, maintenance_os, packages, place};
use anyhow::{Context, Result};
use std::path::PathBuf;

/// What to show.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Machines; BIOS and UEFI in turn.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    machines: u8,
    /// Leave it running, and print the URL and the login token.
    #[arg(long)]
    keep: bool,
}

/// Runs the demo, and ends the process as it ended.
pub(crate) fn run(options: &Options) -> Result<()> {
    packages::ensure_installed()?;
    let maintenance_os = maintenance_os::build()?;
    let image = image::build()?;
    let program = build_slipway()?;
    let boot_files = maintenance_os.kernel.parent().context("the kernel lies in no folder")?;
    let mut demo = std::process::Command::new(program);
    demo.args(["lab", "demo", "--machines", &options.machines.to_string()]);
    demo.arg("--folder").arg(place::target().join("demo"));
    demo.arg("--maintenance-os").arg(boot_files).arg("--image").arg(&image.file);
    if options.keep {
        demo.arg("--keep");
    }
    let status = demo.status().context("starting the demo")?;
    std::process::exit(status.code().unwrap_or(1));
}

/// The server and command line.
pub(crate) fn build_slipway() -> Result<PathBuf> {
    command::show(cargo::command().args(["build", "--quiet", "--package", "slipway"]))?;
    Ok(place::target().join("debug").join("slipway"))
}
