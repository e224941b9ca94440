//! What an expression comes down to: conditions on single values.
//!
//! Both who decides about one machine's facts and who asks an index go by these, so that they cannot disagree about
//! what a comparison means.

use crate::facts::Value;
use crate::operand::{Network, Pattern};
use std::ops::Bound;

/// What is asked of a machine's values under some fields.
#[derive(Debug, Clone)]
pub enum Leaf {
    /// That there is one, under the field or on a path that goes on from it.
    Has(String),
    /// That one of them, or none, meets a condition.
    Meets {
        /// Where the values are filed: `memory`, `params.rack`.
        keys: Vec<String>,
        /// Whether no value may meet a condition. A machine without a value fits then.
        negated: bool,
        /// The conditions.
        any_of: Vec<Condition>,
    },
}

/// What is asked of one value.
#[derive(Debug, Clone)]
pub enum Condition {
    /// That it is this text.
    Text(String),
    /// That it is a number between these.
    Range(Bound<f64>, Bound<f64>),
    /// Something that has to be looked at: no order and no hash leads to such values.
    Looks(Matcher),
}

/// What has to be looked at.
#[derive(Debug, Clone)]
pub enum Matcher {
    /// The pattern is found in the text.
    Pattern(Pattern),
    /// The text is an address in the network.
    Network(Network),
}

impl Matcher {
    /// Whether a text fits.
    pub fn fits(&self, text: &str) -> bool {
        match self {
            Self::Pattern(pattern) => pattern.is_found_in(text),
            Self::Network(network) => text.parse().is_ok_and(|address| network.contains(address)),
        }
    }
}

impl Condition {
    /// Whether the value meets it.
    pub fn holds(&self, value: &Value) -> bool {
        match (self, value) {
            (_, Value::Hidden) => false,
            (Self::Text(text), Value::Text(value)) => value == text,
            (Self::Range(from, to), Value::Number(number)) => is_between(*number, *from, *to),
            (Self::Looks(matcher), value) => value.text().is_some_and(|text| matcher.fits(&text)),
            (Self::Text(_), Value::Number(_)) | (Self::Range(..), Value::Text(_)) => false,
        }
    }

    pub(crate) fn exactly(number: f64) -> Self {
        Self::Range(Bound::Included(number), Bound::Included(number))
    }

    pub(crate) fn from(number: f64) -> Self {
        Self::Range(Bound::Included(number), Bound::Unbounded)
    }

    pub(crate) fn above(number: f64) -> Self {
        Self::Range(Bound::Excluded(number), Bound::Unbounded)
    }

    pub(crate) fn below(number: f64) -> Self {
        Self::Range(Bound::Unbounded, Bound::Excluded(number))
    }

    pub(crate) fn up_to(number: f64) -> Self {
        Self::Range(Bound::Unbounded, Bound::Included(number))
    }

    /// From the first to before the second.
    pub(crate) fn from_to(from: f64, to: f64) -> Self {
        Self::Range(Bound::Included(from), Bound::Excluded(to))
    }
}

fn is_between(number: f64, from: Bound<f64>, to: Bound<f64>) -> bool {
    let behind = match from {
        Bound::Included(from) => number >= from,
        Bound::Excluded(from) => number > from,
        Bound::Unbounded => true,
    };
    behind
        && match to {
            Bound::Included(to) => number <= to,
            Bound::Excluded(to) => number < to,
            Bound::Unbounded => true,
        }
}
