//! The operating system's packages that the chores need.
//!
//! Only what must be installed to run: everything that goes into an image is taken from the Debian archive by
//! [`crate::debian`] instead.

use crate::command;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

/// Debian 12, 13 and Ubuntu 24.04 name them alike.
const NEEDED: &[&str] = &[
    "atftp",                  // a TFTP client with windows that they are tested with
    "busybox",                // a DHCP client and a cpio that the boot services are tested with
    "curl",                   // a TFTP client that they are tested with
    "debian-archive-keyring", // to check what is taken from the Debian archive
    "dnsmasq-base",           // another DHCP server that ours is tested beside
    "e2fsprogs",              // filesystems that the agent is tested with
    "iproute2",               // the lab's bridge and taps
    "ipxe",                   // boot loaders that the server offers by TFTP
    "ipxe-qemu",              // network boot for the lab's BIOS machines
    "mmdebstrap",             // the demo's disk image
    "ovmf",                   // firmware of the lab's UEFI machines
    "python3-venv",           // DMTF's protocol validator, which the lab's BMC is held to
    "qemu-system-x86",        // the lab's machines
    "qemu-utils",             // qcow2 images that the agent is tested with
    "tftp-hpa",               // a third one
    "uidmap",                 // mmdebstrap without root
    "xorriso",                // discs that the server is tested with
    "xz-utils",               // xz images that the agent is tested with
];

/// Makes sure that every needed package is installed.
pub(crate) fn ensure_installed() -> Result<()> {
    ensure(NEEDED)
}

/// Makes sure that there is a compiler for C++.
pub(crate) fn ensure_compiler_for_cpp() -> Result<()> {
    match command::run(Command::new("c++").arg("--version")) {
        Ok(_) => Ok(()),
        Err(_) => ensure(&["g++"]),
    }
}

fn ensure(needed: &[&'static str]) -> Result<()> {
    let missing: Vec<_> = needed.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.join(" ");
    if !nix::unistd::Uid::effective().is_root() {
        bail!(
            "some packages are missing; run: sudo apt-get update && sudo apt-get install --no-install-recommends {packages}"
        );
    }
    println!("Installing {packages}");
    command::show(apt_get().args(["update", "-qq"]))?;
    command::show(apt_get().args(["install", "-qq", "--yes", "--no-install-recommends"]).args(&missing))
}

/// Downloads packages and all that they need and this computer does not have into `folder`, and installs nothing.
pub(crate) fn download(packages: &[&str], folder: &Path) -> Result<()> {
    let archives = format!("Dir::Cache::archives={}", folder.display());
    let mut install = apt_get();
    install.args(["install", "-qq", "--yes", "--no-install-recommends", "--download-only", "--reinstall"]);
    install.args(["-o", &archives, "-o", "APT::Sandbox::User=", "-o", "Debug::NoLocking=1"]).args(packages);
    if command::run(&mut install).is_ok() {
        return Ok(());
    }
    // The lists may never have been fetched, or name versions that are gone.
    if nix::unistd::Uid::effective().is_root() {
        command::run(apt_get().args(["update", "-qq"]))?;
    }
    command::run(&mut install).map(drop).with_context(|| format!("downloading {}", packages.join(", ")))
}

fn is_installed(package: &str) -> bool {
    let query = ["--show", "--showformat=${db:Status-Status}", package];
    command::run(Command::new("dpkg-query").args(query)).is_ok_and(|status| status == "installed")
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}
