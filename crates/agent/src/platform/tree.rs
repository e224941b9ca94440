//! The files of an installed system, seen from outside.
//!
//! The kernel resolves every path within the system's root (openat2(2), RESOLVE_IN_ROOT): a link in the image, also
//! an absolute one, leads to where it would lead the installed system and never to the maintenance OS's files.

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, ResolveFlags, fchmod, fchown, fstat, mkdirat, openat, openat2, readlinkat,
    renameat, statat, symlinkat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::{Gid, Uid, geteuid};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

/// Who owns a file and what they may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// Permissions.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// Root's, and readable by all.
pub(super) const ROOT: Attributes = Attributes { mode: 0o644, uid: 0, gid: 0 };

/// No configuration file is longer.
const MAX_READ_BYTES: u64 = 4 << 20;

/// Why a file of the system could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[error("{doing} {path}")]
pub struct TreeError {
    doing: &'static str,
    path: String,
    source: io::Error,
}

/// The root folder of a system.
#[derive(Debug)]
pub struct RootTree {
    root: OwnedFd,
    /// Only root may give files away. Others (tests) own all they make.
    sets_owners: bool,
}

type Result<T> = std::result::Result<T, TreeError>;

fn failing<E: Into<io::Error>>(doing: &'static str, path: &str) -> impl FnOnce(E) -> TreeError {
    move |error| TreeError { doing, path: path.to_owned(), source: error.into() }
}

/// None for "there is no such file".
fn found<T>(result: rustix::io::Result<T>) -> rustix::io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(error) => Err(error),
    }
}

