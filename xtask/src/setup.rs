//! `cargo xtask setup`: makes git check a commit before it is made.

use crate::{command, place};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

const HOOK: &str = "#!/bin/sh\n# Installed by cargo xtask setup.\nexec cargo xtask check --staged\n";

/// Installs the hook. One that someone else wrote is left alone.
pub(crate) fn run() -> Result<()> {
    let path = command::run(git().args(["rev-parse", "--git-path", "hooks/pre-commit"]))?;
    let path = place::root().join(PathBuf::from(path.trim()));
    if let Ok(found) = fs::read_to_string(&path) {
        ensure!(found == HOOK, "{} is not ours: call `cargo xtask check --staged` from it", path.display());
    }
    fs::create_dir_all(path.parent().expect("a hook is in a directory"))?;
    fs::write(&path, HOOK).with_context(|| format!("writing {}", path.display()))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    println!("Installed {}", path.display());
    Ok(())
}

/// The crates of which Rust files or manifests are staged.
pub(crate) fn staged_crates() -> Result<BTreeSet<String>> {
    let listed = command::run(git().args(["diff", "--cached", "--name-only", "--diff-filter=ACMR"]))?;
    Ok(listed.lines().filter_map(crate_of).map(str::to_owned).collect())
}

fn crate_of(path: &str) -> Option<&str> {
    if !path.ends_with(".rs") && !path.ends_with("/Cargo.toml") {
        return None;
    }
    path.strip_prefix("crates/").unwrap_or(path).split_once('/').map(|(name, _)| name)
}

fn git() -> Command {
    let mut git = Command::new("git");
    git.current_dir(place::root());
    git
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_file_names_its_crate() {
        assert_eq!(crate_of("crates/store/src/lib.rs"), Some("store"));
        assert_eq!(crate_of("xtask/Cargo.toml"), Some("xtask"));
        assert_eq!(crate_of("Cargo.toml"), None);
        assert_eq!(crate_of("crates/web/static/page.css"), None);
    }
}
