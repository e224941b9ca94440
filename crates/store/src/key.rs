//! The key that secrets are encrypted with.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// 32 random bytes. Whoever has them and the database has every stored secret.
#[derive(Clone)]
pub struct EncryptionKey(Zeroizing<[u8; 32]>);

/// There is no usable key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The key's file cannot be read or made.
    #[error("reading the encryption key {path}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not 32 bytes in base64.
    #[error("the encryption key is not 32 bytes in base64")]
    Form,
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness")]
    Random,
}

impl EncryptionKey {
    /// The key of these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A new key.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn random() -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(bytes.as_mut()).map_err(|_| KeyError::Random)?;
        Ok(Self(bytes))
    }

    /// Reads a key as it is given in an environment variable or file: base64 of 32 bytes.
    ///
    /// # Errors
    /// When it is something else.
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        let decoded = Zeroizing::new(BASE64_STANDARD.decode(text.trim()).map_err(|_| KeyError::Form)?);
        let bytes = decoded.as_slice().try_into().map_err(|_| KeyError::Form)?;
        Ok(Self::from_bytes(bytes))
    }

    /// Reads the key in `path`; makes one, readable by its owner only, when there is none.
    ///
    /// # Errors
    /// When the file cannot be read or made, or holds something else.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyError> {
        match File::open(path) {
            Ok(mut file) => {
                let mut text = Zeroizing::new(String::new());
                file.read_to_string(&mut text).map_err(failed(path))?;
                Self::from_base64(&text)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Self::create(path),
            Err(error) => Err(failed(path)(error)),
        }
    }

    /// Writes the whole key beside `path` before it takes its name: half a key would be the loss of all secrets.
    fn create(path: &Path) -> Result<Self, KeyError> {
        let key = Self::random()?;
        let beside = path.with_extension("new");
        match std::fs::remove_file(&beside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(&beside)(error)),
            Ok(()) | Err(_) => {}
        }
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside).map_err(failed(&beside))?;
        let text = Zeroizing::new(BASE64_STANDARD.encode(key.bytes()) + "\n");
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed(&beside))?;
        std::fs::hard_link(&beside, path).map_err(failed(path))?;
        std::fs::remove_file(&beside).map_err(failed(&beside))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(path))?;
        Ok(key)
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> KeyError {
    let path = path.to_owned();
    move |source| KeyError::File { path, source }
}

impl std::fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(types::secret::SHOWN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_made_once_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let made = EncryptionKey::load_or_create(&path).unwrap();
        let read = EncryptionKey::load_or_create(&path).unwrap();
        assert_eq!(made.bytes(), read.bytes());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn half_a_key_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "c2hvcnQ=").unwrap();
        assert!(matches!(EncryptionKey::load_or_create(&path), Err(KeyError::Form)));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "c2hvcnQ=");
    }
}
