//! From the two levels of tables to a list in the file's order.

use super::header::{self, Header};
use super::{Kind, Map, MapError, Qcow2Error, SeenTable, Segment};

/// At 24 bytes each they stay well below what an agent may take. One segment is a run of plain clusters, or one packed
/// cluster: 64 GiB of them at the usual 64 KiB.
const MAX_SEGMENTS: usize = 1 << 20;
/// A bit each tells which were written: 16 MiB. At the usual 64 KiB a disk of 8 TiB.
const MAX_CLUSTERS: u64 = 1 << 27;
/// 512 Ki entries, which reach 256 TiB at the usual 64 KiB.
const MAX_L1_BYTES: u64 = 4 << 20;

/// Bits 9 to 55 of an entry: where it leads.
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
const PACKED: u64 = 1 << 62;
const ZERO: u64 = 1;
const SECTOR_BYTES: u64 = 512;

pub(super) fn read<E>(
    file_bytes: u64,
    mut read: impl FnMut(u64, &mut [u8]) -> Result<(), E>,
) -> Result<Map, MapError<E>> {
    let mut table = |offset: u64, length: u64| {
        if offset.checked_add(length).is_none_or(|end| end > file_bytes) {
            return Err(MapError::Refused(Qcow2Error::Misplaced { what: "table", offset }));
        }
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| Qcow2Error::TooLarge)?];
        read(offset, &mut bytes).map_err(MapError::Read)?;
        Ok(bytes)
    };
    let bytes = table(0, header::READ_BYTES.min(file_bytes))?;
    let header = Header::parse(&bytes)?;
    let mut builder = Builder::new(header, file_bytes)?;
    builder.saw_table(0, &bytes)?;
    let l1 = table(header.l1_offset, builder.l1_bytes()?)?;
    builder.saw_table(header.l1_offset, &l1)?;
    for (index, entry) in (0..).zip(entries(&l1)) {
        let offset = entry & OFFSET;
        if offset == 0 {
            continue;
        }
        if !offset.is_multiple_of(builder.cluster_bytes) {
            return Err(Qcow2Error::Misplaced { what: "table", offset }.into());
        }
        let l2 = table(offset, builder.cluster_bytes)?;
        builder.saw_table(offset, &l2)?;
        builder.take_l2(index, &l2)?;
    }
    Ok(builder.finish()?)
}

fn entries(table: &[u8]) -> impl Iterator<Item = u64> {
    table.as_chunks::<8>().0.iter().map(|entry| u64::from_be_bytes(*entry))
}

struct Builder {
    header: Header,
    file_bytes: u64,
    cluster_bytes: u64,
    clusters: u64,
    segments: Vec<Segment>,
    tables: Vec<SeenTable>,
}

impl Builder {
    fn new(header: Header, file_bytes: u64) -> Result<Self, Qcow2Error> {
        let cluster_bytes = 1 << header.cluster_bits;
        let clusters = header.disk_bytes.div_ceil(cluster_bytes);
        if clusters > MAX_CLUSTERS {
            return Err(Qcow2Error::TooLarge);
        }
        Ok(Self { header, file_bytes, cluster_bytes, clusters, segments: Vec::new(), tables: Vec::new() })
    }

    fn entries_in_l2(&self) -> u64 {
        self.cluster_bytes / 8
    }

    /// As many entries as the disk needs; a table may be longer than that.
    fn l1_bytes(&self) -> Result<u64, Qcow2Error> {
        let needed = self.clusters.div_ceil(self.entries_in_l2());
        if needed > u64::from(self.header.l1_entries) {
            return Err(Qcow2Error::Header);
        }
        Some(needed * 8).filter(|bytes| *bytes <= MAX_L1_BYTES).ok_or(Qcow2Error::TooLarge)
    }

