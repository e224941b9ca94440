//! The machine, as the kernel's files show it.

use std::fs;
use std::path::{Path, PathBuf};
use types::MacAddr;
use types::machine::Firmware;
use uuid::Uuid;

/// The folder below which `sys`, `proc`, `dev`, `etc` and the rest lie.
#[derive(Debug, Clone)]
pub struct Host {
    root: PathBuf,
}

impl Default for Host {
    fn default() -> Self {
        Self::new("/")
    }
}

impl Host {
    /// A host below `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where `path` is. A leading slash makes no difference.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// A file's text without the space around it. None when it is missing, unreadable or empty: the kernel's files
    /// come and go with hardware and drivers.
    pub fn text(&self, path: &str) -> Option<String> {
        let text = String::from_utf8_lossy(&fs::read(self.path(path)).ok()?).trim().to_owned();
        (!text.is_empty()).then_some(text)
    }

    /// A file's text as a number.
    pub fn number(&self, path: &str) -> Option<u64> {
        self.text(path)?.parse().ok()
    }

    /// The names in a folder, in order.
    pub fn names(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(path)).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// The last part of where a link leads.
    pub fn link_name(&self, path: &str) -> Option<String> {
        Some(fs::read_link(self.path(path)).ok()?.file_name()?.to_str()?.to_owned())
    }

    /// Whether there is such a file or folder.
    pub fn has(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    /// Identifies this boot of the kernel.
    pub fn boot_id(&self) -> Option<Uuid> {
        self.text("proc/sys/kernel/random/boot_id")?.parse().ok()
    }

    /// How the firmware booted.
    pub fn firmware(&self) -> Firmware {
        if self.has("sys/firmware/efi") { Firmware::Uefi } else { Firmware::Bios }
    }

    /// Whether Secure Boot is on, by UEFI's variable: four bytes of attributes and one of value (UEFI 2.10 §3.3).
    pub fn secure_boot(&self) -> Option<bool> {
        let variable = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
        match fs::read(self.path(variable)).ok()?.as_slice() {
            [_, _, _, _, value] => Some(*value == 1),
            _ => None,
        }
    }

    /// The card that the firmware booted from, where the boot script told the kernel by `BOOTIF=` as PXELINUX
    /// does: the address after the hardware type, with dashes.
    pub fn boot_mac(&self) -> Option<MacAddr> {
        let line = self.text("proc/cmdline")?;
        let value = line.split_ascii_whitespace().find_map(|word| word.strip_prefix("BOOTIF="))?;
        value.strip_prefix("01-").unwrap_or(value).parse().ok()
    }

    /// Whether a device, or a partition of it, is mounted, swapped to, or part of another device such as an array.
    pub fn is_in_use(&self, disk: &str) -> bool {
        self.is_mounted(disk) || self.is_part_of_another(disk)
    }

    fn is_part_of_another(&self, disk: &str) -> bool {
        let folder = format!("sys/block/{disk}");
        let partitions = self.names(&folder).into_iter().filter(|name| name.starts_with(disk));
        let mut folders =
            partitions.map(|name| format!("{folder}/{name}/holders")).chain([format!("{folder}/holders")]);
        folders.any(|holders| !self.names(&holders).is_empty())
    }

    fn is_mounted(&self, disk: &str) -> bool {
        let tables = ["proc/mounts", "proc/swaps"].map(|path| self.text(path).unwrap_or_default());
        let device = self.device_path(disk);
        let real = format!("/dev/{disk}");
        let devices =
            tables.iter().flat_map(|table| table.lines()).filter_map(|line| line.split_ascii_whitespace().next());
        let mut devices = devices.map(Path::new);
        devices
            .any(|used| [Path::new(&real), device.as_path()].into_iter().any(|disk| is_disk_or_partition(disk, used)))
    }

    /// The device file of a disk or partition.
    pub fn device_path(&self, name: &str) -> PathBuf {
        self.path("dev").join(name)
    }
}

fn is_disk_or_partition(disk: &Path, used: &Path) -> bool {
    let (Some(disk), Some(used)) = (disk.to_str(), used.to_str()) else { return false };
    used.strip_prefix(disk).is_some_and(|rest| rest.trim_start_matches('p').bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A folder that looks like a machine.
    pub(crate) struct FakeMachine {
        _dir: tempfile::TempDir,
        pub(crate) host: Host,
    }

    impl FakeMachine {
        pub(crate) fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let machine = Self { host: Host::new(dir.path()), _dir: dir };
            machine
                .file("proc/sys/kernel/random/boot_id", "3f1c0a52-9f4e-4f44-9d6e-111111111111\n")
                .file("proc/cmdline", "console=ttyS0 BOOTIF=01-52-54-00-00-00-01 quiet\n")
                .file("proc/meminfo", "MemTotal:        2097152 kB\nMemAvailable:    1572864 kB\n")
                .file(
                    "proc/cpuinfo",
                    "processor\t: 0\nmodel name\t: Fast CPU\nphysical id\t: 0\n\nprocessor\t: 1\nmodel name\t: Fast CPU\nphysical id\t: 1\n",
                )
                .file("proc/mounts", "none / rootfs rw 0 0\n")
                .file("proc/swaps", "Filename Type Size Used Priority\n")
                .nic("eth0", "52:54:00:00:00:01", true)
        }

        pub(crate) fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
            self.write(path, content);
            self
        }

        pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
            let path = self.host.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }

