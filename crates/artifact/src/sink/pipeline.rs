//! Three threads and the bytes between them: one hashes the file, one unpacks it, one writes the disk.
//!
//! What goes round is bounded on every leg, so that the slowest decides and memory does not grow.

use super::blocks::{Blocks, Placed};
use super::disk_writer::DiskWriter;
use super::{Expected, ImageError, Packing};
use crate::block::{Block, Piece};
use crate::hash::Hasher;
use crate::qcow2::scatter;
use crate::target::BlockTarget;
use crate::unpack::{Compression, PieceReader, decoder};
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use types::Digest;

/// Pieces of 256 KiB that wait on each leg.
const WAITING_PIECES: usize = 4;
/// Blocks of 4 MiB that wait to be written; two more are being filled and written.
const WAITING_BLOCKS: usize = 3;

/// An image under way.
pub(super) struct Pipeline<T> {
    pieces: SyncSender<Piece>,
    used: Receiver<Piece>,
    hash: JoinHandle<Digest>,
    unpack: JoinHandle<Result<u64, ImageError>>,
    write: JoinHandle<(DiskWriter<T>, Result<(), ImageError>)>,
}

/// How it ended.
pub(super) struct Ended<T> {
    pub(super) disk: DiskWriter<T>,
    /// Of the file; the digest of what came, and how far the disk got.
    pub(super) outcome: Result<(Digest, u64), ImageError>,
}

impl<T: BlockTarget + Send + 'static> Pipeline<T> {
    pub(super) fn start(target: T, expected: &Expected, passed: Arc<AtomicU64>) -> io::Result<Self> {
        let (pieces, to_hash) = sync_channel(WAITING_PIECES);
        let (hashed, to_unpack) = sync_channel(WAITING_PIECES);
        let (give_back, used) = channel();
        let (full, to_write) = sync_channel(WAITING_BLOCKS);
        let (give_back_block, empty) = channel();
        let (packing, disk_bytes) = (expected.packing.clone(), expected.disk_size_bytes);
        let disk = DiskWriter::new(target, disk_bytes);
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        Ok(Self {
            pieces,
            used,
            hash: thread("hash").spawn(move || hash(&to_hash, &hashed))?,
            unpack: thread("unpack").spawn(move || {
                let file = PieceReader::new(to_unpack, give_back);
                unpack(&packing, file, Blocks::new(full, empty, disk_bytes))
            })?,
            write: thread("write").spawn(move || {
                write(disk, &to_write, &passed, |block| {
                    // Nobody wants it back once the last block is on its way.
                    give_back_block.send(block).ok();
                })
            })?,
        })
    }

    /// An empty piece.
    pub(super) fn piece(&self) -> Piece {
        self.used.try_recv().unwrap_or_default()
    }

    /// False when it has ended by itself; then [`Pipeline::end`] says why.
    pub(super) fn send(&self, piece: Piece) -> bool {
        self.pieces.send(piece).is_ok()
    }

    /// No more pieces come.
    pub(super) fn end(self) -> Ended<T> {
        drop((self.pieces, self.used));
        let digest = joined(self.hash);
        let unpacked = joined(self.unpack);
        let (disk, written) = joined(self.write);
        let outcome = match (written, unpacked) {
            (Err(error), _) | (Ok(()), Err(error)) => Err(error),
            (Ok(()), Ok(position)) => Ok((digest, position)),
        };
        Ended { disk, outcome }
    }
}

fn joined<R>(thread: JoinHandle<R>) -> R {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn hash(pieces: &Receiver<Piece>, onward: &SyncSender<Piece>) -> Digest {
    let mut hasher = Hasher::default();
    for piece in pieces {
        hasher.update(piece.bytes());
        if onward.send(piece).is_err() {
            break;
        }
    }
    hasher.finish()
}

/// Gives how far the disk got.
fn unpack(packing: &Packing, mut file: PieceReader, mut disk: Blocks) -> Result<u64, ImageError> {
    match packing {
        Packing::Stream(compression) => {
            unpack_stream(*compression, &mut file, &mut disk)?;
            disk.flush()?;
            Ok(disk.position())
        }
        Packing::Qcow2(map) => {
            scatter(map, &mut file, &mut disk)?;
            disk.flush()?;
            Ok(map.disk_bytes())
        }
    }
}

fn unpack_stream(compression: Compression, file: &mut PieceReader, disk: &mut Blocks) -> Result<(), ImageError> {
    let taken = file.taken();
    let malformed = |source: io::Error, found: u64| match source.kind() {
        ErrorKind::UnexpectedEof => ImageError::BrokenOff { found },
        _ => ImageError::Malformed { offset: taken.load(Ordering::Relaxed), source },
    };
    let mut unpacked = decoder(compression, file).map_err(|source| malformed(source, 0))?;
    loop {
        let position = disk.position();
        let space = disk.space()?;
        if space.is_empty() {
            break;
        }
        let read = unpacked.read(space).map_err(|source| malformed(source, position))?;
        if read == 0 {
            return Ok(());
        }
        disk.extend(read)?;
    }
    let full = disk.position();
    match unpacked.read(&mut [0]).map_err(|source| malformed(source, full))? {
        0 => Ok(()),
        _ => Err(ImageError::DiskTooLong { expected: full }),
    }
}

fn write<T: BlockTarget>(
    mut disk: DiskWriter<T>,
    blocks: &Receiver<Placed>,
    passed: &AtomicU64,
    give_back: impl Fn(Block),
) -> (DiskWriter<T>, Result<(), ImageError>) {
    for placed in blocks {
        let (put, length) = match &placed {
            Placed::Bytes { offset, block } => (disk.put(*offset, block.bytes()), block.bytes().len() as u64),
            Placed::Hole { offset, length } => (disk.put_hole(*offset, *length), *length),
        };
        if let Err(error) = put {
            return (disk, Err(error));
        }
        passed.fetch_add(length, Ordering::Relaxed);
        if let Placed::Bytes { block, .. } = placed {
            give_back(block);
        }
    }
    (disk, Ok(()))
}
