//! The firmware's own description of the machine: SMBIOS tables (DMTF DSP0134).
//!
//! Firmware writes these tables, and firmware is often wrong: every length and index is checked, and texts that
//! makers forgot to fill in are left out.

use crate::host::Host;
use std::fs;
use types::inventory::{Board, MemoryModule, System};
use uuid::Uuid;

/// What the tables say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tables {
    /// Type 1.
    pub system: System,
    /// Types 0 and 2.
    pub board: Board,
    /// Type 17, slots with something in them.
    pub modules: Vec<MemoryModule>,
}

/// Reads the tables that the kernel found.
pub fn read(host: &Host) -> Tables {
    let Ok(bytes) = fs::read(host.path("sys/firmware/dmi/tables/DMI")) else { return Tables::default() };
    let entry_point = fs::read(host.path("sys/firmware/dmi/tables/smbios_entry_point")).unwrap_or_default();
    parse(&bytes, version(&entry_point))
}

/// Major and minor version from the entry point (DSP0134 §5.2). Unknown is taken as current.
fn version(entry_point: &[u8]) -> (u8, u8) {
    let at = |index: usize| entry_point.get(index).copied();
    let version = if entry_point.starts_with(b"_SM3_") {
        at(7).zip(at(8))
    } else if entry_point.starts_with(b"_SM_") {
        at(6).zip(at(7))
    } else {
        None
    };
    version.unwrap_or((3, 0))
}

/// Reads tables of a certain version.
pub fn parse(bytes: &[u8], version: (u8, u8)) -> Tables {
    let mut tables = Tables::default();
    let mut has_board = false;
    for structure in Structures(bytes) {
        match structure.kind() {
            0 => {
                tables.board.firmware_vendor = structure.text(0x04);
                tables.board.firmware_version = structure.text(0x05);
            }
            1 => tables.system = system(&structure, version),
            // A machine may have several; the first is the main board.
            2 if !has_board => {
                has_board = true;
                tables.board.manufacturer = structure.text(0x04);
                tables.board.product = structure.text(0x05);
                tables.board.serial = structure.text(0x07);
            }
            17 => tables.modules.extend(memory_module(&structure)),
            END_OF_TABLE => break,
            _ => {}
        }
    }
    tables
}

const END_OF_TABLE: u8 = 127;

fn system(structure: &Structure<'_>, version: (u8, u8)) -> System {
    let uuid = structure.bytes::<16>(0x08).map(|bytes| {
        // Before 2.6 makers wrote all fields in network order (DSP0134 §7.2.1).
        if version >= (2, 6) { Uuid::from_bytes_le(bytes) } else { Uuid::from_bytes(bytes) }
    });
    System {
        manufacturer: structure.text(0x04),
        product: structure.text(0x05),
        serial: structure.text(0x07),
        uuid: uuid.and_then(meaningful_uuid),
    }
}

fn memory_module(structure: &Structure<'_>) -> Option<MemoryModule> {
    const EMPTY: u16 = 0;
    const UNKNOWN: u16 = 0xffff;
    const IN_EXTENDED_FIELD: u16 = 0x7fff;
    const IN_KIB: u16 = 0x8000;
    let size_bytes = match u16::from_le_bytes(structure.bytes(0x0c)?) {
        EMPTY | UNKNOWN => return None,
        IN_EXTENDED_FIELD => u64::from(u32::from_le_bytes(structure.bytes(0x1c)?) & 0x7fff_ffff) << 20,
        size if size & IN_KIB != 0 => u64::from(size & !IN_KIB) << 10,
        size => u64::from(size) << 20,
    };
    Some(MemoryModule { slot: structure.text(0x10).unwrap_or_default(), size_bytes, serial: structure.text(0x18) })
}

/// A text that says something: makers leave these where a value belongs.
pub fn meaningful(text: &str) -> Option<String> {
    const NOTHING: [&str; 14] = [
        "",
        "0",
        "none",
        "n/a",
        "na",
        "not specified",
        "not available",
        "not applicable",
        "unknown",
        "default string",
        "system serial number",
        "to be filled by o.e.m.",
        "empty",
        "no dimm",
    ];
    let text = text.trim();
    let is_filler = NOTHING.contains(&text.to_ascii_lowercase().as_str());
    (!is_filler).then(|| text.chars().filter(|character| !character.is_control()).collect())
}

/// A UUID that identifies something: all zeroes is "not set", all ones "not present" (DSP0134 §7.2.1).
pub fn meaningful_uuid(uuid: Uuid) -> Option<Uuid> {
    (!uuid.is_nil() && !uuid.is_max()).then_some(uuid)
}

