//! Directories: their records in order, with names as people know them.

use super::record::Record;
use super::{Image, IsoError, Naming, ReadAt, SECTOR};
use std::ops::Range;

/// The longest directory that is read: some hundred thousand files.
const MAX_DIRECTORY: u64 = 64 << 20;
/// Continuations of one record's system use area that are followed.
const MAX_CONTINUATIONS: usize = 8;
/// The longest name or link that is put together.
const MAX_TEXT: usize = 4096;

/// Something in a directory.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// What it is.
pub(super) enum Kind {
    File(Range<u64>),
    Directory(Range<u64>),
    /// A link of Rock Ridge.
    Link(String),
}

/// A directory that is being read, a sector at a time.
pub(super) struct Directory<'a, R> {
    image: &'a Image<R>,
    naming: Naming,
    extent: Range<u64>,
    sector: Box<[u8; SECTOR as usize]>,
    /// Where the sector in memory begins, and how far it has been read.
    at: Option<(u64, usize)>,
}

impl<'a, R: ReadAt> Directory<'a, R> {
    pub(super) fn open(image: &'a Image<R>, extent: Range<u64>, naming: Naming) -> Result<Self, IsoError> {
        image.check("a directory", &extent)?;
        if extent.end - extent.start > MAX_DIRECTORY {
            return Err(IsoError::Malformed { what: "the length of a directory", offset: extent.start });
        }
        Ok(Self { image, naming, extent, sector: Box::new([0; SECTOR as usize]), at: None })
    }

    /// The next entry but the directory itself and the one above.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, IsoError> {
        loop {
            let Some((offset, range)) = self.next_record()? else { return Ok(None) };
            let record = Record::read(&self.sector[range], offset)?;
            if record.is_dot() {
                continue;
            }
            let (is_directory, extent) = (record.is_directory(), record.extent());
            let continues = record.continues();
            let known = Known::of(self.image, &record, self.naming, offset)?;
            let extent = if continues { self.rest_of(extent)? } else { extent };
            let kind = match known.link {
                Some(target) => Kind::Link(target),
                None if let Some(sector) = known.moved_to => Kind::Directory(self.moved(sector)?),
                None if is_directory => Kind::Directory(extent),
                None => Kind::File(extent),
            };
            if let Kind::File(range) | Kind::Directory(range) = &kind {
                self.image.check("a file", range)?;
            }
            if known.is_relocated {
                continue;
            }
            return Ok(Some(Entry { name: known.name, kind }));
        }
    }

    /// The records that a file goes on in. They follow each other on every disc that people make.
    fn rest_of(&mut self, mut extent: Range<u64>) -> Result<Range<u64>, IsoError> {
        loop {
            let Some((offset, range)) = self.next_record()? else {
                return Err(IsoError::Malformed { what: "a file in several pieces", offset: extent.start });
            };
            let record = Record::read(&self.sector[range], offset)?;
            let next = record.extent();
            if next.start != extent.end.next_multiple_of(SECTOR) || !extent.end.is_multiple_of(SECTOR) {
                return Err(IsoError::Scattered { offset: extent.start });
            }
            extent.end = next.end;
            if !record.continues() {
                return Ok(extent);
            }
        }
    }

    /// The directory that was moved there because it lay too deep: its own first record says how long it is.
    fn moved(&self, sector: u32) -> Result<Range<u64>, IsoError> {
        let offset = u64::from(sector) * SECTOR;
        let mut head = [0; 34];
        self.image.read(offset, &mut head)?;
        Ok(Record::root(&head, offset)?.extent())
    }

    /// The next record's place in the image and in the sector in memory.
    fn next_record(&mut self) -> Result<Option<(u64, Range<usize>)>, IsoError> {
        loop {
            let (start, from) = match self.at {
                Some((start, from)) if from < self.sector.len() => (start, from),
                at => {
                    let start = at.map_or(self.extent.start, |(start, _)| start + SECTOR);
                    if start >= self.extent.end {
                        return Ok(None);
                    }
                    let len = usize::try_from((self.extent.end - start).min(SECTOR)).unwrap_or(0);
                    self.sector.fill(0);
                    self.image.read(start, &mut self.sector[..len])?;
                    (start, 0)
                }
            };
            let len = usize::from(self.sector[from]);
            if len == 0 {
                // No record crosses a sector's end: the rest is empty.
                self.at = Some((start, self.sector.len()));
                continue;
            }
            let offset = start + from as u64;
            if from + len > self.sector.len() {
                return Err(IsoError::Malformed { what: "a directory record", offset });
            }
            self.at = Some((start, from + len));
            return Ok(Some((offset, from..from + len)));
        }
    }
}

/// How many bytes to skip in each system use area, if the root directory says that Rock Ridge is there (SUSP §5.3).
pub(super) fn rock_ridge<R: ReadAt>(image: &Image<R>, root: &Range<u64>) -> Result<Option<usize>, IsoError> {
    let mut sector = [0; SECTOR as usize];
    let len = usize::try_from((root.end - root.start).min(SECTOR)).unwrap_or(0);
    image.read(root.start, &mut sector[..len])?;
    let Some(bytes) = sector.get(..usize::from(sector[0])).filter(|bytes| !bytes.is_empty()) else { return Ok(None) };
    let record = Record::read(bytes, root.start)?;
    Ok(match record.system_use {
        [b'S', b'P', 7, 1, 0xbe, 0xef, skip, ..] => Some(usize::from(*skip)),
        _ => None,
    })
}

