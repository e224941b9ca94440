//! The ways in which a disk can be emptied: the drive's own, and zeroes.

use super::passthrough::{AtaCommand, NvmeCommand};
use super::{ata, nvme};
use crate::clock::Clock;
use crate::task::Stop;
use artifact::target::{self, BlockTarget};
use artifact::{DiskError, FileTarget};
use rustix::fs::{FallocateFlags, fallocate};
use std::io;
use types::inventory::Disk;

/// How much is zeroed with one call: seconds on a slow disk.
const STRIDE_BYTES: u64 = 64 << 20;
const BLOCK_BYTES: usize = 1 << 20;

/// A drive, spoken to past reading and writing.
pub(super) trait Drive {
    /// An NVMe admin command to the drive's controller. The command's result dword comes back.
    fn nvme(&self, command: &mut NvmeCommand<'_>) -> io::Result<u32>;
    /// The number of the namespace that the disk is.
    fn nvme_namespace(&self) -> io::Result<u32>;
    /// An ATA command.
    fn ata(&self, command: &mut AtaCommand<'_>) -> io::Result<()>;
    /// What the kernel remembers of the disk's bytes is forgotten: the next read asks the drive.
    fn forget_cached(&self) -> io::Result<()>;
}

/// One of the drive's own ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Erasure {
    NvmeSanitizeBlock,
    NvmeSanitizeCrypto,
    NvmeFormat,
    NvmeFormatCrypto,
    AtaEnhanced { minutes: u32 },
    AtaNormal { minutes: u32 },
}

impl Erasure {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::NvmeSanitizeBlock => "NVMe Sanitize (block erase)",
            Self::NvmeSanitizeCrypto => "NVMe Sanitize (crypto erase)",
            Self::NvmeFormat => "NVMe Format (user data erase)",
            Self::NvmeFormatCrypto => "NVMe Format (crypto erase)",
            Self::AtaEnhanced { .. } => "ATA Security Erase (enhanced)",
            Self::AtaNormal { .. } => "ATA Security Erase",
        }
    }
}

/// Why the drive did not erase itself.
#[derive(Debug, thiserror::Error)]
pub(super) enum EraseError {
    #[error("the drive refused")]
    Refused(#[source] io::Error),
    #[error("the drive says that it failed (status {0:#x})")]
    Failed(u16),
}

/// What the drive says that it can do, the most thorough first. A drive that does not answer offers nothing.
pub(super) fn offered(drive: &dyn Drive, disk: &Disk, may_erase_controller: bool) -> Vec<Erasure> {
    if disk.name.starts_with("nvme") {
        return nvme::offered(drive, may_erase_controller).unwrap_or_default();
    }
    ata::offered(drive).unwrap_or_default()
}

/// Has the drive erase itself and waits until it has. `report` says when to stop waiting; the drive goes on.
pub(super) fn erase(
    drive: &dyn Drive,
    erasure: Erasure,
    clock: &dyn Clock,
    report: &dyn Fn(&str) -> Result<(), Stop>,
) -> Result<Result<(), EraseError>, Stop> {
    report(erasure.name())?;
    match erasure {
        Erasure::NvmeSanitizeBlock => nvme::sanitize(drive, nvme::SanitizeAction::Block, clock, report),
        Erasure::NvmeSanitizeCrypto => nvme::sanitize(drive, nvme::SanitizeAction::Crypto, clock, report),
        Erasure::NvmeFormat => Ok(nvme::format(drive, nvme::FormatErase::UserData)),
        Erasure::NvmeFormatCrypto => Ok(nvme::format(drive, nvme::FormatErase::Crypto)),
        Erasure::AtaEnhanced { minutes } => Ok(ata::erase(drive, ata::Kind::Enhanced, minutes)),
        Erasure::AtaNormal { minutes } => Ok(ata::erase(drive, ata::Kind::Normal, minutes)),
    }
}

/// Writes zeroes over all of the disk.
pub(super) fn zero(
    target: &mut FileTarget,
    report: &dyn Fn(u64) -> Result<(), Stop>,
    failed: impl Fn(&DiskError) -> Stop,
) -> Result<(), Stop> {
    let size = target.size_bytes();
    let mut offset = 0;
    while offset < size {
        let length = STRIDE_BYTES.min(size - offset);
        // The kernel sends zeroes itself to a drive that has no command for it or refuses it (BLKZEROOUT), and does not
        // say which it was; what a driver does not take at all is written from here, and says where it fails.
        let flags = FallocateFlags::ZERO_RANGE | FallocateFlags::KEEP_SIZE;
        if fallocate(target.file(), flags, offset, length).is_err() {
            overwrite(target, offset, length).map_err(|error| failed(&error))?;
        }
        offset += length;
        report(offset)?;
    }
    target.sync().map_err(DiskError::Sync).map_err(|error| failed(&error))
}

fn overwrite(target: &mut FileTarget, offset: u64, length: u64) -> Result<(), DiskError> {
    let zeroes = vec![0; BLOCK_BYTES];
    let mut at = offset;
    while at < offset + length {
        let piece = zeroes.len().min(usize::try_from(offset + length - at).unwrap_or(usize::MAX));
        target::write(target, at, zeroes.get(..piece).unwrap_or_default())?;
        at += piece as u64;
    }
    Ok(())
}
