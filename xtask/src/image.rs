//! Builds the demo's disk image: a small Debian 12 that starts on BIOS and UEFI machines.
//!
//! Everything but the assembly of the disk is done by Debian's own tools, without loop devices; without root they run
//! in a user namespace.

use crate::{command, debian, disk_image, fingerprint, kernel_modules, place};
use anyhow::{Context, Result};
use artifact::cpio;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is installed beside Debian's essential packages.
const PACKAGES: &[&str] =
    &["initramfs-tools", "iproute2", "kmod", "openssh-server", "sudo", "systemd", "systemd-sysv", "udev"];
/// Its kernel: small, and made for virtual machines.
const KERNEL: &str = "linux-image-cloud-amd64";
/// What the kernel needs to reach its root on a virtual disk. NVMe and ext4 are built in.
const MODULES: &[&str] = &["sd_mod", "virtio_blk", "virtio_pci", "virtio_scsi"];
/// What the initramfs's script calls.
const APPLETS: &[&str] = &["findfs", "modprobe", "mount", "sh", "switch_root", "usleep"];
/// Tools that are needed to build it, and are not worth installing for it.
const TOOLS: &[&str] = &["grub-common", "grub-efi-amd64-bin", "grub-pc-bin", "libdevmapper1.02.1", "mtools"];

const CUSTOMIZE: &str = include_str!("../recipes/image/customize.sh");
const GRUB_EARLY: &[u8] = include_bytes!("../recipes/image/grub-early.cfg");
const GRUB_MENU: &str = include_str!("../recipes/image/grub.cfg");
const INIT: &[u8] = include_bytes!("../recipes/image/init");
const RECIPE: &[u8] =
    concat!(include_str!("image.rs"), include_str!("disk_image.rs"), include_str!("kernel_modules.rs")).as_bytes();

const GRUB_MODULES: &[&str] = &["configfile", "ext2", "linux", "normal", "part_gpt", "search", "search_label"];
/// Times in the image; any fixed one will do.
const EPOCH: &str = "1700000000";
/// A level at which packing takes seconds; unpacking is as fast at every one.
const COMPRESSION_LEVEL: i32 = 9;

/// The built image.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    /// The packed disk.
    pub(crate) file: PathBuf,
    /// What a server wants to know of it.
    pub(crate) facts: ImageFacts,
}

/// Kept beside the image as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ImageFacts {
    /// `sha256:` and the digest of the packed file.
    pub(crate) digest: String,
    /// Size of the unpacked disk.
    pub(crate) disk_size_bytes: u64,
    /// Size of the packed file.
    pub(crate) file_size_bytes: u64,
}

/// Builds the image if an input changed.
pub(crate) fn build() -> Result<Image> {
    let archive = debian::Archive::open()?;
    let tools = archive.unpack("image-tools", TOOLS)?;
    let kernel = archive.find_dependency(KERNEL, "linux-image-")?;
    let initrd_parts = archive.unpack("image-initrd", &[&kernel, "busybox-static"])?;

    let directory = place::target().join("image");
    let file = directory.join("debian-12.raw.zst");
    let facts_file = directory.join("debian-12.json");
    let stamp = directory.join("fingerprint");
    let mut inputs = fingerprint::Inputs::default();
    inputs.add("recipe", RECIPE).add("customize", CUSTOMIZE.as_bytes());
    inputs.add("early", GRUB_EARLY).add("menu", GRUB_MENU.as_bytes());
    inputs.add("init", INIT).add("kernel", initrd_parts.versions.as_bytes()).add("tools", tools.versions.as_bytes());
    let fingerprint = inputs.fingerprint();
    if fingerprint::is_current(&stamp, &fingerprint) {
        let facts = serde_json::from_slice(&fs::read(&facts_file)?).context("reading the image's facts")?;
        return Ok(Image { file, facts });
    }

    println!("Building the Debian image (about a minute)");
    fs::create_dir_all(&directory)?;
    let scratch = tempfile::Builder::new().prefix("build-").tempdir_in(&directory)?;
    let parts = disk_image::Parts {
        boot_sector: fs::read(tools.tree.join("usr/lib/grub/i386-pc/boot.img"))?,
        bios_loader: make_loader(&tools.tree, scratch.path(), "i386-pc", &["biosdisk"])?,
        esp: make_esp(&tools.tree, scratch.path())?,
        root: make_root(scratch.path(), &kernel, &make_initrd(&initrd_parts.tree, &kernel)?)?,
    };
    let disk = scratch.path().join("disk.raw");
    let disk_size_bytes = disk_image::assemble(&disk, &parts)?;
    let packed = scratch.path().join("disk.raw.zst");
    let facts = pack(&disk, &packed, disk_size_bytes)?;
    fs::rename(&packed, &file)?;
    fs::write(&facts_file, serde_json::to_vec_pretty(&facts)?)?;
    fingerprint::record(&stamp, &fingerprint)?;
    Ok(Image { file, facts })
}

