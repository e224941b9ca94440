//! What comes out of a statement.

use super::{Error, Result};
use rusqlite::types::{FromSql, Value, ValueRef};
use std::sync::Arc;

/// A row, with its columns' names.
#[derive(Debug)]
pub(crate) struct Row {
    names: Arc<[String]>,
    values: Vec<Value>,
}

impl Row {
    pub(super) fn read(names: &Arc<[String]>, row: &rusqlite::Row<'_>) -> Result<Self> {
        let values = (0..names.len()).map(|at| row.get(at)).collect::<Result<_>>()?;
        Ok(Self { names: Arc::clone(names), values })
    }

    /// The value of a column.
    pub(crate) fn get<T: FromSql>(&self, column: &str) -> Result<T> {
        let (at, value) = self.find(column)?;
        let kind = value.data_type();
        T::column_result(ValueRef::from(value))
            .map_err(|error| Error::FromSqlConversionFailure(at, kind, Box::new(error)))
    }

    /// The value of a column of text.
    pub(crate) fn text(&self, column: &str) -> Result<&str> {
        match self.find(column)? {
            (_, Value::Text(text)) => Ok(text),
            (at, other) => Err(Error::InvalidColumnType(at, column.to_owned(), other.data_type())),
        }
    }

    fn find(&self, column: &str) -> Result<(usize, &Value)> {
        let at = self.names.iter().position(|name| name == column);
        let at = at.ok_or_else(|| Error::InvalidColumnName(column.to_owned()))?;
        Ok((at, self.values.get(at).ok_or(Error::InvalidColumnIndex(at))?))
    }
}

/// A row as a tuple of its columns.
pub(crate) trait FromRow: Sized {
    fn from_row(row: &rusqlite::Row<'_>) -> Result<Self>;
}

macro_rules! tuples {
    ($(($($name:ident $at:tt),+)),+) => {$(
        impl<$($name: FromSql),+> FromRow for ($($name,)+) {
            fn from_row(row: &rusqlite::Row<'_>) -> Result<Self> {
                Ok(($(row.get::<_, $name>($at)?,)+))
            }
        }
    )+};
}

tuples!(
    (A 0),
    (A 0, B 1),
    (A 0, B 1, C 2),
    (A 0, B 1, C 2, D 3),
    (A 0, B 1, C 2, D 3, E 4),
    (A 0, B 1, C 2, D 3, E 4, F 5),
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6)
);

/// Whether an error is about what is stored, and not about the database.
pub(crate) fn is_about_a_value(error: &Error) -> bool {
    matches!(
        error,
        Error::FromSqlConversionFailure(..)
            | Error::InvalidColumnType(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::Utf8Error(..)
    )
}