    fn saw_table(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Qcow2Error> {
        let index = u32::try_from(self.tables.len()).map_err(|_| Qcow2Error::TooLarge)?;
        self.tables.push(SeenTable::of(bytes));
        self.push(Segment { file_offset: offset, kind: Kind::Table { index } })
    }

    fn push(&mut self, segment: Segment) -> Result<(), Qcow2Error> {
        if self.segments.len() == MAX_SEGMENTS {
            return Err(Qcow2Error::TooLarge);
        }
        self.segments.push(segment);
        Ok(())
    }

    fn take_l2(&mut self, index: u64, table: &[u8]) -> Result<(), Qcow2Error> {
        let first = index * self.entries_in_l2();
        for (cluster, entry) in (first..self.clusters).zip(entries(table)) {
            let cluster = u32::try_from(cluster).map_err(|_| Qcow2Error::TooLarge)?;
            if entry & PACKED != 0 {
                self.take_packed(cluster, entry)?;
            } else {
                self.take_plain(cluster, entry)?;
            }
        }
        Ok(())
    }

    fn take_plain(&mut self, cluster: u32, entry: u64) -> Result<(), Qcow2Error> {
        let offset = entry & OFFSET;
        if offset == 0 || (self.header.has_zero_flag && entry & ZERO != 0) {
            return Ok(());
        }
        if !offset.is_multiple_of(self.cluster_bytes) || offset >= self.file_bytes {
            return Err(Qcow2Error::Misplaced { what: "cluster", offset });
        }
        if let Some(Segment { file_offset, kind: Kind::Clusters { first, count } }) = self.segments.last_mut() {
            let goes_on = file_offset.checked_add(u64::from(*count) * self.cluster_bytes) == Some(offset);
            if goes_on && first.checked_add(*count) == Some(cluster) {
                *count += 1;
                return Ok(());
            }
        }
        self.push(Segment { file_offset: offset, kind: Kind::Clusters { first: cluster, count: 1 } })
    }

    /// A packed cluster begins at any byte, and says in how many sectors it lies.
    fn take_packed(&mut self, cluster: u32, entry: u64) -> Result<(), Qcow2Error> {
        let offset_bits = 62 - (self.header.cluster_bits - 8);
        let offset = entry & ((1 << offset_bits) - 1);
        let sectors = ((entry & !PACKED & !(1 << 63)) >> offset_bits) + 1;
        let length = (sectors * SECTOR_BYTES - offset % SECTOR_BYTES).min(self.file_bytes.saturating_sub(offset));
        let length = u32::try_from(length).unwrap_or(0);
        if length == 0 {
            return Err(Qcow2Error::Misplaced { what: "packed cluster", offset });
        }
        self.push(Segment { file_offset: offset, kind: Kind::Packed { cluster, length } })
    }

    fn finish(mut self) -> Result<Map, Qcow2Error> {
        self.segments.sort_unstable_by_key(|segment| segment.file_offset);
        for pair in self.segments.windows(2) {
            let [left, right] = pair else { continue };
            // Packed clusters lie closer than the sectors in which their lengths are given.
            let both_packed =
                matches!((left.kind, right.kind), (Kind::Packed { .. }, Kind::Packed { .. } | Kind::Table { .. }));
            let end = left.file_offset.saturating_add(self.length(left));
            if right.file_offset == left.file_offset || (right.file_offset < end && !both_packed) {
                return Err(Qcow2Error::UsedTwice { offset: right.file_offset });
            }
        }
        Ok(Map {
            disk_bytes: self.header.disk_bytes,
            cluster_bytes: self.cluster_bytes,
            compression: self.header.compression,
            segments: self.segments,
            tables: self.tables,
        })
    }

    fn length(&self, segment: &Segment) -> u64 {
        match segment.kind {
            Kind::Clusters { count, .. } => u64::from(count) * self.cluster_bytes,
            Kind::Packed { length, .. } => length.into(),
            Kind::Table { index } => usize::try_from(index)
                .ok()
                .and_then(|index| self.tables.get(index))
                .map_or(0, |table| table.length.into()),
        }
    }
}