/// Makes a GRUB that holds all it needs to find its menu on the root filesystem.
fn make_loader(tools: &Path, scratch: &Path, platform: &str, extra: &[&str]) -> Result<Vec<u8>> {
    let early = scratch.join("grub-early.cfg");
    fs::write(&early, GRUB_EARLY)?;
    let output = scratch.join(platform);
    let mut grub = Command::new(tools.join("usr/bin/grub-mkimage"));
    grub.env("LD_LIBRARY_PATH", tools.join("lib/x86_64-linux-gnu"));
    grub.arg("--directory").arg(tools.join("usr/lib/grub").join(platform));
    grub.arg("--config").arg(&early).arg("--output").arg(&output);
    grub.args(["--format", platform, "--prefix", "/boot/grub"]).args(GRUB_MODULES).args(extra);
    command::run(&mut grub)?;
    Ok(fs::read(output)?)
}

/// Makes the EFI system partition: GRUB under the name that firmware starts when it has no boot entry.
fn make_esp(tools: &Path, scratch: &Path) -> Result<PathBuf> {
    let loader = scratch.join("BOOTX64.EFI");
    fs::write(&loader, make_loader(tools, scratch, "x86_64-efi", &[])?)?;
    let esp = scratch.join("esp.fat");
    File::create(&esp)?.set_len(disk_image::ESP_BYTES)?;
    let mtools = |arguments: &[&str]| {
        let mut command = Command::new(tools.join("usr/bin/mtools"));
        command.arg("-c").args(arguments).arg("-i").arg(&esp).env("SOURCE_DATE_EPOCH", EPOCH);
        command
    };
    command::run(mtools(&["mformat"]).args(["-v", "ESP", "-N", "51a9da75", "::"]))?;
    command::run(mtools(&["mmd"]).args(["::/EFI", "::/EFI/BOOT"]))?;
    command::run(mtools(&["mcopy"]).arg(&loader).arg("::/EFI/BOOT/BOOTX64.EFI"))?;
    Ok(esp)
}

/// Makes the initramfs: it finds the root by its label and starts the system there, in a fraction of a second.
fn make_initrd(tree: &Path, kernel: &str) -> Result<Vec<u8>> {
    let busybox = kernel_modules::find_busybox(tree)?;
    let mut writer = cpio::Writer::new(Vec::new());
    for directory in ["dev", "proc", "root", "sys"] {
        writer.directory(directory, 0o755)?;
    }
    writer.device("dev/console", 0o600, 5, 1)?;
    writer.file("init", 0o755, INIT)?;
    writer.file("bin/busybox", 0o755, &fs::read(&busybox)?)?;
    for applet in APPLETS {
        writer.symlink(&format!("bin/{applet}"), "busybox")?;
    }
    kernel_modules::add(&mut writer, tree, version_of(kernel), &busybox, MODULES)?;
    Ok(zstd::encode_all(writer.finish()?.as_slice(), COMPRESSION_LEVEL)?)
}

fn version_of(kernel: &str) -> &str {
    kernel.trim_start_matches("linux-image-")
}

