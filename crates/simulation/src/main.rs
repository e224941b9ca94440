//! `cargo xtask simulate`: many seeds, or one with its whole story.

use anyhow::{Result, bail};
use clap::Parser;
use simulation::{Rules, simulate, sweep};
use std::io::Write;
use std::time::Instant;

/// Simulates the engine under every fault, from seeds.
#[derive(Parser)]
struct Options {
    /// How many seeds.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// One seed, with its story.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    match options.seed {
        Some(seed) => replay(seed),
        None => simulate_many(options.first, options.seeds),
    }
}

fn replay(seed: u64) -> Result<()> {
    let outcome = simulate(seed, Rules::default())?;
    let mut out = std::io::stdout().lock();
    for line in &outcome.trace {
        writeln!(out, "{line}")?;
    }
    if outcome.violations.is_empty() {
        return Ok(());
    }
    bail!("seed {seed} breaks:\n  {}", outcome.violations.join("\n  "));
}

fn simulate_many(first: u64, seeds: u64) -> Result<()> {
    let began = Instant::now();
    let swept = sweep(first, seeds, Rules::default());
    let mut out = std::io::stdout().lock();
    for (_, failure) in &swept.failures {
        writeln!(out, "{failure}")?;
    }
    let figures = swept.figures;
    writeln!(
        out,
        "{seeds} seeds in {:.0} s: {} lives of the server, {} runs of which {} succeeded, {} commits, {} image writes, {} \
         simulated hours",
        began.elapsed().as_secs_f64(),
        figures.lives,
        figures.runs,
        figures.succeeded,
        figures.commits,
        figures.images,
        figures.hours(),
    )?;
    match swept.failures.len() {
        0 => Ok(()),
        failed => bail!("{failed} of {seeds} seeds break an invariant"),
    }
}
