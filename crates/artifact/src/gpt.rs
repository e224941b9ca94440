//! GUID partition tables (UEFI specification §5.3): reading, and growing the last partition to the disk's end.
//!
//! The table is kept as the bytes it is and only the fields that change are changed, so that what this code does
//! not know about survives. Sizes and offsets in it come from outside and are checked.

use std::io::{self, Read, Seek, SeekFrom, Write};
use types::How;

const SIGNATURE: &[u8; 8] = b"EFI PART";
const MIN_HEADER_BYTES: usize = 92;
const MIN_ENTRY_BYTES: usize = 128;
/// Sixteen times the customary 16 KiB; more is damage.
const MAX_ENTRIES_BYTES: usize = 256 << 10;
/// Partitions end on a multiple of this, as they begin by custom.
const ALIGNMENT_BYTES: u64 = 1 << 20;
const SECTOR_SIZES: [u64; 2] = [512, 4096];

mod field {
    pub(super) const HEADER_SIZE: usize = 12;
    pub(super) const HEADER_CRC: usize = 16;
    pub(super) const MY_LBA: usize = 24;
    pub(super) const ALTERNATE_LBA: usize = 32;
    pub(super) const FIRST_USABLE_LBA: usize = 40;
    pub(super) const LAST_USABLE_LBA: usize = 48;
    pub(super) const DISK_GUID: usize = 56;
    pub(super) const ENTRIES_LBA: usize = 72;
    pub(super) const ENTRY_COUNT: usize = 80;
    pub(super) const ENTRY_SIZE: usize = 84;
    pub(super) const ENTRIES_CRC: usize = 88;
    pub(super) const ENTRY_TYPE: usize = 0;
    pub(super) const ENTRY_FIRST_LBA: usize = 32;
    pub(super) const ENTRY_NAME: usize = 56;
    pub(super) const ENTRY_LAST_LBA: usize = 40;
}

/// Why a partition table could not be used.
#[derive(Debug, thiserror::Error)]
pub enum GptError {
    /// The disk has no GUID partition table, or both copies are damaged.
    #[error("the disk has no intact GUID partition table")]
    NoTable,
    /// The table has no partition.
    #[error("the partition table is empty")]
    NoPartition,
    /// The table was made for other sectors than the disk has, so firmware and kernel do not see it.
    #[error("the partition table is made for sectors of {table} bytes, the disk has sectors of {disk}")]
    SectorSize {
        /// The table's.
        table: u64,
        /// The disk's.
        disk: u64,
    },
    /// The disk is smaller than the table says.
    #[error("a partition ends beyond the disk's end")]
    BeyondEnd,
    /// The disk refused.
    #[error("reading or writing the partition table")]
    Io(#[from] io::Error),
}

/// One partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// Its number: the kernel's `vda3` is number 3.
    pub number: u32,
    /// Where it begins.
    pub start_bytes: u64,
    /// How long it is.
    pub size_bytes: u64,
}

/// What growing did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growth {
    /// Whether anything had to be done.
    pub how: How,
    /// The last partition, as it is now.
    pub partition: Partition,
}

/// A table as read from a disk.
#[derive(Debug, Clone)]
pub struct Table {
    header: Vec<u8>,
    entries: Vec<u8>,
    entry_bytes: usize,
    sector_bytes: u64,
    was_primary: bool,
}

impl Table {
    /// Reads the table of a disk, from its end when the copy at its beginning is damaged.
    ///
    /// # Errors
    /// When neither copy is intact or the disk cannot be read.
    pub fn read<D: Read + Seek>(disk: &mut D) -> Result<Self, GptError> {
        let disk_bytes = disk.seek(SeekFrom::End(0))?;
        for sector_bytes in SECTOR_SIZES {
            let backup_lba = (disk_bytes / sector_bytes).saturating_sub(1);
            for lba in [1, backup_lba] {
                if let Some(table) = Self::read_at(disk, lba, sector_bytes)? {
                    return Ok(table);
                }
            }
        }
        Err(GptError::NoTable)
    }

    fn read_at<D: Read + Seek>(disk: &mut D, lba: u64, sector_bytes: u64) -> io::Result<Option<Self>> {
        let Some(header) = read_bytes(disk, lba, sector_bytes, sector_bytes as usize)? else { return Ok(None) };
        let header_bytes = usize::try_from(get_u32(&header, field::HEADER_SIZE)).unwrap_or(0);
        if header.get(..8) != Some(SIGNATURE) || !(MIN_HEADER_BYTES..=header.len()).contains(&header_bytes) {
            return Ok(None);
        }
        if header_crc(&header) != get_u32(&header, field::HEADER_CRC) || get_u64(&header, field::MY_LBA) != lba {
            return Ok(None);
        }
        let entry_bytes = usize::try_from(get_u32(&header, field::ENTRY_SIZE)).unwrap_or(0);
        let entry_count = usize::try_from(get_u32(&header, field::ENTRY_COUNT)).unwrap_or(0);
        let entries_bytes = entry_bytes.saturating_mul(entry_count);
        if entry_bytes < MIN_ENTRY_BYTES || entries_bytes > MAX_ENTRIES_BYTES {
            return Ok(None);
        }
        let entries_lba = get_u64(&header, field::ENTRIES_LBA);
        let Some(entries) = read_bytes(disk, entries_lba, sector_bytes, entries_bytes)? else { return Ok(None) };
        if crc32(&entries) != get_u32(&header, field::ENTRIES_CRC) {
            return Ok(None);
        }
        Ok(Some(Self { header, entries, entry_bytes, sector_bytes, was_primary: lba == 1 }))
    }

