//! The writing side: makes holes where the image has them, and keeps back what would make the disk boot.

use super::{EDGE_BYTES, ImageError, Written};
use crate::block::Block;
use crate::target::{self, BlockTarget, DiskError};

/// Zeroes are found in units of this size: small enough to find ext4's holes, large enough to keep writes large.
pub(super) const GRANULE_BYTES: usize = 64 << 10;
/// Shorter runs of zeroes are written: telling a disk to forget them costs more than sending them.
const MIN_HOLE_BYTES: u64 = 1 << 20;
/// Longer ones are made in pieces, so that a slow disk shows progress.
const MAX_HOLE_BYTES: u64 = 64 << 20;
/// What firmware reads first is written last.
const FIRST_SECTORS: usize = 4096;

/// Writes the disk's bytes that have something in them.
pub(super) struct DiskWriter<T> {
    pub(super) target: T,
    holes: Holes,
    /// Zeroes that were passed and neither made a hole nor written yet.
    pending: Run,
    /// What falls into the first MiB, kept back.
    head: Vec<u8>,
    /// What falls into the last MiB of the target, kept back.
    tail: Vec<u8>,
    tail_offset: u64,
    written_bytes: u64,
}

/// Whether the target can make holes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holes {
    /// As far as is known.
    Make,
    /// It cannot, or does not keep what it promises: zeroes are written like other bytes.
    Write,
}

#[derive(Debug, Clone, Copy, Default)]
struct Run {
    offset: u64,
    length: u64,
}

impl<T: BlockTarget> DiskWriter<T> {
    /// Writes a disk of `disk_bytes`.
    pub(super) fn new(target: T, disk_bytes: u64) -> Self {
        // Aligned, so that what comes before it can be written directly.
        let tail_offset = target.size_bytes().saturating_sub(EDGE_BYTES).max(EDGE_BYTES) & !4095;
        let kept = |bytes: u64| vec![0; usize::try_from(bytes).unwrap_or_default()];
        Self {
            target,
            holes: Holes::Make,
            pending: Run::default(),
            head: kept(disk_bytes.min(EDGE_BYTES)),
            tail: kept(disk_bytes.saturating_sub(tail_offset)),
            tail_offset,
            written_bytes: 0,
        }
    }

