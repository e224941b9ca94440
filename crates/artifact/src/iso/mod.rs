//! Images of discs (ISO 9660, ECMA-119), read in place.
//!
//! A file of a disc is a part of the image, so serving it takes no second copy, and an image cannot be half unpacked.
//! Names are those of Rock Ridge (IEEE P1282) where it is there, else of Joliet, else the disc's own in any case.
//! An image comes from anywhere: every place in it is checked against its size, links and directories are followed a
//! limited number of times, and nothing is allocated by what it says alone.

mod directory;
mod record;

use directory::{Directory, Entry, Kind};
use record::Record;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// What extents are counted in. Other sizes were never used on discs.
const SECTOR: u64 = 2048;
/// The first volume descriptor (ECMA-119 §6.2.1).
const FIRST_DESCRIPTOR: u64 = 16;
/// Volume descriptors that are looked at; discs have three or four.
const MAX_DESCRIPTORS: u64 = 32;
/// Links that are followed for one path.
const MAX_LINKS: usize = 16;
/// Parts that a path may have, those of links among them.
const MAX_PARTS: usize = 256;

/// Why a disc cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum IsoError {
    /// The image's bytes cannot be read.
    #[error("reading the image at byte {offset}")]
    Read {
        /// Where.
        offset: u64,
        /// The kernel's word.
        source: io::Error,
    },
    /// It is none.
    #[error("there is no ISO 9660 volume in the image")]
    NotAnIso,
    /// It points out of itself.
    #[error("{what} at byte {offset} reaches beyond the image's {size} bytes")]
    OutOfBounds {
        /// What.
        what: &'static str,
        /// Where it begins.
        offset: u64,
        /// The image's size.
        size: u64,
    },
    /// It says something that means nothing.
    #[error("{what} at byte {offset} is not as it must be")]
    Malformed {
        /// What.
        what: &'static str,
        /// Where.
        offset: u64,
    },
    /// Its links lead on and on.
    #[error("the links of the path do not come to an end")]
    Links,
    /// A file is kept in a way that is not one piece of the image.
    #[error("the file at byte {offset} is not kept in one piece")]
    Scattered {
        /// Where it begins.
        offset: u64,
    },
}

/// Bytes that can be read at any place.
pub trait ReadAt {
    /// Fills `buffer` from `offset` on.
    ///
    /// # Errors
    /// When there are not as many bytes there.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

impl ReadAt for File {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(buffer, offset)
    }
}

impl ReadAt for &[u8] {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let part = start.checked_add(buffer.len()).and_then(|end| self.get(start..end));
        buffer.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// What a path of a disc leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IsoNode {
    /// A file: its bytes in the image.
    File(Range<u64>),
    /// A directory.
    Directory,
}

/// Something in a directory of a disc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IsoEntry {
    /// Its name.
    pub name: String,
    /// Whether it is a directory.
    pub is_directory: bool,
    /// A file's size.
    pub size_bytes: u64,
}

/// How the names of a disc are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    /// Rock Ridge, after so many bytes of each record's system use area.
    RockRidge {
        skip: usize,
    },
    Joliet,
    Plain,
}

/// A disc.
#[derive(Debug)]
pub struct Iso<R> {
    image: Image<R>,
    root: Range<u64>,
    naming: Naming,
    label: String,
}

/// The image's bytes, and how many there are.
#[derive(Debug)]
struct Image<R> {
    bytes: R,
    size: u64,
}

impl<R: ReadAt> Image<R> {
    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), IsoError> {
        self.bytes.read_at(offset, buffer).map_err(|source| IsoError::Read { offset, source })
    }

    fn check(&self, what: &'static str, range: &Range<u64>) -> Result<(), IsoError> {
        let good = range.start <= range.end && range.end <= self.size;
        if good { Ok(()) } else { Err(IsoError::OutOfBounds { what, offset: range.start, size: self.size }) }
    }
}

