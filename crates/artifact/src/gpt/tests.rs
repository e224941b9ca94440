//! Growing a partition table: on any table, after a power loss at any write, and twice.

use super::*;
use proptest::prelude::*;
use std::io::Cursor;

const MIB: u64 = 1 << 20;

/// A disk of `disk_mib` onto which an image of 8 MiB with three partitions was written.
fn disk(disk_mib: u64, sector: u64) -> Cursor<Vec<u8>> {
    let mut image = Cursor::new(vec![0; 8 * MIB as usize]);
    let mut gpt = gptman::GPT::new_from(&mut image, sector, [7; 16]).unwrap();
    for (index, (start_mib, end_mib)) in [(1, 2), (4, 7), (2, 4)].into_iter().enumerate() {
        gpt[index as u32 + 1] = gptman::GPTPartitionEntry {
            partition_type_guid: [1; 16],
            unique_partition_guid: [index as u8 + 1; 16],
            starting_lba: start_mib * MIB / sector,
            ending_lba: end_mib * MIB / sector - 1,
            attribute_bits: 4,
            partition_name: "p".into(),
        };
    }
    gptman::GPT::write_protective_mbr_into(&mut image, sector).unwrap();
    gpt.write_into(&mut image).unwrap();
    let mut bytes = image.into_inner();
    bytes[..4].copy_from_slice(b"boot");
    bytes.resize((disk_mib * MIB) as usize, 0);
    Cursor::new(bytes)
}

#[test]
fn the_last_partition_by_place_grows_to_the_end_and_another_reader_agrees() {
    for sector in [512, 4096] {
        let mut disk = disk(64, sector);
        let growth = grow_last(&mut disk, sector).unwrap();
        assert_eq!(growth.how, How::Changed);
        assert_eq!(growth.partition, Partition { number: 2, start_bytes: 4 * MIB, size_bytes: 59 * MIB });

        let gpt = gptman::GPT::read_from(&mut disk, sector).unwrap();
        assert_eq!(gpt.header.backup_lba, 64 * MIB / sector - 1);
        assert_eq!(gpt[2].ending_lba, 63 * MIB / sector - 1);
        assert_eq!((gpt[1].ending_lba, gpt[2].attribute_bits), (2 * MIB / sector - 1, 4));
        assert_eq!(&disk.get_ref()[..4], b"boot");
        assert_eq!(get_u32(disk.get_ref(), 446 + 12), u32::try_from(64 * MIB / sector - 1).unwrap());
    }
}

#[test]
fn growing_again_changes_nothing() {
    let mut disk = disk(64, 512);
    let first = grow_last(&mut disk, 512).unwrap();
    let before = disk.get_ref().clone();
    let second = grow_last(&mut disk, 512).unwrap();
    assert_eq!(second, Growth { how: How::AlreadySo, ..first });
    assert!(*disk.get_ref() == before);
}

#[test]
fn a_disk_of_the_images_size_keeps_its_partitions() {
    let mut disk = disk(8, 512);
    assert_eq!(grow_last(&mut disk, 512).unwrap().partition.size_bytes, 3 * MIB);
}

#[test]
fn a_damaged_first_copy_is_repaired_from_the_second() {
    let mut disk = disk(64, 512);
    grow_last(&mut disk, 512).unwrap();
    let whole = disk.get_ref().clone();
    disk.get_mut()[512..1024].fill(0);
    assert_eq!(grow_last(&mut disk, 512).unwrap().how, How::Changed);
    assert!(*disk.get_ref() == whole);
}

#[test]
fn power_lost_after_any_write_leaves_a_table_that_grows() {
    let grown = {
        let mut disk = disk(16, 512);
        grow_last(&mut disk, 512).unwrap();
        disk.into_inner()
    };
    for allowed in 0..6 {
        let mut disk = PowerLoss { disk: disk(16, 512), writes_left: allowed };
        assert!(grow_last(&mut disk, 512).is_err() || allowed >= 5);
        let mut disk = disk.disk;
        grow_last(&mut disk, 512).unwrap();
        assert!(*disk.get_ref() == grown, "after {allowed} writes");
    }
}

struct PowerLoss {
    disk: Cursor<Vec<u8>>,
    writes_left: u32,
}

impl Read for PowerLoss {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.disk.read(buffer)
    }
}

impl Seek for PowerLoss {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.disk.seek(to)
    }
}

impl Write for PowerLoss {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes_left = self.writes_left.checked_sub(1).ok_or(io::ErrorKind::NotConnected)?;
        self.disk.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_disk_without_a_table_is_left_alone() {
    let mut disk = Cursor::new(vec![0; MIB as usize]);
    assert!(matches!(grow_last(&mut disk, 512), Err(GptError::NoTable)));
    assert!(disk.get_ref().iter().all(|byte| *byte == 0));
}

#[test]
fn a_table_for_other_sectors_is_refused() {
    assert!(matches!(grow_last(&mut disk(64, 512), 4096), Err(GptError::SectorSize { table: 512, disk: 4096 })));
}

#[test]
fn the_gap_lies_between_the_entries_and_the_first_partition() {
    let table = Table::read(&mut disk(8, 512)).unwrap();
    assert_eq!(table.gap(), 34 * 512..MIB);
    assert_eq!(table.disk_guid(), [7; 16]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_bytes_are_read_or_refused(at in 0_usize..34 * 512, bytes in prop::collection::vec(any::<u8>(), 1..64)) {
        let mut disk = disk(8, 512);
        let end = (at + bytes.len()).min(34 * 512);
        disk.get_mut()[at..end].copy_from_slice(&bytes[..end - at]);
        let length = disk.get_ref().len();
        disk.get_mut()[length - 512..].fill(0);
        let header = &mut disk.get_mut()[512..1024];
        let crc = header_crc(header);
        put(header, field::HEADER_CRC, &crc.to_le_bytes());
        let _ = grow_last(&mut disk, 512);
        prop_assert_eq!(disk.get_ref().len(), length);
    }
}
