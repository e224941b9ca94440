//! Digests, image streams and the archive formats that machines boot from.
//!
//! Bytes in, bytes out: nothing here opens a socket or knows where an artifact comes from.

mod block;
pub mod cpio;
pub mod folder;
pub mod format;
pub mod gpt;
pub mod hash;
pub mod iso;
pub mod media;
pub mod qcow2;
pub mod sink;
pub mod target;
mod unpack;

pub use block::Piece;
pub use folder::ImageFolder;
pub use hash::HashingReader;
pub use media::MediaFolder;
pub use sink::{Expected, ImageError, ImageSink, Packing};
pub use target::{BlockTarget, DiskError, FileTarget};
