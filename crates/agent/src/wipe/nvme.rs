//! NVM Express: Format NVM and Sanitize (NVM Express Base Specification 2.0, §5.14 and §5.24).

use super::erase::{Drive, EraseError, Erasure};
use super::passthrough::NvmeCommand;
use crate::clock::Clock;
use crate::task::Stop;
use std::io;
use std::time::Duration;

const IDENTIFY: u8 = 0x06;
const GET_LOG_PAGE: u8 = 0x02;
const FORMAT_NVM: u8 = 0x80;
const SANITIZE: u8 = 0x84;

const IDENTIFY_NAMESPACE: u32 = 0;
const IDENTIFY_CONTROLLER: u32 = 1;
const SANITIZE_STATUS_LOG: u32 = 0x81;
const ALL_NAMESPACES: u32 = 0xffff_ffff;

/// A format may pass over every block; drives that erase by new keys or block erase take seconds.
const FORMAT_TIMEOUT: Duration = Duration::from_secs(4 * 3600);
const SHORT_TIMEOUT: Duration = Duration::from_secs(30);
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy)]
pub(super) enum SanitizeAction {
    Block = 2,
    Crypto = 4,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum FormatErase {
    UserData = 1,
    Crypto = 2,
}

/// What the controller says that it can do. Sanitize and some formats erase all namespaces of the controller.
pub(super) fn offered(drive: &dyn Drive, may_erase_controller: bool) -> io::Result<Vec<Erasure>> {
    let controller = identify(drive, 0, IDENTIFY_CONTROLLER)?;
    let byte = |at: usize| controller.get(at).copied().unwrap_or(0);
    let (can_format, format_attributes, sanitize) = (byte(256) & 2 != 0, byte(524), byte(328));
    // FNA bits 0 and 1: a format, or its erasure, is of all namespaces.
    let format_reaches_all = format_attributes & 3 != 0;
    let mut offered = Vec::new();
    if may_erase_controller && sanitize & 2 != 0 {
        offered.push(Erasure::NvmeSanitizeBlock);
    }
    if may_erase_controller && sanitize & 1 != 0 {
        offered.push(Erasure::NvmeSanitizeCrypto);
    }
    if can_format && (may_erase_controller || !format_reaches_all) {
        offered.push(Erasure::NvmeFormat);
        if format_attributes & 4 != 0 {
            offered.push(Erasure::NvmeFormatCrypto);
        }
    }
    Ok(offered)
}

fn identify(drive: &dyn Drive, namespace: u32, what: u32) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4096];
    let mut command = NvmeCommand::new(IDENTIFY, namespace, SHORT_TIMEOUT);
    command.dwords[0] = what;
    command.data = &mut bytes;
    drive.nvme(&mut command)?;
    Ok(bytes)
}

/// Formats the namespace in the format that it has.
pub(super) fn format(drive: &dyn Drive, erase: FormatErase) -> Result<(), EraseError> {
    let namespace = drive.nvme_namespace().map_err(EraseError::Refused)?;
    let found = identify(drive, namespace, IDENTIFY_NAMESPACE).map_err(EraseError::Refused)?;
    // FLBAS: bits 3:0 are the format's low bits, 6:5 its high ones, which the command takes as bits 13:12.
    let flbas = u32::from(found.get(26).copied().unwrap_or(0));
    let mut command = NvmeCommand::new(FORMAT_NVM, namespace, FORMAT_TIMEOUT);
    command.dwords[0] = (flbas & 0xf) | ((erase as u32) << 9) | ((flbas >> 5 & 3) << 12);
    drive.nvme(&mut command).map(drop).map_err(EraseError::Refused)
}

/// Starts a sanitize operation, which goes on in the drive even through a power cut, and waits for its end.
pub(super) fn sanitize(
    drive: &dyn Drive,
    action: SanitizeAction,
    clock: &dyn Clock,
    report: &dyn Fn(&str) -> Result<(), Stop>,
) -> Result<Result<(), EraseError>, Stop> {
    let mut command = NvmeCommand::new(SANITIZE, 0, SHORT_TIMEOUT);
    command.dwords[0] = action as u32;
    if let Err(error) = drive.nvme(&mut command) {
        return Ok(Err(EraseError::Refused(error)));
    }
    loop {
        match sanitize_state(drive) {
            Err(error) => return Ok(Err(EraseError::Refused(error))),
            Ok(State::Ended) => return Ok(Ok(())),
            Ok(State::Failed(status)) => return Ok(Err(EraseError::Failed(status))),
            Ok(State::UnderWay { percent }) => report(&format!("the drive sanitizes itself: {percent} %"))?,
        }
        clock.pause(LOOK_INTERVAL);
    }
}

enum State {
    UnderWay { percent: u32 },
    Ended,
    Failed(u16),
}

fn sanitize_state(drive: &dyn Drive) -> io::Result<State> {
    let mut log = vec![0; 512];
    let mut command = NvmeCommand::new(GET_LOG_PAGE, ALL_NAMESPACES, SHORT_TIMEOUT);
    command.dwords[0] = SANITIZE_STATUS_LOG | ((512 / 4 - 1) << 16);
    command.data = &mut log;
    drive.nvme(&mut command)?;
    let word =
        |at: usize| log.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |word| u16::from_le_bytes(*word));
    let (progress, status) = (word(0), word(2));
    Ok(match status & 7 {
        2 => State::UnderWay { percent: u32::from(progress) * 100 / 65536 },
        1 | 4 => State::Ended,
        _ => State::Failed(status),
    })
}
