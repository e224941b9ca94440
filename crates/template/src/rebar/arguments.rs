//! The arguments of a function in Go's order: what a pipeline hands over is the last one.

use super::print;
use super::value::{self, is_nil, wrong};
use minijinja::value::ValueKind;
use minijinja::{Error, Value};
use std::collections::BTreeMap;

/// The arguments of one call.
#[derive(Clone, Copy)]
pub(super) struct Arguments<'a> {
    pub(super) function: &'a str,
    pub(super) values: &'a [Value],
}

impl<'a> Arguments<'a> {
    /// Refuses too few or too many.
    pub(super) fn count(self, fewest: usize, most: usize) -> Result<Self, Error> {
        let given = self.values.len();
        if (fewest..=most).contains(&given) {
            return Ok(self);
        }
        let wants = if fewest == most { fewest.to_string() } else { format!("{fewest} to {most}") };
        Err(wrong(format!("{} takes {wants} arguments and is given {given}", self.function)))
    }

    pub(super) fn exactly(self, count: usize) -> Result<Self, Error> {
        self.count(count, count)
    }

    pub(super) fn value(self, index: usize) -> Result<&'a Value, Error> {
        let missing = || wrong(format!("{} takes more than {} arguments", self.function, self.values.len()));
        self.values.get(index).ok_or_else(missing)
    }

    pub(super) fn from(self, index: usize) -> &'a [Value] {
        self.values.get(index..).unwrap_or_default()
    }

    /// An argument as text, whatever it is.
    pub(super) fn text(self, index: usize) -> Result<String, Error> {
        Ok(plain_text(self.value(index)?))
    }

    /// An argument as a number: text with digits counts, anything else is 0, as sprig has it.
    pub(super) fn int(self, index: usize) -> Result<i64, Error> {
        Ok(int(self.value(index)?))
    }

    /// A length or a position.
    pub(super) fn size(self, index: usize) -> Result<usize, Error> {
        Ok(usize::try_from(self.int(index)?.max(0)).unwrap_or(usize::MAX))
    }

    pub(super) fn items(self, index: usize) -> Result<Vec<Value>, Error> {
        value::items(self.value(index)?).map_err(|error| self.of(index, &error))
    }

    pub(super) fn entries(self, index: usize) -> Result<BTreeMap<String, Value>, Error> {
        value::entries(self.value(index)?).map_err(|error| self.of(index, &error))
    }

    fn of(self, index: usize, error: &Error) -> Error {
        let detail = error.detail().unwrap_or("cannot be used");
        wrong(format!("argument {} of {}: {detail}", index + 1, self.function))
    }
}

/// A value as text; nothing is empty.
pub(super) fn plain_text(value: &Value) -> String {
    if is_nil(value) { String::new() } else { print::text(value) }
}

pub(super) fn int(value: &Value) -> i64 {
    match value.kind() {
        ValueKind::Bool => i64::from(value.is_true()),
        #[expect(clippy::cast_possible_truncation, reason = "as sprig cuts it")]
        ValueKind::Number => {
            i64::try_from(value.clone()).unwrap_or_else(|_| f64::try_from(value.clone()).unwrap_or_default() as i64)
        }
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            text.parse().or_else(|_| i64::from_str_radix(text.trim_start_matches("0x"), 16)).unwrap_or_default()
        }
        _ => 0,
    }
}

pub(super) fn float(value: &Value) -> f64 {
    match value.kind() {
        ValueKind::Bool => f64::from(u8::from(value.is_true())),
        ValueKind::Number => f64::try_from(value.clone()).unwrap_or_default(),
        ValueKind::String => value.as_str().unwrap_or_default().parse().unwrap_or_default(),
        _ => 0.0,
    }
}
