//! What is known of one machine, as searches see it.

use std::cmp::Ordering;

/// One value under a field. A value without text and number says only that there is one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Value {
    /// As a text.
    pub text: Option<String>,
    /// As a number: bytes for sizes, milliseconds since 1970 for times, 32 bits for addresses of IPv4.
    pub number: Option<f64>,
}

impl Value {
    /// That there is one.
    pub fn present() -> Self {
        Self::default()
    }

    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), number: None }
    }

    /// A number, and how it is written.
    pub fn number(number: f64, text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), number: Some(number) }
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
        let begin = self.values.partition_point(|(other, _)| other.as_str() < key);
        self.values[begin..].iter().take_while(move |(other, _)| other == key).map(|(_, value)| value)
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
    let numbers = || match (value.number, other.number) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    };
    key.cmp(other_key).then_with(|| value.text.cmp(&other.text)).then_with(numbers)
}