/// Makes the root filesystem, owned by root in the image whoever builds it.
fn make_root(scratch: &Path, kernel: &str, initrd: &[u8]) -> Result<PathBuf> {
    let sources = scratch.join("sources.list");
    fs::write(&sources, debian::Archive::sources())?;
    let menu = scratch.join("grub.cfg");
    fs::write(&menu, GRUB_MENU.replace("KERNEL", version_of(kernel)))?;
    let initrd_file = scratch.join("initrd");
    fs::write(&initrd_file, initrd)?;
    let tree = scratch.join("root.tar");
    let mut bootstrap = Command::new("mmdebstrap");
    bootstrap.args(["--quiet", "--variant=minbase", "--architectures=amd64", "--format=tar"]);
    bootstrap.arg(format!("--include={kernel},{}", PACKAGES.join(",")));
    for path in ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*"] {
        bootstrap.arg(format!("--dpkgopt=path-exclude={path}"));
    }
    // As text: without root, what runs it is nobody here, and may not read our files.
    bootstrap.arg(format!("--customize-hook={CUSTOMIZE}"));
    bootstrap.arg("--customize-hook=mkdir -p \"$1/boot/grub\"");
    bootstrap.arg(format!("--customize-hook=upload {} /boot/grub/grub.cfg", menu.display()));
    let initrd_name = format!("/boot/initrd-{}", version_of(kernel));
    bootstrap.arg(format!("--customize-hook=upload {} {initrd_name}", initrd_file.display()));
    // An empty suite: the sources say all.
    bootstrap.arg("").arg(&tree).arg(&sources);
    bootstrap.env("INITRD", "No").env("SOURCE_DATE_EPOCH", EPOCH);
    command::run(&mut bootstrap)?;

    let filesystem = scratch.join("root.ext4");
    let script = r#"set -e
        mkdir root
        # Device files need a real root, and the kernel makes its own.
        tar --extract --numeric-owner --exclude='./dev/*' --file=root.tar --directory=root
        mke2fs -q -F -t ext4 -b 4096 -O ^metadata_csum_seed,^orphan_file -E lazy_itable_init=0,root_owner=0:0,hash_seed="$UUID" \
            -m 0 -L debian-root -U "$UUID" -d root root.ext4 "$KIBIBYTES"k
        rm -rf root root.tar"#;
    let mut make = as_root();
    make.args(["sh", "-c", script]).current_dir(scratch);
    make.env("UUID", "5c1a3d00-0000-4000-8000-0000000000f5").env("SOURCE_DATE_EPOCH", EPOCH);
    make.env("KIBIBYTES", (disk_image::ROOT_BYTES / 1024).to_string());
    command::run(&mut make)?;
    Ok(filesystem)
}

/// A command that sees itself as root, with all the users that files may belong to.
fn as_root() -> Command {
    if nix::unistd::Uid::effective().is_root() {
        return Command::new("env");
    }
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--map-auto"]);
    command
}

fn pack(disk: &Path, packed: &Path, disk_size_bytes: u64) -> Result<ImageFacts> {
    let mut input = File::open(disk)?;
    let mut encoder = zstd::Encoder::new(Hashed::new(File::create(packed)?), COMPRESSION_LEVEL)?;
    encoder.set_pledged_src_size(Some(disk_size_bytes))?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match input.read(&mut buffer)? {
            0 => break,
            length => encoder.write_all(&buffer[..length])?,
        }
    }
    let output = encoder.finish()?;
    let digest = format!("sha256:{}", fingerprint::hex(&output.hash.finalize()));
    Ok(ImageFacts { digest, disk_size_bytes, file_size_bytes: output.written })
}

/// Hashes what goes through it.
struct Hashed<W> {
    out: W,
    hash: Sha256,
    written: u64,
}

impl<W> Hashed<W> {
    fn new(out: W) -> Self {
        Self { out, hash: Sha256::new(), written: 0 }
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.out.write(bytes)?;
        self.hash.update(&bytes[..length]);
        self.written += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
