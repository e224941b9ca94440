//! `cargo xtask fix`: mends what can be mended without thinking.

use crate::{cargo, command};
use anyhow::Result;

/// Applies clippy's suggestions, then formats, then writes the files again that tests compare with the code.
pub(crate) fn run() -> Result<()> {
    let arguments = ["clippy", "--fix", "--workspace", "--all-targets", "--allow-dirty", "--allow-staged", "--quiet"];
    command::show(cargo::command().args(arguments))?;
    command::show(cargo::command().args(["fmt", "--all"]))
}
