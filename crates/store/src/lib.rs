//! All SQL: objects, runs, tasks, tokens, address leases, and the one ordered history.
//!
//! A [`Store`] is one SQLite file. One task writes to it, and writes that come in together share one
//! transaction and one flush to disk, each in a savepoint of its own: what a caller was told is durable, and a
//! write that fails leaves nothing behind and takes nothing else with it. Reads go to a pool beside it.
//! Decisions are elsewhere: the store keeps what it is given, and refuses what would contradict it.

mod apply;
mod attendance;
mod bmc;
mod card;
mod column;
mod error;
mod history;
mod key;
mod kinds;
mod lease;
mod lease6;
mod machine;
mod object;
mod object_row;
mod open;
mod probe;
mod room;
mod run;
mod run_row;
mod run_store;
mod seal;
mod search;
mod signals;
mod sql;
mod task;
mod token;
mod version;
mod writer;

pub use apply::{Applied, ApplyError, Change, Document};
pub use attendance::ATTEND_EVERY;
pub use error::{OpenError, PushCommandError, StartRunError, StoreError};
pub use history::EventFilter;
pub use key::{EncryptionKey, KeyError};
pub use kinds::*;
pub use machine::NewMachine;
pub use object::Selector;
pub use open::{Store, StoreOptions};
pub use probe::{Moment, NoProbe, Probe};
pub use room::Condition;
pub use run::RunFilter;
pub use signals::Statistics;
pub use task::{TaskRow, TaskState};
pub use token::Grant;
pub use version::{Use, Version};
