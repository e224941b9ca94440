//! Digests, image streams and the archive formats that machines boot from.
//!
//! Bytes in, bytes out: nothing here opens a socket or knows where an artifact is kept.

pub mod cpio;
