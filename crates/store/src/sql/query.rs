//! A statement and its values.

use super::Error;
use super::connection::Executor;
use super::readers::Readers;
use super::row::{FromRow, Row};
use crate::StoreError;
use rusqlite::types::{FromSql, Value};
use rusqlite::{CachedStatement, params_from_iter};
use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::Arc;

/// A statement whose rows are read by the names of their columns.
pub(crate) fn query(sql: impl Into<Cow<'static, str>>) -> Query<Named> {
    Query { sql: sql.into(), values: Vec::new(), shape: PhantomData }
}

/// Executes a statement once for each row of values.
pub(crate) fn execute_each<const N: usize>(
    sql: &str,
    rows: Vec<[Value; N]>,
    executor: impl Executor,
) -> super::Result<()> {
    executor.with(|connection| {
        let mut statement = connection.prepare_cached(sql)?;
        rows.into_iter().try_for_each(|row| statement.execute(params_from_iter(row)).map(drop))
    })
}

/// A statement whose rows are tuples.
pub(crate) fn query_as<T: FromRow>(sql: &'static str) -> Query<Tuple<T>> {
    Query { sql: sql.into(), values: Vec::new(), shape: PhantomData }
}

/// A statement whose rows have one column.
pub(crate) fn query_scalar<T: FromSql>(sql: &'static str) -> Query<Scalar<T>> {
    Query { sql: sql.into(), values: Vec::new(), shape: PhantomData }
}

/// A statement with the values of its parameters, `?1` first.
pub(crate) struct Query<S> {
    sql: Cow<'static, str>,
    values: Vec<Value>,
    shape: PhantomData<fn() -> S>,
}

/// What a statement's rows become.
pub(crate) trait Shape {
    /// What a row becomes.
    type Out;
    /// Reads what follows `statement`'s execution, up to `limit` rows.
    fn read(statement: &mut CachedStatement<'_>, values: Vec<Value>, limit: usize) -> super::Result<Vec<Self::Out>>;
}

/// Rows with names.
pub(crate) struct Named;
/// Rows as tuples.
pub(crate) struct Tuple<T>(PhantomData<T>);
/// Rows of one column.
pub(crate) struct Scalar<T>(PhantomData<T>);

impl Shape for Named {
    type Out = Row;

    fn read(statement: &mut CachedStatement<'_>, values: Vec<Value>, limit: usize) -> super::Result<Vec<Row>> {
        let names: Arc<[String]> = statement.column_names().map(str::to_owned).collect();
        rows(statement, values, limit, |row| Row::read(&names, row))
    }
}

impl<T: FromRow> Shape for Tuple<T> {
    type Out = T;

    fn read(statement: &mut CachedStatement<'_>, values: Vec<Value>, limit: usize) -> super::Result<Vec<T>> {
        rows(statement, values, limit, T::from_row)
    }
}

impl<T: FromSql> Shape for Scalar<T> {
    type Out = T;

    fn read(statement: &mut CachedStatement<'_>, values: Vec<Value>, limit: usize) -> super::Result<Vec<T>> {
        rows(statement, values, limit, |row| row.get(0))
    }
}

fn rows<T>(
    statement: &mut CachedStatement<'_>,
    values: Vec<Value>,
    limit: usize,
    read: impl Fn(&rusqlite::Row<'_>) -> super::Result<T>,
) -> super::Result<Vec<T>> {
    let mut rows = statement.query(params_from_iter(values))?;
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(row) = rows.next()?
    {
        found.push(read(row)?);
    }
    Ok(found)
}

impl<S: Shape> Query<S> {
    /// Gives the next parameter its value.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// The rows, all read in this thread: for few.
    pub(crate) fn fetch_all(self, executor: impl Executor) -> super::Result<Vec<S::Out>> {
        self.fetch(executor, usize::MAX)
    }

    /// The first row, if there is one.
    pub(crate) fn fetch_optional(self, executor: impl Executor) -> super::Result<Option<S::Out>> {
        Ok(self.fetch(executor, 1)?.pop())
    }

    /// The first row.
    pub(crate) fn fetch_one(self, executor: impl Executor) -> super::Result<S::Out> {
        self.fetch_optional(executor)?.ok_or(Error::QueryReturnedNoRows)
    }

    fn fetch(self, executor: impl Executor, limit: usize) -> super::Result<Vec<S::Out>> {
        executor.with(|connection| S::read(&mut connection.prepare_cached(&self.sql)?, self.values, limit))
    }
}

impl Query<Named> {
    /// Shows every row to `visit` as it is read: for many, of which little is kept.
    pub(crate) fn visit(
        self,
        executor: impl Executor,
        mut visit: impl FnMut(&rusqlite::Row<'_>) -> super::Result<()>,
    ) -> super::Result<()> {
        executor.with(|connection| {
            let mut statement = connection.prepare_cached(&self.sql)?;
            let mut rows = statement.query(params_from_iter(self.values))?;
            while let Some(row) = rows.next()? {
                visit(row)?;
            }
            Ok(())
        })
    }

    /// Executes it; gives how many rows it changed.
    pub(crate) fn execute(self, executor: impl Executor) -> super::Result<usize> {
        executor.with(|connection| connection.prepare_cached(&self.sql)?.execute(params_from_iter(self.values)))
    }

    /// Executes an INSERT; gives the new row's id.
    pub(crate) fn insert(self, executor: impl Executor) -> super::Result<i64> {
        executor.with(|connection| {
            connection.prepare_cached(&self.sql)?.execute(params_from_iter(self.values))?;
            Ok(connection.last_insert_rowid())
        })
    }
}

/// A statement that is put together from parts, none of which may come from outside: that is what values are for.
pub(crate) struct QueryBuilder {
    sql: String,
    values: Vec<Value>,
}

impl QueryBuilder {
    pub(crate) fn new(sql: &str) -> Self {
        Self { sql: sql.to_owned(), values: Vec::new() }
    }

    /// Appends a part of the statement.
    pub(crate) fn push(&mut self, sql: &str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    /// Appends a parameter and its value.
    pub(crate) fn push_bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.sql.push('?');
        self.values.push(value.into());
        self
    }

    pub(crate) fn build(self) -> Query<Named> {
        Query { sql: self.sql.into(), values: self.values, shape: PhantomData }
    }
}

impl<S: Shape + 'static> Query<S> {
    /// The rows, read and made sense of in a blocking thread: for many.
    pub(crate) async fn fetch_at_length<T: Send + 'static>(
        self,
        readers: Arc<Readers>,
        read: impl Fn(S::Out) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Vec<T>, StoreError> {
        // Until the answer is here: what has been read and not yet told is not at rest.
        let _reading = readers.begin();
        let reader = Arc::clone(&readers);
        let rows = tokio::task::spawn_blocking(move || self.fetch_all(&*reader)?.into_iter().map(read).collect());
        match rows.await {
            Ok(rows) => rows,
            Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
            // The runtime is being shut down, and the reader with it.
            Err(_) => std::future::pending().await,
        }
    }
}