    /// Takes bytes of the disk.
    pub(super) fn put(&mut self, offset: u64, bytes: &[u8]) -> Result<(), ImageError> {
        let until = |end: u64| bytes.len().min(usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX));
        let (head, rest) = bytes.split_at(until(EDGE_BYTES));
        let (body, tail) = rest.split_at(until(self.tail_offset).saturating_sub(head.len()).min(rest.len()));
        let body_offset = offset + head.len() as u64;
        keep(&mut self.head, offset, head);
        keep(&mut self.tail, (body_offset + body.len() as u64).saturating_sub(self.tail_offset), tail);
        self.write_body(body_offset, body)
    }

    /// Takes so many zeroes. What falls into the ends is zero already.
    pub(super) fn put_hole(&mut self, offset: u64, length: u64) -> Result<(), ImageError> {
        let start = offset.max(EDGE_BYTES);
        let end = offset.saturating_add(length).min(self.tail_offset);
        if start < end { self.pass(start, end - start) } else { Ok(()) }
    }

    /// Writes each run of granules that are not all zeroes with one call.
    fn write_body(&mut self, mut offset: u64, body: &[u8]) -> Result<(), ImageError> {
        let granules: Vec<(bool, usize)> =
            body.chunks(GRANULE_BYTES).map(|granule| (is_zero(granule), granule.len())).collect();
        let mut rest = body;
        for run in granules.chunk_by(|left, right| left.0 == right.0) {
            let (piece, later) = rest.split_at(run.iter().map(|(_, length)| length).sum());
            match run.first() {
                Some((true, _)) => self.pass(offset, piece.len() as u64)?,
                Some((false, _)) | None => {
                    self.settle()?;
                    self.write(offset, piece)?;
                }
            }
            offset += piece.len() as u64;
            rest = later;
        }
        Ok(())
    }

    /// Adds zeroes to those that wait.
    fn pass(&mut self, offset: u64, length: u64) -> Result<(), ImageError> {
        if self.pending.offset + self.pending.length != offset {
            self.settle()?;
        }
        if self.pending.length == 0 {
            self.pending.offset = offset;
        }
        self.pending.length += length;
        if self.pending.length >= MAX_HOLE_BYTES { self.settle() } else { Ok(()) }
    }

    /// Makes the zeroes that wait a hole, or writes them.
    fn settle(&mut self) -> Result<(), ImageError> {
        let mut run = std::mem::take(&mut self.pending);
        while run.length > 0 {
            let length = run.length.min(MAX_HOLE_BYTES);
            if !self.make_hole(run.offset, length) {
                self.write_zeroes(run.offset, length)?;
            }
            run = Run { offset: run.offset + length, length: run.length - length };
        }
        Ok(())
    }

    /// Some devices accept the request and keep the bytes, so both ends of a hole are read back rather than trusted.
    fn make_hole(&mut self, offset: u64, length: u64) -> bool {
        if self.holes == Holes::Write || length < MIN_HOLE_BYTES {
            return false;
        }
        // A disk that fails at this may still take writes; if not, the first one will say so.
        let is_made = self.target.punch_hole(offset, length).unwrap_or(false)
            && self.reads_as_zeroes(offset)
            && self.reads_as_zeroes(offset + length - FIRST_SECTORS as u64);
        if !is_made {
            self.holes = Holes::Write;
        }
        is_made
    }

    fn reads_as_zeroes(&mut self, offset: u64) -> bool {
        let mut sample = [0xff; FIRST_SECTORS];
        self.target.read_at(offset, &mut sample).is_ok() && is_zero(&sample)
    }

    fn write_zeroes(&mut self, offset: u64, length: u64) -> Result<(), ImageError> {
        let zeroes = Block::of_zeroes();
        let mut at = offset;
        while at < offset + length {
            let left = usize::try_from(offset + length - at).unwrap_or(usize::MAX);
            let piece = zeroes.bytes().get(..left).unwrap_or(zeroes.bytes());
            self.write(at, piece)?;
            at += piece.len() as u64;
        }
        Ok(())
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), ImageError> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.written_bytes += bytes.len() as u64;
        Ok(target::write(&mut self.target, offset, bytes)?)
    }

    /// Writes what was kept back: the tail, the head, and last of all the sectors that firmware reads first.
    pub(super) fn complete(&mut self, disk_bytes: u64) -> Result<Written, ImageError> {
        self.settle()?;
        let (head, tail) = (std::mem::take(&mut self.head), std::mem::take(&mut self.tail));
        let (first_sectors, head) = head.split_at(head.len().min(FIRST_SECTORS));
        self.sync()?;
        self.write(self.tail_offset, &tail)?;
        self.write(FIRST_SECTORS as u64, head)?;
        self.sync()?;
        self.write(0, first_sectors)?;
        self.sync()?;
        Ok(Written { disk_bytes, written_bytes: self.written_bytes })
    }

    fn sync(&mut self) -> Result<(), ImageError> {
        Ok(self.target.sync().map_err(DiskError::Sync)?)
    }
}

fn keep(kept: &mut [u8], offset: u64, bytes: &[u8]) {
    let place = usize::try_from(offset).ok().and_then(|offset| kept.get_mut(offset..)).unwrap_or_default();
    for (place, byte) in place.iter_mut().zip(bytes) {
        *place = *byte;
    }
}

/// Whole words at a time: most of an image is holes, and this looks at every byte of them.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    let (chunks, rest) = bytes.as_chunks::<64>();
    let words =
        |chunk: &[u8; 64]| chunk.as_chunks::<8>().0.iter().fold(0, |seen, word| seen | u64::from_ne_bytes(*word));
    chunks.iter().all(|chunk| words(chunk) == 0) && rest.iter().all(|byte| *byte == 0)
}
