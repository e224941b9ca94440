//! Every change of a machine's power: counted, and kept as a line in a file for whoever asks later.

use jiff::Timestamp;
use serde::Serialize;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// How often a machine's power changed since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PowerCounts {
    /// Switched on.
    pub starts: u32,
    /// Restarted from outside.
    pub resets: u32,
    /// Restarted by its own system.
    pub guest_resets: u32,
    /// Switched off from outside.
    pub stops: u32,
}

/// What happened to the power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PowerChange {
    Start,
    Reset,
    GuestReset,
    Stop,
    Exit,
}

#[derive(Debug)]
pub(super) struct PowerLog {
    file: PathBuf,
    counts: Mutex<PowerCounts>,
}

impl PowerLog {
    pub(super) fn new(file: PathBuf) -> Self {
        Self { file, counts: Mutex::default() }
    }

    pub(super) fn counts(&self) -> PowerCounts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn record(&self, change: PowerChange, detail: &str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let word = match change {
            PowerChange::Start => {
                counts.starts += 1;
                "start"
            }
            PowerChange::Reset => {
                counts.resets += 1;
                "reset"
            }
            PowerChange::GuestReset => {
                counts.guest_resets += 1;
                "guest-reset"
            }
            PowerChange::Stop => {
                counts.stops += 1;
                "stop"
            }
            PowerChange::Exit => "exit",
        };
        if let Err(error) = append(&self.file, &format!("{} {word} {detail}\n", Timestamp::now())) {
            tracing::warn!(file = %self.file.display(), %error, "A power change was not logged");
        }
    }
}

fn append(file: &Path, line: &str) -> io::Result<()> {
    File::options().append(true).create(true).open(file)?.write_all(line.as_bytes())
}