/// The structures of a table, one after the other, as far as they hold together.
struct Structures<'a>(&'a [u8]);

struct Structure<'a> {
    formatted: &'a [u8],
    strings: &'a [u8],
}

impl<'a> Iterator for Structures<'a> {
    type Item = Structure<'a>;

    /// A structure is its formatted area, whose length is its second byte, then texts that each end with a zero,
    /// then another zero (DSP0134 §6.1.2, §6.1.3).
    fn next(&mut self) -> Option<Structure<'a>> {
        const HEADER_BYTES: usize = 4;
        let length = usize::from(*self.0.get(1)?);
        let (formatted, rest) = self.0.split_at_checked(length.max(HEADER_BYTES))?;
        let strings_end = rest.windows(2).position(|pair| pair == [0, 0])?;
        let (strings, rest) = rest.split_at_checked(strings_end + 2)?;
        self.0 = rest;
        Some(Structure { formatted, strings })
    }
}

impl Structure<'_> {
    fn kind(&self) -> u8 {
        self.formatted.first().copied().unwrap_or(END_OF_TABLE)
    }

    fn bytes<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.formatted.get(offset..)?.first_chunk().copied()
    }

    /// The text whose number, counted from 1, is at `offset`.
    fn text(&self, offset: usize) -> Option<String> {
        let number = usize::from(*self.formatted.get(offset)?).checked_sub(1)?;
        let text = self.strings.split(|byte| *byte == 0).nth(number)?;
        meaningful(&String::from_utf8_lossy(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn structure(kind: u8, body: &[u8], strings: &[&str]) -> Vec<u8> {
        let mut bytes = vec![kind, u8::try_from(body.len() + 4).unwrap(), 0, 0];
        bytes.extend(body);
        for string in strings {
            bytes.extend(string.as_bytes());
            bytes.push(0);
        }
        bytes.extend(if strings.is_empty() { &[0, 0][..] } else { &[0][..] });
        bytes
    }

    fn memory(size: u16, extended_mib: u32) -> Vec<u8> {
        let mut body = vec![0; 0x24];
        body[0x08..0x0a].copy_from_slice(&size.to_le_bytes());
        body[0x0c] = 1;
        body[0x14] = 2;
        body[0x18..0x1c].copy_from_slice(&extended_mib.to_le_bytes());
        structure(17, &body, &["DIMM A1", "S-1"])
    }

    fn server() -> Vec<u8> {
        let uuid: Vec<u8> = (1..=16).collect();
        [
            structure(0, &[1, 2], &["SeaBIOS", "1.16"]),
            structure(1, &[&[1, 2, 0, 3][..], &uuid].concat(), &["Maker", "Model 1", "Default string"]),
            structure(2, &[1, 2, 0, 3], &["Boards Inc", "X1", "B-9"]),
            structure(2, &[1, 2, 0, 3], &["Other", "Riser", "R-1"]),
            memory(16384, 0),
            memory(0x7fff, 65536),
            memory(0x8000 | 512, 0),
            memory(0, 0),
            structure(END_OF_TABLE, &[], &[]),
        ]
        .concat()
    }

    #[test]
    fn a_servers_tables_are_read() {
        let tables = parse(&server(), (3, 2));
        assert_eq!(tables.system.product.as_deref(), Some("Model 1"));
        assert_eq!(tables.system.serial, None);
        assert_eq!(tables.system.uuid, Some("04030201-0605-0807-090a-0b0c0d0e0f10".parse().unwrap()));
        assert_eq!(tables.board.product.as_deref(), Some("X1"));
        assert_eq!(tables.board.firmware_version.as_deref(), Some("1.16"));
        let sizes: Vec<u64> = tables.modules.iter().map(|module| module.size_bytes).collect();
        assert_eq!(sizes, [16 << 30, 64 << 30, 512 << 10]);
        assert_eq!((tables.modules[0].slot.as_str(), tables.modules[0].serial.as_deref()), ("DIMM A1", Some("S-1")));
    }

    #[test]
    fn old_tables_hold_their_uuid_in_network_order() {
        let uuid = parse(&server(), version(b"_SM_\0\0\x02\x04")).system.uuid;
        assert_eq!(uuid, Some("01020304-0506-0708-090a-0b0c0d0e0f10".parse().unwrap()));
        assert_eq!(version(b"_SM3_\0\0\x03\x01"), (3, 1));
    }

    #[test]
    fn damaged_tables_give_what_can_be_read() {
        let server = server();
        for end in 0..server.len() {
            parse(&server[..end], (3, 0));
        }
        for index in 0..server.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = server.clone();
                damaged[index] = value;
                parse(&damaged, (3, 0));
            }
        }
    }
}
