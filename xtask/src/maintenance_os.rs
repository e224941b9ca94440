//! Builds the maintenance OS: the kernel and initramfs that a machine boots to be inspected and installed.
//!
//! Debian's cloud kernel with its virtio drivers, busybox, the tools that grow a filesystem, and the agent. Small on
//! purpose: it is fetched by firmware and unpacked by one emulated processor.

use crate::{agent_binary, debian, fingerprint, kernel_modules, place};
use anyhow::{Context, Result};
use artifact::cpio;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const KERNEL: &str = "linux-image-cloud-amd64";
const PACKAGES: &[&str] =
    &["busybox-static", "e2fsprogs", "libblkid1", "libc6", "libcom-err2", "libext2fs2", "libuuid1"];

/// Drivers to have, by module name; what they need comes with them. NVMe and ext4 are built into the kernel.
const MODULES: &[&str] = &[
    "ata_piix",
    "efivarfs",
    "nls_ascii",
    "nls_cp437",
    "sd_mod",
    "vfat",
    "virtio_blk",
    "virtio_net",
    "virtio_pci",
    "virtio_rng",
    "virtio_scsi",
];
const TOOLS: &[&str] = &["sbin/e2fsck", "sbin/resize2fs"];
const LIBRARIES: &[&str] =
    &["libblkid.so.1", "libc.so.6", "libcom_err.so.2", "libe2p.so.2", "libext2fs.so.2", "libuuid.so.1"];
const LOADER: &str = "ld-linux-x86-64.so.2";

const INIT: &[u8] = include_bytes!("../recipes/maintenance-os/init");
const LEASE_SCRIPT: &[u8] = include_bytes!("../recipes/maintenance-os/udhcpc.script");
const IPV6_SCRIPT: &[u8] = include_bytes!("../recipes/maintenance-os/ipv6.script");
const RECIPE: &[u8] = concat!(include_str!("maintenance_os.rs"), include_str!("kernel_modules.rs")).as_bytes();

/// High enough to matter on the wire; unpacking takes as long at every level.
const COMPRESSION_LEVEL: i32 = 19;

/// The built files.
#[derive(Debug)]
pub(crate) struct MaintenanceOs {
    /// The kernel, for BIOS and UEFI.
    pub(crate) kernel: PathBuf,
    /// The initramfs.
    pub(crate) initrd: PathBuf,
}

/// Builds the maintenance OS if an input changed.
pub(crate) fn build() -> Result<MaintenanceOs> {
    let agent = agent_binary::build()?;
    let agent = fs::read(&agent).with_context(|| format!("reading {}", agent.display()))?;
    let archive = debian::Archive::open()?;
    let kernel_package = archive.find_dependency(KERNEL, "linux-image-")?;
    let packages: Vec<&str> = std::iter::once(kernel_package.as_str()).chain(PACKAGES.iter().copied()).collect();
    let system = archive.unpack("maintenance-os", &packages)?;

    let directory = place::target().join("boot");
    let built = MaintenanceOs { kernel: directory.join("vmlinuz"), initrd: directory.join("initrd.zst") };
    let mut inputs = fingerprint::Inputs::default();
    inputs.add("recipe", RECIPE).add("init", INIT).add("lease script", LEASE_SCRIPT).add("IPv6 script", IPV6_SCRIPT);
    inputs.add("agent", &agent).add("packages", system.versions.as_bytes());
    let fingerprint = inputs.fingerprint();
    let stamp = directory.join("fingerprint");
    if fingerprint::is_current(&stamp, &fingerprint) {
        return Ok(built);
    }

    println!("Building the maintenance OS");
    fs::create_dir_all(&directory)?;
    let version = kernel_package.trim_start_matches("linux-image-");
    let initrd = initramfs(&system.tree, version, &agent)?;
    replace(&built.kernel, &fs::read(system.tree.join("boot").join(format!("vmlinuz-{version}")))?)?;
    let mut packed = zstd::encode_all(initrd.as_slice(), COMPRESSION_LEVEL)?;
    // The EFI stub puts the next initrd right behind this one, and the kernel finds an archive at multiples of four only.
    packed.resize(packed.len().next_multiple_of(4), 0);
    replace(&built.initrd, &packed)?;
    fingerprint::record(&stamp, &fingerprint)?;
    Ok(built)
}

fn initramfs(tree: &Path, kernel: &str, agent: &[u8]) -> Result<Vec<u8>> {
    let busybox = kernel_modules::find_busybox(tree)?;

    let mut writer = cpio::Writer::new(Vec::new());
    for directory in ["dev", "etc", "mnt", "proc", "root", "run", "sys", "tmp"] {
        writer.directory(directory, 0o755)?;
    }
    // The kernel opens it for the first process before anything is mounted.
    writer.device("dev/console", 0o600, 5, 1)?;
    writer.file("init", 0o755, INIT)?;
    writer.file("usr/share/udhcpc/default.script", 0o755, LEASE_SCRIPT)?;
    writer.file("usr/share/udhcpc/ipv6.script", 0o755, IPV6_SCRIPT)?;
    writer.file("bin/busybox", 0o755, &fs::read(&busybox)?)?;
    for applet in crate::command::run(Command::new(&busybox).arg("--list"))?.lines() {
        if applet != "busybox" {
            writer.symlink(&format!("bin/{applet}"), "busybox")?;
        }
    }
    for tool in TOOLS {
        writer.file(&format!("usr/{tool}"), 0o755, &read_either(tree, tool)?)?;
    }
    for library in LIBRARIES {
        writer.file(&format!("lib/x86_64-linux-gnu/{library}"), 0o755, &read_library(tree, library)?)?;
    }
    writer.file(&format!("lib64/{LOADER}"), 0o755, &read_library(tree, LOADER)?)?;
    writer.file("usr/bin/slipway-agent", 0o755, agent)?;
    kernel_modules::add(&mut writer, tree, kernel, &busybox, MODULES)?;
    Ok(writer.finish()?)
}

fn read_library(tree: &Path, name: &str) -> Result<Vec<u8>> {
    read_either(tree, &format!("lib/x86_64-linux-gnu/{name}"))
}

/// Packages are on their way from `/` to `/usr`.
fn read_either(tree: &Path, path: &str) -> Result<Vec<u8>> {
    let places = [tree.join(path), tree.join("usr").join(path)];
    let found = places.iter().find(|place| place.exists()).with_context(|| format!("no package has {path}"))?;
    Ok(fs::read(found)?)
}

/// Puts a file in its place at once, so that a server that has the old one open goes on sending it.
fn replace(path: &Path, content: &[u8]) -> Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, content).with_context(|| format!("writing {}", new.display()))?;
    fs::rename(&new, path).with_context(|| format!("writing {}", path.display()))
}
