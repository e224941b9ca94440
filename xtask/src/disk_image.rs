//! Puts partitions and boot loaders together into one disk.
//!
//! GRUB's BIOS half is written as `grub-bios-setup` would, but into a file and without root: the boot sector is told
//! where the loader lies, and the loader's first sector where the rest of it is.

use anyhow::{Context, Result, ensure};
use gptman::{GPT, GPTPartitionEntry};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use uuid::Uuid;

const SECTOR_BYTES: u64 = 512;
const MIB: u64 = 1 << 20;
const BIOS_BOOT_BYTES: u64 = MIB;
/// Room for GRUB, which is under 1 MiB.
pub(crate) const ESP_BYTES: u64 = 16 * MIB;
/// Room for the system and a little more: whoever writes it grows it to the disk.
pub(crate) const ROOT_BYTES: u64 = 640 * MIB;
/// The first partition starts at 1 MiB, and the backup table fits in another.
const DISK_BYTES: u64 = MIB + BIOS_BOOT_BYTES + ESP_BYTES + ROOT_BYTES + MIB;

const BIOS_BOOT: Uuid = Uuid::from_u128(0x21686148_6449_6e6f_744e_656564454649);
const EFI_SYSTEM: Uuid = Uuid::from_u128(0xc12a7328_f81f_11d2_ba4b_00a0c93ec93b);
const LINUX_ROOT_X86_64: Uuid = Uuid::from_u128(0x4f68bce3_e8cd_4db1_96e7_fbcaf984b709);

/// Each partition's UUID is this with the partition's number.
const DISK_ID: Uuid = Uuid::from_u128(0x5c1a3d00_0000_4000_8000_000000000000);

/// GRUB 2.06, boot.S: where boot code ends and the partition table begins.
const BOOT_CODE_BYTES: usize = 440;
/// GRUB 2.06, GRUB_BOOT_MACHINE_KERNEL_SECTOR.
const KERNEL_SECTOR_OFFSET: usize = 0x5c;
/// GRUB 2.06, GRUB_BOOT_MACHINE_DRIVE_CHECK: two no-operations here take any drive number for a hard disk's.
const DRIVE_CHECK_OFFSET: usize = 0x66;
/// GRUB 2.06, diskboot.S: the last block list entry of the first sector: start (u64), length (u16), segment (u16).
const BLOCK_LIST_OFFSET: usize = 0x200 - 12;

/// What a disk is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    /// GRUB's boot.img.
    pub(crate) boot_sector: Vec<u8>,
    /// GRUB's core image for BIOS.
    pub(crate) bios_loader: Vec<u8>,
    /// The EFI system partition, a file of [`ESP_BYTES`].
    pub(crate) esp: PathBuf,
    /// The root filesystem, a file of [`ROOT_BYTES`].
    pub(crate) root: PathBuf,
}

/// Writes the disk, sparse, and gives its size in bytes. The root partition is the last, so that it can be grown.
pub(crate) fn assemble(disk: &Path, parts: &Parts) -> Result<u64> {
    let mut out = File::options().read(true).write(true).create(true).truncate(true).open(disk)?;
    out.set_len(DISK_BYTES)?;

    let mut table = GPT::new_from(&mut out, SECTOR_BYTES, guid(DISK_ID)).context("making the partition table")?;
    let mut next = MIB / SECTOR_BYTES;
    let mut starts = [0; 3];
    let partitions = [
        ("bios-boot", BIOS_BOOT, BIOS_BOOT_BYTES),
        ("esp", EFI_SYSTEM, ESP_BYTES),
        ("root", LINUX_ROOT_X86_64, ROOT_BYTES),
    ];
    for (number, (start, (name, kind, size))) in (1u32..).zip(starts.iter_mut().zip(partitions)) {
        *start = next;
        next += size / SECTOR_BYTES;
        table[number] = GPTPartitionEntry {
            partition_name: name.into(),
            partition_type_guid: guid(kind),
            unique_partition_guid: guid(Uuid::from_u128(DISK_ID.as_u128() + u128::from(number))),
            starting_lba: *start,
            ending_lba: next - 1,
            attribute_bits: 0,
        };
    }
    table.write_into(&mut out).context("writing the partition table")?;
    GPT::write_protective_mbr_into(&mut out, SECTOR_BYTES).context("writing the protective MBR")?;

    let [loader_start, esp_start, root_start] = starts;
    write_bios_loader(&mut out, parts, loader_start)?;
    copy_sparse(&parts.esp, &mut out, esp_start * SECTOR_BYTES)?;
    copy_sparse(&parts.root, &mut out, root_start * SECTOR_BYTES)?;
    Ok(DISK_BYTES)
}

