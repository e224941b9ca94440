//! How fast answer files are made: a kickstart of some two hundred lines for each of ten thousand machines, one after
//! the other on one core, as a rack's installers fetch them.

use super::{Context, Row, median};
use crate::{cargo, command, place};
use anyhow::{Result, ensure};
use std::process::Command;

const MACHINES: u32 = 10_000;
/// What making all of them is to stay under, in seconds: less than the first installer takes to format its disks.
const LIMIT: f64 = 10.0;
/// What the p99 is to stay under, in milliseconds.
const LIMIT_P99: f64 = 5.0;

/// The time for all of them, and the p99.
pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let rounds = if context.quick { 1 } else { 3 };
    command::show(cargo::command().args([
        "build",
        "--quiet",
        "--release",
        "--package",
        "template",
        "--example",
        "kickstarts",
    ]))?;
    let program = place::target().join("release/examples/kickstarts");
    let rounds = (0..rounds).map(|_| round(&program)).collect::<Result<Vec<_>>>()?;
    let of = |at: usize| median(&rounds.iter().map(|round| round[at]).collect::<Vec<_>>()).unwrap_or(f64::NAN);
    let all = f64::from(MACHINES) / of(0);
    let note = format!("{:.0} a second on one core, {:.0} lines each; median {:.0} µs", of(0), of(3), of(1));
    Ok(vec![
        Row::below(&format!("{MACHINES} kickstarts"), all, "s", LIMIT, &note),
        Row::below("kickstart, p99", of(2) / 1000.0, "ms", LIMIT_P99, "the library is compiled before"),
    ])
}

/// Renders a second, median and p99 in microseconds, and lines.
fn round(program: &std::path::Path) -> Result<[f64; 4]> {
    let answer = command::run(Command::new(program).arg(MACHINES.to_string()))?;
    let numbers = answer.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
    ensure!(numbers.len() == 4, "the example says {answer:?}");
    Ok([numbers[0], numbers[1], numbers[2], numbers[3]])
}
