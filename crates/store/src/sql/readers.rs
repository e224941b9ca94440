//! Connections that only read.

use super::connection::{Connection, Executor};
use super::{Error, Result};
use crate::StoreError;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Connections that are kept open while nobody reads. Reads are short; more at once open more for themselves.
const KEPT: usize = 8;

/// Connections that only read, opened when they are first needed.
#[derive(Debug)]
pub(crate) struct Readers {
    path: PathBuf,
    idle: Mutex<Option<Vec<Connection>>>,
    reading: AtomicUsize,
}

impl Readers {
    pub(crate) fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), idle: Mutex::new(Some(Vec::new())), reading: AtomicUsize::new(0) }
    }

    /// Whether somebody reads at this moment, or is about to.
    pub(crate) fn are_reading(&self) -> bool {
        self.reading.load(Ordering::Acquire) > 0
    }

    /// Counts as reading until what this gives is dropped.
    pub(super) fn begin(&self) -> Reading<'_> {
        self.reading.fetch_add(1, Ordering::AcqRel);
        Reading(self)
    }

    /// Reads in this thread, and sees nothing of what is written meanwhile: for a few questions that belong together.
    pub(crate) fn at_one_moment<T>(
        &self,
        read: impl FnOnce(&mut Connection) -> std::result::Result<T, StoreError>,
    ) -> std::result::Result<T, StoreError> {
        let mut connection = self.take()?;
        connection.begin_to_read()?;
        let answer = read(&mut connection);
        // A connection that does not come to rest is dropped, and its transaction with it.
        connection.end_reading()?;
        self.put_back(connection);
        answer
    }

    /// The same in a blocking thread: for many questions.
    pub(crate) async fn read_at_length<T: Send + 'static>(
        self: Arc<Self>,
        read: impl FnOnce(&mut Connection) -> std::result::Result<T, StoreError> + Send + 'static,
    ) -> std::result::Result<T, StoreError> {
        // Until the answer is here: what has been read and not yet told is not at rest.
        let _reading = self.begin();
        let reader = Arc::clone(&self);
        match tokio::task::spawn_blocking(move || reader.at_one_moment(read)).await {
            Ok(answer) => answer,
            Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
            // The runtime is being shut down, and the reader with it.
            Err(_) => std::future::pending().await,
        }
    }

    /// Takes no more questions.
    pub(crate) fn close(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// `InvalidPath` says that it is closed: rusqlite has no such error, and gives this one for no path of ours.
    fn take(&self) -> Result<Connection> {
        let idle = match self.idle.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(idle) => idle.pop(),
            None => return Err(Error::InvalidPath(self.path.clone())),
        };
        idle.map_or_else(|| Connection::open_to_read(&self.path), Ok)
    }

    fn put_back(&self, connection: Connection) {
        if let Some(idle) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).as_mut()
            && idle.len() < KEPT
        {
            idle.push(connection);
        }
    }
}

/// Somebody reads.
pub(super) struct Reading<'r>(&'r Readers);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.reading.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Executor for &Readers {
    fn with<T>(self, work: impl FnOnce(&rusqlite::Connection) -> Result<T>) -> Result<T> {
        let connection = self.take()?;
        let read = work(&connection.inner);
        self.put_back(connection);
        read
    }
}