    /// The partitions in use, in the order of their places on the disk.
    pub fn partitions(&self) -> Vec<Partition> {
        let mut partitions: Vec<Partition> = (1..)
            .zip(self.entries.chunks_exact(self.entry_bytes))
            .filter(|(_, entry)| entry.iter().skip(field::ENTRY_TYPE).take(16).any(|byte| *byte != 0))
            .filter_map(|(number, entry)| self.partition(number, entry))
            .collect();
        partitions.sort_by_key(|partition| partition.start_bytes);
        partitions
    }

    /// The names of the partitions in use that have one.
    pub fn names(&self) -> Vec<String> {
        let used = |entry: &&[u8]| entry.iter().skip(field::ENTRY_TYPE).take(16).any(|byte| *byte != 0);
        let name = |entry: &[u8]| {
            let units = entry.get(field::ENTRY_NAME..).unwrap_or_default().as_chunks::<2>().0.iter().take(36);
            let units = units.map(|unit| u16::from_le_bytes(*unit)).take_while(|unit| *unit != 0);
            char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>()
        };
        let entries = self.entries.chunks_exact(self.entry_bytes).filter(used);
        entries.map(name).filter(|name| !name.is_empty()).collect()
    }

    fn partition(&self, number: u32, entry: &[u8]) -> Option<Partition> {
        let (first, last) = (get_u64(entry, field::ENTRY_FIRST_LBA), get_u64(entry, field::ENTRY_LAST_LBA));
        let end_bytes = last.checked_add(1)?.checked_mul(self.sector_bytes)?;
        let start_bytes = first.checked_mul(self.sector_bytes)?;
        Some(Partition { number, start_bytes, size_bytes: end_bytes.checked_sub(start_bytes)? })
    }

    /// The disk's own identifier, as its bytes.
    pub fn disk_guid(&self) -> [u8; 16] {
        let bytes = self.header.get(field::DISK_GUID..).and_then(|rest| rest.first_chunk());
        bytes.copied().unwrap_or_default()
    }

    /// The sector size that the table counts in.
    pub fn sector_bytes(&self) -> u64 {
        self.sector_bytes
    }

    /// The bytes between the end of the entries and the first partition, which belong to nobody.
    pub fn gap(&self) -> std::ops::Range<u64> {
        let first_usable = get_u64(&self.header, field::FIRST_USABLE_LBA).saturating_mul(self.sector_bytes);
        let entries_end = 2 * self.sector_bytes + self.entries.len() as u64;
        let first = self.partitions().first().map_or(0, |partition| partition.start_bytes);
        first_usable.max(entries_end)..first
    }
}

/// Moves the table's second copy to the disk's end and lets the last partition end there too.
///
/// The second copy is written first, so that at every moment one of the two is intact.
///
/// # Errors
/// When there is no table that can be grown, or the disk refuses.
pub fn grow_last<D: Read + Write + Seek>(disk: &mut D, disk_sector_bytes: u64) -> Result<Growth, GptError> {
    let mut table = Table::read(disk)?;
    if table.sector_bytes != disk_sector_bytes {
        return Err(GptError::SectorSize { table: table.sector_bytes, disk: disk_sector_bytes });
    }
    let layout = Layout::for_disk(disk.seek(SeekFrom::End(0))?, &table)?;
    let last = *table.partitions().last().ok_or(GptError::NoPartition)?;
    let end = last.start_bytes + last.size_bytes;
    if end > layout.usable_end_bytes {
        return Err(GptError::BeyondEnd);
    }
    let grown_end = (layout.usable_end_bytes - layout.usable_end_bytes % ALIGNMENT_BYTES).max(end);
    let partition = Partition { size_bytes: grown_end - last.start_bytes, ..last };
    if grown_end == end && layout.describes(&table) && table.was_primary {
        return Ok(Growth { how: How::AlreadySo, partition });
    }
    table.set_last_lba(last.number, grown_end / table.sector_bytes - 1);
    layout.write(disk, &mut table)?;
    Ok(Growth { how: How::Changed, partition })
}

impl Table {
    fn set_last_lba(&mut self, number: u32, last_lba: u64) {
        let entry = (number as usize - 1) * self.entry_bytes;
        put(&mut self.entries, entry + field::ENTRY_LAST_LBA, &last_lba.to_le_bytes());
    }
}

