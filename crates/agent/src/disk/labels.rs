//! The labels on a disk: of its partitions, and of the filesystems on it and in them.

use artifact::gpt::{GptError, Table};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Where in a filesystem's place its label is, and how it is known.
struct Kind {
    magic_at: u64,
    magic: &'static [u8],
    label_at: u64,
    label_bytes: usize,
}

/// ext2 to ext4 (Documentation/filesystems/ext4/super.rst), XFS (its sb_fname), btrfs (its superblock's label), FAT32
/// and FAT16 (the boot sector's volume label), swap.
const KINDS: &[Kind] = &[
    Kind { magic_at: 1024 + 56, magic: &[0x53, 0xef], label_at: 1024 + 120, label_bytes: 16 },
    Kind { magic_at: 0, magic: b"XFSB", label_at: 108, label_bytes: 12 },
    Kind { magic_at: 65536 + 64, magic: b"_BHRfS_M", label_at: 65536 + 299, label_bytes: 256 },
    Kind { magic_at: 82, magic: b"FAT32   ", label_at: 71, label_bytes: 11 },
    Kind { magic_at: 54, magic: b"FAT1", label_at: 43, label_bytes: 11 },
    Kind { magic_at: 4096 - 10, magic: b"SWAPSPACE2", label_at: 1052, label_bytes: 16 },
];

/// All labels on the disk.
pub(super) fn read(device: &Path) -> io::Result<Vec<String>> {
    let mut disk = File::open(device)?;
    let size = io::Seek::seek(&mut disk, io::SeekFrom::End(0))?;
    let mut places = vec![0];
    let mut labels = Vec::new();
    match Table::read(&mut disk) {
        Ok(table) => {
            labels.extend(table.names());
            places.extend(table.partitions().iter().map(|partition| partition.start_bytes));
        }
        Err(GptError::Io(error)) => return Err(error),
        Err(_) => places.extend(mbr_partitions(&disk)?),
    }
    for place in places.into_iter().filter(|place| *place < size) {
        for kind in KINDS {
            labels.extend(label(&disk, size, place, kind)?);
        }
    }
    Ok(labels)
}

fn label(disk: &File, size: u64, place: u64, kind: &Kind) -> io::Result<Option<String>> {
    let bytes = |at: u64, length: usize| -> io::Result<Option<Vec<u8>>> {
        let Some(at) = place.checked_add(at).filter(|at| size.saturating_sub(*at) >= length as u64) else {
            return Ok(None);
        };
        let mut bytes = vec![0; length];
        disk.read_exact_at(&mut bytes, at)?;
        Ok(Some(bytes))
    };
    if bytes(kind.magic_at, kind.magic.len())?.as_deref() != Some(kind.magic) {
        return Ok(None);
    }
    let Some(label) = bytes(kind.label_at, kind.label_bytes)? else { return Ok(None) };
    let label = label.split(|byte| *byte == 0).next().unwrap_or_default();
    let label = String::from_utf8_lossy(label).trim_end().to_owned();
    Ok((!label.is_empty()).then_some(label))
}

/// Where the four partitions of an MBR begin, in sectors of 512 bytes.
fn mbr_partitions(disk: &File) -> io::Result<Vec<u64>> {
    let mut sector = [0; 512];
    match disk.read_exact_at(&mut sector, 0) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Vec::new()),
        read => read?,
    }
    if !sector.ends_with(&[0x55, 0xaa]) {
        return Ok(Vec::new());
    }
    let entries = sector.get(446..510).unwrap_or_default().as_chunks::<16>().0;
    let first = |entry: &[u8; 16]| u64::from(u32::from_le_bytes([entry[8], entry[9], entry[10], entry[11]])) * 512;
    Ok(entries.iter().filter(|entry| entry[4] != 0).map(first).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn labels_of_real_filesystems_and_partitions_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk");
        let file = File::create_new(&path).unwrap();
        file.set_len(16 << 20).unwrap();
        let mut mkfs = Command::new("/usr/sbin/mkfs.ext4");
        mkfs.args(["-q", "-F", "-L", "data", "-E", "offset=1048576"]).arg(&path).arg("8192k");
        assert!(mkfs.status().unwrap().success());
        let mut mbr = [0; 512];
        mbr[446 + 4] = 0x83;
        mbr[446 + 8..446 + 12].copy_from_slice(&2048_u32.to_le_bytes());
        mbr[510..].copy_from_slice(&[0x55, 0xaa]);
        file.write_all_at(&mbr, 0).unwrap();
        assert_eq!(read(&path).unwrap(), ["data"]);
        let mut disk = File::options().read(true).write(true).open(&path).unwrap();
        let mut gpt = gptman::GPT::new_from(&mut disk, 512, [7; 16]).unwrap();
        gpt[1] = gptman::GPTPartitionEntry {
            partition_type_guid: [1; 16],
            unique_partition_guid: [2; 16],
            starting_lba: 2048,
            ending_lba: 20_000,
            attribute_bits: 0,
            partition_name: "root".into(),
        };
        gpt.write_into(&mut disk).unwrap();
        assert_eq!(read(&path).unwrap(), ["root", "data"]);
        file.set_len(100).unwrap();
        assert!(read(&path).unwrap().is_empty());
    }
}
