//! The file as it arrives, put where the map says.

use super::{ClusterCompression, Kind, Map, Qcow2Error, SeenTable, Segment};
use crate::sink::{Blocks, ImageError};
use flate2::{Decompress, FlushDecompress};
use std::io::{self, Read};
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

/// Reads the whole file and writes its disk; what the file leaves out is zeroes.
pub(crate) fn scatter(map: &Map, file: impl Read, disk: &mut Blocks) -> Result<(), ImageError> {
    let mut scatter = Scatter {
        map,
        window: Window { file, bytes: Vec::new(), start: 0 },
        unpacker: ClusterUnpacker::new(map.compression)?,
        cluster: vec![0; usize::try_from(map.cluster_bytes).unwrap_or_default()],
        written: Written::new(map),
    };
    for segment in &map.segments {
        scatter.take(segment, disk)?;
    }
    scatter.written.fill_the_rest(map, disk)?;
    scatter.window.drain()
}

struct Scatter<'a, R> {
    map: &'a Map,
    window: Window<R>,
    unpacker: ClusterUnpacker,
    cluster: Vec<u8>,
    written: Written,
}

impl<R: Read> Scatter<'_, R> {
    fn take(&mut self, segment: &Segment, disk: &mut Blocks) -> Result<(), ImageError> {
        let offset = segment.file_offset;
        self.window.advance(offset)?;
        match segment.kind {
            Kind::Table { index } => self.check_table(offset, index),
            Kind::Packed { cluster, length } => self.unpack(offset, cluster, length, disk),
            Kind::Clusters { first, count } => self.copy(first, count, disk),
        }
    }

    fn check_table(&mut self, offset: u64, index: u32) -> Result<(), ImageError> {
        let table = usize::try_from(index).ok().and_then(|index| self.map.tables.get(index));
        let table = table.ok_or(Qcow2Error::Changed { offset })?;
        if SeenTable::of(self.window.need(table.length)?) != *table {
            return Err(Qcow2Error::Changed { offset }.into());
        }
        Ok(())
    }

    fn unpack(&mut self, offset: u64, cluster: u32, length: u32, disk: &mut Blocks) -> Result<(), ImageError> {
        let packed = self.window.need(length)?;
        if !self.unpacker.unpack(packed, &mut self.cluster) {
            return Err(Qcow2Error::Cluster { offset }.into());
        }
        self.written.note(cluster, 1);
        let at = u64::from(cluster) * self.map.cluster_bytes;
        let length = self.map.cluster_bytes.min(self.map.disk_bytes - at);
        disk.seek(at)?;
        disk.put(self.cluster.get(..usize::try_from(length).unwrap_or_default()).unwrap_or_default())
    }

    /// Copies plain clusters. Where the file ends before they do, the rest is zeroes.
    fn copy(&mut self, first: u32, count: u32, disk: &mut Blocks) -> Result<(), ImageError> {
        self.written.note(first, count);
        let at = u64::from(first) * self.map.cluster_bytes;
        let end = (at + u64::from(count) * self.map.cluster_bytes).min(self.map.disk_bytes);
        disk.seek(at)?;
        while disk.position() < end {
            let left = usize::try_from(end - disk.position()).unwrap_or(usize::MAX);
            let space = disk.space()?;
            let length = space.len().min(left);
            let Some(space) = space.get_mut(..length) else { break };
            let read = self.window.read(space)?;
            if read == 0 {
                space.fill(0);
            }
            disk.extend(if read == 0 { length } else { read })?;
        }
        Ok(())
    }
}

/// The part of the file that is at hand. Packed clusters share sectors, so a part may be needed twice.
struct Window<R> {
    file: R,
    bytes: Vec<u8>,
    start: u64,
}

impl<R: Read> Window<R> {
    /// Makes `offset` the start; what is before it is not needed any more.
    fn advance(&mut self, offset: u64) -> Result<(), ImageError> {
        let ahead = offset.checked_sub(self.start).ok_or(Qcow2Error::UsedTwice { offset })?;
        let at_hand = self.bytes.len().min(usize::try_from(ahead).unwrap_or(usize::MAX));
        self.bytes.drain(..at_hand);
        let beyond = ahead - at_hand as u64;
        io::copy(&mut self.file.by_ref().take(beyond), &mut io::sink()).map_err(unreadable)?;
        self.start = offset;
        Ok(())
    }

