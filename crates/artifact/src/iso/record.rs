//! Directory records (ECMA-119 §9.1).

use super::{IsoError, SECTOR};
use std::ops::Range;

/// The bytes of a record before its name.
const HEAD: usize = 33;

/// A directory record, with what follows its name.
#[derive(Debug)]
pub(super) struct Record<'a> {
    first_sector: u64,
    len: u64,
    flags: u8,
    pub(super) name: &'a [u8],
    /// The system use area, in which Rock Ridge is.
    pub(super) system_use: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads a record that is exactly these bytes; `offset` is where they are.
    pub(super) fn read(bytes: &'a [u8], offset: u64) -> Result<Self, IsoError> {
        let wrong = IsoError::Malformed { what: "a directory record", offset };
        let Some((head, rest)) = bytes.split_at_checked(HEAD) else { return Err(wrong) };
        let number = |at: usize| {
            let field = head.get(at..at + 4).and_then(|field| <[u8; 4]>::try_from(field).ok());
            u64::from(field.map_or(0, u32::from_le_bytes))
        };
        let name_len = usize::from(head[32]);
        let Some((name, after)) = rest.split_at_checked(name_len) else { return Err(wrong) };
        // A name of even length is followed by a byte that brings the rest to an even place.
        let padding = usize::from(name_len % 2 == 0);
        let system_use = after.get(padding..).unwrap_or_default();
        // Attributes lie before the extent and belong to no file's content.
        let first_sector = number(2) + u64::from(head[1]);
        Ok(Self { first_sector, len: number(10), flags: head[25], name, system_use })
    }

    /// Reads the record of a root directory out of a volume descriptor.
    pub(super) fn root(bytes: &'a [u8], offset: u64) -> Result<Self, IsoError> {
        let record = Self::read(bytes, offset)?;
        if record.is_directory() { Ok(record) } else { Err(IsoError::Malformed { what: "the root directory", offset }) }
    }

    /// Its bytes in the image. Whether they are within is not known yet.
    pub(super) fn extent(&self) -> Range<u64> {
        let start = self.first_sector * SECTOR;
        start..start + self.len
    }

    pub(super) fn is_directory(&self) -> bool {
        self.flags & 0x02 != 0
    }

    /// Whether the file goes on in the next record.
    pub(super) fn continues(&self) -> bool {
        self.flags & 0x80 != 0
    }

    /// Whether it is the directory itself or the one above.
    pub(super) fn is_dot(&self) -> bool {
        matches!(self.name, [0 | 1])
    }
}
