//! The server's folder of artifacts: one file for each digest, complete or not there at all.
//!
//! Plain blocking I/O; an asynchronous caller moves it to a thread for such work.

use crate::hash::Hasher;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use types::Digest;

const INCOMING_PREFIX: &str = "incoming-";

/// Why an artifact was not stored, or the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The folder cannot be created, locked or cleaned.
    #[error("opening the artifact folder {path:?}")]
    Open {
        /// Which folder.
        path: PathBuf,
        /// The kernel's word.
        source: io::Error,
    },
    /// The upload is larger than allowed.
    #[error("the upload is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// The bytes are not what they were said to be.
    #[error("the upload has digest {found}, expected {expected}")]
    DigestMismatch {
        /// As declared.
        expected: Digest,
        /// Of what came.
        found: Digest,
    },
    /// The disk refused.
    #[error("writing {path:?}")]
    Write {
        /// Which file.
        path: PathBuf,
        /// The kernel's word.
        source: io::Error,
    },
}

/// A folder that holds artifacts by digest. One process uses it at a time.
#[derive(Debug)]
pub struct ImageFolder {
    path: PathBuf,
    folder: File,
    uploads: AtomicU64,
}

/// An artifact that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Of its bytes.
    pub digest: Digest,
    /// Its size.
    pub size_bytes: u64,
    /// Where it lies.
    pub path: PathBuf,
}

impl ImageFolder {
    /// Opens the folder, creating it when missing, and removes what interrupted uploads left.
    ///
    /// # Errors
    /// When that cannot be done, or another process has it open.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, FolderError> {
        let path = path.into();
        match Self::open_locked(&path) {
            Ok(folder) => Ok(Self { path, folder, uploads: AtomicU64::new(0) }),
            Err(source) => Err(FolderError::Open { path, source }),
        }
    }

    fn open_locked(path: &Path) -> io::Result<File> {
        fs::create_dir_all(path)?;
        let folder = File::open(path)?;
        flock(&folder, FlockOperation::NonBlockingLockExclusive)?;
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(INCOMING_PREFIX) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(folder)
    }

    /// The artifact with this digest, if it is here.
    pub fn find(&self, digest: Digest) -> Option<Stored> {
        let path = self.path_of(digest);
        let metadata = fs::metadata(&path).ok()?;
        metadata.is_file().then_some(Stored { digest, size_bytes: metadata.len(), path })
    }

    /// Starts an upload of at most `limit_bytes`.
    ///
    /// # Errors
    /// When no file can be created.
    pub fn begin(&self, limit_bytes: u64) -> Result<Upload<'_>, FolderError> {
        let number = self.uploads.fetch_add(1, Ordering::Relaxed);
        let path = self.path.join(format!("{INCOMING_PREFIX}{number}"));
        match File::create_new(&path) {
            Ok(file) => Ok(Upload { folder: self, path, file, hasher: Hasher::default(), limit_bytes }),
            Err(source) => Err(FolderError::Write { path, source }),
        }
    }

    /// Removes an artifact. False when it was not there.
    ///
    /// # Errors
    /// When it is there and cannot be removed.
    pub fn remove(&self, digest: Digest) -> Result<bool, FolderError> {
        let path = self.path_of(digest);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(FolderError::Write { path, source }),
        }
    }

    fn path_of(&self, digest: Digest) -> PathBuf {
        self.path.join(format!("sha256-{}", digest.hex()))
    }
}

/// An upload under way. Dropped before [`Upload::commit`], it leaves nothing.
#[derive(Debug)]
pub struct Upload<'a> {
    folder: &'a ImageFolder,
    path: PathBuf,
    file: File,
    hasher: Hasher,
    limit_bytes: u64,
}

impl Upload<'_> {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// When there are too many, or the disk refuses.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), FolderError> {
        if bytes.len() as u64 > self.limit_bytes.saturating_sub(self.hasher.bytes()) {
            return Err(FolderError::TooLarge { limit: self.limit_bytes });
        }
        self.hasher.update(bytes);
        self.file.write_all(bytes).map_err(|source| FolderError::Write { path: self.path.clone(), source })
    }

    /// Puts the artifact in its place, on stable storage, if it is the `expected` one.
    ///
    /// # Errors
    /// When it is not, or the disk refuses.
    pub fn commit(self, expected: Digest) -> Result<Stored, FolderError> {
        let size_bytes = self.hasher.bytes();
        let found = self.hasher.clone().finish();
        if found != expected {
            return Err(FolderError::DigestMismatch { expected, found });
        }
        let path = self.folder.path_of(expected);
        let placed = self
            .file
            .sync_all()
            .and_then(|()| fs::rename(&self.path, &path))
            .and_then(|()| self.folder.folder.sync_all());
        match placed {
            Ok(()) => Ok(Stored { digest: expected, size_bytes, path }),
            Err(source) => Err(FolderError::Write { path, source }),
        }
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

    fn names(path: &Path) -> Vec<String> {
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn store(folder: &ImageFolder, bytes: &[u8], expected: Digest) -> Result<Stored, FolderError> {
        let mut upload = folder.begin(100)?;
        bytes.chunks(2).try_for_each(|piece| upload.write(piece))?;
        upload.commit(expected)
    }

    #[test]
    fn an_artifact_is_found_by_its_digest_and_storing_it_again_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let folder = ImageFolder::open(dir.path()).unwrap();
        let digest = Digest::of(b"image");
        assert_eq!(folder.find(digest), None);
        let first = store(&folder, b"image", digest).unwrap();
        let second = store(&folder, b"image", digest).unwrap();
        assert_eq!(first, second);
        assert_eq!(folder.find(digest), Some(second));
        assert_eq!(fs::read(first.path).unwrap(), b"image");
        assert_eq!(names(dir.path()).len(), 1);
    }

    #[test]
    fn a_wrong_or_oversized_upload_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let folder = ImageFolder::open(dir.path()).unwrap();
        let wrong = store(&folder, b"other", Digest::of(b"image"));
        let large = store(&folder, &[0; 101], Digest::of(&[0; 101]));
        assert!(matches!(wrong, Err(FolderError::DigestMismatch { .. })));
        assert!(matches!(large, Err(FolderError::TooLarge { limit: 100 })));
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn what_a_killed_server_left_is_removed_at_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("incoming-7"), "half").unwrap();
        ImageFolder::open(dir.path()).unwrap();
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn two_processes_do_not_share_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let _first = ImageFolder::open(dir.path()).unwrap();
        assert!(matches!(ImageFolder::open(dir.path()), Err(FolderError::Open { .. })));
    }
}
