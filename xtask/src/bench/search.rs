//! How long a part of the list of a hundred thousand machines takes, listed and searched, with the memory that it
//! takes: in the store, with the answer's JSON, without HTTP.

use super::{Context, Row};
use crate::{cargo, command, place};
use anyhow::{Context as _, Result, ensure};
use std::process::Command;

/// What the p99 of a part of a hundred machines is to stay under, in milliseconds.
const LIMIT: f64 = 50.0;
/// What the whole store is to stay under, in MiB.
const MEMORY: f64 = 256.0;

/// A row for each question, and one for memory.
pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let (machines, seconds) = if context.quick { (20_000, 2) } else { (100_000, 5) };
    let build = ["build", "--quiet", "--release", "--package", "store", "--example", "search_load"];
    command::show(cargo::command().args(build))?;
    let file = context.scratch("search")?.join("slipway.db");
    let call = |what: &str| {
        let mut command = Command::new(place::target().join("release/examples/search_load"));
        command.arg(what).arg(&file).arg(machines.to_string());
        command
    };
    command::run(&mut call("fill")).context("making the machines")?;
    let megabytes = std::fs::metadata(&file)?.len() >> 20;
    let answer = command::run(call("ask").arg(seconds.to_string())).context("searching")?;
    let lines: Vec<&str> = answer.lines().collect();
    ensure!(lines.len() > 2, "the example says {answer:?}");
    let (opened, asked, memory) = (lines[0], &lines[1..lines.len() - 1], lines[lines.len() - 1]);
    let mut rows = asked.iter().map(|line| row(machines, line)).collect::<Result<Vec<_>>>()?;
    let note =
        format!("opened in {opened} s; the database has {megabytes} MiB, with four disks and eight modules at most");
    rows.push(Row::below(&format!("{machines} machines: most memory"), memory.trim().parse()?, "MiB", MEMORY, &note));
    Ok(rows)
}

/// `p99 median asked first question`, with tabs between them.
fn row(machines: u32, line: &str) -> Result<Row> {
    let parts: Vec<&str> = line.split('\t').collect();
    let [p99, median, asked, first, question] = parts[..] else { anyhow::bail!("the example says {line:?}") };
    let name = match question {
        "" => format!("list {machines} machines, p99 of a part"),
        // A bar ends a cell of the report's table.
        question => format!("search `{}`, p99 of a part", question.replace('|', "\\|")),
    };
    let note = format!("median {median} ms, asked {asked} times from two places; {first} of 100 machines");
    Ok(Row::below(&name, p99.parse()?, "ms", LIMIT, &note))
}
