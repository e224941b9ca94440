//! Finds the installed system's root filesystem and mounts it for a moment.

use super::ConfigureError;
use super::tree::RootTree;
use crate::host::Host;
use crate::inventory::disks;
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use types::ErrorClass;

/// Where it is mounted meanwhile.
const MOUNT_POINT: &str = "run/slipway/system";

/// Why no system was mounted.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// There is no such disk.
    #[error("the machine has no disk {0}")]
    NoDisk(String),
    /// No disk was named, and it is not clear which one is meant.
    #[error("the setup names no disk, and several may be meant: {0}")]
    WhichDisk(String),
    /// No partition holds a system.
    #[error("no partition of disk {disk} holds a Linux system; looked at {looked_at}")]
    NoSystem {
        /// Which disk.
        disk: String,
        /// The partitions, and what spoke against each.
        looked_at: String,
    },
    /// The place to mount it cannot be made.
    #[error("making the folder {path:?}")]
    MountPoint {
        /// Which folder.
        path: PathBuf,
        /// The kernel's word.
        source: io::Error,
    },
    /// The system cannot be mounted for writing.
    #[error("mounting {partition} for writing")]
    Remount {
        /// Which partition.
        partition: String,
        /// The kernel's word.
        source: io::Error,
    },
    /// The system cannot be unmounted, so that changes may not be on the disk.
    #[error("unmounting {partition}")]
    Unmount {
        /// Which partition.
        partition: String,
        /// The kernel's word.
        source: io::Error,
    },
}

impl MountError {
    pub(super) fn class(&self) -> ErrorClass {
        match self {
            Self::NoDisk(_) | Self::WhichDisk(_) | Self::NoSystem { .. } => ErrorClass::Configuration,
            Self::MountPoint { .. } | Self::Remount { .. } | Self::Unmount { .. } => ErrorClass::Hardware,
        }
    }
}

/// Runs `work` with the root folder of the system on `disk`, and the partition's name. The system is unmounted
/// after, whatever comes of it.
pub(super) fn with_root<T>(
    host: &Host,
    disk: &str,
    work: impl FnOnce(&Path, &str) -> Result<T, ConfigureError>,
) -> Result<T, ConfigureError> {
    let disk = resolve_disk(host, disk)?;
    let mounted = find_root(host, &disk)?;
    let partition = mounted.partition.clone();
    let result = mounted.make_writable().map_err(ConfigureError::from).and_then(|()| work(&mounted.at, &partition));
    let unmounted = mounted.unmount();
    let result = result?;
    unmounted?;
    Ok(result)
}

fn resolve_disk(host: &Host, disk: &str) -> Result<String, MountError> {
    let names: Vec<String> = disks::read(host).into_iter().map(|disk| disk.name).collect();
    match (disk, names.as_slice()) {
        ("", [only]) => Ok(only.clone()),
        ("", _) => Err(MountError::WhichDisk(names.join(", "))),
        (named, _) if names.iter().any(|name| name == named) => Ok(named.to_owned()),
        (named, _) => Err(MountError::NoDisk(named.to_owned())),
    }
}

/// The last partition with a Linux system: layouts end with the root filesystem, which grows.
fn find_root(host: &Host, disk: &str) -> Result<Mounted, MountError> {
    let at = host.path(MOUNT_POINT);
    fs::create_dir_all(&at).map_err(|source| MountError::MountPoint { path: at.clone(), source })?;
    let mut looked_at = Vec::new();
    for partition in partitions(host, disk) {
        match Mounted::read_only(host, &partition, &at) {
            Ok(mounted) => match mounted.objection() {
                None => return Ok(mounted),
                Some(objection) => {
                    looked_at.push(format!("{partition} ({objection})"));
                    mounted.unmount()?;
                }
            },
            Err(objection) => looked_at.push(format!("{partition} ({objection})")),
        }
    }
    let looked_at = if looked_at.is_empty() { "none".to_owned() } else { looked_at.join(", ") };
    Err(MountError::NoSystem { disk: disk.to_owned(), looked_at })
}

