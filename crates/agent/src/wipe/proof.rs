//! Marks that must be gone, and what is read back.

use crate::task::Stop;
use artifact::DiskError;
use artifact::target::{self, BlockTarget};
use types::agent::ReadBack;
use types::{Digest, TaskId};

/// How many places between the ends are marked and looked at.
const SAMPLES: u64 = 128;
/// A mark is a page, so that drives and filesystems see a whole block.
const MARK_BYTES: usize = 4096;
/// Partition tables, boot loaders, RAID and volume headers lie at the ends, and are read back whole.
const END_BYTES: u64 = 16 << 20;
/// How much is read at a time.
const READ_BYTES: usize = 1 << 20;

/// Where the marks are.
pub(super) struct Marks {
    size: u64,
    task: TaskId,
    offsets: Vec<u64>,
}

/// What was read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Zeroes everywhere.
    Zeroes { read_bytes: u64 },
    /// No mark, but not zeroes everywhere.
    Other { offset: u64, read_bytes: u64 },
    /// A mark.
    Kept { offset: u64 },
}

impl Marks {
    /// A mark in each of as many equal parts of the disk, at a place that the task's id draws, and at both ends.
    pub(super) fn plan(size: u64, task: TaskId) -> Self {
        let mark = MARK_BYTES as u64;
        let part = size / SAMPLES / mark * mark;
        let drawn = |index: u64| {
            let digest = Digest::of(format!("{task}/{index}").as_bytes()).hex();
            let number = digest.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0);
            index * part + (number % (part / mark).max(1)) * mark
        };
        let last = size.saturating_sub(mark) / mark * mark;
        let mut offsets: Vec<u64> = (0..SAMPLES).map(drawn).chain([0, last]).collect();
        offsets.retain(|offset| offset + mark <= size);
        offsets.sort_unstable();
        offsets.dedup();
        Self { size, task, offsets }
    }

    pub(super) fn count(&self) -> usize {
        self.offsets.len()
    }

    /// Bytes that were never on a disk, different at each place.
    fn mark(&self, offset: u64) -> Vec<u8> {
        let digest = Digest::of(format!("mark {} at {offset}", self.task).as_bytes());
        digest.hex().bytes().cycle().take(MARK_BYTES).collect()
    }

    pub(super) fn write(&self, target: &mut impl BlockTarget) -> Result<(), DiskError> {
        for offset in &self.offsets {
            target::write(target, *offset, &self.mark(*offset))?;
        }
        target.sync().map_err(DiskError::Sync)
    }

    /// Looks at the marks' places and both ends, or at every byte.
    pub(super) fn read_back(
        &self,
        target: &mut impl BlockTarget,
        how_much: ReadBack,
        report: &dyn Fn(u64) -> Result<(), Stop>,
        failed: impl Fn(&DiskError) -> Stop,
    ) -> Result<Found, Stop> {
        let end = END_BYTES.min(self.size);
        let ranges: Vec<std::ops::Range<u64>> = match how_much {
            ReadBack::Full => std::iter::once(0..self.size).collect(),
            ReadBack::Sampled => {
                let samples = self.offsets.iter().map(|offset| *offset..offset + MARK_BYTES as u64);
                [0..end, self.size - end..self.size].into_iter().chain(samples).collect()
            }
        };
        for offset in &self.offsets {
            let mut found = vec![0; MARK_BYTES];
            target::read(target, *offset, &mut found).map_err(|error| failed(&error))?;
            if found == self.mark(*offset) {
                return Ok(Found::Kept { offset: *offset });
            }
        }
        let (mut read_bytes, mut other) = (0, None);
        let mut buffer = vec![0; READ_BYTES];
        for range in ranges {
            let mut at = range.start;
            while at < range.end {
                let length = buffer.len().min(usize::try_from(range.end - at).unwrap_or(usize::MAX));
                let piece = buffer.get_mut(..length).unwrap_or_default();
                target::read(target, at, piece).map_err(|error| failed(&error))?;
                let place = piece.iter().position(|byte| *byte != 0).map(|place| at + place as u64);
                other = other.or(place);
                at += length as u64;
                read_bytes += length as u64;
                report(read_bytes)?;
            }
        }
        Ok(match other {
            Some(offset) => Found::Other { offset, read_bytes },
            None => Found::Zeroes { read_bytes },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_lie_all_over_the_disk_and_at_both_ends() {
        for size in [512, 4096, 1 << 20, (1 << 30) + 512, 1 << 44] {
            let marks = Marks::plan(size, TaskId::from_random([3; 16]));
            assert!(marks.offsets.iter().all(|offset| offset + 4096 <= size), "{size}");
            if size >= 1 << 30 {
                assert!(marks.offsets.len() > 120, "{size}");
                assert!(marks.offsets.windows(2).all(|pair| pair[1] - pair[0] < size / 60), "{size}");
                assert!(marks.offsets.last().is_some_and(|last| last + 8192 > size));
            }
        }
    }
}
