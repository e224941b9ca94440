//! Opening and closing.

use crate::card;
use crate::column::is_full;
use crate::history::{self, Recorder};
use crate::probe::{NoProbe, Probe};
use crate::room::{Condition, Room};
use crate::seal::Sealer;
use crate::search::{load_words, rebuild_if_needed};
use crate::signals::Signals;
use crate::sql::{self, Connection, Migration, NotMigrated, Readers, migrate, query, query_scalar};
use crate::token;
use crate::writer::{Tx, Writer};
use crate::{EncryptionKey, OpenError, StoreError};
use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use workflow::ports::Clock;

/// Migrations in order. One that was released never changes.
const MIGRATIONS: [Migration; 4] = [
    Migration { version: 1, sql: include_str!("../migrations/sqlite/0001_initial.sql") },
    Migration { version: 2, sql: include_str!("../migrations/sqlite/0002_dhcp6.sql") },
    Migration { version: 3, sql: include_str!("../migrations/sqlite/0003_void_tokens.sql") },
    Migration { version: 4, sql: include_str!("../migrations/sqlite/0004_search.sql") },
];
/// How long a server waits for the one before it to let go of the file: longer than a clean shutdown's last writes.
const LOCK_TRIES: u32 = 100;
/// Pause between tries.
const LOCK_PAUSE: Duration = Duration::from_millis(50);
/// What is sealed with the key to know it again.
const KEY_CHECK: &str = "the key fits";

/// Where the store is and what it needs.
#[derive(Clone)]
pub struct StoreOptions {
    /// The database file; made when there is none.
    pub path: PathBuf,
    /// What secrets are encrypted with.
    pub key: EncryptionKey,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// Everything durable. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

/// What all clones share. When the last one goes, the writer writes what is queued and lets go of the file.
pub(crate) struct Inner {
    pub(crate) writer: Writer,
    pub(crate) recorder: Recorder,
    pub(crate) signals: Arc<Signals>,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) room: Arc<Room>,
    readers: Arc<Readers>,
    writing: Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    /// Opens the store, brings its schema up to date, and takes every run back from servers that are gone.
    ///
    /// # Errors
    /// When another server has it open, or it cannot be read.
    pub async fn open(options: StoreOptions) -> Result<Self, OpenError> {
        Self::open_probed(options, Arc::new(NoProbe)).await
    }

    /// As [`Store::open`], with every transaction shown to `probe`.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub async fn open_probed(options: StoreOptions, probe: Arc<dyn Probe>) -> Result<Self, OpenError> {
        let StoreOptions { path, key, clock } = options;
        let lock = lock(&path).await?;
        make_private(&path).map_err(|source| OpenError::File { path: path.clone(), source })?;
        let room = Arc::new(Room::open(&path, clock.now()));
        let sealer = Arc::new(Sealer::new(&key));
        let database = |source| refused(&path, source, |path, source| OpenError::Database { path, source });
        let load = |source| OpenError::Load { path: path.clone(), source };

        let mut connection = Connection::open(&path).map_err(database)?;
        migrate(&mut connection, &MIGRATIONS).map_err(|reason| match reason {
            NotMigrated::Newer(version) => OpenError::Newer { path: path.clone(), version },
            NotMigrated::Foreign => OpenError::Foreign { path: path.clone() },
            NotMigrated::Failed(source) => refused(&path, source, |path, source| OpenError::Migrate { path, source }),
        })?;
        connection.prepare_to_write().map_err(database)?;
        check_key(&mut connection, &sealer, &path)?;
        take_runs_back(&mut connection).map_err(load)?;
        make_searchable(&mut connection).map_err(load)?;
        let last_seq = history::last_seq(&mut connection).map_err(load)?;
        let command_seq = last_command(&mut connection).map_err(database)?;
        let tokens = token::load(&mut connection, clock.now()).map_err(load)?;
        let cards = card::load(&mut connection).map_err(load)?;
        let words = load_words(&mut connection).map_err(load)?;
        let signals = Arc::new(Signals::new(last_seq, command_seq, tokens, cards, words));

