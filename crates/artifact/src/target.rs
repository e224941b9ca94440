//! What an image is written onto: a block device, or a file that stands for one.
//!
//! Devices and files go the same way on Linux, hole punching included, so that tests on files exercise the
//! code that runs on disks.

use crate::block::ALIGNMENT;
use rustix::fs::{FallocateFlags, OFlags, fallocate};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// A run of bytes of fixed size that can be read and written anywhere.
pub trait BlockTarget {
    /// Its size.
    fn size_bytes(&self) -> u64;
    /// Fills `buffer` from `offset`.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes a range read as zeroes without sending the zeroes. False when the target cannot do that; then the
    /// range may hold anything.
    fn punch_hole(&mut self, offset: u64, length: u64) -> io::Result<bool>;
    /// Returns when everything written is on stable storage.
    fn sync(&mut self) -> io::Result<()>;
}

/// A block device or regular file.
#[derive(Debug)]
pub struct FileTarget {
    file: File,
    /// The same, past the page cache, where the kernel allows it. An image is written once and not read: going
    /// through the cache costs a copy of every byte and the memory of a machine that may have little.
    direct: Option<File>,
    size_bytes: u64,
}

impl FileTarget {
    /// Takes a file opened for reading and writing. Its size is what seeking to the end gives: a device's
    /// metadata says zero.
    pub fn new(mut file: File) -> io::Result<Self> {
        let size_bytes = io::Seek::seek(&mut file, io::SeekFrom::End(0))?;
        Ok(Self { file, direct: None, size_bytes })
    }

    /// Like [`FileTarget::new`]; what is aligned is written past the page cache. `path` is the file's.
    pub fn direct(file: File, path: &Path) -> io::Result<Self> {
        let flags = OFlags::DIRECT.bits().cast_signed();
        let direct = File::options().write(true).custom_flags(flags).open(path).ok();
        Ok(Self { direct, ..Self::new(file)? })
    }

    /// The file itself.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Whether direct I/O took the bytes. A filesystem may allow to open a file for it and refuse to write.
    fn write_directly(&mut self, offset: u64, bytes: &[u8]) -> io::Result<bool> {
        let is_aligned = bytes.as_ptr().align_offset(ALIGNMENT) == 0
            && bytes.len().is_multiple_of(ALIGNMENT)
            && offset.is_multiple_of(ALIGNMENT as u64);
        let Some(direct) = self.direct.as_ref().filter(|_| is_aligned) else { return Ok(false) };
        match direct.write_all_at(bytes, offset) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                self.direct = None;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

impl BlockTarget for FileTarget {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let end = offset.checked_add(bytes.len() as u64).ok_or(io::ErrorKind::InvalidInput)?;
        if end > self.size_bytes {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if self.write_directly(offset, bytes)? {
            return Ok(());
        }
        self.file.write_all_at(bytes, offset)
    }

    /// On a block device the kernel takes this as "write zeroes, unmapping if possible, and fail rather than send
    /// them" (blkdev_fallocate), which unlike a plain discard promises that zeroes are read back.
    fn punch_hole(&mut self, offset: u64, length: u64) -> io::Result<bool> {
        match fallocate(&self.file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, offset, length) {
            Ok(()) => Ok(true),
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::NODEV | Errno::INVAL) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
}
