//! `cargo xtask bench`: what docs/benchmarks.md says of speed, measured here, each beside the program that does the
//! same job elsewhere.
//!
//! A measure is a module with a function `measure` and one line in [`MEASURES`]. It starts our release-built program
//! and its peer in the same run, one after the other, several rounds, and says medians. This module knows nothing of
//! what is measured.

mod boot_script;
mod dhcp;
mod fleet;
mod http;
mod image_write;
mod ironic;
mod load;
mod machine;
mod namespace;
mod peer;
mod process;
mod report;
mod samples;
mod search;
mod templates;
mod tftp;

use crate::{cargo, command, packages, place};
use anyhow::{Result, bail, ensure};
use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) use namespace::Namespace;
pub(crate) use peer::Peer;
pub(crate) use process::{Server, Slipway};
pub(crate) use report::Row;
pub(crate) use samples::{interleaved, median};

/// What there is to measure, in the report's order.
const MEASURES: &[Measure] = &[
    Measure { name: "fleet", title: "A fleet at once", run: fleet::measure },
    Measure { name: "ironic", title: "A fleet beside OpenStack Ironic", run: ironic::measure },
    Measure { name: "dhcp", title: "DHCP", run: dhcp::measure },
    Measure { name: "tftp", title: "TFTP", run: tftp::measure },
    Measure { name: "http", title: "HTTP", run: http::measure },
    Measure { name: "boot-script", title: "Boot scripts under load", run: boot_script::measure },
    Measure { name: "templates", title: "Templates", run: templates::measure },
    Measure { name: "search", title: "Lists and searches", run: search::measure },
    Measure { name: "image-write", title: "Image write", run: image_write::measure },
];

/// Something that can be measured.
struct Measure {
    /// What it is asked for by.
    name: &'static str,
    /// Its heading in the report.
    title: &'static str,
    run: fn(&Context) -> Result<Vec<Row>>,
}

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only this; may be given more than once.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Everything in under ten minutes: fewer rounds, less of each.
    #[arg(long)]
    quick: bool,
}

/// What a measure is given.
#[derive(Debug)]
pub(crate) struct Context {
    /// Whether there are only a few minutes for everything.
    pub(crate) quick: bool,
    name: &'static str,
    program: OnceCell<PathBuf>,
}

impl Context {
    /// The release-built `slipway`.
    pub(crate) fn slipway(&self) -> Result<&Path> {
        self.release_built("slipway")
    }

    /// The release-built program of the package `package`, of the same name.
    fn release_built(&self, package: &str) -> Result<&Path> {
        if let Some(program) = self.program.get() {
            return Ok(program);
        }
        command::show(cargo::command().args(["build", "--quiet", "--release", "--package", package]))?;
        Ok(self.program.get_or_init(|| place::target().join("release").join(package)))
    }

    /// A folder of this measure's own, empty, under `target/bench`.
    pub(crate) fn scratch(&self, name: &str) -> Result<PathBuf> {
        let folder = place::target().join("bench").join(self.name).join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

/// Measures, and writes the report after each measure, so that an interrupted run is worth something.
pub(crate) fn run(options: &Options) -> Result<()> {
    let chosen = choose(&options.only)?;
    packages::ensure_installed()?;
    let mut failed = Vec::new();
    for measure in chosen {
        println!("== {}", measure.name);
        let context = Context { quick: options.quick, name: measure.name, program: OnceCell::new() };
        match (measure.run)(&context) {
            Ok(rows) => {
                rows.iter().for_each(|row| println!("{row}"));
                report::record(measure.name, measure.title, options.quick, &rows)?;
            }
            Err(error) => {
                eprintln!("{}: {error:#}", measure.name);
                failed.push(measure.name);
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("could not be measured: {}", failed.join(", ")) }
}

fn choose(only: &[String]) -> Result<Vec<&'static Measure>> {
    let known: Vec<_> = MEASURES.iter().map(|measure| measure.name).collect();
    for name in only {
        ensure!(known.contains(&name.as_str()), "there is no measure {name}; there are: {}", known.join(", "));
    }
    Ok(MEASURES.iter().filter(|measure| only.is_empty() || only.iter().any(|name| name == measure.name)).collect())
}
