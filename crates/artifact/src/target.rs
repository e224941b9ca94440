//! What an image is written onto: a block device, or a file that stands for one.
//!
//! Devices and files go the same way on Linux, hole punching included, so that tests on files exercise the
//! code that runs on disks.

use crate::block::{ALIGNMENT, Block};
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

/// What a target did not do, and where.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// It did not give bytes.
    #[error("reading from the disk at offset {offset}")]
    Read {
        /// Of the page that it did not give.
        offset: u64,
        /// The kernel's word.
        source: io::Error,
    },
    /// It did not take bytes.
    #[error("writing to the disk at offset {offset}")]
    Write {
        /// Of the page that it did not take.
        offset: u64,
        /// The kernel's word.
        source: io::Error,
    },
    /// It did not give bytes together, but each page alone.
    #[error("reading {length} bytes from the disk at offset {offset} at once; page by page it gave them")]
    ReadAtOnce {
        /// Where they begin.
        offset: u64,
        /// So many.
        length: usize,
        /// The kernel's word.
        source: io::Error,
    },
    /// It did not take bytes together, but each page alone.
    #[error("writing {length} bytes to the disk at offset {offset} at once; page by page it took them")]
    WriteAtOnce {
        /// Where they begin.
        offset: u64,
        /// So many.
        length: usize,
        /// The kernel's word.
        source: io::Error,
    },
    /// It did not say that it has everything.
    #[error("flushing what was written to the disk")]
    Sync(#[source] io::Error),
}

impl DiskError {
    /// The page that failed, if one did.
    pub fn offset(&self) -> Option<u64> {
        match self {
            Self::Read { offset, .. } | Self::Write { offset, .. } => Some(*offset),
            Self::ReadAtOnce { .. } | Self::WriteAtOnce { .. } | Self::Sync(_) => None,
        }
    }
}

/// Writes all of `bytes`. When that fails, page by page until the one that fails alone: the kernel only says that
/// something in a large write did. When none does, the disk has refused all the same, and is not to be trusted.
///
/// # Errors
/// When the target does not take them.
pub fn write<T: BlockTarget>(target: &mut T, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
    let Err(source) = target.write_at(offset, bytes) else { return Ok(()) };
    if bytes.len() <= ALIGNMENT {
        return Err(DiskError::Write { offset, source });
    }
    for (at, page) in (offset..).step_by(ALIGNMENT).zip(bytes.chunks(ALIGNMENT)) {
        if let Err(source) = target.write_at(at, page) {
            return Err(DiskError::Write { offset: at, source });
        }
    }
    Err(DiskError::WriteAtOnce { offset, length: bytes.len(), source })
}

/// Fills `buffer`, and finds out where that fails, as [`write`] does.
///
/// # Errors
/// When the target does not give the bytes.
pub fn read<T: BlockTarget>(target: &mut T, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
    let Err(source) = target.read_at(offset, buffer) else { return Ok(()) };
    if buffer.len() <= ALIGNMENT {
        return Err(DiskError::Read { offset, source });
    }
    for (at, page) in (offset..).step_by(ALIGNMENT).zip(buffer.chunks_mut(ALIGNMENT)) {
        if let Err(source) = target.read_at(at, page) {
            return Err(DiskError::Read { offset: at, source });
        }
    }
    Err(DiskError::ReadAtOnce { offset, length: buffer.len(), source })
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
        let is_aligned = bytes.len().is_multiple_of(ALIGNMENT) && offset.is_multiple_of(ALIGNMENT as u64);
        let Some(direct) = self.direct.as_ref().filter(|_| is_aligned) else { return Ok(false) };
        let written = match bytes.as_ptr().align_offset(ALIGNMENT) {
            0 => direct.write_all_at(bytes, offset),
            _ => write_from_elsewhere(direct, offset, bytes),
        };
        match written {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                self.direct = None;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

/// Writes directly what does not lie where direct writes may come from.
fn write_from_elsewhere(direct: &File, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
    let mut block = Block::new();
    while !bytes.is_empty() {
        block.clear();
        let (now, later) = bytes.split_at(bytes.len().min(Block::BYTES));
        block.space().iter_mut().zip(now).for_each(|(place, byte)| *place = *byte);
        block.extend(now.len());
        direct.write_all_at(block.bytes(), offset)?;
        offset += now.len() as u64;
        bytes = later;
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// What fails.
    enum Bad {
        /// All that touches the byte.
        At(u64),
        /// All that is longer than a page.
        AtOnce,
        /// The first of all.
        First(Cell<bool>),
    }

    impl Bad {
        fn touch(&self, offset: u64, length: usize) -> io::Result<()> {
            let fails = match self {
                Self::At(bad) => (offset..offset + length as u64).contains(bad),
                Self::AtOnce => length > ALIGNMENT,
                Self::First(is_to_come) => is_to_come.take(),
            };
            if fails { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) }
        }
    }

    impl BlockTarget for Bad {
        fn size_bytes(&self) -> u64 {
            1 << 30
        }

        fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
            self.touch(offset, buffer.len())
        }

        fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
            self.touch(offset, bytes.len())
        }

        fn punch_hole(&mut self, _: u64, _: u64) -> io::Result<bool> {
            Ok(false)
        }

        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_page_that_fails_in_a_large_write_or_read_is_named() {
        let mut bytes = vec![1; 1 << 20];
        let mut disk = Bad::At((8 << 20) + 5000);
        assert_eq!(write(&mut disk, 8 << 20, &bytes).unwrap_err().offset(), Some((8 << 20) + 4096));
        assert_eq!(read(&mut disk, 8 << 20, &mut bytes).unwrap_err().offset(), Some((8 << 20) + 4096));
        assert!(write(&mut disk, 9 << 20, &bytes).is_ok());
    }

    #[test]
    fn no_page_is_named_when_each_alone_is_sound() {
        let mut bytes = vec![1; 1 << 20];
        let written = write(&mut Bad::AtOnce, 8 << 20, &bytes).unwrap_err();
        assert_eq!(written.offset(), None);
        let says = "writing 1048576 bytes to the disk at offset 8388608 at once; page by page it took them";
        assert_eq!(written.to_string(), says);
        let read = read(&mut Bad::AtOnce, 8 << 20, &mut bytes).unwrap_err();
        assert_eq!(read.offset(), None);
        let says = "reading 1048576 bytes from the disk at offset 8388608 at once; page by page it gave them";
        assert_eq!(read.to_string(), says);
    }

    #[test]
    fn a_page_that_fails_once_is_named() {
        let mut page = [1; ALIGNMENT];
        let first = || Bad::First(Cell::new(true));
        assert_eq!(write(&mut first(), 8 << 20, &page).unwrap_err().offset(), Some(8 << 20));
        assert_eq!(read(&mut first(), 8 << 20, &mut page).unwrap_err().offset(), Some(8 << 20));
    }

    #[test]
    fn bytes_from_any_address_are_written_directly() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk");
        std::fs::write(&path, vec![0; 3 * ALIGNMENT]).unwrap();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        let mut target = FileTarget::direct(file, &path).unwrap();
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(ALIGNMENT + 1).collect();
        let elsewhere = bytes.get(1..).unwrap();
        target.write_at(ALIGNMENT as u64, elsewhere).unwrap();
        assert_eq!(std::fs::read(&path).unwrap().get(ALIGNMENT..2 * ALIGNMENT), Some(elsewhere));
    }
}
