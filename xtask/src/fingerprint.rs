//! Decides whether something built is still what its inputs would give.
//!
//! A fingerprint of all inputs lies beside the output. It is written last, so an interrupted build is built again.

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;

/// Collects what a build depends on.
#[derive(Debug, Default)]
pub(crate) struct Inputs(Sha256);

impl Inputs {
    /// Adds an input. Names and lengths are part of it, so that moving a byte from one input to the next is a change.
    pub(crate) fn add(&mut self, name: &str, content: &[u8]) -> &mut Self {
        for part in [name.as_bytes(), content] {
            self.0.update((part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
        self
    }

    /// The fingerprint, in hexadecimal.
    pub(crate) fn fingerprint(self) -> String {
        hex(&self.0.finalize())
    }
}

/// Whether the output beside `stamp` was built from inputs with this fingerprint.
pub(crate) fn is_current(stamp: &Path, fingerprint: &str) -> bool {
    fs::read_to_string(stamp).is_ok_and(|found| found == fingerprint)
}

/// Says that the output beside `stamp` is complete.
pub(crate) fn record(stamp: &Path, fingerprint: &str) -> Result<()> {
    fs::write(stamp, fingerprint).with_context(|| format!("writing {}", stamp.display()))
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint_of(inputs: &[(&str, &str)]) -> String {
        let mut collected = Inputs::default();
        for (name, content) in inputs {
            collected.add(name, content.as_bytes());
        }
        collected.fingerprint()
    }

    #[test]
    fn fingerprint_changes_with_any_input() {
        let first = fingerprint_of(&[("init", "a"), ("kernel", "1")]);
        assert_eq!(first, fingerprint_of(&[("init", "a"), ("kernel", "1")]));
        assert_ne!(first, fingerprint_of(&[("init", "b"), ("kernel", "1")]));
        assert_ne!(first, fingerprint_of(&[("inita", ""), ("kernel", "1")]));
    }

    #[test]
    fn output_without_a_stamp_is_not_current() {
        let place = tempfile::tempdir().unwrap();
        let stamp = place.path().join("stamp");
        assert!(!is_current(&stamp, "1"));
        record(&stamp, "1").unwrap();
        assert!(is_current(&stamp, "1"));
        assert!(!is_current(&stamp, "2"));
    }
}
