//! What is on the disks.

use anyhow::Result;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// How much of a disk has something in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// All.
    Dense,
    /// Half: 8 MiB with something, 8 MiB without.
    HalfHoles,
}

const RUN_BYTES: u64 = 8 << 20;
const BLOCK_BYTES: u64 = 4096;

/// A disk whose bytes pack about as well as an operating system's: of each block of 4 KiB, three eighths are noise.
pub(super) fn make(path: &Path, kind: Kind, disk_bytes: u64) -> Result<()> {
    let mut disk = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut noise = Noise(1);
    for number in 0..disk_bytes / BLOCK_BYTES {
        let is_hole = kind == Kind::HalfHoles && (number * BLOCK_BYTES / RUN_BYTES) % 2 == 1;
        let mut block = [0_u8; BLOCK_BYTES as usize];
        if !is_hole {
            for (index, word) in block.chunks_exact_mut(8).enumerate() {
                let value = if index % 8 < 3 { noise.next() } else { number / 64 + 1 };
                word.copy_from_slice(&value.to_le_bytes());
            }
        }
        disk.write_all(&block)?;
    }
    disk.flush()?;
    Ok(())
}

/// Fills a disk with what was on it before.
pub(super) fn fill_with_old(path: &Path) -> Result<()> {
    let mut disk = File::options().write(true).open(path)?;
    let old = vec![0xaa; 1 << 20];
    for _ in 0..disk.metadata()?.len() / old.len() as u64 {
        disk.write_all(&old)?;
    }
    Ok(disk.sync_all()?)
}

/// Numbers that do not pack: a linear congruential generator's, by Knuth.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 ^ (self.0 >> 33)
    }
}