        let readers = Arc::new(Readers::of(&path));
        let tx = Tx::new(connection, Arc::clone(&sealer), Arc::clone(&room), Arc::clone(&clock));
        let (writer, recorder, writing) =
            Writer::start(tx, lock, Arc::clone(&signals), probe).map_err(|source| OpenError::Thread { source })?;
        let writing = Mutex::new(Some(writing));
        Ok(Self { inner: Arc::new(Inner { writer, recorder, signals, sealer, clock, room, readers, writing }) })
    }

    /// Writes what is queued and closes the file. Later writes, by clones, are refused.
    pub async fn close(self) {
        self.inner.writer.close().await;
        // The last connection to close puts the log into the file, and one that only reads cannot.
        self.inner.readers.close();
        let writing = self.inner.writing.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(Err(ended)) = match writing {
            Some(writing) => Some(writing.await),
            None => None,
        } {
            tracing::error!(error = %ended, "the writing task did not end by itself");
        }
    }

    /// Returns when nothing can be written any more: the store is closed, or the writing task has died, which
    /// only a new start of the process repairs.
    pub async fn closed(&self) {
        self.inner.writer.closed().await;
    }

    /// How well it can write: level triggered.
    pub fn condition(&self) -> watch::Receiver<Condition> {
        self.inner.room.look(self.inner.clock.now());
        self.inner.room.condition()
    }

    /// Where short reads go.
    pub(crate) fn reader(&self) -> &Readers {
        &self.inner.readers
    }

    /// Where long reads go.
    pub(crate) fn readers(&self) -> Arc<Readers> {
        Arc::clone(&self.inner.readers)
    }

    /// See [`Writer::write`].
    pub(crate) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&mut Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.inner.writer.write(work).await
    }
}

/// Makes sure that no other server has the file: leases on runs are void when a server starts, which would be
/// wrong beside one that still holds them.
async fn lock(path: &Path) -> Result<File, OpenError> {
    let path = with_suffix(path, ".lock");
    let failed = |source| OpenError::File { path: path.clone(), source };
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path).map_err(failed)?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_PAUSE).await,
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
    }
    Err(OpenError::InUse { path })
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Makes the database file, and makes it its owner's alone. SQLite gives the files beside it the same mode.
fn make_private(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))
}

/// What to say of an error of SQLite: a full disk is told apart, since it is mended otherwise.
fn refused(path: &Path, source: sql::Error, otherwise: fn(PathBuf, sql::Error) -> OpenError) -> OpenError {
    let path = path.to_owned();
    if is_full(&source) { OpenError::Full { path } } else { otherwise(path, source) }
}

/// Knows the key again that the file's secrets were sealed with.
fn check_key(connection: &mut Connection, sealer: &Sealer, path: &Path) -> Result<(), OpenError> {
    const PLACE: &str = "meta/key_check";
    let database = |source| refused(path, source, |path, source| OpenError::Database { path, source });
    let stored: Option<String> = query_scalar("SELECT value FROM meta WHERE key = 'key_check'")
        .fetch_optional(&mut *connection)
        .map_err(database)?;
    if let Some(stored) = stored {
        let opened = sealer.open(&stored, PLACE).map_err(|_| OpenError::WrongKey { path: path.to_owned() })?;
        return if opened.as_str() == KEY_CHECK { Ok(()) } else { Err(OpenError::WrongKey { path: path.to_owned() }) };
    }
    let sealed = sealer.seal(KEY_CHECK, PLACE).map_err(|source| OpenError::Load { path: path.to_owned(), source })?;
    let insert = query("INSERT INTO meta (key, value) VALUES ('key_check', ?1)").bind(sealed);
    insert.execute(connection).map_err(database)?;
    Ok(())
}

/// Voids every lease. Whoever held one is gone, since the file is locked; what it was at is due now.
fn take_runs_back(connection: &mut Connection) -> Result<(), StoreError> {
    let query = query("UPDATE runs SET epoch = epoch + 1, lease_until = NULL WHERE lease_until IS NOT NULL");
    match query.execute(connection).map_err(StoreError::from) {
        // Machines must boot whatever the disk has room for. The leases run out by themselves.
        Err(passing) if passing.is_passing() => {
            tracing::warn!(error = %passing, "runs are not taken back from the server before until their leases run out");
            Ok(())
        }
        taken => taken.map(drop),
    }
}

/// Brings the index of machines up to date with this program's rules.
fn make_searchable(connection: &mut Connection) -> Result<(), StoreError> {
    match rebuild_if_needed(connection) {
        // Machines must boot whatever the disk has room for.
        Err(passing) if passing.is_passing() => {
            tracing::warn!(error = %passing, "machines cannot be searched until the next start: there is no index of them");
            Ok(())
        }
        made => made,
    }
}

fn last_command(connection: &mut Connection) -> crate::sql::Result<i64> {
    let query = query_scalar("SELECT seq FROM sqlite_sequence WHERE name = 'run_commands'");
    Ok(query.fetch_optional(connection)?.unwrap_or(0))
}