/// What a record's name and system use area say.
#[derive(Default)]
struct Known {
    name: String,
    link: Option<String>,
    /// The sector of a directory that lies elsewhere.
    moved_to: Option<u32>,
    /// Whether it is a directory that is known under its old place.
    is_relocated: bool,
}

impl Known {
    fn of<R: ReadAt>(image: &Image<R>, record: &Record<'_>, naming: Naming, offset: u64) -> Result<Self, IsoError> {
        match naming {
            Naming::Plain => Ok(Self { name: plain_name(record.name), ..Self::default() }),
            Naming::Joliet => Ok(Self { name: joliet_name(record.name), ..Self::default() }),
            Naming::RockRidge { skip } => {
                let mut reading = Reading::default();
                let area = record.system_use.get(skip..).unwrap_or_default();
                reading.read_all(image, area, offset)?;
                let name = match reading.name.is_empty() {
                    true => plain_name(record.name),
                    false => String::from_utf8_lossy(&reading.name).into_owned(),
                };
                let link = reading.has_link.then_some(reading.link);
                Ok(Self { name, link, moved_to: reading.moved_to, is_relocated: reading.is_relocated })
            }
        }
    }
}

/// Entries of a system use area, as they come.
#[derive(Default)]
struct Reading {
    name: Vec<u8>,
    link: String,
    has_link: bool,
    /// Whether the last part of the link goes on.
    part_is_open: bool,
    moved_to: Option<u32>,
    is_relocated: bool,
}

impl Reading {
    fn read_all<R: ReadAt>(&mut self, image: &Image<R>, area: &[u8], offset: u64) -> Result<(), IsoError> {
        let mut next = self.read_area(area);
        for _ in 0..MAX_CONTINUATIONS {
            let Some((sector, start, len)) = next else { return Ok(()) };
            let from = u64::from(sector) * SECTOR + u64::from(start);
            let range = from..from + u64::from(len);
            image.check("a record's continuation", &range)?;
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            if len > SECTOR as usize {
                return Err(IsoError::Malformed { what: "a record's continuation", offset });
            }
            let mut area = vec![0; len];
            image.read(from, &mut area)?;
            next = self.read_area(&area);
        }
        Err(IsoError::Malformed { what: "a record with too many continuations", offset })
    }

    /// Gives where the area goes on: sector, place in it, length.
    fn read_area(&mut self, mut area: &[u8]) -> Option<(u32, u32, u32)> {
        let mut next = None;
        while let [first, second, len, _, ..] = area {
            let (signature, len) = ([*first, *second], usize::from(*len));
            let Some((entry, rest)) = area.split_at_checked(len).filter(|_| len >= 4) else { break };
            let body = &entry[4..];
            match &signature {
                b"NM" => self.add_name(body),
                b"SL" => self.add_link(body),
                b"CL" => self.moved_to = number(body, 0),
                b"RE" => self.is_relocated = true,
                b"CE" => next = Some((number(body, 0)?, number(body, 8)?, number(body, 16)?)),
                b"ST" => break,
                _ => {}
            }
            area = rest;
        }
        next
    }

    fn add_name(&mut self, body: &[u8]) {
        // Flags for `.` and `..`, which a name cannot be.
        if let [flags, name @ ..] = body
            && flags & 0x06 == 0
            && self.name.len() + name.len() <= MAX_TEXT
        {
            self.name.extend_from_slice(name);
        }
    }

    /// Component records (RRIP §4.1.3.1): flags, length, text.
    fn add_link(&mut self, body: &[u8]) {
        self.has_link = true;
        let mut rest = body.get(1..).unwrap_or_default();
        while let [flags, len, ..] = rest {
            let (flags, len) = (*flags, usize::from(*len));
            let Some(text) = rest.get(2..2 + len) else { break };
            if !self.part_is_open && !self.link.is_empty() && !self.link.ends_with('/') {
                self.link.push('/');
            }
            match flags & 0x0e {
                0x02 => self.link.push('.'),
                0x04 => self.link.push_str(".."),
                0x08 => self.link = "/".to_owned(),
                _ if self.link.len() + len <= MAX_TEXT => self.link.push_str(&String::from_utf8_lossy(text)),
                _ => {}
            }
            self.part_is_open = flags & 0x01 != 0;
            rest = rest.get(2 + len..).unwrap_or_default();
        }
    }
}

fn number(body: &[u8], at: usize) -> Option<u32> {
    body.get(at..at + 4).and_then(|field| <[u8; 4]>::try_from(field).ok()).map(u32::from_le_bytes)
}

/// `README.TXT;1` without its version, and without the dot of a name that has no extension.
fn plain_name(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    let text = text.split(';').next().unwrap_or_default();
    text.strip_suffix('.').unwrap_or(text).to_owned()
}

fn joliet_name(name: &[u8]) -> String {
    let units = name.chunks_exact(2).filter_map(|unit| <[u8; 2]>::try_from(unit).ok()).map(u16::from_be_bytes);
    let text: String = char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    text.split(';').next().unwrap_or_default().to_owned()
}
