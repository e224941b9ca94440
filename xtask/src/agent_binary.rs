//! Builds the agent as one static file.
//!
//! Linked statically against glibc, because the maintenance OS has no libraries and an installed system may have
//! any. This is the one place that knows how.

use crate::{command, place};
use anyhow::Result;
use std::path::PathBuf;
use std::process::Command;

/// Naming the target keeps procedural macros, which must stay dynamic, out of the flags' reach.
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// A static program cannot look `getrandom` up at run time, and the fallback panics before /dev is mounted.
const FLAGS: &str = r#"-C target-feature=+crt-static --cfg getrandom_backend="linux_getrandom""#;

/// Builds the agent if its sources changed, and gives its path.
pub(crate) fn build() -> Result<PathBuf> {
    build_target(&["--package", "slipway-agent"])?;
    Ok(place::target().join(TARGET).join("agent/slipway-agent"))
}

/// Builds an example of the agent's library exactly as the agent is built, and gives its path.
pub(crate) fn build_example(name: &str) -> Result<PathBuf> {
    build_target(&["--package", "agent", "--example", name])?;
    Ok(place::target().join(TARGET).join("agent/examples").join(name))
}

fn build_target(target: &[&str]) -> Result<()> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let arguments = ["build", "--quiet", "--profile", "agent", "--target", TARGET];
    let mut command = Command::new(cargo);
    command.args(arguments).args(target).env("RUSTFLAGS", FLAGS).current_dir(place::root());
    command::show(&mut command)
}