/// A disk's partitions, the one that begins last first.
fn partitions(host: &Host, disk: &str) -> Vec<String> {
    let folder = format!("sys/block/{disk}");
    let start = |name: &String| host.number(&format!("{folder}/{name}/start"));
    let mut partitions: Vec<String> =
        host.names(&folder).into_iter().filter(|name| host.has(&format!("{folder}/{name}/partition"))).collect();
    partitions.sort_by_key(|name| std::cmp::Reverse(start(name)));
    partitions
}

struct Mounted {
    partition: String,
    at: PathBuf,
}

impl Mounted {
    fn read_only(host: &Host, partition: &str, at: &Path) -> Result<Self, String> {
        let device = host.device_path(partition);
        let kind = filesystem_of(&device).map_err(|error| error.to_string())?.ok_or("no Linux filesystem")?;
        let flags = MountFlags::RDONLY | MountFlags::NODEV | MountFlags::NOSUID | MountFlags::NOEXEC;
        mount(&device, at, kind, flags, None).map_err(|error| format!("cannot be mounted as {kind}: {error}"))?;
        Ok(Self { partition: partition.to_owned(), at: at.to_owned() })
    }

    /// What speaks against this being the root of a system (os-release(5): it is in one of two places).
    fn objection(&self) -> Option<&'static str> {
        let is_system = RootTree::open(&self.at).is_ok_and(|tree| {
            ["/etc/os-release", "/usr/lib/os-release"].iter().any(|path| tree.has_file_or_link(path))
        });
        if is_system { None } else { Some("no os-release in it") }
    }

    fn make_writable(&self) -> Result<(), MountError> {
        let flags = MountFlags::NODEV | MountFlags::NOSUID | MountFlags::NOEXEC;
        mount_remount(&self.at, flags, "")
            .map_err(|error| MountError::Remount { partition: self.partition.clone(), source: error.into() })
    }

    fn unmount(self) -> Result<(), MountError> {
        rustix::fs::sync();
        unmount(&self.at, UnmountFlags::empty())
            .map_err(|error| MountError::Unmount { partition: self.partition, source: error.into() })
    }
}

/// By the magic numbers of ext2 to 4 (mounted as ext4), XFS and Btrfs.
fn filesystem_of(device: &Path) -> io::Result<Option<&'static str>> {
    const MAGICS: [(u64, &[u8], &str); 3] =
        [(1024 + 0x38, &[0x53, 0xef], "ext4"), (0, b"XFSB", "xfs"), (0x1_0040, b"_BHRfS_M", "btrfs")];
    let file = File::open(device)?;
    for (offset, magic, name) in MAGICS {
        let mut found = vec![0; magic.len()];
        if file.read_exact_at(&mut found, offset).is_ok() && found == magic {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tests::FakeMachine;

    #[test]
    fn partitions_are_looked_at_from_the_last_place_on() {
        let machine = FakeMachine::new().disk("vda", 8 << 20, "");
        for (name, start) in [("vda1", "4096"), ("vda14", "2048"), ("vda15", "1048576")] {
            machine.write(&format!("sys/block/vda/{name}/partition"), "1");
            machine.write(&format!("sys/block/vda/{name}/start"), start);
        }
        assert_eq!(partitions(&machine.host, "vda"), ["vda15", "vda1", "vda14"]);
    }

    #[test]
    fn a_disk_that_is_not_named_must_be_the_only_one() {
        let machine = FakeMachine::new().disk("vda", 8 << 20, "");
        assert_eq!(resolve_disk(&machine.host, "").unwrap(), "vda");
        let machine = machine.disk("vdb", 8 << 20, "");
        assert!(matches!(resolve_disk(&machine.host, ""), Err(MountError::WhichDisk(_))));
        assert!(matches!(resolve_disk(&machine.host, "vdc"), Err(MountError::NoDisk(_))));
        assert_eq!(resolve_disk(&machine.host, "vdb").unwrap(), "vdb");
    }

    #[test]
    fn the_filesystem_is_told_by_its_magic_number() {
        let machine = FakeMachine::new();
        machine.write("dev/x", [&[0; 0x438][..], &[0x53, 0xef]].concat());
        machine.write("dev/y", b"XFSB");
        machine.write("dev/z", [0; 70_000]);
        let kinds = ["x", "y", "z"].map(|name| filesystem_of(&machine.host.device_path(name)).unwrap());
        assert_eq!(kinds, [Some("ext4"), Some("xfs"), None]);
    }
}
