//! `cargo xtask demo`: a virtual rack from power-on to DEPLOYED.
//!
//! This builds what the demo needs and hands over to `slipway lab demo`, which makes a network of its own.

use crate::{cargo, command, image, maintenance_os, packages, place};
use anyhow::{Context, Result};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

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

/// Builds what the demo needs and becomes the demo, so that a signal, from the terminal or by process id, has one
/// addressee.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut demo = Lab::build()?.demo(options.machines, &place::target().join("demo"));
    if options.keep {
        demo.arg("--keep");
    }
    Err(demo.exec()).context("starting the demo")
}

/// All that the lab needs, built.
#[derive(Debug)]
pub(crate) struct Lab {
    program: PathBuf,
    boot_files: PathBuf,
    image: PathBuf,
}

impl Lab {
    /// Builds what is not up to date.
    pub(crate) fn build() -> Result<Self> {
        packages::ensure_installed()?;
        let maintenance_os = maintenance_os::build()?;
        let image = image::build()?.file;
        let boot_files = maintenance_os.kernel.parent().context("the kernel lies in no folder")?.to_owned();
        Ok(Self { program: build_slipway()?, boot_files, image })
    }

    /// A demo that writes into `folder`.
    pub(crate) fn demo(&self, machines: u8, folder: &Path) -> Command {
        let mut demo = Command::new(&self.program);
        demo.args(["lab", "demo", "--machines", &machines.to_string()]).arg("--folder").arg(folder);
        demo.arg("--maintenance-os").arg(&self.boot_files).arg("--image").arg(&self.image);
        demo
    }
}

/// The server and command line.
fn build_slipway() -> Result<PathBuf> {
    command::show(cargo::command().args(["build", "--quiet", "--package", "slipway"]))?;
    Ok(place::target().join("debug").join("slipway"))
}