fn write_bios_loader(out: &mut File, parts: &Parts, start: u64) -> Result<()> {
    ensure!(parts.bios_loader.len() as u64 <= BIOS_BOOT_BYTES, "the BIOS boot loader does not fit its partition");
    let code = point_boot_sector(&parts.boot_sector, start)?;
    out.seek(SeekFrom::Start(0))?;
    out.write_all(&code)?;
    let loader = point_loader(parts.bios_loader.clone(), start)?;
    out.seek(SeekFrom::Start(start * SECTOR_BYTES))?;
    out.write_all(&loader)?;
    Ok(())
}

fn point_boot_sector(boot_sector: &[u8], loader_start: u64) -> Result<Vec<u8>> {
    let mut code = boot_sector.get(..BOOT_CODE_BYTES).context("GRUB's boot sector is too short")?.to_vec();
    code[KERNEL_SECTOR_OFFSET..KERNEL_SECTOR_OFFSET + 8].copy_from_slice(&loader_start.to_le_bytes());
    code[DRIVE_CHECK_OFFSET..DRIVE_CHECK_OFFSET + 2].copy_from_slice(&[0x90, 0x90]);
    Ok(code)
}

fn point_loader(mut loader: Vec<u8>, start: u64) -> Result<Vec<u8>> {
    let sectors = (loader.len() as u64).div_ceil(SECTOR_BYTES);
    let rest = u16::try_from(sectors.saturating_sub(1)).context("the BIOS boot loader is too long")?;
    let list =
        loader.get_mut(BLOCK_LIST_OFFSET..BLOCK_LIST_OFFSET + 10).context("the BIOS boot loader is too short")?;
    list[..8].copy_from_slice(&(start + 1).to_le_bytes());
    list[8..].copy_from_slice(&rest.to_le_bytes());
    Ok(loader)
}

/// Copies all blocks that are not zero.
fn copy_sparse(from: &Path, out: &mut File, offset: u64) -> Result<()> {
    let mut input = File::open(from)?;
    let mut buffer = vec![0; 64 << 10];
    let mut position = offset;
    loop {
        let length = input.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        let block = &buffer[..length];
        if block.iter().any(|byte| *byte != 0) {
            out.seek(SeekFrom::Start(position))?;
            out.write_all(block)?;
        }
        position += length as u64;
    }
}

/// GPT's byte order: the first three fields are little-endian (UEFI 2.10, appendix A).
fn guid(uuid: Uuid) -> [u8; 16] {
    uuid.to_bytes_le()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_sector_and_loader_point_to_where_the_loader_lies() {
        let code = point_boot_sector(&[0; 512], 2048).unwrap();
        assert_eq!(code[KERNEL_SECTOR_OFFSET..KERNEL_SECTOR_OFFSET + 8], 2048u64.to_le_bytes());
        let loader = point_loader(vec![0; 5 * 512 - 3], 2048).unwrap();
        assert_eq!(loader[0x1f4..0x1fc], 2049u64.to_le_bytes());
        assert_eq!(loader[0x1fc..0x1fe], 4u16.to_le_bytes());
    }

    #[test]
    fn root_is_the_last_partition_and_ends_before_the_backup_table() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("root");
        std::fs::write(&root, b"root").unwrap();
        let parts = Parts { boot_sector: vec![1; 512], bios_loader: vec![2; 2048], esp: root.clone(), root };
        let disk = place.path().join("disk");
        let size = assemble(&disk, &parts).unwrap();
        let table = GPT::find_from(&mut File::open(&disk).unwrap()).unwrap();
        let last = table.iter().filter(|(_, entry)| entry.is_used()).max_by_key(|(_, entry)| entry.ending_lba).unwrap();
        assert_eq!(last.0, 3);
        assert!(last.1.ending_lba <= table.header.last_usable_lba);
        assert_eq!(std::fs::metadata(&disk).unwrap().len(), size);
    }
}
