//! What Ruby's values can do, under Ruby's names: `mac.gsub(":", "-")`, `names.join(", ")`.
//!
//! Templates that come from Foreman lean on these methods, and whoever wrote them knows them. A name's `?` is
//! dropped. Nothing is changed in place: `list.push(x)` is a new list.

mod ask;
mod convert;
mod inspect;
mod list;
mod map;
mod number;
mod pattern;
mod sprintf;
mod text;
mod time;

pub(in crate::foreman) use ask::{given, is_blank, is_empty};
pub(in crate::foreman) use convert::{concat, list_of, text_of};
pub(in crate::foreman) use number::compare;
pub(in crate::foreman) use pattern::{Found, Pattern, matching};
pub(in crate::foreman) use sprintf::sprintf;
pub(in crate::foreman) use time::{Moment, strftime};

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};

pub(in crate::foreman) type Answer = Result<Value, Error>;

/// The longest text or list that one call may make.
pub(super) const MAX_LENGTH: usize = 1 << 20;

/// Calls a method; nothing when there is none of that name for that kind of value.
pub(in crate::foreman) fn call(value: &Value, method: &str, args: &[Value]) -> Option<Answer> {
    if let Some(found) = value.downcast_object_ref::<Found>() {
        return pattern::call_found(found, method, args).or_else(|| general(value, method, args));
    }
    if let Some(moment) = value.downcast_object_ref::<Moment>() {
        return time::call(moment, method, args).or_else(|| general(value, method, args));
    }
    let answer = match value.kind() {
        ValueKind::Undefined => return None,
        ValueKind::None => nil(method),
        ValueKind::Number => number::call(value, method, args),
        ValueKind::String => value.as_str().and_then(|text| text::call(text, method, args)),
        ValueKind::Seq | ValueKind::Iterable => list::call(value, method, args),
        ValueKind::Map => map::call(value, method, args),
        _ => None,
    };
    answer.or_else(|| general(value, method, args))
}

/// What every value can do.
fn general(value: &Value, method: &str, args: &[Value]) -> Option<Answer> {
    Some(match (method, args) {
        ("to_s" | "to_sym" | "to_str", []) => Ok(Value::from(text_of(value))),
        ("inspect", []) => Ok(Value::from(inspect::inspect(value))),
        ("class", []) => Ok(Value::from(ask::class(value))),
        ("itself" | "freeze" | "dup" | "clone" | "html_safe", []) => Ok(value.clone()),
        ("presence", []) => Ok(if is_blank(value) { Value::from(()) } else { value.clone() }),
        ("present", []) => Ok(Value::from(!is_blank(value))),
        ("blank", []) => Ok(Value::from(is_blank(value))),
        ("nil", []) => Ok(Value::from(value.is_none())),
        ("empty", []) => is_empty(value).map(Value::from),
        ("to_json", _) => convert::to_json(value, false).map(Value::from),
        ("to_yaml", _) => convert::to_yaml(value).map(Value::from),
        ("to_a", []) => Ok(Value::from(vec![value.clone()])),
        ("responds_to", [name]) => Ok(Value::from(ask::responds(value, name.as_str().unwrap_or_default()))),
        ("eql" | "equal", [other]) => Ok(Value::from(value == other)),
        ("plus", [other]) => Ok(Value::from(concat(&[value.clone(), other.clone()]))),
        _ => return None,
    })
}

fn nil(method: &str) -> Option<Answer> {
    Some(Ok(match method {
        "to_i" => Value::from(0),
        "to_f" => Value::from(0.0),
        "to_a" => Value::from(Vec::<Value>::new()),
        "to_h" => convert::empty_map(),
        "to_s" | "inspect" | "class" | "presence" | "present" | "blank" | "nil" | "empty" | "to_json" | "to_yaml"
        | "responds_to" | "itself" | "eql" | "dup" | "to_sym" | "to_str" => return None,
        _ => return Some(Err(wrong(format!("nothing (nil) has no method `{method}`")))),
    }))
}

pub(super) fn wrong(detail: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, detail.into())
}

/// Refuses what would fill the memory.
pub(super) fn check_length(length: usize) -> Result<(), Error> {
    if length <= MAX_LENGTH { Ok(()) } else { Err(wrong(format!("this would be longer than {MAX_LENGTH}"))) }
}

/// The argument as a whole number.
pub(super) fn integer(args: &[Value], at: usize, default: i64) -> Result<i64, Error> {
    match args.get(at) {
        None => Ok(default),
        Some(value) => value.as_i64().ok_or_else(|| wrong(format!("{value} is no whole number"))),
    }
}

/// Where an index that may count from the end points to.
pub(super) fn place(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    let place = if index < 0 { index + length } else { index };
    if place < 0 { None } else { usize::try_from(place).ok() }
}
