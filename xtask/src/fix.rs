//! `cargo xtask fix`: mends what can be mended without thinking.

use crate::{cargo, command};
use anyhow::Result;

/// Applies clippy's suggestions, then formats, then writes the files again that tests compare with the code.
pub(crate) fn run() -> Result<()> {
    let arguments = ["clippy", "--fix", "--workspace", "--all-targets", "--allow-dirty", "--allow-staged", "--quiet"];
    command::show(cargo::command().args(arguments))?;
    command::show(cargo::command().args(["fmt", "--all"]))?;
    // docs/openapi.json.
    let openapi = ["test", "--quiet", "--package", "api", "--test", "openapi"];
    command::show(cargo::command().args(openapi).env("UPDATE_OPENAPI", "1"))?;
    // What every command says with --help, which tests with that word in their names compare.
    let help = ["test", "--quiet", "--package", "slipway", "help"];
    command::show(cargo::command().args(help).env("INSTA_UPDATE", "always"))
}
