//! Text that stops growing.

use crate::limits::MAX_OUTPUT_BYTES;
use std::io;

/// What a template writes into.
pub(crate) struct Bounded {
    text: Vec<u8>,
}

impl Bounded {
    pub(crate) fn new() -> Self {
        Self { text: Vec::with_capacity(4096) }
    }

    pub(crate) fn into_text(self) -> String {
        // The engine writes whole texts only, so nothing is replaced here.
        String::from_utf8(self.text).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > MAX_OUTPUT_BYTES - self.text.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
