//! Room on the disk: a reserve that is given up when the disk is full, so that what is under way can be finished.
//!
//! SQLite on a full disk can do nothing: even to delete and to tidy its log it must write first. So a file of
//! some size lies beside the database that holds nothing. When the disk runs full it is emptied, and from then
//! on the store takes no new work, while leases, reports and runs go on in the room that this gives. When there is
//! room again, the file is made anew and new work is taken.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::watch;
use tracing::{error, info, warn};
use types::Timestamp;

/// The reserve: SQLite's log grows to 16 MiB before it is tidied, and further while somebody reads for long.
const RESERVE_BYTES: u64 = 32 << 20;
/// With less than this free, the disk counts as full. A transaction of 256 writes, each of the largest size that the
/// history takes, needs 16 MiB at worst; the usual one needs a hundredth of that.
const LEAST_FREE_BYTES: u64 = 4 << 20;
/// How often it is looked whether a disk that was full or broken works again.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// How well the store can write.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Condition {
    /// As it should.
    #[default]
    Well,
    /// There is no room on the disk. New work is refused; the rest goes on while the reserve lasts.
    Full {
        /// Since when.
        since: Timestamp,
    },
    /// The disk or the database on it does not work.
    Broken {
        /// Since when.
        since: Timestamp,
        /// What it says.
        reason: String,
    },
}

/// The reserve, and what is known of the disk.
pub(crate) struct Room {
    reserve: PathBuf,
    condition: watch::Sender<Condition>,
}

impl Room {
    /// Makes the reserve of the database at `path`, or gives it up at once if the disk is full already.
    pub(crate) fn open(path: &Path, now: Timestamp) -> Self {
        let mut reserve = path.as_os_str().to_owned();
        reserve.push(".reserve");
        let room = Self { reserve: reserve.into(), condition: watch::Sender::default() };
        if !room.is_whole() && !room.make_reserve() || room.free_bytes() < LEAST_FREE_BYTES {
            room.ran_out(now);
        }
        room
    }

    /// How well the store can write: level triggered.
    pub(crate) fn condition(&self) -> watch::Receiver<Condition> {
        self.condition.subscribe()
    }

    /// Whether there is no room for new work.
    pub(crate) fn is_full(&self) -> bool {
        matches!(*self.condition.borrow(), Condition::Full { .. })
    }

    /// Whether the disk should be looked at again soon.
    pub(crate) fn is_unwell(&self) -> bool {
        *self.condition.borrow() != Condition::Well
    }

    /// Takes a look before something is written: the reserve is given up before the first write fails.
    pub(crate) fn look(&self, now: Timestamp) {
        if !self.is_full() && self.free_bytes() < LEAST_FREE_BYTES {
            self.ran_out(now);
        }
    }

    /// The disk is full: the reserve is given up.
    pub(crate) fn ran_out(&self, now: Timestamp) {
        if self.is_full() {
            return;
        }
        if let Err(error) = self.empty_reserve() {
            warn!(%error, "the reserve on the full disk cannot be given up");
        }
        self.set(Condition::Full { since: now });
        error!("The disk is full: no new work is taken until there is room");
    }

    /// The disk refused to work.
    pub(crate) fn broke(&self, now: Timestamp, reason: &str) {
        let since = match *self.condition.borrow() {
            Condition::Well => now,
            Condition::Full { .. } => return,
            Condition::Broken { since, .. } => since,
        };
        self.set(Condition::Broken { since, reason: reason.to_owned() });
    }

    /// Something was written.
    pub(crate) fn worked(&self) {
        if matches!(*self.condition.borrow(), Condition::Broken { .. }) {
            self.set(Condition::Well);
            info!("The database can be written again");
        }
    }

    /// Takes up the reserve again, if there is room for it. Gives whether new work is taken now.
    pub(crate) fn regain(&self) -> bool {
        if !self.is_full() {
            return true;
        }
        if self.free_bytes() < RESERVE_BYTES + LEAST_FREE_BYTES || !self.make_reserve() {
            return false;
        }
        self.set(Condition::Well);
        info!("There is room on the disk again: new work is taken");
        true
    }

    fn set(&self, condition: Condition) {
        self.condition.send_replace(condition);
    }

    /// What the disk has left for us. A filesystem that does not say has enough: a write will tell.
    fn free_bytes(&self) -> u64 {
        let folder = self.reserve.parent().filter(|folder| !folder.as_os_str().is_empty());
        let found = nix::sys::statvfs::statvfs(folder.unwrap_or(Path::new(".")));
        found.map_or(u64::MAX, |found| found.blocks_available().saturating_mul(found.fragment_size()))
    }

    fn is_whole(&self) -> bool {
        std::fs::metadata(&self.reserve).is_ok_and(|reserve| reserve.len() == RESERVE_BYTES)
    }

    fn make_reserve(&self) -> bool {
        let made = self.open_reserve().and_then(|file| allocate(&file, RESERVE_BYTES));
        if let Err(error) = &made {
            info!(%error, "there is no room for the reserve");
            if let Err(error) = self.empty_reserve() {
                warn!(%error, "the half-made reserve cannot be given up");
            }
        }
        made.is_ok()
    }

    fn empty_reserve(&self) -> io::Result<()> {
        self.open_reserve()?.set_len(0)
    }

    fn open_reserve(&self) -> io::Result<File> {
        OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&self.reserve)
    }
}

/// Gives the file blocks of its own, not only a length.
fn allocate(file: &File, bytes: u64) -> io::Result<()> {
    let length = i64::try_from(bytes).map_err(io::Error::other)?;
    Ok(nix::fcntl::posix_fallocate(file, 0, length)?)
}
