//! SQLite, spoken to in the thread that asks.
//!
//! A statement takes some microseconds, and handing it to a thread of the database's own takes several times as much
//! (docs/decisions/0011). So a statement runs where it is asked for. Who has much to read moves to a blocking thread
//! (`fetch_at_length`), and the writer has one of its own.

mod connection;
mod migrate;
mod query;
mod readers;
mod row;

pub(crate) use connection::{Connection, Executor};
pub(crate) use migrate::{Migration, NotMigrated, migrate};
pub(crate) use query::{QueryBuilder, execute_each, query, query_as, query_scalar};
pub(crate) use readers::Readers;
pub(crate) use row::{Row, is_about_a_value};
pub(crate) use rusqlite::Error;
pub(crate) use rusqlite::types::{Value, ValueRef};

pub(crate) type Result<T> = std::result::Result<T, Error>;

#[cfg(test)]
mod tests;
