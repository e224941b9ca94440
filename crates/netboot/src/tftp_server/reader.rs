//! Reads a file a piece at a time, without waiting for a disk.

use bytes::Bytes;
use rustix::io::{Errno, ReadWriteFlags};
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// How much of a file is read at a time: enough that reading costs little beside sending, little enough that two
/// thousand transfers hold 64 MiB.
const PIECE_LEN: usize = 32 << 10;

/// What is sent.
pub(super) enum Content {
    Bytes(Bytes),
    /// A file, from this offset on.
    File(Arc<File>, u64),
}

/// A part of a file, if it is in memory.
pub(super) enum Part<'a> {
    Ready(&'a [u8]),
    /// It has to be read from the disk first, with [`ColdRead::run`] where waiting is allowed.
    Cold(ColdRead),
}

/// A piece that the disk has.
pub(super) struct ColdRead {
    file: Arc<File>,
    offset: u64,
    /// Less than this is an error.
    needed: usize,
}

/// A piece in memory.
pub(super) struct Piece {
    start: u64,
    bytes: Vec<u8>,
}

/// A file, read in order.
pub(super) struct Reader {
    content: Content,
    piece: Piece,
}

impl Reader {
    pub(super) fn new(content: Content) -> Self {
        Self { content, piece: Piece { start: 0, bytes: Vec::new() } }
    }

    /// The part at `offset`.
    ///
    /// # Errors
    /// When the file cannot be read, or has become shorter since its length was told.
    pub(super) fn part(&mut self, offset: u64, len: usize) -> io::Result<Part<'_>> {
        let (file, offset) = match &self.content {
            Content::Bytes(bytes) => return slice(bytes, 0, offset, len).map(Part::Ready),
            Content::File(file, start) => (file, start.saturating_add(offset)),
        };
        if len > 0 && !self.piece.has(offset, len) && !self.piece.read_cached(file, offset, len)? {
            return Ok(Part::Cold(ColdRead { file: Arc::clone(file), offset, needed: len }));
        }
        if len == 0 {
            Ok(Part::Ready(&[]))
        } else {
            slice(&self.piece.bytes, self.piece.start, offset, len).map(Part::Ready)
        }
    }

    /// Takes what a [`ColdRead`] brought.
    pub(super) fn put(&mut self, piece: Piece) {
        self.piece = piece;
    }
}

impl Piece {
    fn has(&self, offset: u64, len: usize) -> bool {
        let end = self.start.saturating_add(self.bytes.len() as u64);
        self.start <= offset && offset.saturating_add(len as u64) <= end
    }

    /// Reads what is in the page cache; whether that was enough.
    fn read_cached(&mut self, file: &File, offset: u64, len: usize) -> io::Result<bool> {
        self.start = offset;
        self.bytes.resize(len.max(PIECE_LEN), 0);
        let read = rustix::io::preadv2(file, &mut [IoSliceMut::new(&mut self.bytes)], offset, ReadWriteFlags::NOWAIT);
        let read = match read {
            Ok(read) => read,
            // Not in memory, or a file system that cannot say so.
            Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => 0,
            Err(error) => return Err(error.into()),
        };
        self.bytes.truncate(read);
        Ok(read >= len)
    }
}

impl ColdRead {
    /// Waits for the disk.
    pub(super) fn run(self) -> io::Result<Piece> {
        let mut bytes = vec![0; self.needed.max(PIECE_LEN)];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.file.read_at(&mut bytes[filled..], self.offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if filled < self.needed {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.truncate(filled);
        Ok(Piece { start: self.offset, bytes })
    }
}

fn slice(bytes: &[u8], start: u64, offset: u64, len: usize) -> io::Result<&[u8]> {
    let from = offset.checked_sub(start).and_then(|from| usize::try_from(from).ok());
    let part = from.and_then(|from| bytes.get(from..from.checked_add(len)?));
    part.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(content: &[u8]) -> Arc<File> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        Arc::new(file)
    }

    fn read(reader: &mut Reader, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        if let Part::Ready(bytes) = reader.part(offset, len)? {
            return Ok(bytes.to_vec());
        }
        let Part::Cold(cold) = reader.part(offset, len)? else { panic!("read without reading") };
        reader.put(cold.run()?);
        match reader.part(offset, len)? {
            Part::Ready(bytes) => Ok(bytes.to_vec()),
            Part::Cold(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    #[test]
    fn every_part_is_read_forwards_and_backwards_across_pieces() {
        let content: Vec<u8> = (0..PIECE_LEN * 3 + 7).map(|at| u8::try_from(at % 251).unwrap()).collect();
        for source in [Content::Bytes(content.clone().into()), Content::File(file(&content), 0)] {
            let mut reader = Reader::new(source);
            let offsets = (0..content.len()).step_by(1428);
            for from in offsets.clone().chain(offsets.rev()) {
                let to = (from + 1428).min(content.len());
                assert_eq!(read(&mut reader, from as u64, to - from).unwrap(), content[from..to]);
            }
        }
    }

    #[test]
    fn a_file_that_has_become_shorter_is_an_error_and_not_zeros() {
        let file = file(&[1; 1000]);
        let mut reader = Reader::new(Content::File(Arc::clone(&file), 0));
        file.set_len(600).unwrap();
        assert_eq!(read(&mut reader, 0, 512).unwrap(), [1; 512]);
        assert_eq!(read(&mut reader, 512, 488).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
