//! The boot files: names and what they stand for.
//!
//! A name is looked up in a table, never in a filesystem, so no name can lead anywhere else.

use ranged::FileSource;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Names of boot files, such as `ipxe.efi` or `discovery/vmlinuz`, and what they stand for.
#[derive(Debug, Clone, Default)]
pub struct BootFiles {
    by_name: BTreeMap<String, FileSource>,
}

/// A folder of boot files cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("reading the folder {folder}")]
pub struct FolderError {
    folder: PathBuf,
    source: io::Error,
}

impl BootFiles {
    /// Adds a file, unless its name could not be asked for.
    pub fn insert(&mut self, name: &str, source: FileSource) -> Result<(), tftp::BadPath> {
        self.by_name.insert(tftp::clean_path(name.as_bytes())?.to_owned(), source);
        Ok(())
    }

    /// Adds the plain files of a folder under `prefix` (empty, or with a slash at its end), as they are now.
    /// Those whose names could not be asked for are left out.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn insert_folder(&mut self, prefix: &str, folder: &Path) -> Result<(), FolderError> {
        let failed = |source| FolderError { folder: folder.to_owned(), source };
        for entry in folder.read_dir().map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if let Some(name) = path.file_name().and_then(|name| name.to_str())
                && path.is_file()
            {
                self.insert(&format!("{prefix}{name}"), FileSource::Path(path.clone())).ok();
            }
        }
        Ok(())
    }

    /// What `name` stands for. It must be in the form of [`tftp::clean_path`].
    pub fn find(&self, name: &str) -> Option<&FileSource> {
        self.by_name.get(name)
    }

    /// Every name, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}
