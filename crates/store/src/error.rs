//! What can go wrong, by what the caller can do about it.

use std::path::PathBuf;
use types::object::Kind;
use types::{MacAddr, MachineId, Name, RunId};
use workflow::CommandError;
use workflow::ports::CommitError;

/// A read or write of the store did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no such thing.
    #[error("there is no {what} {id}")]
    NotFound {
        /// What was looked for, in one word.
        what: &'static str,
        /// Its id or name.
        id: String,
    },
    /// Another object of the kind has the name.
    #[error("there is already a {kind} named {name}")]
    NameTaken {
        /// The kind.
        kind: Kind,
        /// The name.
        name: Name,
    },
    /// The object has changed since the caller read it.
    #[error("the object has changed since it was read: its version is {current}")]
    Stale {
        /// Its version now.
        current: u64,
    },
    /// The object is part of the program.
    #[error("{kind} {name} is built in: clone it to change it")]
    ReadOnly {
        /// The kind.
        kind: Kind,
        /// The name.
        name: Name,
    },
    /// The network card is declared to be another machine's.
    #[error("{mac} belongs to machine {machine}")]
    MacTaken {
        /// The card.
        mac: MacAddr,
        /// The other machine's name.
        machine: Name,
    },
    /// A run is working on the machine.
    #[error("run {run} is working on the machine")]
    MachineBusy {
        /// That run.
        run: RunId,
    },
    /// Another server owns the run, or nobody does.
    #[error("this server no longer owns the run")]
    LeaseLost,
    /// A secret was given as `[secret]`, and none is stored that this could mean.
    #[error("{path} is shown as \"[secret]\" and has no stored value: give the secret itself")]
    SecretNotGiven {
        /// JSON pointer within the spec.
        path: String,
    },
    /// The spec does not fit its kind. Callers check before, so this is their mistake.
    #[error("the spec does not fit {kind}: {reason}")]
    Malformed {
        /// The kind.
        kind: Kind,
        /// What does not fit.
        reason: String,
    },
    /// It is larger than what the history or a task may hold.
    #[error("{what} of {size} bytes is larger than {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size in bytes.
        size: usize,
        /// The largest that is taken.
        limit: usize,
    },
    /// A newer version of this program wrote the run. It is left alone.
    #[error("run {run} was written by a newer version (format {format}): upgrade to work with it")]
    NewerFormat {
        /// The run.
        run: RunId,
        /// Its format.
        format: u32,
    },
    /// The store cannot do it now; nothing was changed.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// There is no room on the disk; nothing was changed.
    #[error("the disk that holds the database is full: make room, and everything goes on by itself")]
    Full,
    /// The disk does not do what it is asked; nothing was changed.
    #[error("the disk that holds the database does not work: {0}")]
    Disk(String),
    /// The database does not take what this program asks of it: a mistake of ours.
    #[error("the database refuses a statement: {0}")]
    Refused(String),
    /// What is stored cannot be read.
    #[error("{what} is stored in a form that cannot be read")]
    Corrupt {
        /// What, with its id.
        what: String,
    },
}

impl StoreError {
    /// Whether the same may work later, without anybody changing what is asked or what is stored.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Full | Self::Disk(_))
    }
}

/// The store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("{path} is in use by another server")]
    InUse {
        /// The lock file.
        path: PathBuf,
    },
    /// The file cannot be made or read.
    #[error("opening {path}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A newer version of this program wrote the file. It is left alone.
    #[error("{path} was written by a newer version of this program: it has migration {version}")]
    Newer {
        /// Which file.
        path: PathBuf,
        /// The newest migration it has seen.
        version: i64,
    },
    /// The file is a database, and not ours.
    #[error("{path} is the database of another program, or of a Slipway from before its first release")]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
    /// The disk has no room for what SQLite must write before it can read.
    #[error("the disk that {path} lies on is full: make room, then start again")]
    Full {
        /// Which file.
        path: PathBuf,
    },
    /// The schema cannot be brought up to date.
    #[error("migrating {path}")]
    Migrate {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// Its secrets were encrypted with another key.
    #[error("the key does not open the secrets in {path}")]
    WrongKey {
        /// Which file.
        path: PathBuf,
    },
    /// The database cannot be read.
    #[error("reading {path}")]
    Database {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// The thread that writes cannot be started.
    #[error("starting the thread that writes the database")]
    Thread {
        /// Why.
        source: std::io::Error,
    },
    /// What is stored cannot be read.
    #[error("loading {path}")]
    Load {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: StoreError,
    },
}

/// A run cannot be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartRunError {
    /// Another run is working on the machine.
    #[error("run {run} is already working on the machine")]
    MachineBusy {
        /// That run.
        run: RunId,
    },
    /// There is no such machine.
    #[error("there is no machine {machine}")]
    MachineNotFound {
        /// The id.
        machine: MachineId,
    },
    /// The id belongs to a run of another machine or workflow.
    #[error("run {run} exists and is another one")]
    IdTaken {
        /// The id.
        run: RunId,
    },
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A command was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PushCommandError {
    /// There is no such run.
    #[error("there is no run {run}")]
    NotFound {
        /// The id.
        run: RunId,
    },
    /// It means nothing to the run as it stands.
    #[error(transparent)]
    Refused(#[from] CommandError),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<StoreError> for CommitError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::LeaseLost => Self::LeaseLost,
            StoreError::Unavailable(reason) => Self::Unavailable(reason),
            passing if passing.is_passing() => Self::Unavailable(passing.to_string()),
            lasting => Self::Unwritable(lasting.to_string()),
        }
    }
}
