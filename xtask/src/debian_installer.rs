//! What Debian's installer needs: its kernel and initial RAM disk, and a mirror with only what it installs.
//!
//! Everything is the archive's own, in the archive's own places, so that the installer finds it as it would on any
//! mirror; the indices are the archive's with only the packages that are here, and nobody signs those.

use crate::debian::{Archive, Components};
use crate::{command, place};
use anyhow::{Context, Result, bail};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const RELEASE: &str = "bookworm";
/// The installer for network boot.
const NETBOOT: &str = "debian-installer-12-netboot-amd64";
const NETBOOT_FILES: &str = "usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64";
/// Where it is on a mirror.
const NETBOOT_PLACE: &str = "main/installer-amd64/current/images/netboot/debian-installer/amd64";

/// Besides what every Debian has: what the installer and our answers ask for.
const INSTALLED: &[&str] = &[
    "busybox",
    "ca-certificates",
    "console-setup",
    "curl",
    "eject",
    "grub-pc",
    "initramfs-tools",
    "installation-report",
    "keyboard-configuration",
    "laptop-detect",
    "linux-image-cloud-amd64",
    "locales",
    "lvm2",
    "openssh-server",
    "sudo",
    "tasksel",
    "zstd",
];
/// Besides what the installer takes by itself: what dividing a disk with LVM needs.
const INSTALLER_PARTS: &[&str] = &[
    "di-utils-exit-installer",
    "disk-detect",
    "e2fsprogs-udeb",
    "eject-udeb",
    "fdisk-udeb",
    "lvm2-udeb",
    "os-prober-udeb",
    "partman-auto-lvm",
    "partman-lvm",
    "rdate-udeb",
    "tzsetup-udeb",
];

/// Puts the installer's kernel and initial RAM disk into `target/debian-installer`, as a mirror has them, and an index
/// without packages.
pub(crate) fn netboot() -> Result<PathBuf> {
    let root = place::target().join("debian-installer");
    place_netboot(&root)?;
    write_release(&root, &[])?;
    Ok(root)
}

fn place_netboot(root: &Path) -> Result<PathBuf> {
    let unpacked = Archive::open()?.unpack("debian-installer", &[NETBOOT])?;
    let folder = root.join("dists").join(RELEASE).join(NETBOOT_PLACE);
    fs::create_dir_all(&folder)?;
    for name in ["linux", "initrd.gz"] {
        let from = unpacked.tree.join(NETBOOT_FILES).join(name);
        fs::copy(&from, folder.join(name)).with_context(|| format!("copying {}", from.display()))?;
    }
    Ok(folder)
}

/// The kernel that the installer runs: only modules of the same version fit.
fn kernel_version(initrd: &Path) -> Result<String> {
    let listing = format!("gzip --decompress --stdout '{}' | busybox cpio -t 2>/dev/null", initrd.display());
    let listing = command::run(Command::new("sh").args(["-c", &listing]))?;
    let version = listing.lines().find_map(|line| line.strip_prefix("lib/modules/")?.split('/').next());
    Ok(version.context("there are no modules in it")?.to_owned())
}

/// Puts a mirror with all that an installation needs into `target/debian-mirror`. It is kept: only what is missing is
/// fetched.
pub(crate) fn mirror() -> Result<PathBuf> {
    let root = place::target().join("debian-mirror");
    let netboot = place_netboot(&root)?;
    let kernel = kernel_version(&netboot.join("initrd.gz")).context("reading the installer's initial RAM disk")?;
    let archive = Archive::open_with(Components::Installer)?;
    let index = Index::parse(&archive.index()?);
    let systems = archive.closure(&index.essential(), INSTALLED)?;
    let parts = index.installer_parts(&kernel);
    let wanted: Vec<&Package> = index
        .packages
        .iter()
        .filter(|package| match package.is_part() {
            true => parts.contains(package.name()) && package.fits(&kernel),
            false => systems.contains(package.name()),
        })
        .collect();
    fetch(&archive, &root, &wanted)?;
    let [parts, systems]: [Vec<&Package>; 2] =
        [true, false].map(|is_part| wanted.iter().copied().filter(|package| package.is_part() == is_part).collect());
    write_release(&root, &[("main/debian-installer/binary-amd64", &parts), ("main/binary-amd64", &systems)])?;
    Ok(root)
}

/// Fetches what is missing, and says of all that the archive does not have what it is.
fn fetch(archive: &Archive, root: &Path, wanted: &[&Package]) -> Result<()> {
    let downloads = root.join(".downloads");
    fs::create_dir_all(&downloads)?;
    let missing: Vec<&&Package> = wanted.iter().filter(|package| !root.join(package.file()).exists()).collect();
    let names: Vec<&str> = missing.iter().map(|package| package.name()).collect();
    if !names.is_empty() {
        println!("fetching {} packages for the mirror", names.len());
    }
    // Some may be gone from the archive: what came is kept, and the rest is told.
    let fetched = if names.is_empty() { Ok(()) } else { archive.download(&names, &downloads) };
    for entry in fs::read_dir(&downloads)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(package) = missing.iter().find(|package| name.split('_').next() == Some(package.name())) else {
            continue;
        };
        let target = root.join(package.file());
        fs::create_dir_all(target.parent().context("a package is in a folder")?)?;
        fs::rename(&path, &target)?;
    }
    let absent: Vec<&str> =
        wanted.iter().filter(|package| !root.join(package.file()).exists()).map(|package| package.name()).collect();
    match absent.is_empty() {
        true => Ok(()),
        false => bail!(
            "the Debian archive does not have {} of what the installer needs: {}{}",
            absent.len(),
            absent.join(" "),
            { fetched.err().map(|error| format!(" ({error:#})")).unwrap_or_default() }
        ),
    }
}

