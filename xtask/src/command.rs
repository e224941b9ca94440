//! Runs other programs, and says which one failed and what it wrote.

use anyhow::{Context, Result, bail};
use std::process::{Command, Stdio};

/// Runs `command` quietly; what it wrote is in the error when it fails.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let line = line(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("starting {line}"))?;
    if !output.status.success() {
        let written = [output.stdout, output.stderr].concat();
        bail!("{line} failed ({}):\n{}", output.status, String::from_utf8_lossy(&written).trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("reading the output of {line}"))
}

/// Runs `command` with its output on the terminal.
pub(crate) fn show(command: &mut Command) -> Result<()> {
    let line = line(command);
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("starting {line}"))?;
    if !status.success() {
        bail!("{line} failed ({status})");
    }
    Ok(())
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
