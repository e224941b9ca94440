//! QEMU's copy-on-write format, read as a stream (QEMU's docs/interop/qcow2.txt).
//!
//! The clusters of the file may lie in any order, so its tables are read first, by ranges, and turned into a map
//! of the file in the order in which it then arrives, once, from its first byte to its last. The tables are seen
//! again on the way and must be the same, so that nothing is believed that the file's digest does not cover.
//! Everything that leads out of the file is refused: backing files, external data; so are encryption and what we do
//! not know. Internal snapshots are left out.

mod header;
mod map;
mod scatter;

pub(crate) use scatter::scatter;

use crate::hash::Hasher;
use types::Digest;

/// What the file's clusters are, in the order in which they lie in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    disk_bytes: u64,
    cluster_bytes: u64,
    compression: ClusterCompression,
    segments: Vec<Segment>,
    tables: Vec<SeenTable>,
}

impl Map {
    /// Reads the tables of a file of `file_bytes`; `read` fills a buffer from an offset of the file.
    ///
    /// # Errors
    /// When the file cannot be read or is not one that we take.
    pub fn read<E>(file_bytes: u64, read: impl FnMut(u64, &mut [u8]) -> Result<(), E>) -> Result<Self, MapError<E>> {
        map::read(file_bytes, read)
    }

    /// How large the disk in it is.
    pub fn disk_bytes(&self) -> u64 {
        self.disk_bytes
    }
}

/// How single clusters are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClusterCompression {
    /// A raw deflate stream (RFC 1951).
    Deflate,
    /// Zstandard.
    Zstd,
}

/// A part of the file that means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Segment {
    file_offset: u64,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// So many clusters of the disk, from this one on.
    Clusters { first: u32, count: u32 },
    /// One cluster of the disk, packed into so many bytes at most.
    Packed { cluster: u32, length: u32 },
    /// What was read before, by its place in the list.
    Table { index: u32 },
}

/// A part of the file that was read ahead.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SeenTable {
    length: u32,
    digest: Digest,
}

impl SeenTable {
    fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        Self { length: u32::try_from(bytes.len()).unwrap_or(u32::MAX), digest: hasher.finish() }
    }
}

/// Why there is no map.
#[derive(Debug, thiserror::Error)]
pub enum MapError<E> {
    /// The file could not be read.
    #[error("reading the image's tables")]
    Read(#[source] E),
    /// It is not a file that we take.
    #[error(transparent)]
    Refused(#[from] Qcow2Error),
}

/// Why a file is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Qcow2Error {
    /// It has no header of a version that we know.
    #[error("the qcow2 header is not one of version 2 or 3")]
    Header,
    /// It needs another file.
    #[error("the qcow2 image has a backing file; convert it to one that stands alone")]
    BackingFile,
    /// Its data is in another file.
    #[error("the qcow2 image keeps its data in an external file; convert it to one that stands alone")]
    ExternalData,
    /// It is encrypted.
    #[error("the qcow2 image is encrypted")]
    Encrypted,
    /// Its writer says that it is damaged.
    #[error("the qcow2 image is marked corrupt")]
    Corrupt,
    /// It uses something that we do not read.
    #[error("the qcow2 image uses incompatible features {0:#x}, which are not supported")]
    Feature(u64),
    /// It is larger or more scattered than we have memory for.
    #[error("the qcow2 image has more clusters than are supported; convert it with larger clusters or to raw-zst")]
    TooLarge,
    /// A table or cluster lies where none can.
    #[error("a {what} of the qcow2 image lies at {offset}, where none can be")]
    Misplaced {
        /// What.
        what: &'static str,
        /// Where.
        offset: u64,
    },
    /// Two parts of the disk would come from the same place.
    #[error("the qcow2 image uses its bytes at {offset} twice")]
    UsedTwice {
        /// Where.
        offset: u64,
    },
    /// What came is not what was read ahead.
    #[error("the qcow2 image's table at {offset} is not the one that was read before")]
    Changed {
        /// Where.
        offset: u64,
    },
    /// A packed cluster does not unpack.
    #[error("the packed cluster at {offset} of the qcow2 image is damaged")]
    Cluster {
        /// Where.
        offset: u64,
    },
}

#[cfg(test)]
mod tests;
