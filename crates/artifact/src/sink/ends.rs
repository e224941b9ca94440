//! A disk that does not boot.

use super::{EDGE_BYTES, ImageError};
use crate::target::{BlockTarget, DiskError, write};

/// Makes the target unbootable: zeroes over its first and last MiB, on stable storage.
///
/// # Errors
/// When the target cannot be written.
pub fn wipe_ends<T: BlockTarget>(target: &mut T) -> Result<(), ImageError> {
    let size = target.size_bytes();
    let edge = EDGE_BYTES.min(size);
    let zeroes = vec![0; usize::try_from(edge).unwrap_or_default()];
    for offset in [0, size - edge] {
        write(target, offset, &zeroes)?;
    }
    Ok(target.sync().map_err(DiskError::Sync)?)
}
