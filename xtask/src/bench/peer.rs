//! Other people's programs, from this computer's own package sources, unpacked and not installed: no service of
//! theirs is ever started by the system, and packages that exclude each other are all there.

use crate::{command, packages, place};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program and what it needs, in a tree of its own.
#[derive(Debug)]
pub(crate) struct Peer {
    tree: PathBuf,
    versions: Vec<String>,
}

impl Peer {
    /// Downloads `packages` with all that they need and this computer does not have, and unpacks them.
    pub(crate) fn unpack(packages: &[&str]) -> Result<Self> {
        let tree = place::target().join("bench/peers").join(packages.join("+"));
        let stamp = tree.join(".versions");
        if let Ok(versions) = fs::read_to_string(&stamp) {
            return Ok(Self { tree, versions: versions.lines().map(str::to_owned).collect() });
        }
        if tree.exists() {
            fs::remove_dir_all(&tree)?;
        }
        let downloads = tree.join(".downloads");
        fs::create_dir_all(downloads.join("partial"))?;
        packages::download(packages, &downloads)?;
        let mut versions = Vec::new();
        for file in fs::read_dir(&downloads)? {
            let file = file?.path();
            if file.extension().is_some_and(|extension| extension == "deb") {
                command::run(Command::new("dpkg-deb").arg("--extract").arg(&file).arg(&tree))?;
                versions.extend(version(&file, packages));
            }
        }
        fs::remove_dir_all(&downloads)?;
        versions.sort();
        fs::write(stamp, versions.join("\n"))?;
        Ok(Self { tree, versions })
    }

    /// The program at `path` of the tree, such as `usr/sbin/nginx`.
    pub(crate) fn program(&self, path: &str) -> PathBuf {
        self.tree.join(path)
    }

    /// Lets `command` find the tree's libraries.
    pub(crate) fn with_libraries<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        let folders = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib"];
        let folders = folders.map(|folder| self.tree.join(folder).display().to_string());
        command.env("LD_LIBRARY_PATH", folders.join(":"))
    }

    /// The packages that were asked for and their versions, for a row's note.
    pub(crate) fn versions(&self) -> String {
        self.versions.join(", ")
    }
}

/// `kea-admin 2.2.0-6`, when it is one of those asked for.
fn version(file: &Path, packages: &[&str]) -> Option<String> {
    let mut parts = file.file_stem()?.to_str()?.split('_');
    let package = parts.next().filter(|package| packages.contains(package))?;
    Some(format!("{package} {}", parts.next().context("no version").ok()?.replace("%3a", ":")))
}
