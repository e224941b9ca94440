//! Writes initramfs archives: cpio in the "newc" form that Linux unpacks at boot
//! (Documentation/driver-api/early-userspace/buffer-format.rst).
//!
//! The same entries in the same order always give the same bytes: owners are root, times are zero, and inode
//! numbers count from one.

use std::collections::BTreeSet;
use std::io::{self, Write};

const TYPE_DIRECTORY: u32 = 0o040_000;
const TYPE_FILE: u32 = 0o100_000;
const TYPE_SYMLINK: u32 = 0o120_000;
const TYPE_CHARACTER_DEVICE: u32 = 0o020_000;

/// The name of the entry that ends an archive.
const TRAILER: &str = "TRAILER!!!";

/// Writes one archive. Paths have no leading slash; directories that lead to an entry are added when missing.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    last_inode: u32,
    written: u64,
    directories: BTreeSet<String>,
}

impl<W: Write> Writer<W> {
    /// Starts an archive on `out`.
    pub fn new(out: W) -> Self {
        Self { out, last_inode: 0, written: 0, directories: BTreeSet::new() }
    }

    /// Adds a directory with permissions `mode`.
    pub fn directory(&mut self, path: &str, mode: u32) -> io::Result<()> {
        let path = relative(path);
        self.add_parents(path)?;
        if self.directories.insert(path.to_owned()) {
            self.entry(path, TYPE_DIRECTORY | mode, (0, 0), b"")?;
        }
        Ok(())
    }

