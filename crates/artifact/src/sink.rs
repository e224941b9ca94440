//! Writes an image onto a disk while it arrives: unpacked, verified, in bounded memory. Where the image has holes the
//! disk gets holes, if it can; what the image does not reach is left as it was.
//!
//! The first and the last MiB, where firmware looks for boot code and partition tables, are kept back and
//! written last, after the digest has been found right. A machine that loses its power in the middle therefore
//! has a disk that does not boot, never one that boots half of something.
//! Fetching the bytes is the caller's: it may feed them from as many connections as it takes.

mod blocks;
mod disk_writer;
mod ends;
mod pipeline;

pub use ends::wipe_ends;

pub(crate) use blocks::Blocks;

use crate::block::Piece;
use crate::format::Container;
use crate::qcow2::{Map, Qcow2Error};
use crate::target::{BlockTarget, DiskError};
pub use crate::unpack::Compression;
use pipeline::Pipeline;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use types::Digest;

/// Boot sector, GPT header and 128 entries of a disk with 4 KiB sectors need 24 KiB; 1 MiB is where partitions
/// begin by custom, and what GRUB uses of the gap ends there.
const EDGE_BYTES: u64 = 1 << 20;

/// What the image is declared to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// Of the file as sent.
    pub digest: Digest,
    /// Of the file as sent.
    pub file_size_bytes: u64,
    /// How it is packed.
    pub packing: Packing,
    /// Of the disk, unpacked.
    pub disk_size_bytes: u64,
}

/// How the disk's bytes lie in the file.
#[derive(Debug, Clone, PartialEq)]
pub enum Packing {
    /// In order.
    Stream(Compression),
    /// Where the map says.
    Qcow2(Arc<Map>),
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
    /// The file unpacks to less than declared.
    #[error("the image unpacks to {found} bytes, {expected} were declared")]
    DiskTooShort {
        /// As declared.
        expected: u64,
        /// What it was.
        found: u64,
    },
    /// The packed stream has no end.
    #[error("the image's packed stream breaks off after {found} bytes of the disk")]
    BrokenOff {
        /// What had come out of it.
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
    /// What is in the file is packed once more.
    #[error("the image unpacks to {found}, not to a disk")]
    Nested {
        /// What it is.
        found: Container,
    },
    /// The file is not a qcow2 image that we take.
    #[error(transparent)]
    Qcow2(#[from] Qcow2Error),
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The machine has no thread to spare.
    #[error("starting to write")]
    Start(#[source] io::Error),
    /// The sink was used after it had failed.
    #[error("writing was given up before")]
    GivenUp,
}

/// What was done to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Of the disk, unpacked.
    pub disk_bytes: u64,
    /// How many of them were sent to the disk.
    pub written_bytes: u64,
}

/// Receives an image's file and writes the disk in it.
pub struct ImageSink<T> {
    expected: Expected,
    fed_bytes: u64,
    passed: Arc<AtomicU64>,
    /// None after it has failed.
    pipeline: Option<Pipeline<T>>,
}

impl<T: BlockTarget + Send + 'static> ImageSink<T> {
    /// Starts on a target, which does not boot any more when this returns; nothing else of it has changed.
    ///
    /// # Errors
    /// When the image does not fit or the disk refuses.
    pub fn new(mut target: T, expected: Expected) -> Result<Self, ImageError> {
        let found = target.size_bytes();
        let needed = expected.disk_size_bytes;
        if needed > found {
            return Err(ImageError::DiskTooSmall { needed, found });
        }
        if let Packing::Qcow2(map) = &expected.packing
            && map.disk_bytes() != needed
        {
            return Err(ImageError::DiskTooShort { expected: needed, found: map.disk_bytes() });
        }
        wipe_ends(&mut target)?;
        let passed = Arc::new(AtomicU64::new(0));
        let pipeline = Pipeline::start(target, &expected, Arc::clone(&passed)).map_err(ImageError::Start)?;
        Ok(Self { expected, fed_bytes: 0, passed, pipeline: Some(pipeline) })
    }

    /// How many bytes of the file it has taken.
    pub fn fed_bytes(&self) -> u64 {
        self.fed_bytes
    }

    /// How many bytes of the disk have been passed.
    pub fn disk_bytes(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }

    /// An empty piece to be filled and fed.
    pub fn piece(&self) -> Piece {
        self.pipeline.as_ref().map_or_else(Piece::default, Pipeline::piece)
    }

    /// Takes the next bytes of the file. After an error the disk has been made unbootable and the sink takes no more.
    /// What is wrong with a piece may show when a later one is fed.
    ///
    /// # Errors
    /// When the bytes are not the declared image, or the disk refuses.
    pub fn feed(&mut self, piece: Piece) -> Result<(), ImageError> {
        let pipeline = self.pipeline.as_ref().ok_or(ImageError::GivenUp)?;
        let length = piece.bytes().len() as u64;
        if length > self.expected.file_size_bytes.saturating_sub(self.fed_bytes) {
            return Err(self.give_up(ImageError::FileTooLong { expected: self.expected.file_size_bytes }));
        }
        if pipeline.send(piece) {
            self.fed_bytes += length;
            return Ok(());
        }
        Err(self.give_up(ImageError::GivenUp))
    }

    /// Verifies the digest, and only then writes what makes the disk bootable. Gives the target back.
    ///
    /// # Errors
    /// When the image is not what was declared, or the disk refuses; the disk has been made unbootable.
    pub fn finish(mut self) -> Result<(T, Written), ImageError> {
        let (found, expected) = (self.fed_bytes, self.expected.file_size_bytes);
        if found != expected && self.pipeline.is_some() {
            return Err(self.give_up(ImageError::Truncated { expected, found }));
        }
        let mut ended = self.pipeline.take().ok_or(ImageError::GivenUp)?.end();
        let completed = ended.outcome.and_then(|(digest, disk_bytes)| {
            self.verify(digest, disk_bytes)?;
            ended.disk.complete(disk_bytes)
        });
        match completed {
            Ok(written) => Ok((ended.disk.target, written)),
            Err(error) => {
                // A disk that refuses this too has had nothing bootable written to it.
                wipe_ends(&mut ended.disk.target).ok();
                Err(error)
            }
        }
    }

    fn verify(&self, found: Digest, disk_bytes: u64) -> Result<(), ImageError> {
        let expected = self.expected.digest;
        if found != expected {
            return Err(ImageError::DigestMismatch { expected, found });
        }
        let expected = self.expected.disk_size_bytes;
        if disk_bytes != expected {
            return Err(ImageError::DiskTooShort { expected, found: disk_bytes });
        }
        Ok(())
    }

    /// Gives up on purpose, leaving an unbootable disk.
    ///
    /// # Errors
    /// When the disk cannot be written.
    pub fn abandon(mut self) -> Result<(), ImageError> {
        match self.pipeline.take() {
            Some(pipeline) => wipe_ends(&mut pipeline.end().disk.target),
            None => Ok(()),
        }
    }

    /// What ended the threads is the error to report, where there is one; `seen` otherwise.
    fn give_up(&mut self, seen: ImageError) -> ImageError {
        let Some(pipeline) = self.pipeline.take() else { return seen };
        let mut ended = pipeline.end();
        // A disk that refuses this too has had nothing bootable written to it.
        wipe_ends(&mut ended.disk.target).ok();
        match (seen, ended.outcome) {
            (ImageError::GivenUp, Err(error)) => error,
            (seen, _) => seen,
        }
    }
}

impl<T> std::fmt::Debug for ImageSink<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImageSink")
            .field("expected", &self.expected)
            .field("fed_bytes", &self.fed_bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests;
