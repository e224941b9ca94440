//! What is known of one machine, as searches see it.

use std::borrow::Cow;
use std::cmp::Ordering;

/// One value under a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// There is one, and what it is nobody may find out by searching.
    Hidden,
    /// A number: bytes for sizes, milliseconds since 1970 for times.
    Number(f64),
    /// A text.
    Text(String),
}

impl Value {
    /// As a text.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Hidden => None,
            Self::Number(number) => Some(number.to_string().into()),
            Self::Text(text) => Some(text.into()),
        }
    }
}

/// The values of one machine under their fields, in order and each once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    values: Vec<(String, Value)>,
}

impl Facts {
    /// Every value with where it is filed: `memory`, `params.rack`. In the order of fields.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The values under a field.
    pub fn values(&self, key: &str) -> impl Iterator<Item = &Value> {
        self.from(key).take_while(move |(other, _)| *other == key).map(|(_, value)| value)
    }

    /// Whether there is a value under a field, or on a path that goes on from it.
    pub fn has(&self, key: &str) -> bool {
        let below = |other: &str| other.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'));
        let mut near = self.from(key).take_while(|(other, _)| other.starts_with(key));
        near.any(|(other, _)| other == key || below(other))
    }

    /// The values from a field on.
    fn from(&self, key: &str) -> impl Iterator<Item = (&str, &Value)> {
        let begin = self.values.partition_point(|(other, _)| other.as_str() < key);
        self.values[begin..].iter().map(|(key, value)| (key.as_str(), value))
    }
}

impl FromIterator<(String, Value)> for Facts {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(values: I) -> Self {
        let mut values: Vec<(String, Value)> = values.into_iter().collect();
        values.sort_by(in_order);
        values.dedup_by(|a, b| in_order(a, b).is_eq());
        Self { values }
    }
}

/// An order of values that means nothing, but is the same every time.
fn in_order((key, value): &(String, Value), (other_key, other): &(String, Value)) -> Ordering {
    key.cmp(other_key).then_with(|| match (value, other) {
        (Value::Hidden, Value::Hidden) => Ordering::Equal,
        (Value::Number(a), Value::Number(b)) => a.total_cmp(b),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Hidden, _) | (Value::Number(_), Value::Text(_)) => Ordering::Less,
        (_, Value::Hidden) | (Value::Text(_), Value::Number(_)) => Ordering::Greater,
    })
}