    /// The first `length` bytes.
    fn need(&mut self, length: u32) -> Result<&[u8], ImageError> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if let Some(missing) = length.checked_sub(self.bytes.len()) {
            let mut more = self.file.by_ref().take(missing as u64);
            more.read_to_end(&mut self.bytes).map_err(unreadable)?;
        }
        self.bytes.get(..length).ok_or_else(|| unreadable(io::ErrorKind::UnexpectedEof.into()))
    }

    /// Takes bytes from the start.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ImageError> {
        let read = if self.bytes.is_empty() {
            self.file.read(buffer).map_err(unreadable)?
        } else {
            let length = self.bytes.len().min(buffer.len());
            for (place, byte) in buffer.iter_mut().zip(self.bytes.drain(..length)) {
                *place = byte;
            }
            length
        };
        self.start += read as u64;
        Ok(read)
    }

    /// Reads what no table leads to: the digest is of all of the file.
    fn drain(mut self) -> Result<(), ImageError> {
        io::copy(&mut self.file, &mut io::sink()).map(drop).map_err(unreadable)
    }
}

fn unreadable(source: io::Error) -> ImageError {
    ImageError::Malformed { offset: 0, source }
}

enum ClusterUnpacker {
    Deflate(Box<Decompress>),
    Zstd(Box<Decoder<'static>>),
}

impl ClusterUnpacker {
    fn new(compression: ClusterCompression) -> Result<Self, ImageError> {
        Ok(match compression {
            ClusterCompression::Deflate => Self::Deflate(Box::new(Decompress::new(false))),
            ClusterCompression::Zstd => Self::Zstd(Box::new(Decoder::new().map_err(unreadable)?)),
        })
    }

    /// Fills `cluster`. False when `packed` does not hold exactly one.
    fn unpack(&mut self, packed: &[u8], cluster: &mut [u8]) -> bool {
        match self {
            Self::Deflate(inflater) => {
                inflater.reset(false);
                let ended = inflater.decompress(packed, cluster, FlushDecompress::Finish);
                ended.is_ok() && inflater.total_out() == cluster.len() as u64
            }
            Self::Zstd(decoder) => {
                let mut input = InBuffer::around(packed);
                let mut output = OutBuffer::around(cluster);
                if decoder.reinit().is_err() {
                    return false;
                }
                while output.pos() < output.capacity() {
                    let before = (input.pos(), output.pos());
                    let ran = decoder.run(&mut input, &mut output);
                    if ran.is_err() || before == (input.pos(), output.pos()) {
                        return false;
                    }
                }
                true
            }
        }
    }
}

/// Which clusters of the disk have come, a bit each.
struct Written {
    words: Vec<u64>,
}

impl Written {
    fn new(map: &Map) -> Self {
        let clusters = map.disk_bytes.div_ceil(map.cluster_bytes);
        Self { words: vec![0; usize::try_from(clusters.div_ceil(64)).unwrap_or_default()] }
    }

    fn note(&mut self, first: u32, count: u32) {
        for cluster in first..first.saturating_add(count) {
            if let Some(word) = usize::try_from(cluster / 64).ok().and_then(|word| self.words.get_mut(word)) {
                *word |= 1 << (cluster % 64);
            }
        }
    }

    /// The clusters that have not come are holes, as long as they can be.
    fn fill_the_rest(&self, map: &Map, disk: &mut Blocks) -> Result<(), ImageError> {
        let clusters = map.disk_bytes.div_ceil(map.cluster_bytes);
        let (mut cluster, mut hole) = (0, None);
        while cluster < clusters {
            let word = usize::try_from(cluster / 64).ok().and_then(|word| self.words.get(word)).copied();
            let has_come = word.is_some_and(|word| word & (1 << (cluster % 64)) != 0);
            match (has_come, hole) {
                (false, None) => hole = Some(cluster),
                (true, Some(first)) => {
                    put_hole(map, first, cluster, disk)?;
                    hole = None;
                }
                (true, None) | (false, Some(_)) => {}
            }
            cluster += 1;
        }
        hole.map_or(Ok(()), |first| put_hole(map, first, clusters, disk))
    }
}

fn put_hole(map: &Map, first: u64, end: u64, disk: &mut Blocks) -> Result<(), ImageError> {
    let start = first.saturating_mul(map.cluster_bytes);
    let end = end.saturating_mul(map.cluster_bytes).min(map.disk_bytes);
    disk.put_hole(start, end.saturating_sub(start))
}
