//! Takes packages out of the Debian archive without installing them.
//!
//! What machines boot is made of Debian 12 packages whatever system this runs on, so apt is given a root of its own
//! under `target/debian`, with its own package lists. They are fetched once and kept, so that a build stays the same
//! until the directory is removed or the archive no longer has a version.

use crate::{command, place};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const RELEASE: &str = "bookworm";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Which of the archive's parts are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Components {
    /// Packages for systems, with their updates.
    Systems,
    /// Packages for systems and for the installer, of the release as it was published.
    Installer,
}

/// The Debian archive, as apt sees it from its own root.
#[derive(Debug)]
pub(crate) struct Archive {
    apt_root: PathBuf,
    components: Components,
}

impl Archive {
    /// Opens the archive, fetching the package lists if they are not here yet.
    pub(crate) fn open() -> Result<Self> {
        Self::open_with(Components::Systems)
    }

    /// The same, of these components.
    pub(crate) fn open_with(components: Components) -> Result<Self> {
        let root = match components {
            Components::Systems => "debian/apt",
            Components::Installer => "debian/apt-installer",
        };
        let archive = Self { apt_root: place::target().join(root), components };
        if !archive.apt_root.join("complete").exists() {
            archive.refresh()?;
        }
        Ok(archive)
    }

    /// The sources.list of the release. `SLIPWAY_DEBIAN_MIRROR` names another mirror than the project's own.
    pub(crate) fn sources() -> String {
        let mirror = std::env::var("SLIPWAY_DEBIAN_MIRROR").unwrap_or_else(|_| "http://deb.debian.org/debian".into());
        let security = format!("{}-security", mirror.trim_end_matches('/'));
        [(&mirror, ""), (&mirror, "-updates"), (&security, "-security")]
            .map(|(url, suffix)| format!("deb [arch=amd64 signed-by={KEYRING}] {url} {RELEASE}{suffix} main\n"))
            .concat()
    }

    fn installer_sources() -> String {
        let first = Self::sources().lines().next().unwrap_or_default().to_owned();
        format!("{first} main/debian-installer\n")
    }

    /// The index of every package that there is.
    pub(crate) fn index(&self) -> Result<String> {
        command::run(self.apt("apt-cache").arg("dumpavail"))
    }

    /// The names of `base` and `more`, and of all that they need.
    pub(crate) fn closure(&self, base: &[&str], more: &[&str]) -> Result<BTreeSet<String>> {
        let mut install = self.apt("apt-get");
        install.args(["install", "--no-install-recommends", "--print-uris"]).args(base).args(more);
        let uris = command::run(&mut install)?;
        let files = uris.lines().filter_map(|line| line.split(' ').nth(1)?.split('_').next());
        Ok(files.map(str::to_owned).collect())
    }

    /// Downloads packages into a folder.
    pub(crate) fn download(&self, packages: &[&str], folder: &Path) -> Result<()> {
        command::run(self.apt("apt-get").arg("download").args(packages).current_dir(folder)).map(drop)
    }

    /// Downloads packages and unpacks them into one tree, `name`.
    pub(crate) fn unpack(&self, name: &str, packages: &[&str]) -> Result<Unpacked> {
        match self.try_unpack(name, packages) {
            Ok(unpacked) => Ok(unpacked),
            Err(_) => {
                // The archive drops a version when a newer one is there.
                self.refresh()?;
                self.try_unpack(name, packages)
            }
        }
    }

    /// The package that a metapackage such as `linux-image-cloud-amd64` stands for today.
    pub(crate) fn find_dependency(&self, package: &str, prefix: &str) -> Result<String> {
        let listing = command::run(self.apt("apt-cache").args(["depends", package]))?;
        let mut names = listing.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
        let found = names.find(|name| name.starts_with(prefix));
        Ok(found.with_context(|| format!("{package} depends on no {prefix}*"))?.to_owned())
    }

    fn try_unpack(&self, name: &str, packages: &[&str]) -> Result<Unpacked> {
        let uris = command::run(self.apt("apt-get").args(["download", "--print-uris"]).args(packages))?;
        let mut files: Vec<&str> = uris.lines().filter_map(|line| line.split(' ').nth(1)).collect();
        files.sort_unstable();
        ensure!(files.len() == packages.len(), "the Debian archive does not have all of {packages:?}");
        let versions = files.join("\n");

        let tree = place::target().join("debian").join(name);
        let stamp = tree.join(".versions");
        if fs::read_to_string(&stamp).is_ok_and(|found| found == versions) {
            return Ok(Unpacked { tree, versions });
        }
        remove_tree(&tree)?;
        let downloads = tree.join(".downloads");
        fs::create_dir_all(&downloads)?;
        command::run(self.apt("apt-get").arg("download").args(packages).current_dir(&downloads))?;
        for package in fs::read_dir(&downloads)? {
            command::run(Command::new("dpkg-deb").arg("--extract").arg(package?.path()).arg(&tree))?;
        }
        fs::remove_dir_all(&downloads)?;
        fs::write(stamp, &versions)?;
        Ok(Unpacked { tree, versions })
    }

    fn refresh(&self) -> Result<()> {
        for directory in ["etc", "state/lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(self.apt_root.join(directory))?;
        }
        let sources = match self.components {
            Components::Systems => Self::sources(),
            Components::Installer => Self::installer_sources(),
        };
        fs::write(self.apt_root.join("etc/sources.list"), sources)?;
        fs::write(self.apt_root.join("state/status"), "")?;
        command::run(self.apt("apt-get").arg("update")).context("fetching Debian's package lists")?;
        fs::write(self.apt_root.join("complete"), "")?;
        Ok(())
    }

    fn apt(&self, program: &str) -> Command {
        let option = |name: &str, value: &Path| format!("{name}={}", value.display());
        let mut command = Command::new(program);
        for (name, file) in [
            ("Dir::Etc::sourcelist", "etc/sources.list"),
            ("Dir::Etc::sourceparts", "etc/none"),
            ("Dir::State", "state"),
            ("Dir::State::status", "state/status"),
            ("Dir::Cache", "cache"),
        ] {
            command.arg("-o").arg(option(name, &self.apt_root.join(file)));
        }
        command.args(["-o", "APT::Architecture=amd64", "-o", "APT::Architectures=amd64", "-o", "APT::Sandbox::User="]);
        command.args(["-o", "Acquire::Languages=none", "-qq"]);
        command
    }
}

/// Packages, unpacked.
#[derive(Debug)]
pub(crate) struct Unpacked {
    /// Where.
    pub(crate) tree: PathBuf,
    /// Which versions, one file name a line.
    pub(crate) versions: String,
}

fn remove_tree(tree: &Path) -> Result<()> {
    match fs::remove_dir_all(tree) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", tree.display()))
        }
        _ => Ok(()),
    }
}
