//! Emptying a disk before an image is written to it.

use super::disk_writer::is_zero;
use super::{EDGE_BYTES, Holes, ImageError};
use crate::target::BlockTarget;

/// How much is made a hole at a time: a disk that takes 512 KiB with one command gets 64 of them at once, and a slow
/// one shows progress.
const HOLE_BYTES: u64 = 32 << 20;

/// Empties `target` before an image of `image_bytes` is written: both ends for certain, and the image's place where
/// that can be done without sending zeroes. What lies beyond is left: emptying all of a large disk that has to write
/// each zero itself takes hours. `progress` is told how many bytes are done.
///
/// # Errors
/// When the target cannot be written.
pub fn prepare<T: BlockTarget>(
    target: &mut T,
    image_bytes: u64,
    mut progress: impl FnMut(u64),
) -> Result<Holes, ImageError> {
    wipe_ends(target)?;
    // Whole sectors, whatever the image's last one is.
    let size = target.size_bytes();
    let end = image_bytes.min(size).next_multiple_of(EDGE_BYTES).min(size);
    let mut offset = 0;
    while offset < end {
        let length = HOLE_BYTES.min(end - offset);
        // A disk that fails at this may still take writes; if not, the first one will say so.
        if !target.punch_hole(offset, length).unwrap_or(false) {
            return Ok(Holes::Write);
        }
        offset += length;
        progress(offset);
    }
    Ok(if reads_as_zeroes(target, end) { Holes::Skip } else { Holes::Write })
}

/// Makes the target unbootable: zeroes over its first and last MiB, on stable storage.
///
/// # Errors
/// When the target cannot be written.
pub fn wipe_ends<T: BlockTarget>(target: &mut T) -> Result<(), ImageError> {
    let size = target.size_bytes();
    let edge = EDGE_BYTES.min(size);
    let zeroes = vec![0; usize::try_from(edge).unwrap_or_default()];
    for offset in [0, size - edge] {
        target.write_at(offset, &zeroes).map_err(|source| ImageError::Write { offset, source })?;
    }
    target.sync().map_err(|source| ImageError::Write { offset: 0, source })
}

/// Some devices accept the request and keep the bytes, so a few places are read back rather than trusted.
fn reads_as_zeroes<T: BlockTarget>(target: &mut T, size: u64) -> bool {
    const SAMPLES: u64 = 64;
    let mut sample = vec![0; 4096];
    (0..SAMPLES).all(|index| {
        let offset = (size / SAMPLES * index) & !4095;
        let length = sample.len().min(usize::try_from(size - offset).unwrap_or(usize::MAX));
        let sample = &mut sample[..length];
        sample.fill(0xff);
        target.read_at(offset, sample).is_ok() && is_zero(sample)
    })
}
