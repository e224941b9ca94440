//! A mark on the disk that says which order wrote it, so that the same order after a reboot writes nothing.
//!
//! It is one sector between the partition table and the first partition, which belongs to nobody. It is written
//! last, when everything else of the order is done, and lies in the first MiB, which is wiped first when another
//! image is written: it never says more than is so.

use artifact::gpt::Table;
use artifact::target::{BlockTarget, FileTarget};
use std::io;
use types::TaskId;
use types::agent::WriteImage;

const STAMP_BYTES: usize = 512;
const BEGINS: &[u8] = b"slipway-stamp-1\n";
const WITHIN: u64 = 1 << 20;

pub(super) type Stamp = [u8; STAMP_BYTES];

/// What the order leaves on its disk.
pub(super) fn stamp(task: TaskId, order: &WriteImage) -> Stamp {
    let mut stamp = [0; STAMP_BYTES];
    let text = format!("task {task}\nimage {}\ngrow {}\n", order.digest, order.grow);
    for (place, byte) in stamp.iter_mut().zip(BEGINS.iter().chain(text.as_bytes())) {
        *place = *byte;
    }
    stamp
}

/// Whether the disk has exactly this stamp.
pub(super) fn is_there(disk: &mut FileTarget, stamp: &Stamp) -> bool {
    let Some(offset) = place(disk) else { return false };
    let mut found = [0; STAMP_BYTES];
    disk.read_at(offset, &mut found).is_ok() && found == *stamp
}

/// Puts the stamp on the disk. False when there is no room for it.
pub(super) fn put(disk: &mut FileTarget, stamp: &Stamp) -> io::Result<bool> {
    let Some(offset) = place(disk) else { return Ok(false) };
    let mut found = [0; STAMP_BYTES];
    disk.read_at(offset, &mut found)?;
    if !found.starts_with(BEGINS) && found.iter().any(|byte| *byte != 0) {
        return Ok(false);
    }
    disk.write_at(offset, stamp)?;
    disk.sync()?;
    Ok(true)
}

/// The last sector of the gap before the first partition.
fn place(disk: &FileTarget) -> Option<u64> {
    let table = Table::read(&mut disk.file()).ok()?;
    let gap = table.gap();
    let place = gap.end.min(WITHIN).checked_sub(table.sector_bytes())?;
    (place >= gap.start).then_some(place)
}
