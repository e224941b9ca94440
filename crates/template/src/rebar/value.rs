//! Values as Go's templates have them: maps and lists that print as Go prints them, maps that `set` changes in
//! place, and a nothing that prints as Go's does.

use minijinja::value::{DynObject, Enumerator, Object, ObjectRepr, ValueKind};
use minijinja::{Error, ErrorKind, Value};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A map with text for keys, in their order.
#[derive(Debug, Default)]
pub(super) struct Map(Mutex<BTreeMap<String, Value>>);

/// A list.
#[derive(Debug, Default)]
pub(super) struct List(Vec<Value>);

/// Go's nil.
#[derive(Debug)]
pub(super) struct Nil;

impl Map {
    pub(super) fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn nil() -> Value {
    Value::from_object(Nil)
}

pub(super) fn list(items: impl IntoIterator<Item = Value>) -> Value {
    Value::from_object(List(items.into_iter().collect()))
}

pub(super) fn map(entries: BTreeMap<String, Value>) -> Value {
    Value::from_object(Map(Mutex::new(entries)))
}

/// Whether the value is nothing at all.
pub(super) fn is_nil(value: &Value) -> bool {
    value.is_none() || value.is_undefined() || value.downcast_object_ref::<Nil>().is_some()
}

/// A value of plain data.
pub(super) fn of_json(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => nil(),
        serde_json::Value::Bool(value) => Value::from(*value),
        serde_json::Value::Number(number) => of_number(number),
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => list(items.iter().map(of_json)),
        serde_json::Value::Object(members) => {
            map(members.iter().map(|(key, value)| (key.clone(), of_json(value))).collect())
        }
    }
}

/// Go writes a float without a fraction like an integer.
fn of_number(number: &serde_json::Number) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match (number.as_i64(), number.as_u64(), number.as_f64()) {
        (Some(value), ..) => Value::from(value),
        (_, Some(value), _) => Value::from(value),
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
        (.., Some(value)) if value.fract() == 0.0 && value.abs() < EXACT => Value::from(value as i64),
        (.., value) => Value::from(value.unwrap_or_default()),
    }
}

/// A value of any origin as one of this module's.
pub(super) fn of_value(value: &Value) -> Value {
    match value.kind() {
        ValueKind::Map | ValueKind::Seq | ValueKind::Iterable | ValueKind::None => of_json(&to_json(value)),
        _ => value.clone(),
    }
}

/// Plain data of a value: what it looks like to JSON.
pub(super) fn to_json(value: &Value) -> serde_json::Value {
    if is_nil(value) {
        return serde_json::Value::Null;
    }
    if let Some(entries) = value.downcast_object_ref::<Map>() {
        let entries = entries.entries();
        return entries.iter().map(|(key, value)| (key.clone(), to_json(value))).collect();
    }
    if let Some(List(items)) = value.downcast_object_ref() {
        return items.iter().map(to_json).collect();
    }
    serde_json::to_value(value).unwrap_or_default()
}

/// The items of a list.
///
/// # Errors
/// When it is none.
pub(super) fn items(value: &Value) -> Result<Vec<Value>, Error> {
    if let Some(List(items)) = value.downcast_object_ref() {
        return Ok(items.clone());
    }
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => Ok(value.try_iter()?.map(|item| of_value(&item)).collect()),
        _ if is_nil(value) => Ok(Vec::new()),
        kind => Err(wrong(format!("a {kind} is no list"))),
    }
}

/// The entries of a map, as they are now.
///
/// # Errors
/// When it is none.
pub(super) fn entries(value: &Value) -> Result<BTreeMap<String, Value>, Error> {
    if let Some(map) = value.downcast_object_ref::<Map>() {
        return Ok(map.entries().clone());
    }
    match value.kind() {
        ValueKind::Map => value
            .try_iter()?
            .map(|key| Ok((key.to_string(), of_value(&value.get_item(&key)?))))
            .collect::<Result<_, Error>>(),
        _ if is_nil(value) => Ok(BTreeMap::new()),
        kind => Err(wrong(format!("a {kind} is no map"))),
    }
}

pub(super) fn wrong(detail: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, detail.into())
}

impl Object for Map {
    /// A key that is not there gives nothing, as in Go: content asks for optional members that way.
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(self.entries().get(key.as_str()?).cloned().unwrap_or_else(nil))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.entries().keys().map(Value::from).collect())
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let other = other.downcast_ref::<Self>()?;
        if std::ptr::eq(self.as_ref(), other) {
            return Some(Ordering::Equal);
        }
        let other = other.entries().clone();
        Some(self.entries().cmp(&other))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("map[")?;
        // Cloned: a map may hold itself, and printing must not wait for its own lock.
        for (index, (key, value)) in self.entries().clone().iter().enumerate() {
            let gap = if index == 0 { "" } else { " " };
            write!(f, "{gap}{key}:{}", Shown(value))?;
        }
        f.write_str("]")
    }
}

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.get(key.as_usize()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.len())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (index, value) in self.0.iter().enumerate() {
            let gap = if index == 0 { "" } else { " " };
            write!(f, "{gap}{}", Shown(value))?;
        }
        f.write_str("]")
    }
}

impl Object for Nil {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        other.downcast_ref::<Self>().map(|_| Ordering::Equal)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<no value>")
    }
}

/// A value inside another one: Go writes a nothing there as `<nil>`.
struct Shown<'a>(&'a Value);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_nil(self.0) { f.write_str("<nil>") } else { f.write_str(&super::print::text(self.0)) }
    }
}
