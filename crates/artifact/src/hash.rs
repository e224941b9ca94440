//! Digests of bytes that pass by.

use sha2::{Digest as _, Sha256};
use std::io::{self, Read};
use types::Digest;

/// Computes the digest of what it is fed, piece by piece.
#[derive(Clone, Default)]
pub struct Hasher {
    sha256: Sha256,
    bytes: u64,
}

impl Hasher {
    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.sha256.update(piece);
        self.bytes += piece.len() as u64;
    }

    /// How many bytes it was fed.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The digest of all pieces.
    pub fn finish(self) -> Digest {
        Digest::from_bytes(self.sha256.finalize().into())
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hasher").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// Passes a reader's bytes on and keeps their digest.
#[derive(Debug)]
pub struct HashingReader<R> {
    inner: R,
    hasher: Hasher,
}

impl<R: Read> HashingReader<R> {
    /// Starts on `inner`.
    pub fn new(inner: R) -> Self {
        Self { inner, hasher: Hasher::default() }
    }

    /// The digest and the number of the bytes read so far.
    pub fn finish(self) -> (Digest, u64) {
        let bytes = self.hasher.bytes();
        (self.hasher.finish(), bytes)
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..read).ok_or(io::ErrorKind::InvalidData)?);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_has_the_digest_of_the_whole() {
        let mut reader = HashingReader::new(&b"abc"[..]);
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        assert_eq!(reader.finish(), (Digest::of(b"abc"), 3));
    }
}
