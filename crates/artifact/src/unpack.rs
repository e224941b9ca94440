//! Turns the pieces of a file into the bytes of a disk, with bounded memory.

use crate::block::Piece;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender};

/// The largest Zstandard window accepted, as a power of two: 32 MiB, which is what level 22 needs for most of
/// its gain and leaves a machine with 512 MiB of memory room to work.
const MAX_WINDOW_LOG: u32 = 25;
/// `xz -9` has a dictionary of 64 MiB, and no preset has a larger one.
const MAX_XZ_KIB: u32 = 72 << 10;

/// How the disk's bytes are packed into one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// Zstandard (RFC 8878).
    Zstd,
    /// gzip (RFC 1952).
    Gzip,
    /// xz.
    Xz,
}

/// A reader of the unpacked bytes. The stream must be whole: one that breaks off is an error.
pub(crate) fn decoder(compression: Compression, file: &mut PieceReader) -> io::Result<Box<dyn Read + '_>> {
    Ok(match compression {
        Compression::None => Box::new(file),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(file)?;
            decoder.window_log_max(MAX_WINDOW_LOG)?;
            Box::new(decoder)
        }
        Compression::Gzip => Box::new(MultiGzDecoder::new(file)),
        Compression::Xz => Box::new(XzReader::new_mem_limit(file, true, MAX_XZ_KIB)),
    })
}

/// The file's pieces as one stream. It ends when no more pieces come.
pub(crate) struct PieceReader {
    pieces: Receiver<Piece>,
    used: Sender<Piece>,
    piece: Option<Piece>,
    position: usize,
    taken: Arc<AtomicU64>,
}

impl PieceReader {
    /// Reads what comes from `pieces`, and gives each back to `used`.
    pub(crate) fn new(pieces: Receiver<Piece>, used: Sender<Piece>) -> Self {
        Self { pieces, used, piece: None, position: 0, taken: Arc::default() }
    }

    /// How many bytes have been read, for whoever does not have the reader at hand.
    pub(crate) fn taken(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.taken)
    }
}

impl BufRead for PieceReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.piece.as_ref().is_none_or(|piece| self.position >= piece.bytes().len()) {
            if let Some(piece) = self.piece.take() {
                // Nobody wants it back once the last piece is on its way.
                self.used.send(piece).ok();
            }
            self.position = 0;
            match self.pieces.recv() {
                Ok(piece) => self.piece = Some(piece),
                Err(_) => return Ok(&[]),
            }
        }
        let bytes = self.piece.as_ref().map(Piece::bytes).unwrap_or_default();
        Ok(bytes.get(self.position..).unwrap_or_default())
    }

    fn consume(&mut self, length: usize) {
        self.position = self.position.saturating_add(length);
        self.taken.fetch_add(length as u64, Ordering::Relaxed);
    }
}

impl Read for PieceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}
