//! A connection to the database file.

use super::Result;
use rusqlite::OpenFlags;
use rusqlite::config::DbConfig;
use std::path::Path;
use std::time::Duration;

/// How long one connection waits for another's lock. The only other writer is a checkpoint or a person's shell.
const BUSY: Duration = Duration::from_secs(5);
/// What the writer keeps of the database, to change it without reading it again. SQLite goes through all of it in most
/// commits (balancing a tree, it gives pages a number for the moment that is larger than any, and then looks for pages
/// beyond the end), so more is not better.
const WRITERS_CACHE_KIB: i64 = 8 << 10;
/// How long the log grows before it is put into the file, in pages of 4 KiB. A page that is written a hundred times until
/// then is put there once; SQLite's own 1000 pages are filled by two machines' provisioning.
const LOG_PAGES: i64 = 4096;
/// What a reader keeps, for one question: SQLite drops it all as soon as anything was written.
const READERS_CACHE_KIB: i64 = 512;
/// Statements that a connection keeps prepared: all there are in this crate.
const PREPARED: usize = 192;

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(super) inner: rusqlite::Connection,
}

impl Connection {
    /// Opens the file to write, and makes it when there is none. Nothing in it changes yet.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Self::with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)
    }

    /// From here on readers are not held up by writes, and what is committed is on the disk.
    pub(crate) fn prepare_to_write(&mut self) -> Result<()> {
        self.inner.pragma_update(None, "journal_mode", "wal")?;
        self.inner.pragma_update(None, "synchronous", "full")?;
        self.inner.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
        self.inner.pragma_update(None, "cache_size", -WRITERS_CACHE_KIB)
    }

    /// Opens the file to read.
    pub(super) fn open_to_read(path: &Path) -> Result<Self> {
        let reader = Self::with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        reader.inner.pragma_update(None, "cache_size", -READERS_CACHE_KIB)?;
        Ok(reader)
    }

    fn with_flags(path: &Path, flags: OpenFlags) -> Result<Self> {
        let inner = rusqlite::Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        inner.busy_timeout(BUSY)?;
        inner.pragma_update(None, "foreign_keys", true)?;
        // Without it a statement is planned anew whenever a value changes that one of our partial indexes could turn on.
        inner.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        inner.set_prepared_statement_cache_capacity(PREPARED);
        Ok(Self { inner })
    }

    /// Whether a transaction is open. SQLite takes back one of its own accord when the disk is full or fails.
    pub(crate) fn is_in_transaction(&self) -> bool {
        !self.inner.is_autocommit()
    }

    /// From here on it sees the database as it is now.
    pub(super) fn begin_to_read(&mut self) -> Result<()> {
        self.inner.execute_batch("BEGIN")
    }

    /// It sees again what is written.
    pub(super) fn end_reading(&mut self) -> Result<()> {
        self.inner.execute_batch("COMMIT")
    }

    /// Does `work` whole or not at all. No transaction is open.
    pub(crate) fn in_transaction<E: From<rusqlite::Error>>(
        &mut self,
        work: impl FnOnce(&mut Self) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        self.inner.execute_batch("BEGIN IMMEDIATE")?;
        let done = work(self).and_then(|()| Ok(self.inner.execute_batch("COMMIT")?));
        if done.is_err() && self.is_in_transaction() {
            self.inner.execute_batch("ROLLBACK")?;
        }
        done
    }

    /// Closes it, and says if that could not be done cleanly.
    pub(crate) fn close(self) -> Result<()> {
        self.inner.close().map_err(|(_, error)| error)
    }
}

/// Where a statement can be executed.
pub(crate) trait Executor {
    /// Does `work` with a connection.
    fn with<T>(self, work: impl FnOnce(&rusqlite::Connection) -> Result<T>) -> Result<T>;
}

impl Executor for &mut Connection {
    fn with<T>(self, work: impl FnOnce(&rusqlite::Connection) -> Result<T>) -> Result<T> {
        work(&self.inner)
    }
}
