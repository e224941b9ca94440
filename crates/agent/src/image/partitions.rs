//! The kernel's view of a disk's partitions.

use crate::clock::Clock;
use crate::host::Host;
use artifact::gpt::Partition;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a partition's device file may take to appear. The kernel makes it within the call; a udev that renames
/// things may take a moment.
const APPEARS_WITHIN: Duration = Duration::from_secs(5);
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// A partition as something that can be read and written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Volume {
    /// The partition's device file, or the disk's.
    pub(crate) path: PathBuf,
    /// Where in it the partition begins.
    pub(crate) offset_bytes: u64,
    /// How long the partition is.
    pub(crate) size_bytes: u64,
}

/// Makes the kernel read the disk's partition table again. For a file that stands for a disk there is nothing to do.
pub(crate) fn reread(disk: &Path) -> io::Result<()> {
    let file = File::open(disk)?;
    if !file.metadata()?.file_type().is_block_device() {
        return Ok(());
    }
    reread_partition_table(&file)
}

#[expect(unsafe_code, reason = "BLKRRPART has no safe wrapper in rustix")]
fn reread_partition_table(disk: &File) -> io::Result<()> {
    use rustix::ioctl::{NoArg, ioctl, opcode};
    const BLKRRPART: rustix::ioctl::Opcode = opcode::none(0x12, 95);
    // SAFETY: BLKRRPART (linux/fs.h) takes no argument and returns none.
    unsafe { ioctl(disk, NoArg::<BLKRRPART>::new()) }.map_err(io::Error::from)
}

/// Where a partition is: in a device file of its own on a disk, within the file when a file stands for the disk.
pub(crate) fn volume(host: &Host, disk: &str, partition: &Partition, clock: &dyn Clock) -> Volume {
    let own = host.device_path(&partition_name(disk, partition.number));
    let whole = host.device_path(disk);
    if is_block_device(&whole) {
        let deadline = clock.now() + APPEARS_WITHIN;
        while !own.exists() && clock.now() < deadline {
            clock.pause(LOOK_INTERVAL);
        }
        return Volume { path: own, offset_bytes: 0, size_bytes: partition.size_bytes };
    }
    Volume { path: whole, offset_bytes: partition.start_bytes, size_bytes: partition.size_bytes }
}

fn is_block_device(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.file_type().is_block_device())
}

/// The kernel's name of a partition: `vda3`, but `nvme0n1p3`.
fn partition_name(disk: &str, number: u32) -> String {
    let separator = if disk.ends_with(|last: char| last.is_ascii_digit()) { "p" } else { "" };
    format!("{disk}{separator}{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_named_as_the_kernel_names_them() {
        assert_eq!(partition_name("vda", 3), "vda3");
        assert_eq!(partition_name("nvme0n1", 3), "nvme0n1p3");
    }
}