impl<R: ReadAt> Iso<R> {
    /// Opens an image of `size` bytes.
    ///
    /// # Errors
    /// When it is none, or contradicts itself.
    pub fn open(bytes: R, size: u64) -> Result<Self, IsoError> {
        let image = Image { bytes, size };
        let (mut primary, mut joliet) = (None, None);
        let mut label = String::new();
        for number in 0..MAX_DESCRIPTORS {
            let mut sector = [0; SECTOR as usize];
            let offset = (FIRST_DESCRIPTOR + number) * SECTOR;
            if image.read(offset, &mut sector).is_err() || &sector[1..6] != b"CD001" {
                break;
            }
            match sector[0] {
                1 if primary.is_none() => {
                    primary = Some(Record::root(&sector[156..190], offset)?.extent());
                    let blocks = u32::from_le_bytes([sector[80], sector[81], sector[82], sector[83]]);
                    image.check("the volume", &(0..u64::from(blocks) * SECTOR))?;
                    label = String::from_utf8_lossy(&sector[40..72]).trim().to_owned();
                }
                2 if is_joliet(&sector) => joliet = Some(Record::root(&sector[156..190], offset)?.extent()),
                255 => break,
                _ => {}
            }
        }
        let root = primary.ok_or(IsoError::NotAnIso)?;
        image.check("the root directory", &root)?;
        let skip = directory::rock_ridge(&image, &root)?;
        let (root, naming) = match (skip, joliet) {
            (Some(skip), _) => (root, Naming::RockRidge { skip }),
            (None, Some(joliet)) => (joliet, Naming::Joliet),
            (None, None) => (root, Naming::Plain),
        };
        image.check("the root directory", &root)?;
        Ok(Self { image, root, naming, label })
    }

    /// What the disc calls itself.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What a path, parts joined by slashes, leads to; `None` where it leads to nothing.
    ///
    /// # Errors
    /// When the image contradicts itself on the way.
    pub fn find(&self, path: &str) -> Result<Option<IsoNode>, IsoError> {
        Ok(match self.walk(path)? {
            None => None,
            Some(Place::Directory(_)) => Some(IsoNode::Directory),
            Some(Place::File(range)) => Some(IsoNode::File(range)),
        })
    }

    /// What is in a directory, in the disc's order; `None` where there is none.
    ///
    /// # Errors
    /// When the image contradicts itself.
    pub fn list(&self, path: &str) -> Result<Option<Vec<IsoEntry>>, IsoError> {
        let Some(Place::Directory(extent)) = self.walk(path)? else { return Ok(None) };
        let mut entries = Vec::new();
        let mut directory = self.directory(extent)?;
        while let Some(entry) = directory.next()? {
            let is_directory = matches!(entry.kind, Kind::Directory(_));
            let size_bytes = match &entry.kind {
                Kind::File(range) => range.end - range.start,
                Kind::Directory(_) | Kind::Link(_) => 0,
            };
            entries.push(IsoEntry { name: entry.name, is_directory, size_bytes });
        }
        Ok(Some(entries))
    }

    fn directory(&self, extent: Range<u64>) -> Result<Directory<'_, R>, IsoError> {
        Directory::open(&self.image, extent, self.naming)
    }

    fn walk(&self, path: &str) -> Result<Option<Place>, IsoError> {
        let mut rest: Vec<String> = parts(path);
        let mut above: Vec<Range<u64>> = Vec::new();
        let mut place = Place::Directory(self.root.clone());
        let mut links = 0;
        while let Some(part) = rest.pop() {
            let Place::Directory(here) = &place else { return Ok(None) };
            if part == ".." {
                place = Place::Directory(above.pop().unwrap_or_else(|| self.root.clone()));
                continue;
            }
            let here = here.clone();
            let Some(entry) = self.look_up(here.clone(), &part)? else { return Ok(None) };
            match entry.kind {
                Kind::File(range) => place = Place::File(range),
                Kind::Directory(extent) => {
                    above.push(here);
                    place = Place::Directory(extent);
                }
                Kind::Link(target) => {
                    links += 1;
                    rest.extend(parts(&target));
                    if links > MAX_LINKS || rest.len() > MAX_PARTS {
                        return Err(IsoError::Links);
                    }
                    if target.starts_with('/') {
                        above.clear();
                        place = Place::Directory(self.root.clone());
                    }
                }
            }
        }
        Ok(Some(place))
    }

    fn look_up(&self, extent: Range<u64>, name: &str) -> Result<Option<Entry>, IsoError> {
        let mut directory = self.directory(extent)?;
        while let Some(entry) = directory.next()? {
            let same = match self.naming {
                Naming::RockRidge { .. } => entry.name == name,
                Naming::Joliet | Naming::Plain => entry.name.eq_ignore_ascii_case(name),
            };
            if same {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }
}

/// Where a walk has come to.
enum Place {
    Directory(Range<u64>),
    File(Range<u64>),
}

/// The parts of a path, last first.
fn parts(path: &str) -> Vec<String> {
    path.split('/').rev().filter(|part| !matches!(*part, "" | ".")).take(MAX_PARTS).map(str::to_owned).collect()
}

/// The three levels of UCS-2 that Joliet has (Joliet specification, "Escape Sequences").
fn is_joliet(descriptor: &[u8; SECTOR as usize]) -> bool {
    matches!(&descriptor[88..91], b"%/@" | b"%/C" | b"%/E")
}
