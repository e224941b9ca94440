//! Buffers that go round: pieces of the file as they arrive, and blocks of the disk as they are written.
//!
//! Both are made once and used again, so that a write of any length takes the memory of its first second.

/// What direct I/O wants of addresses, offsets and lengths: the largest sector and page in use.
pub(crate) const ALIGNMENT: usize = 4096;

/// Bytes of the image's file, on their way from the network.
#[derive(Debug)]
pub struct Piece {
    storage: Box<[u8]>,
    filled: usize,
}

impl Default for Piece {
    fn default() -> Self {
        Self { storage: vec![0; Self::BYTES].into_boxed_slice(), filled: 0 }
    }
}

impl Piece {
    /// What a socket's buffer holds after tuning.
    const BYTES: usize = 256 << 10;

    /// Where bytes may be put.
    pub fn space(&mut self) -> &mut [u8] {
        &mut self.storage
    }

    /// The first `length` bytes of the space have been filled.
    pub fn fill(&mut self, length: usize) {
        self.filled = length.min(self.storage.len());
    }

    /// What it was filled with.
    pub fn bytes(&self) -> &[u8] {
        self.storage.get(..self.filled).unwrap_or_default()
    }
}

/// Bytes of the disk that lie together, at an address that direct I/O takes.
pub(crate) struct Block {
    storage: Vec<u8>,
    start: usize,
    filled: usize,
}

impl Block {
    /// As much as the kernel sends to a virtio or NVMe disk at once, where 1 MiB at a time reached half the speed; it
    /// keeps spinning disks and RAID controllers busy too, and aligns with their stripes.
    pub(crate) const BYTES: usize = 4 << 20;

    pub(crate) fn new() -> Self {
        let storage = vec![0; Self::BYTES + ALIGNMENT];
        let start = storage.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Self { storage, start, filled: 0 }
    }

    /// A full one that was never filled.
    pub(crate) fn of_zeroes() -> Self {
        Self { filled: Self::BYTES, ..Self::new() }
    }

    pub(crate) fn clear(&mut self) {
        self.filled = 0;
    }

    /// Where the next bytes may be put.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        self.storage.get_mut(self.start + self.filled..self.start + Self::BYTES).unwrap_or_default()
    }

    /// The first `length` bytes of the space have been filled.
    pub(crate) fn extend(&mut self, length: usize) {
        self.filled = Self::BYTES.min(self.filled + length);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.storage.get(self.start..self.start + self.filled).unwrap_or_default()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.filled == Self::BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_lies_where_direct_writes_may_come_from() {
        let mut block = Block::new();
        assert_eq!(block.space().as_ptr().align_offset(ALIGNMENT), 0);
        assert_eq!(block.space().len(), Block::BYTES);
        block.space()[..3].copy_from_slice(b"abc");
        block.extend(3);
        assert_eq!(block.bytes(), b"abc");
        assert_eq!(block.space().len(), Block::BYTES - 3);
    }
}
