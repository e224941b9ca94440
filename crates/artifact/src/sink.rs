//! Writes an image onto a disk while it arrives: unpacked, verified, holes skipped, in bounded memory.
//!
//! The first and the last MiB, where firmware looks for boot code and partition tables, are kept back and
//! written last, after the digest has been found right. A machine that loses its power in the middle therefore
//! has a disk that does not boot, never one that boots half of something.
//! Fetching the bytes is the caller's: it may feed them from as many connections as it takes.

use crate::hash::Hasher;
use crate::target::BlockTarget;
use crate::unpack::{UnpackError, Unpacker};
use std::io;
use types::Digest;
use types::image::ImageFormat;

/// Sequential writes of this size keep spinning disks and RAID controllers busy, and align with their stripes.
const BLOCK_BYTES: usize = 1 << 20;
/// Zeroes are skipped in units of this size: small enough to find ext4's holes, large enough to keep writes large.
const GRANULE_BYTES: usize = 64 << 10;
/// Boot sector, GPT header and 128 entries of a disk with 4 KiB sectors need 24 KiB; 1 MiB is where partitions
/// begin by custom, and what GRUB uses of the gap ends there.
const EDGE_BYTES: u64 = 1 << 20;
/// How much is made a hole at a time: a disk that takes 512 KiB with one command gets 64 of them at once, and a slow
/// one shows progress.
const HOLE_BYTES: u64 = 32 << 20;

/// What the image is declared to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// Of the file as sent.
    pub digest: Digest,
    /// Of the file as sent.
    pub file_size_bytes: u64,
    /// How it is packed.
    pub format: ImageFormat,
    /// Of the disk, unpacked.
    pub disk_size_bytes: u64,
}

/// Why an image is not on the disk. The disk does not boot.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The declared disk is larger than the target.
    #[error("the image needs a disk of {needed} bytes, this one has {found}")]
    DiskTooSmall {
        /// By the image.
        needed: u64,
        /// What the disk has.
        found: u64,
    },
    /// More bytes came than the file was declared to have.
    #[error("the image file is longer than the declared {expected} bytes")]
    FileTooLong {
        /// As declared.
        expected: u64,
    },
    /// The file unpacks to more than declared.
    #[error("the image unpacks to more than the declared {expected} bytes")]
    DiskTooLong {
        /// As declared.
        expected: u64,
    },
    /// Fewer bytes came than declared.
    #[error("the image file ended after {found} of {expected} bytes")]
    Truncated {
        /// As declared.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// The file unpacks to less than declared, or ends inside a compressed frame.
    #[error("the image unpacks to {found} bytes, {expected} were declared")]
    DiskTooShort {
        /// As declared.
        expected: u64,
        /// What it was.
        found: u64,
    },
    /// The bytes are not the declared image.
    #[error("the image has digest {found}, expected {expected}")]
    DigestMismatch {
        /// As declared.
        expected: Digest,
        /// Of what came.
        found: Digest,
    },
    /// The compressed stream is damaged, or needs more memory to unpack than allowed.
    #[error("unpacking the image after {offset} bytes of the file")]
    Malformed {
        /// Where in the file.
        offset: u64,
        /// The decoder's word.
        source: io::Error,
    },
    /// The disk refused.
    #[error("writing to the disk at offset {offset}")]
    Write {
        /// Where on the disk.
        offset: u64,
        /// The kernel's word.
        source: io::Error,
    },
    /// The sink was used after it had failed.
    #[error("writing was given up before")]
    GivenUp,
}

/// Whether what the image leaves out can be left out of writing too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holes {
    /// The image's place reads as zeroes: zeroes need not be written.
    Skip,
    /// The target holds anything: zeroes are written like other bytes.
    Write,
}

/// What was done to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Of the disk, unpacked.
    pub disk_bytes: u64,
    /// How many of them were sent to the disk.
    pub written_bytes: u64,
}

/// Empties `target` before an image of `image_bytes` is written: both ends for certain, and the image's place where
/// that can be done without sending zeroes. What lies beyond is left: emptying all of a large disk that has to write
/// each zero itself takes hours. `progress` is told how many bytes are done.
///
/// # Errors
/// When the target cannot be written.
pub fn prepare<T: BlockTarget>(
    target: &mut T,
    image_bytes: u64,
    mut progress: impl FnMut(u64),
) -> Result<Holes, ImageError> {
    wipe_ends(target)?;
    // Whole sectors, whatever the image's last one is.
    let size = target.size_bytes();
    let end = image_bytes.min(size).next_multiple_of(EDGE_BYTES).min(size);
    let mut offset = 0;
    while offset < end {
        let length = HOLE_BYTES.min(end - offset);
        // A disk that fails at this may still take writes; if not, the first one will say so.
        if !target.punch_hole(offset, length).unwrap_or(false) {
            return Ok(Holes::Write);
        }
        offset += length;
        progress(offset);
    }
    Ok(if reads_as_zeroes(target, end) { Holes::Skip } else { Holes::Write })
}

