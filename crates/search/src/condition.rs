//! What an expression comes down to: conditions on single values.
//!
//! Both who decides about one machine's facts and who asks an index go by these, so that they cannot disagree about
//! what a comparison means.

use crate::facts::Value;
use crate::operand::{Network, Pattern};
use std::ops::Bound;

/// What is asked of a machine's values under some fields: that one of them, or none, meets one of the conditions.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// Where the values are filed: `memory`, `params.rack`.
    pub keys: Vec<String>,
    /// Whether no value may meet a condition. A machine without a value fits then.
    pub negated: bool,
    /// The conditions.
    pub any_of: Vec<Condition>,
}

/// What is asked of one value.
#[derive(Debug, Clone)]
pub enum Condition {
    /// That there is one.
    Present,
    /// That its text is this one.
    Text(String),
    /// That its number lies between these.
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
        match self {
            Self::Present => true,
            Self::Text(text) => value.text.as_ref() == Some(text),
            Self::Range(from, to) => value.number.is_some_and(|number| is_between(number, *from, *to)),
            Self::Looks(matcher) => value.text.as_ref().is_some_and(|text| matcher.fits(text)),
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

    /// The same with another end, which is not part of it.
    pub(crate) fn before(self, end: f64) -> Self {
        self.ends(Bound::Excluded(end))
    }

    /// The same with another end, which is part of it.
    pub(crate) fn to(self, end: f64) -> Self {
        self.ends(Bound::Included(end))
    }

    fn ends(self, end: Bound<f64>) -> Self {
        match self {
            Self::Range(from, _) => Self::Range(from, end),
            other => other,
        }
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