/// Where the parts of a table belong on a disk of a certain size.
struct Layout {
    last_lba: u64,
    backup_entries_lba: u64,
    usable_end_bytes: u64,
}

impl Layout {
    fn for_disk(disk_bytes: u64, table: &Table) -> Result<Self, GptError> {
        let entries_sectors = (table.entries.len() as u64).div_ceil(table.sector_bytes);
        let last_lba = (disk_bytes / table.sector_bytes).checked_sub(1).ok_or(GptError::BeyondEnd)?;
        let backup_entries_lba = last_lba.checked_sub(entries_sectors).ok_or(GptError::BeyondEnd)?;
        Ok(Self { last_lba, backup_entries_lba, usable_end_bytes: backup_entries_lba * table.sector_bytes })
    }

    fn describes(&self, table: &Table) -> bool {
        get_u64(&table.header, field::ALTERNATE_LBA) == self.last_lba
            && get_u64(&table.header, field::LAST_USABLE_LBA) == self.backup_entries_lba - 1
    }

    fn write<D: Read + Write + Seek>(&self, disk: &mut D, table: &mut Table) -> io::Result<()> {
        let entries_crc = crc32(&table.entries).to_le_bytes();
        put(&mut table.header, field::ENTRIES_CRC, &entries_crc);
        put(&mut table.header, field::LAST_USABLE_LBA, &(self.backup_entries_lba - 1).to_le_bytes());
        self.write_copy(disk, table, self.last_lba, 1, self.backup_entries_lba)?;
        protect(disk, self.last_lba)?;
        self.write_copy(disk, table, 1, self.last_lba, 2)
    }

    fn write_copy<D: Write + Seek>(
        &self,
        disk: &mut D,
        table: &Table,
        my_lba: u64,
        alternate_lba: u64,
        entries_lba: u64,
    ) -> io::Result<()> {
        let mut header = table.header.clone();
        put(&mut header, field::MY_LBA, &my_lba.to_le_bytes());
        put(&mut header, field::ALTERNATE_LBA, &alternate_lba.to_le_bytes());
        put(&mut header, field::ENTRIES_LBA, &entries_lba.to_le_bytes());
        let crc = header_crc(&header).to_le_bytes();
        put(&mut header, field::HEADER_CRC, &crc);
        disk.seek(SeekFrom::Start(entries_lba * table.sector_bytes))?;
        disk.write_all(&table.entries)?;
        disk.seek(SeekFrom::Start(my_lba * table.sector_bytes))?;
        disk.write_all(&header)?;
        disk.flush()
    }
}

/// Lets the protective partition of the MBR cover the disk (UEFI specification §5.2.3), and leaves boot code alone.
fn protect<D: Read + Write + Seek>(disk: &mut D, last_lba: u64) -> io::Result<()> {
    const FIRST_ENTRY: usize = 446;
    const TYPE: usize = 4;
    const SIZE: usize = 12;
    const PROTECTIVE: u8 = 0xee;
    let mut mbr = [0; 512];
    disk.seek(SeekFrom::Start(0))?;
    disk.read_exact(&mut mbr)?;
    if mbr.get(FIRST_ENTRY + TYPE) == Some(&PROTECTIVE) {
        let sectors = u32::try_from(last_lba).unwrap_or(u32::MAX);
        put(&mut mbr, FIRST_ENTRY + SIZE, &sectors.to_le_bytes());
        disk.seek(SeekFrom::Start(0))?;
        disk.write_all(&mbr)?;
    }
    Ok(())
}

/// None when the place is beyond the disk's end.
fn read_bytes<D: Read + Seek>(disk: &mut D, lba: u64, sector: u64, length: usize) -> io::Result<Option<Vec<u8>>> {
    let Some(offset) = lba.checked_mul(sector) else { return Ok(None) };
    let end = disk.seek(SeekFrom::End(0))?;
    if offset.checked_add(length as u64).is_none_or(|wanted| wanted > end) {
        return Ok(None);
    }
    let mut bytes = vec![0; length];
    disk.seek(SeekFrom::Start(offset))?;
    disk.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}

fn header_crc(header: &[u8]) -> u32 {
    let length = usize::try_from(get_u32(header, field::HEADER_SIZE)).unwrap_or(0).min(header.len());
    let mut header = header.to_vec();
    put(&mut header, field::HEADER_CRC, &[0; 4]);
    crc32(header.get(..length).unwrap_or_default())
}

/// CRC-32 as in IEEE 802.3, bit by bit: a few KiB twice in a machine's installation need no table.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

fn get_u32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |field| u32::from_le_bytes(*field))
}

fn get_u64(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |field| u64::from_le_bytes(*field))
}

fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + field.len()) {
        place.copy_from_slice(field);
    }
}

#[cfg(test)]
mod tests;
