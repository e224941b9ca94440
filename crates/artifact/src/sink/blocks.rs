//! The unpacking side's end of the disk: it fills blocks, and the writing side writes them meanwhile.

use super::ImageError;
use crate::block::Block;
use crate::format;
use std::sync::mpsc::{Receiver, SyncSender};

/// What comes at a place of the disk.
pub(crate) enum Placed {
    /// Bytes.
    Bytes { offset: u64, block: Block },
    /// Zeroes, which nobody has written down.
    Hole { offset: u64, length: u64 },
}

/// Gathers the disk's bytes into blocks, in whatever order they come.
pub(crate) struct Blocks {
    full: SyncSender<Placed>,
    empty: Receiver<Block>,
    block: Block,
    offset: u64,
    limit: u64,
}

impl Blocks {
    /// Sends blocks of a disk of `limit` bytes to `full`, and takes them back from `empty`.
    pub(crate) fn new(full: SyncSender<Placed>, empty: Receiver<Block>, limit: u64) -> Self {
        Self { full, empty, block: Block::new(), offset: 0, limit }
    }

    /// Where on the disk the next byte goes.
    pub(crate) fn position(&self) -> u64 {
        self.offset + self.block.bytes().len() as u64
    }

    /// Goes on elsewhere.
    pub(crate) fn seek(&mut self, position: u64) -> Result<(), ImageError> {
        if position != self.position() {
            self.flush()?;
            self.offset = position;
        }
        Ok(())
    }

    /// A part of the disk is zeroes.
    pub(crate) fn put_hole(&mut self, offset: u64, length: u64) -> Result<(), ImageError> {
        self.flush()?;
        self.offset = offset.saturating_add(length);
        self.full.send(Placed::Hole { offset, length }).map_err(|_| ImageError::GivenUp)
    }

    /// Where the next bytes may be put; empty at the disk's end.
    pub(crate) fn space(&mut self) -> Result<&mut [u8], ImageError> {
        if self.block.is_full() {
            self.flush()?;
        }
        let left = usize::try_from(self.limit.saturating_sub(self.position())).unwrap_or(usize::MAX);
        let space = self.block.space();
        let length = space.len().min(left);
        Ok(space.get_mut(..length).unwrap_or_default())
    }

    /// The first `length` bytes of the space have been filled.
    pub(crate) fn extend(&mut self, length: usize) -> Result<(), ImageError> {
        self.block.extend(length);
        if self.block.is_full() { self.flush() } else { Ok(()) }
    }

    pub(crate) fn put(&mut self, mut bytes: &[u8]) -> Result<(), ImageError> {
        while !bytes.is_empty() {
            let limit = self.limit;
            let space = self.space()?;
            let (now, later) = bytes.split_at(bytes.len().min(space.len()));
            if now.is_empty() {
                return Err(ImageError::DiskTooLong { expected: limit });
            }
            for (place, bytes) in space.chunks_mut(now.len()).zip([now]) {
                place.copy_from_slice(bytes);
            }
            let length = now.len();
            bytes = later;
            self.extend(length)?;
        }
        Ok(())
    }

    /// Hands over what has been gathered.
    pub(crate) fn flush(&mut self) -> Result<(), ImageError> {
        if self.block.bytes().is_empty() {
            return Ok(());
        }
        if self.offset == 0
            && let Some(found) = format::detect(self.block.bytes())
        {
            return Err(ImageError::Nested { found });
        }
        let next = self.empty.try_recv().unwrap_or_else(|_| Block::new());
        let block = std::mem::replace(&mut self.block, next);
        let offset = self.offset;
        self.offset += block.bytes().len() as u64;
        self.block.clear();
        // The writing side ends early only with an error of its own, which is the one to report.
        self.full.send(Placed::Bytes { offset, block }).map_err(|_| ImageError::GivenUp)
    }
}