    /// Adds a regular file with permissions `mode`.
    pub fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        let path = relative(path);
        self.add_parents(path)?;
        self.entry(path, TYPE_FILE | mode, (0, 0), content)
    }

    /// Adds a symbolic link at `path` that leads to `target`.
    pub fn symlink(&mut self, path: &str, target: &str) -> io::Result<()> {
        let path = relative(path);
        self.add_parents(path)?;
        self.entry(path, TYPE_SYMLINK | 0o777, (0, 0), target.as_bytes())
    }

    /// Adds a character device.
    pub fn device(&mut self, path: &str, mode: u32, major: u32, minor: u32) -> io::Result<()> {
        let path = relative(path);
        self.add_parents(path)?;
        self.entry(path, TYPE_CHARACTER_DEVICE | mode, (major, minor), b"")
    }

    /// Ends the archive and gives back what it was written to.
    pub fn finish(mut self) -> io::Result<W> {
        self.last_inode = 0;
        self.header(TRAILER, 0, (0, 0), 0)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn add_parents(&mut self, path: &str) -> io::Result<()> {
        for (end, _) in path.match_indices('/') {
            let parent = &path[..end];
            if self.directories.insert(parent.to_owned()) {
                self.entry(parent, TYPE_DIRECTORY | 0o755, (0, 0), b"")?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: &str, mode: u32, device: (u32, u32), content: &[u8]) -> io::Result<()> {
        let size = u32::try_from(content.len())
            .map_err(|_| io::Error::new(io::ErrorKind::FileTooLarge, "an initramfs file is at most 4 GiB"))?;
        self.last_inode += 1;
        self.header(path, mode, device, size)?;
        self.write(content)?;
        self.pad()
    }

    fn header(&mut self, path: &str, mode: u32, (major, minor): (u32, u32), size: u32) -> io::Result<()> {
        let inode = self.last_inode;
        let links = if mode & TYPE_DIRECTORY == TYPE_DIRECTORY { 2 } else { 1 };
        let name_length = u32::try_from(path.len() + 1)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidFilename, "the path is too long"))?;
        let fields = [inode, mode, 0, 0, links, 0, size, 0, 0, major, minor, name_length, 0];
        self.write(b"070701")?;
        for field in fields {
            self.write(format!("{field:08x}").as_bytes())?;
        }
        self.write(path.as_bytes())?;
        self.write(b"\0")?;
        self.pad()
    }

    /// Names and contents start at multiples of four bytes.
    fn pad(&mut self) -> io::Result<()> {
        while !self.written.is_multiple_of(4) {
            self.write(b"\0")?;
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }
}

fn relative(path: &str) -> &str {
    path.trim_matches('/')
}

/// The content of the file at `path` in an archive that [`Writer`] made, or the kernel's tools.
pub fn find<'a>(archive: &'a [u8], path: &str) -> Option<&'a [u8]> {
    const MAGIC: &[u8] = b"070701";
    const HEADER_BYTES: usize = 110;
    let mut rest = archive;
    loop {
        let header = rest.get(..HEADER_BYTES)?.strip_prefix(MAGIC)?;
        let field = |index: usize| {
            let digits = std::str::from_utf8(header.get(index * 8..index * 8 + 8)?).ok()?;
            usize::try_from(u32::from_str_radix(digits, 16).ok()?).ok()
        };
        let (content_bytes, name_bytes) = (field(6)?, field(11)?);
        let name = rest.get(HEADER_BYTES..HEADER_BYTES.checked_add(name_bytes)?)?.strip_suffix(b"\0")?;
        let content_at = (HEADER_BYTES + name_bytes).next_multiple_of(4);
        let content = rest.get(content_at..content_at.checked_add(content_bytes)?)?;
        if name == relative(path).as_bytes() {
            return Some(content);
        }
        if name == TRAILER.as_bytes() {
            return None;
        }
        rest = rest.get((content_at + content_bytes).checked_next_multiple_of(4)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut writer = Writer::new(Vec::new());
        writer.file("/etc/slipway/agent.json", 0o600, b"{\"a\":1}").unwrap();
        writer.symlink("bin/sh", "busybox").unwrap();
        writer.device("dev/console", 0o600, 5, 1).unwrap();
        writer.directory("etc", 0o755).unwrap();
        writer.finish().unwrap()
    }

    /// Reads an archive back as the kernel does: (path, mode, content).
    fn entries(mut archive: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
        let mut found = Vec::new();
        loop {
            assert_eq!(&archive[..6], b"070701");
            let field = |n: usize| {
                let text = std::str::from_utf8(&archive[6 + n * 8..14 + n * 8]).unwrap();
                u32::from_str_radix(text, 16).unwrap() as usize
            };
            let (mode, size, name_length) = (field(1), field(6), field(11));
            let name = String::from_utf8(archive[110..110 + name_length - 1].to_vec()).unwrap();
            let start = (110 + name_length).next_multiple_of(4);
            if name == TRAILER {
                return found;
            }
            found.push((name, u32::try_from(mode).unwrap(), archive[start..start + size].to_vec()));
            archive = &archive[(start + size).next_multiple_of(4)..];
        }
    }

    #[test]
    fn entries_read_back_with_their_parents_before_them() {
        let read = entries(&sample());
        let shape: Vec<(&str, u32)> = read.iter().map(|(name, mode, _)| (name.as_str(), *mode)).collect();
        assert_eq!(
            shape,
            [
                ("etc", 0o040_755),
                ("etc/slipway", 0o040_755),
                ("etc/slipway/agent.json", 0o100_600),
                ("bin", 0o040_755),
                ("bin/sh", 0o120_777),
                ("dev", 0o040_755),
                ("dev/console", 0o020_600),
            ]
        );
        assert_eq!(read[2].2, b"{\"a\":1}");
        assert_eq!(read[4].2, b"busybox");
    }

    #[test]
    fn same_entries_give_the_same_bytes() {
        assert_eq!(sample(), sample());
    }

    #[test]
    fn archive_ends_on_a_word() {
        assert_eq!(sample().len() % 4, 0);
    }

    #[test]
    fn a_file_is_found_in_an_archive_and_nothing_in_a_damaged_one() {
        let mut archive = Writer::new(Vec::new());
        archive.file("etc/first", 0o600, b"one").unwrap();
        archive.file("/etc/second", 0o600, b"two!!").unwrap();
        let archive = archive.finish().unwrap();
        assert_eq!(find(&archive, "/etc/first"), Some(&b"one"[..]));
        assert_eq!(find(&archive, "etc/second"), Some(&b"two!!"[..]));
        assert_eq!(find(&archive, "etc/third"), None);
        for length in 0..archive.len() - 130 {
            assert_eq!(find(&archive[..length], "etc/third"), None);
        }
        let at = archive.windows(6).position(|window| window == b"070701").unwrap();
        for digit in 0..104 {
            let mut damaged = archive.clone();
            damaged[at + 6 + digit] = b'f';
            find(&damaged, "etc/second");
        }
    }
}