        pub(crate) fn nic(self, name: &str, mac: &str, link: bool) -> Self {
            let folder = format!("sys/class/net/{name}");
            let machine = self
                .file(&format!("{folder}/address"), mac)
                .file(&format!("{folder}/type"), "1\n")
                .file(&format!("{folder}/carrier"), if link { "1\n" } else { "0\n" })
                .file(&format!("{folder}/speed"), if link { "10000\n" } else { "-1\n" })
                .file(&format!("{folder}/device/vendor"), "0x1af4\n");
            symlink("../../../bus/drivers/virtio_net", machine.host.path(&format!("{folder}/device/driver"))).unwrap();
            machine
        }

        /// A disk full of an old system's bytes, as a file that takes as much room as it is written.
        pub(crate) fn disk(self, name: &str, size_bytes: u64, serial: &str) -> Self {
            let folder = format!("sys/block/{name}");
            let machine = self
                .file(&format!("{folder}/size"), (size_bytes / 512).to_string())
                .file(&format!("{folder}/removable"), "0\n")
                .file(&format!("{folder}/ro"), "0\n")
                .file(&format!("{folder}/serial"), serial)
                .file(&format!("{folder}/queue/rotational"), "0\n")
                .file(&format!("{folder}/queue/logical_block_size"), "512\n")
                .file(&format!("{folder}/device/model"), "QEMU DISK\n")
                .file(&format!("dev/{name}"), "");
            let file = fs::File::options().write(true).open(machine.host.device_path(name)).unwrap();
            file.set_len(size_bytes).unwrap();
            std::os::unix::fs::FileExt::write_all_at(&file, &[0xaa; 4096], 0).unwrap();
            machine
        }
    }

    impl FakeMachine {
        /// A disk of 1 MiB at a place in the tree of devices, as `sys/block` links to it.
        pub(crate) fn disk_at(self, name: &str, place: &str) -> Self {
            let machine = self.disk(name, 1 << 20, "");
            let (device, link) = (format!("sys/devices/{place}/block"), format!("sys/block/{name}"));
            fs::create_dir_all(machine.host.path(&device)).unwrap();
            fs::rename(machine.host.path(&link), machine.host.path(&format!("{device}/{name}"))).unwrap();
            symlink(format!("../devices/{place}/block/{name}"), machine.host.path(&link)).unwrap();
            fs::remove_file(machine.host.path(&format!("{link}/device/model"))).unwrap();
            machine
        }
    }

    #[test]
    fn the_card_booted_from_is_on_the_command_line() {
        let machine = FakeMachine::new();
        assert_eq!(machine.host.boot_mac(), Some("52:54:00:00:00:01".parse().unwrap()));
        machine.write("proc/cmdline", "quiet");
        assert_eq!(machine.host.boot_mac(), None);
    }

    #[test]
    fn a_disk_is_in_use_when_a_partition_of_it_is() {
        let machine = FakeMachine::new();
        machine.write("proc/mounts", "/dev/vda2 /mnt ext4 rw 0 0\n/dev/nvme0n1p1 /x ext4 rw 0 0\n");
        let used = ["vda", "vdaa", "vd", "nvme0n1", "nvme0n2"].map(|disk| machine.host.is_in_use(disk));
        assert_eq!(used, [true, false, false, true, false]);
        machine.write("sys/block/sda/sda2/holders/md0", "");
        assert_eq!(["sda", "sdb"].map(|disk| machine.host.is_in_use(disk)), [true, false]);
    }
}