/// Makes the target unbootable: zeroes over its first and last MiB, on stable storage.
///
/// # Errors
/// When the target cannot be written.
pub fn wipe_ends<T: BlockTarget>(target: &mut T) -> Result<(), ImageError> {
    let size = target.size_bytes();
    let zeroes = vec![0; BLOCK_BYTES];
    let edge = EDGE_BYTES.min(size);
    for offset in [0, size - edge] {
        let piece = zeroes.get(..usize::try_from(edge).unwrap_or(BLOCK_BYTES)).unwrap_or(&zeroes);
        target.write_at(offset, piece).map_err(|source| ImageError::Write { offset, source })?;
    }
    target.sync().map_err(|source| ImageError::Write { offset: 0, source })
}

/// Some devices accept the request and keep the bytes, so a few places are read back rather than trusted.
fn reads_as_zeroes<T: BlockTarget>(target: &mut T, size: u64) -> bool {
    const SAMPLES: u64 = 64;
    let mut sample = vec![0; 4096];
    (0..SAMPLES).all(|index| {
        let offset = (size / SAMPLES * index) & !4095;
        let length = sample.len().min(usize::try_from(size - offset).unwrap_or(usize::MAX));
        let sample = &mut sample[..length];
        sample.fill(0xff);
        target.read_at(offset, sample).is_ok() && is_zero(sample)
    })
}

/// Receives an image's file and writes the disk in it.
pub struct ImageSink<T> {
    expected: Expected,
    hasher: Hasher,
    unpacker: Unpacker,
    disk: DiskWriter<T>,
    failed: bool,
}

impl<T: BlockTarget> ImageSink<T> {
    /// Starts on a target that [`prepare`] has emptied.
    ///
    /// # Errors
    /// When the image does not fit.
    pub fn new(target: T, expected: Expected, holes: Holes) -> Result<Self, ImageError> {
        let found = target.size_bytes();
        if expected.disk_size_bytes > found {
            return Err(ImageError::DiskTooSmall { needed: expected.disk_size_bytes, found });
        }
        let unpacker = Unpacker::new(expected.format).map_err(|source| ImageError::Malformed { offset: 0, source })?;
        let disk = DiskWriter::new(target, holes, expected.disk_size_bytes);
        Ok(Self { expected, hasher: Hasher::default(), unpacker, disk, failed: false })
    }

    /// How many bytes of the file it has taken: where to go on after a broken connection.
    pub fn fed_bytes(&self) -> u64 {
        self.hasher.bytes()
    }

    /// How many bytes of the disk have been passed.
    pub fn disk_bytes(&self) -> u64 {
        self.disk.position()
    }

    /// Takes the next bytes of the file. After an error the disk has been made unbootable and the sink takes no more.
    ///
    /// # Errors
    /// When the bytes are not the declared image, or the disk refuses.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), ImageError> {
        if self.failed {
            return Err(ImageError::GivenUp);
        }
        let result = self.take(bytes);
        if result.is_err() {
            self.give_up();
        }
        result
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), ImageError> {
        let offset = self.hasher.bytes();
        if bytes.len() as u64 > self.expected.file_size_bytes.saturating_sub(offset) {
            return Err(ImageError::FileTooLong { expected: self.expected.file_size_bytes });
        }
        self.hasher.update(bytes);
        let disk = &mut self.disk;
        self.unpacker.feed(bytes, |unpacked| disk.put(unpacked)).map_err(|error| match error {
            UnpackError::Malformed(source) => ImageError::Malformed { offset, source },
            UnpackError::Sink(error) => error,
        })
    }

    /// Verifies the digest, and only then writes what makes the disk bootable. Gives the target back.
    ///
    /// # Errors
    /// When the image is not what was declared, or the disk refuses; the disk has been made unbootable.
    pub fn finish(mut self) -> Result<(T, Written), ImageError> {
        if self.failed {
            return Err(ImageError::GivenUp);
        }
        match self.verify().and_then(|()| self.disk.complete()) {
            Ok(written) => Ok((self.disk.target, written)),
            Err(error) => {
                self.give_up();
                Err(error)
            }
        }
    }

    fn verify(&self) -> Result<(), ImageError> {
        let (found, expected) = (self.hasher.bytes(), self.expected.file_size_bytes);
        if found != expected {
            return Err(ImageError::Truncated { expected, found });
        }
        let (found, expected) = (self.hasher.clone().finish(), self.expected.digest);
        if found != expected {
            return Err(ImageError::DigestMismatch { expected, found });
        }
        let (found, expected) = (self.disk.position(), self.expected.disk_size_bytes);
        if found != expected || !self.unpacker.is_complete() {
            return Err(ImageError::DiskTooShort { expected, found });
        }
        Ok(())
    }

    /// Gives up on purpose, leaving an unbootable disk.
    ///
    /// # Errors
    /// When the disk cannot be written.
    pub fn abandon(mut self) -> Result<(), ImageError> {
        wipe_ends(&mut self.disk.target)
    }

    /// The error that led here is the one to report; a disk that refuses this too has had nothing bootable written to it.
    fn give_up(&mut self) {
        self.failed = true;
        wipe_ends(&mut self.disk.target).ok();
    }
}

