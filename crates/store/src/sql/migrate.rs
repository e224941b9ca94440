//! Bringing the schema up to date.

use super::{Connection, Error};

/// A change of the schema.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migration {
    /// Its place, from 1.
    pub(crate) version: i64,
    /// What it does.
    pub(crate) sql: &'static str,
}

/// The schema is not what this program needs.
#[derive(Debug)]
pub(crate) enum NotMigrated {
    /// A newer program has had the file. The version it left.
    Newer(i64),
    /// Another program's, which keeps no version there.
    Foreign,
    /// The database refused.
    Failed(Error),
}

/// Makes the changes that the file has not seen, each whole or not at all. SQLite keeps the place of the last in the
/// file's head (`PRAGMA user_version`).
pub(crate) fn migrate(connection: &mut Connection, migrations: &[Migration]) -> Result<(), NotMigrated> {
    let seen = user_version(connection).map_err(NotMigrated::Failed)?;
    let known = migrations.iter().map(|migration| migration.version).max().unwrap_or(0);
    if seen > known {
        return Err(NotMigrated::Newer(seen));
    }
    if seen == 0 && has_tables(connection).map_err(NotMigrated::Failed)? {
        return Err(NotMigrated::Foreign);
    }
    for migration in migrations.iter().filter(|migration| migration.version > seen) {
        apply(connection, migration).map_err(NotMigrated::Failed)?;
    }
    Ok(())
}

fn user_version(connection: &mut Connection) -> super::Result<i64> {
    connection.inner.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn has_tables(connection: &mut Connection) -> super::Result<bool> {
    connection.inner.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_master)", (), |row| row.get(0))
}

fn apply(connection: &mut Connection, migration: &Migration) -> super::Result<()> {
    let transaction = connection.inner.transaction()?;
    transaction.execute_batch(migration.sql)?;
    transaction.pragma_update(None, "user_version", migration.version)?;
    transaction.commit()
}
