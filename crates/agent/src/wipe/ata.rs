//! ATA: Security Erase (ACS-3 §7.36 to §7.42), by way of SCSI's pass-through (SAT-3 §12.2.2).
//!
//! A drive takes it only with a password set, and keeps the password when the power fails in between: the next
//! attempt finishes with the same one, which is no secret.

use super::erase::{Drive, EraseError, Erasure};
use super::passthrough::AtaCommand;
use std::io;
use std::time::Duration;

const IDENTIFY_DEVICE: u8 = 0xec;
const SET_PASSWORD: u8 = 0xf1;
const ERASE_PREPARE: u8 = 0xf3;
const ERASE_UNIT: u8 = 0xf4;
const DISABLE_PASSWORD: u8 = 0xf6;

const SHORT_TIMEOUT: Duration = Duration::from_secs(30);
/// For drives that do not say how long they take: twelve hours of a large spinning one.
const UNKNOWN_MINUTES: u32 = 12 * 60;
/// So much longer than the drive says it may take.
const MARGIN: u32 = 2;
const PASSWORD: &[u8; 7] = b"slipway";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Enhanced,
}

/// What the drive says that it can do.
pub(super) fn offered(drive: &dyn Drive) -> io::Result<Vec<Erasure>> {
    let mut facts = vec![0; 512];
    drive.ata(&mut AtaCommand {
        command: IDENTIFY_DEVICE,
        timeout: SHORT_TIMEOUT,
        data: Some(Data::In(&mut facts)),
    })?;
    let word =
        |at: usize| facts.get(at * 2..).and_then(|rest| rest.first_chunk()).map_or(0, |word| u16::from_le_bytes(*word));
    let security = word(128);
    let (is_supported, is_frozen, has_enhanced) = (security & 1 != 0, security & 8 != 0, security & 32 != 0);
    // Firmware freezes drives at boot so that nobody sets a password; until the next power cycle nothing can be done.
    if !is_supported || is_frozen {
        return Ok(Vec::new());
    }
    let mut offered = Vec::new();
    if has_enhanced {
        offered.push(Erasure::AtaEnhanced { minutes: minutes(word(90)) });
    }
    offered.push(Erasure::AtaNormal { minutes: minutes(word(89)) });
    Ok(offered)
}

/// Words 89 and 90: in units of two minutes, in eight bits or, when the highest is set, in fifteen; the largest value
/// means "more".
fn minutes(word: u16) -> u32 {
    let (value, most) = if word & 0x8000 == 0 { (word & 0xff, 0xff) } else { (word & 0x7fff, 0x7fff) };
    if value == 0 || value == most { UNKNOWN_MINUTES } else { u32::from(value) * 2 }
}

pub(super) use super::passthrough::AtaData as Data;

/// Sets the password, erases, and the drive takes the password away.
pub(super) fn erase(drive: &dyn Drive, kind: Kind, minutes: u32) -> Result<(), EraseError> {
    // Refused where an earlier attempt has left it set; then erasing is what takes it away.
    send(drive, SET_PASSWORD, SHORT_TIMEOUT, Some(0)).ok();
    let timeout = Duration::from_secs(u64::from(minutes) * 60 * u64::from(MARGIN));
    let identifier = if kind == Kind::Enhanced { 2 } else { 0 };
    let erased = send(drive, ERASE_PREPARE, SHORT_TIMEOUT, None)
        .and_then(|()| send(drive, ERASE_UNIT, timeout, Some(identifier)));
    erased.map_err(|error| {
        // A drive that did not erase must not keep a password; one that refuses this too says so at the next write.
        send(drive, DISABLE_PASSWORD, SHORT_TIMEOUT, Some(0)).ok();
        EraseError::Refused(error)
    })
}

/// The block that goes with security commands: an identifier, and the password.
fn send(drive: &dyn Drive, command: u8, timeout: Duration, identifier: Option<u8>) -> io::Result<()> {
    let mut block = [0; 512];
    if let Some(identifier) = identifier {
        block[0] = identifier;
        for (place, byte) in block.iter_mut().skip(2).zip(PASSWORD) {
            *place = *byte;
        }
    }
    let data = identifier.is_some().then_some(Data::Out(&block));
    drive.ata(&mut AtaCommand { command, timeout, data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drive_says_how_long_it_takes_in_either_form() {
        assert_eq!([1, 0xfe, 0xff, 0, 0x8000 | 300, 0xffff].map(minutes), [2, 508, 720, 720, 600, 720]);
    }
}