impl<T> std::fmt::Debug for ImageSink<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImageSink")
            .field("expected", &self.expected)
            .field("hasher", &self.hasher)
            .finish_non_exhaustive()
    }
}

/// Gathers the disk's bytes into blocks and writes those that have something in them.
struct DiskWriter<T> {
    target: T,
    holes: Holes,
    limit: u64,
    block: Vec<u8>,
    block_offset: u64,
    /// The first block, kept back.
    head: Vec<u8>,
    /// What falls into the last MiB of the target, kept back.
    tail: Vec<u8>,
    tail_offset: u64,
    written_bytes: u64,
}

impl<T: BlockTarget> DiskWriter<T> {
    fn new(target: T, holes: Holes, limit: u64) -> Self {
        let tail_offset = target.size_bytes().saturating_sub(EDGE_BYTES).max(EDGE_BYTES);
        Self {
            target,
            holes,
            limit,
            block: Vec::with_capacity(BLOCK_BYTES),
            block_offset: 0,
            head: Vec::new(),
            tail: Vec::new(),
            tail_offset,
            written_bytes: 0,
        }
    }

    fn position(&self) -> u64 {
        self.block_offset + self.block.len() as u64
    }

    fn put(&mut self, mut bytes: &[u8]) -> Result<(), ImageError> {
        if bytes.len() as u64 > self.limit - self.position() {
            return Err(ImageError::DiskTooLong { expected: self.limit });
        }
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK_BYTES - self.block.len()));
            self.block.extend_from_slice(now);
            bytes = later;
            if self.block.len() == BLOCK_BYTES {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ImageError> {
        let mut block = std::mem::take(&mut self.block);
        let offset = self.block_offset;
        self.block_offset += block.len() as u64;
        if offset == 0 {
            self.block = Vec::with_capacity(BLOCK_BYTES);
            self.head = block;
            return Ok(());
        }
        let before_tail = usize::try_from(self.tail_offset.saturating_sub(offset)).unwrap_or(usize::MAX);
        let (body, tail) = block.split_at(block.len().min(before_tail));
        self.tail.extend_from_slice(tail);
        self.write_body(offset, body)?;
        block.clear();
        self.block = block;
        Ok(())
    }

    /// Writes each run of granules that are not all zeroes with one call.
    fn write_body(&mut self, mut offset: u64, body: &[u8]) -> Result<(), ImageError> {
        if self.holes == Holes::Write {
            return self.write(offset, body);
        }
        let granules: Vec<(bool, usize)> =
            body.chunks(GRANULE_BYTES).map(|granule| (is_zero(granule), granule.len())).collect();
        let mut rest = body;
        for run in granules.chunk_by(|left, right| left.0 == right.0) {
            let (piece, later) = rest.split_at(run.iter().map(|(_, length)| length).sum());
            if run.first().is_some_and(|(is_hole, _)| !is_hole) {
                self.write(offset, piece)?;
            }
            offset += piece.len() as u64;
            rest = later;
        }
        Ok(())
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), ImageError> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.written_bytes += bytes.len() as u64;
        self.target.write_at(offset, bytes).map_err(|source| ImageError::Write { offset, source })
    }

    /// Writes what was kept back: the tail, the head, and last of all the sectors that firmware reads first.
    fn complete(&mut self) -> Result<Written, ImageError> {
        self.flush()?;
        let (head, tail) = (std::mem::take(&mut self.head), std::mem::take(&mut self.tail));
        let (first_sectors, head) = head.split_at(head.len().min(4096));
        self.sync()?;
        self.write(self.tail_offset, &tail)?;
        self.write(4096, head)?;
        self.sync()?;
        self.write(0, first_sectors)?;
        self.sync()?;
        Ok(Written { disk_bytes: self.block_offset, written_bytes: self.written_bytes })
    }

    fn sync(&mut self) -> Result<(), ImageError> {
        self.target.sync().map_err(|source| ImageError::Write { offset: self.block_offset, source })
    }
}

/// Whole words at a time: most of an image is holes, and this looks at every byte of them.
fn is_zero(bytes: &[u8]) -> bool {
    let (chunks, rest) = bytes.as_chunks::<64>();
    let words =
        |chunk: &[u8; 64]| chunk.as_chunks::<8>().0.iter().fold(0, |seen, word| seen | u64::from_ne_bytes(*word));
    chunks.iter().all(|chunk| words(chunk) == 0) && rest.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests;
