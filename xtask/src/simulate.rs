//! `cargo xtask simulate`: the whole engine in simulated time, from seeds.
//!
//! What is simulated is in `crates/simulation`, which links the server; this only builds and runs it.

use crate::{cargo, command};
use anyhow::Result;

/// What to simulate.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many seeds.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Only this seed, and everything that happens in it.
    #[arg(long, conflicts_with_all = ["seeds", "first"])]
    seed: Option<u64>,
}

/// Simulates, and fails when an invariant is broken.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut simulation = cargo::command();
    simulation.args(["run", "--quiet", "--package", "simulation", "--"]);
    match options.seed {
        Some(seed) => simulation.args(["--seed", &seed.to_string()]),
        None => simulation.args(["--seeds", &options.seeds.to_string(), "--first", &options.first.to_string()]),
    };
    command::show(&mut simulation)
}
