//! The server's folder of installation media: a folder in it is a tree, a file in it the image of a disc.
//!
//! Both are served alike, by the name in the folder and the path within; a disc is read in place ([`crate::iso`]). A
//! disc that is uploaded is there whole or not at all, with its digest beside it. Plain blocking I/O.

use crate::hash::Hasher;
use crate::iso::{Iso, IsoError, IsoNode};
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use types::Digest;

/// How the names of what is not to be served begin.
const HIDDEN: char = '.';
const INCOMING: &str = ".incoming-";

/// Why a medium cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// The name cannot be one.
    #[error(
        "{name:?} cannot be the name of a medium: it must be letters, digits and `-._+~`, and begin with neither `.` nor `-`"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// The disk refused.
    #[error("reading or writing {path:?}")]
    Disk {
        /// Which file.
        path: PathBuf,
        /// The kernel's word.
        #[source]
        source: io::Error,
    },
    /// It is no disc, or a broken one.
    #[error("the disc {name:?} cannot be read")]
    Disc {
        /// Which.
        name: String,
        /// Why.
        #[source]
        source: IsoError,
    },
    /// It is larger than allowed.
    #[error("the disc is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// It is another one than was said.
    #[error("the disc has digest {found}, expected {expected}")]
    Digest {
        /// As was said.
        expected: Digest,
        /// Of what came.
        found: Digest,
    },
}

/// Where the bytes of a file of a medium are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file that holds them.
    pub path: PathBuf,
    /// Which of its bytes; all of them where nothing is said.
    pub range: Option<Range<u64>>,
}

/// A medium that is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// A disc's size; none of a tree.
    pub size_bytes: Option<u64>,
    /// A disc's digest, where it is known: of one that was put into the folder by hand it is not.
    pub digest: Option<Digest>,
    /// What a disc calls itself.
    pub label: Option<String>,
    /// Why a disc cannot be read.
    pub problem: Option<String>,
}

/// The folder.
#[derive(Debug)]
pub struct MediaFolder {
    path: PathBuf,
    uploads: AtomicU64,
}