/// Writes the indices of the packages and the file that names them.
fn write_release(root: &Path, indices: &[(&str, &[&Package])]) -> Result<()> {
    let dists = root.join("dists").join(RELEASE);
    let mut listed = String::new();
    for (folder, packages) in indices {
        let text: String = packages.iter().map(|package| format!("{}\n\n", package.text.trim())).collect();
        let place = dists.join(folder);
        fs::create_dir_all(&place)?;
        let plain = place.join("Packages");
        fs::write(&plain, &text)?;
        command::run(Command::new("gzip").args(["--keep", "--force", "--no-name"]).arg(&plain))?;
        for name in ["Packages", "Packages.gz"] {
            let bytes = fs::read(place.join(name))?;
            listed += &format!(" {} {} {folder}/{name}\n", hex(&Sha256::digest(&bytes)), bytes.len());
        }
    }
    let head = format!(
        "Origin: Debian\nLabel: Debian\nSuite: stable\nCodename: {RELEASE}\nVersion: 12\nArchitectures: amd64\n\
         Components: main\nDescription: The part of Debian 12 that one installation needs\nSHA256:\n"
    );
    fs::create_dir_all(&dists)?;
    fs::write(dists.join("Release"), head + &listed)?;
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One entry of the archive's index.
#[derive(Debug)]
struct Package {
    fields: BTreeMap<String, String>,
    text: String,
}

impl Package {
    fn field(&self, name: &str) -> &str {
        self.fields.get(name).map(String::as_str).unwrap_or_default()
    }

    fn name(&self) -> &str {
        self.field("Package")
    }

    /// Its place in the archive.
    fn file(&self) -> &str {
        self.field("Filename")
    }

    /// Whether it is a part of the installer itself.
    fn is_part(&self) -> bool {
        self.file().ends_with(".udeb")
    }

    /// Whether it has no modules, or those of this kernel.
    fn fits(&self, kernel: &str) -> bool {
        matches!(self.field("Kernel-Version"), "") || self.field("Kernel-Version") == kernel
    }

    fn has_priority(&self, priorities: &[&str]) -> bool {
        priorities.contains(&self.field("Priority"))
    }

    fn depends(&self) -> impl Iterator<Item = &str> {
        let all = self.field("Depends").split(',').chain(self.field("Pre-Depends").split(','));
        all.filter_map(|dependency| dependency.split('|').next()?.split([' ', '(', ':']).find(|word| !word.is_empty()))
    }
}

#[derive(Debug)]
struct Index {
    packages: Vec<Package>,
}

impl Index {
    fn parse(text: &str) -> Self {
        let packages = text.split("\n\n").filter(|entry| entry.contains("Package:")).map(|entry| {
            let lines = entry.lines().filter(|line| !line.starts_with(' '));
            let fields = lines.filter_map(|line| line.split_once(": "));
            let fields = fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
            Package { fields, text: entry.to_owned() }
        });
        Self { packages: packages.collect() }
    }

    /// What the base system is made of.
    fn essential(&self) -> Vec<&str> {
        let base = |package: &&Package| !package.is_part() && package.has_priority(&["required", "important"]);
        self.packages.iter().filter(base).map(Package::name).collect()
    }

    /// What the installer takes by itself, what we ask it to, and what these need.
    fn installer_parts(&self, kernel: &str) -> BTreeSet<&str> {
        let fitting: Vec<&Package> =
            self.packages.iter().filter(|package| package.is_part() && package.fits(kernel)).collect();
        let by_itself = fitting.iter().filter(|package| package.has_priority(&["required", "important", "standard"]));
        let mut open: Vec<&str> =
            by_itself.map(|package| package.name()).chain(INSTALLER_PARTS.iter().copied()).collect();
        let mut parts = BTreeSet::new();
        while let Some(name) = open.pop() {
            let of_name = |package: &&&Package| {
                package.name() == name || package.field("Provides").split(',').any(|provided| provided.trim() == name)
            };
            for package in fitting.iter().filter(of_name) {
                if parts.insert(package.name()) {
                    open.extend(package.depends());
                }
            }
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = "\
Package: base
Priority: required
Filename: pool/b.deb

Package: anna
Priority: standard
Depends: libc (>= 2), other | third
Filename: pool/a.udeb
Description: x
 with: more

Package: libc-udeb
Provides: libc
Filename: pool/l.udeb

Package: other
Kernel-Version: 6
Filename: pool/o.udeb
";

    #[test]
    fn the_parts_of_the_installer_are_those_that_fit_with_what_they_need() {
        let index = Index::parse(INDEX);
        assert_eq!(index.essential(), ["base"]);
        assert_eq!(index.installer_parts("6").into_iter().collect::<Vec<_>>(), ["anna", "libc-udeb", "other"]);
        assert_eq!(index.installer_parts("7").into_iter().collect::<Vec<_>>(), ["anna", "libc-udeb"]);
        assert!(!index.packages[1].fields.contains_key(" with"));
    }
}
