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
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let arguments = ["build", "--quiet", "--package", "slipway-agent", "--profile", "agent", "--target", TARGET];
    command::show(Command::new(cargo).args(arguments).env("RUSTFLAGS", FLAGS).current_dir(place::root()))?;
    Ok(place::target().join(TARGET).join("agent/slipway-agent"))
}