impl MediaFolder {
    /// Opens the folder, creating it when missing, and removes what interrupted uploads left.
    ///
    /// # Errors
    /// When that cannot be done.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, MediaError> {
        let path = path.into();
        let prepare = || -> io::Result<()> {
            fs::create_dir_all(&path)?;
            for entry in fs::read_dir(&path)? {
                let entry = entry?;
                if entry.file_name().to_string_lossy().starts_with(INCOMING) {
                    fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        };
        prepare().map_err(disk(&path))?;
        Ok(Self { path, uploads: AtomicU64::new(0) })
    }

    /// The file at `path`: a medium's name, a slash, and a path within it. `None` where there is none.
    ///
    /// # Errors
    /// When the disk refuses, or a disc contradicts itself.
    pub fn find(&self, path: &str) -> Result<Option<Place>, MediaError> {
        let (name, within) = path.split_once('/').unwrap_or((path, ""));
        if !is_name(name) || within.split('/').any(|part| part == "..") {
            return Ok(None);
        }
        let medium = self.path.join(name);
        match fs::metadata(&medium) {
            Ok(metadata) if metadata.is_dir() => find_in_tree(&medium, within),
            Ok(metadata) if within.is_empty() => Ok(metadata.is_file().then_some(Place { path: medium, range: None })),
            Ok(metadata) => {
                let failed = |source| MediaError::Disc { name: name.to_owned(), source };
                let file = File::open(&medium).map_err(disk(&medium))?;
                let disc = Iso::open(file, metadata.len()).map_err(failed)?;
                Ok(match disc.find(within).map_err(failed)? {
                    Some(IsoNode::File(range)) => Some(Place { path: medium, range: Some(range) }),
                    Some(IsoNode::Directory) | None => None,
                })
            }
            Err(error) if is_absent(&error) => Ok(None),
            Err(source) => Err(MediaError::Disk { path: medium, source }),
        }
    }

    /// Whether there is a medium of that name.
    pub fn contains(&self, name: &str) -> bool {
        is_name(name) && self.path.join(name).exists()
    }

    /// Every medium, by name.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self) -> Result<Vec<Listed>, MediaError> {
        let mut listed = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(disk(&self.path))? {
            let path = entry.map_err(disk(&self.path))?.path();
            if let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|name| is_name(name)) {
                listed.push(self.describe(name, &path).map_err(disk(&path))?);
            }
        }
        listed.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(listed)
    }

    fn describe(&self, name: &str, path: &Path) -> io::Result<Listed> {
        let metadata = fs::metadata(path)?;
        let mut listed = Listed { name: name.to_owned(), size_bytes: None, digest: None, label: None, problem: None };
        if metadata.is_dir() {
            return Ok(listed);
        }
        listed.size_bytes = Some(metadata.len());
        listed.digest = fs::read_to_string(self.digest_file(name)).ok().and_then(|text| text.trim().parse().ok());
        match Iso::open(File::open(path)?, metadata.len()) {
            Ok(disc) => listed.label = Some(disc.label().to_owned()).filter(|label| !label.is_empty()),
            Err(error) => listed.problem = Some(types::chain(&error)),
        }
        Ok(listed)
    }

    /// What a disc of that name was found to be when it was uploaded.
    pub fn digest(&self, name: &str) -> Option<Digest> {
        let kept = self.contains(name).then(|| fs::read_to_string(self.digest_file(name)).ok())?;
        kept?.trim().parse().ok()
    }

    /// Starts the upload of a disc of at most `limit` bytes.
    ///
    /// # Errors
    /// When the name cannot be one, or the disk refuses.
    pub fn begin(&self, name: &str, limit: u64) -> Result<Upload<'_>, MediaError> {
        if !is_name(name) {
            return Err(MediaError::Name { name: name.to_owned() });
        }
        let number = self.uploads.fetch_add(1, Ordering::Relaxed);
        let path = self.path.join(format!("{INCOMING}{number}"));
        let file = File::create_new(&path).map_err(disk(&path))?;
        Ok(Upload { folder: self, name: name.to_owned(), path, file, hasher: Hasher::default(), limit })
    }

    /// Removes a disc. Trees are not ours to remove. Gives whether there was one.
    ///
    /// # Errors
    /// When it is there and cannot be removed.
    pub fn remove(&self, name: &str) -> Result<bool, MediaError> {
        if !is_name(name) {
            return Ok(false);
        }
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Ok(()) => {
                // Without its disc it says nothing.
                fs::remove_file(self.digest_file(name)).ok();
                Ok(true)
            }
            Err(error) if is_absent(&error) => Ok(false),
            Err(source) => Err(MediaError::Disk { path, source }),
        }
    }

    fn digest_file(&self, name: &str) -> PathBuf {
        self.path.join(format!("{HIDDEN}{name}.sha256"))
    }
}

/// A link in a tree leads where it leads, as long as that is in the tree.
fn find_in_tree(tree: &Path, within: &str) -> Result<Option<Place>, MediaError> {
    let path = tree.join(within);
    let real = || -> io::Result<Option<PathBuf>> {
        let (tree, path) = (tree.canonicalize()?, path.canonicalize()?);
        Ok((path.starts_with(&tree) && path.is_file()).then_some(path))
    };
    match real() {
        Ok(path) => Ok(path.map(|path| Place { path, range: None })),
        Err(error) if is_absent(&error) => Ok(None),
        Err(source) => Err(MediaError::Disk { path, source }),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._+~".contains(&byte);
    !name.is_empty() && name.len() <= 200 && !name.starts_with([HIDDEN, '-']) && name.bytes().all(plain)
}

fn disk(path: &Path) -> impl FnOnce(io::Error) -> MediaError + use<> {
    let path = path.to_owned();
    move |source| MediaError::Disk { path, source }
}

/// A disc that is being uploaded. Dropped before [`Upload::commit`], it leaves nothing.
#[derive(Debug)]
pub struct Upload<'a> {
    folder: &'a MediaFolder,
    name: String,
    path: PathBuf,
    file: File,
    hasher: Hasher,
    limit: u64,
}

