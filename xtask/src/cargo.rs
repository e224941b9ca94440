//! Cargo, as a chore calls it.

use crate::place;
use std::process::Command;

/// A call of cargo at the workspace's root, as if it were made from a shell.
///
/// `cargo xtask` tells this program about its own package in the environment. Build scripts that look at such
/// variables, ring's for one, would take the difference for a reason to build again.
pub(crate) fn command() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_about_our_package) {
            command.env_remove(name);
        }
    }
    command.current_dir(place::root());
    command
}

fn is_about_our_package(name: &str) -> bool {
    name.starts_with("CARGO_PKG_")
        || matches!(name, "CARGO_MANIFEST_DIR" | "CARGO_MANIFEST_PATH" | "CARGO_PRIMARY_PACKAGE")
}
