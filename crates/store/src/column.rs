//! How values become columns, and columns values.

use crate::{StoreError, sql};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::str::FromStr;
use types::Timestamp;

/// A time as it is stored: nanoseconds since 1970. What lies beyond the year 2262 is stored as that year's.
///
/// Nanoseconds, because a time that came back rounded would make a replayed run differ from the stored one, and
/// a run that slept until a rounded-down time would be due before its time, again and again.
pub(crate) fn nanos(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond()).unwrap_or(if at.as_nanosecond() < 0 { i64::MIN } else { i64::MAX })
}

/// The time that is stored as `nanos`.
pub(crate) fn timestamp(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanos)).expect("an i64 of nanoseconds is within the years -9999 to 9999")
}

/// A count or place that SQLite keeps as a signed number.
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A count or place as SQLite keeps it.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// `value` as JSON text.
pub(crate) fn to_json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("our types have a JSON form: their maps have text for keys")
}

/// Reads JSON text; `what` names the row when it is something else.
pub(crate) fn from_json<T: DeserializeOwned>(text: &str, what: impl FnOnce() -> String) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt { what: what() })
}

/// Reads a text column; `what` names the row when it is something else.
pub(crate) fn parse<T: FromStr>(text: &str, what: impl FnOnce() -> String) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt { what: what() })
}

/// The word that a unit variant serialises to.
pub(crate) fn word<T: Serialize>(value: T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => unreachable!("only enums of plain words are stored as words, not {other:?}"),
    }
}

/// The unit variant that `word` stands for.
pub(crate) fn from_word<T: DeserializeOwned>(word: &str, what: impl FnOnce() -> String) -> Result<T, StoreError> {
    serde_json::from_value(word.into()).map_err(|_| StoreError::Corrupt { what: what() })
}

impl From<sql::Error> for StoreError {
    fn from(error: sql::Error) -> Self {
        if sql::is_about_a_value(&error) {
            return Self::Corrupt { what: "a row of the database".to_owned() };
        }
        // See `Readers::take`.
        if let sql::Error::InvalidPath(_) = error {
            return Self::Unavailable("the store is closed".to_owned());
        }
        match error.sqlite_error() {
            Some(code) => of_code(code.extended_code.unsigned_abs(), &error.to_string()),
            None => Self::Refused(error.to_string()),
        }
    }
}

/// Whether the disk is full.
pub(crate) fn is_full(error: &sql::Error) -> bool {
    error.sqlite_error().is_some_and(|code| is_full_code(code.extended_code.unsigned_abs()))
}

fn is_full_code(code: u32) -> bool {
    const FULL: u32 = 13;
    /// The file of shared memory beside the log cannot grow, for which a full disk is the usual reason.
    const IOERR_SHMSIZE: u32 = 4874;
    code & 0xff == FULL || code == IOERR_SHMSIZE
}

/// What an extended result code of SQLite means: <https://sqlite.org/rescode.html>.
fn of_code(code: u32, message: &str) -> StoreError {
    const BUSY: u32 = 5;
    const LOCKED: u32 = 6;
    const NOMEM: u32 = 7;
    const READONLY: u32 = 8;
    const INTERRUPT: u32 = 9;
    const IOERR: u32 = 10;
    const CORRUPT: u32 = 11;
    const CANTOPEN: u32 = 14;
    const PROTOCOL: u32 = 15;
    const NOTADB: u32 = 26;
    match code & 0xff {
        _ if is_full_code(code) => StoreError::Full,
        CORRUPT | NOTADB => StoreError::Corrupt { what: "the database file".to_owned() },
        READONLY | IOERR | CANTOPEN => StoreError::Disk(format!("{message} (SQLite code {code})")),
        BUSY | LOCKED | NOMEM | INTERRUPT | PROTOCOL => StoreError::Unavailable(message.to_owned()),
        _ => StoreError::Refused(message.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_disk_says_is_told_apart_from_what_is_wrong_in_the_file() {
        let of = |code| of_code(code, "as it says");
        assert!(matches!((of(13), of(4874)), (StoreError::Full, StoreError::Full)));
        for code in [8, 778, 1034, 14, 1544] {
            assert!(matches!(of(code), StoreError::Disk(reason) if reason.contains(&code.to_string())), "{code}");
        }
        assert!(matches!((of(11), of(267)), (StoreError::Corrupt { .. }, StoreError::Corrupt { .. })));
        assert!(matches!(of(5), StoreError::Unavailable(reason) if reason == "as it says"));
        assert!(matches!(of(19), StoreError::Refused(reason) if reason == "as it says"));
    }

    #[test]
    fn times_come_back_to_the_nanosecond() {
        let at: Timestamp = "2026-11-21T02:30:00.123456789Z".parse().unwrap();
        assert_eq!(timestamp(nanos(at)), at);
        assert_eq!(nanos(Timestamp::MAX), i64::MAX);
        assert!(timestamp(i64::MAX) > at && timestamp(i64::MIN) < at);
    }
}