impl Upload<'_> {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// When there are too many, or the disk refuses.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), MediaError> {
        if bytes.len() as u64 > self.limit.saturating_sub(self.hasher.bytes()) {
            return Err(MediaError::TooLarge { limit: self.limit });
        }
        self.hasher.update(bytes);
        self.file.write_all(bytes).map_err(disk(&self.path))
    }

    /// Puts the disc in its place, on stable storage, if it is one and the `expected` one. One of the same name that
    /// was there is replaced.
    ///
    /// # Errors
    /// When it is not, or the disk refuses.
    pub fn commit(self, expected: Option<Digest>) -> Result<Listed, MediaError> {
        let (size, found) = (self.hasher.bytes(), self.hasher.clone().finish());
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            return Err(MediaError::Digest { expected, found });
        }
        let failed = |source| MediaError::Disc { name: self.name.clone(), source };
        let file = File::open(&self.path).map_err(disk(&self.path))?;
        let label = Iso::open(file, size).map_err(failed)?.label().to_owned();
        let path = self.folder.path.join(&self.name);
        let place = || -> io::Result<()> {
            self.file.sync_all()?;
            fs::write(self.folder.digest_file(&self.name), format!("{found}\n"))?;
            fs::rename(&self.path, &path)?;
            File::open(&self.folder.path)?.sync_all()
        };
        place().map_err(disk(&path))?;
        let label = Some(label).filter(|label| !label.is_empty());
        Ok(Listed { name: self.name.clone(), size_bytes: Some(size), digest: Some(found), label, problem: None })
    }
}

impl Drop for Upload<'_> {
    /// After a commit the name is gone already; what cannot be removed now is removed when the folder is next opened.
    fn drop(&mut self) {
        fs::remove_file(&self.path).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, MediaFolder) {
        let dir = tempfile::tempdir().unwrap();
        let folder = MediaFolder::open(dir.path().join("media")).unwrap();
        (dir, folder)
    }

    #[test]
    fn a_file_of_a_tree_is_found_and_nothing_outside_of_it() {
        let (dir, folder) = folder();
        let tree = dir.path().join("media/debian");
        fs::create_dir_all(tree.join("dists/bookworm")).unwrap();
        fs::write(tree.join("dists/bookworm/Release"), "x").unwrap();
        fs::write(dir.path().join("secret"), "x").unwrap();
        std::os::unix::fs::symlink("bookworm", tree.join("dists/stable")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("secret"), tree.join("way-out")).unwrap();
        let found = |path: &str| folder.find(path).unwrap().is_some();
        assert!(found("debian/dists/bookworm/Release") && found("debian/dists/stable/Release"));
        for path in ["debian/way-out", "debian/../../secret", "../secret", "debian/dists", "debian", "other/x", ".x"] {
            assert!(!found(path), "{path}");
        }
    }

    #[test]
    fn what_is_no_disc_or_another_one_is_not_kept() {
        let (dir, folder) = folder();
        let mut upload = folder.begin("x.iso", 100).unwrap();
        upload.write(b"no disc").unwrap();
        assert!(matches!(upload.commit(None), Err(MediaError::Disc { .. })));
        let mut upload = folder.begin("x.iso", 100).unwrap();
        upload.write(b"no disc").unwrap();
        let other = Some(Digest::of(b"other"));
        assert!(matches!(upload.commit(other), Err(MediaError::Digest { .. })));
        let mut upload = folder.begin("x.iso", 3).unwrap();
        assert!(matches!(upload.write(b"no disc"), Err(MediaError::TooLarge { limit: 3 })));
        drop(upload);
        for name in ["", ".x", "a/b", "-x", "a b", ".."] {
            assert!(matches!(folder.begin(name, 1), Err(MediaError::Name { .. })), "{name}");
        }
        assert_eq!(fs::read_dir(dir.path().join("media")).unwrap().count(), 0);
    }
}