impl RootTree {
    /// The system whose root folder is at `path`.
    ///
    /// # Errors
    /// When it is not a folder.
    pub fn open(path: &Path) -> Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root =
            rustix::fs::open(path, flags, Mode::empty()).map_err(failing("opening", &path.display().to_string()))?;
        Ok(Self { root, sets_owners: geteuid().is_root() })
    }

    /// A file's text. None when there is no such file.
    ///
    /// # Errors
    /// When it cannot be read or is too long.
    pub fn read_text(&self, path: &str) -> Result<Option<String>> {
        let Some(file) = found(self.resolve(path, OFlags::RDONLY)).map_err(failing("opening", path))? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        File::from(file).take(MAX_READ_BYTES + 1).read_to_end(&mut bytes).map_err(failing("reading", path))?;
        if bytes.len() as u64 > MAX_READ_BYTES {
            return Err(failing("reading", path)(io::Error::from(io::ErrorKind::FileTooLarge)));
        }
        let text = String::from_utf8(bytes).map_err(|_| io::Error::from(io::ErrorKind::InvalidData));
        text.map(Some).map_err(failing("reading", path))
    }

    /// Who owns what `path` leads to. None when it leads nowhere.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub fn attributes(&self, path: &str) -> Result<Option<Attributes>> {
        let Some(file) = found(self.resolve(path, OFlags::PATH)).map_err(failing("opening", path))? else {
            return Ok(None);
        };
        let stat = fstat(&file).map_err(failing("looking at", path))?;
        Ok(Some(Attributes { mode: stat.st_mode & 0o7777, uid: stat.st_uid, gid: stat.st_gid }))
    }

    /// Makes sure that `path` is a file like this; folders on the way are made. True when that changed something.
    /// The file is replaced as a whole, so that it is never half written, and a link there is replaced, not followed.
    ///
    /// # Errors
    /// When it cannot be.
    pub fn ensure_file(&self, path: &str, content: &[u8], attributes: Attributes) -> Result<bool> {
        let (folder, name) = self.folder_of(path)?;
        if self.is_file(&folder, name, content, attributes) {
            return Ok(false);
        }
        let temporary = format!(".slipway-{name}");
        found(unlinkat(&folder, &temporary, AtFlags::empty())).map_err(failing("removing", &temporary))?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&folder, &temporary, flags, Mode::RUSR | Mode::WUSR).map_err(failing("creating", path))?;
        let mut file = File::from(file);
        file.write_all(content).map_err(failing("writing", path))?;
        self.set_attributes(&file, attributes).map_err(failing("giving away", path))?;
        file.sync_all().map_err(failing("writing", path))?;
        renameat(&folder, &temporary, &folder, name).map_err(failing("replacing", path))?;
        Ok(true)
    }

    /// Makes sure that `path` is a folder like this. True when that changed something.
    ///
    /// # Errors
    /// When it cannot be.
    pub fn ensure_directory(&self, path: &str, attributes: Attributes) -> Result<bool> {
        if self.attributes(path)?.is_some_and(|found| self.is_like(found, attributes)) {
            return Ok(false);
        }
        let folder = self.make_folders(path.trim_start_matches('/')).map_err(failing("creating", path))?;
        self.set_attributes(&folder, attributes).map_err(failing("giving away", path))?;
        Ok(true)
    }

    /// Makes sure that `path` is a link to `target`. True when that changed something.
    ///
    /// # Errors
    /// When it cannot be.
    pub fn ensure_link(&self, path: &str, target: &str) -> Result<bool> {
        let (folder, name) = self.folder_of(path)?;
        if readlinkat(&folder, name, Vec::new()).is_ok_and(|found| found.to_bytes() == target.as_bytes()) {
            return Ok(false);
        }
        found(unlinkat(&folder, name, AtFlags::empty())).map_err(failing("removing", path))?;
        symlinkat(target, &folder, name).map_err(failing("linking", path))?;
        Ok(true)
    }

    /// Makes sure that there is no file `path`. True when there was.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, path: &str) -> Result<bool> {
        let (folder, name) = split(path);
        let Some(folder) =
            found(self.resolve(folder, OFlags::RDONLY | OFlags::DIRECTORY)).map_err(failing("opening", path))?
        else {
            return Ok(false);
        };
        let removed = found(unlinkat(&folder, name, AtFlags::empty())).map_err(failing("removing", path))?;
        Ok(removed.is_some())
    }

    /// Whether `path` itself, not what it leads to, is a file or link.
    pub fn has_file_or_link(&self, path: &str) -> bool {
        let (folder, name) = split(path);
        self.resolve(folder, OFlags::PATH | OFlags::DIRECTORY)
            .and_then(|folder| statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW))
            .is_ok()
    }

    fn resolve(&self, path: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let path = path.trim_start_matches('/');
        let path = if path.is_empty() { "." } else { path };
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        openat2(&self.root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve)
    }

    fn folder_of<'p>(&self, path: &'p str) -> Result<(OwnedFd, &'p str)> {
        let (folder, name) = split(path);
        let folder = self.make_folders(folder).map_err(failing("creating the folder of", path))?;
        Ok((folder, name))
    }

    /// Opens a folder, making what is missing on the way, root's and open to all.
    fn make_folders(&self, path: &str) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        match self.resolve(path, flags) {
            Err(Errno::NOENT) => {
                let (parent, name) = split(path);
                let parent = self.make_folders(parent)?;
                match mkdirat(&parent, name, Mode::from_raw_mode(0o755)) {
                    // A link that leads nowhere.
                    Err(Errno::EXIST) => return Err(Errno::NOENT),
                    result => result?,
                }
                let folder = self.resolve(path, flags)?;
                self.set_attributes(&folder, Attributes { mode: 0o755, ..ROOT })?;
                Ok(folder)
            }
            result => result,
        }
    }

    fn is_file(&self, folder: &OwnedFd, name: &str, content: &[u8], wanted: Attributes) -> bool {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(file) = openat(folder, name, flags, Mode::empty()) else { return false };
        let Ok(stat) = fstat(&file) else { return false };
        let attributes = Attributes { mode: stat.st_mode & 0o7777, uid: stat.st_uid, gid: stat.st_gid };
        let mut found = Vec::new();
        FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
            && self.is_like(attributes, wanted)
            && File::from(file).take(content.len() as u64 + 1).read_to_end(&mut found).is_ok()
            && found == content
    }

    fn is_like(&self, found: Attributes, wanted: Attributes) -> bool {
        let same_owner = (found.uid, found.gid) == (wanted.uid, wanted.gid);
        found.mode == wanted.mode && (same_owner || !self.sets_owners)
    }

    fn set_attributes(&self, file: impl std::os::fd::AsFd, attributes: Attributes) -> rustix::io::Result<()> {
        if self.sets_owners {
            fchown(&file, Some(Uid::from_raw(attributes.uid)), Some(Gid::from_raw(attributes.gid)))?;
        }
        // After the owner: changing that takes special bits away.
        fchmod(&file, Mode::from_raw_mode(attributes.mode))
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}
