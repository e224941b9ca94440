//! `go.…`: the functions that Go's templates have by themselves (text/template, "Functions").

use super::arguments::{Arguments, int, plain_text};
use super::print;
use super::value::{self, is_nil, list, nil, wrong};
use minijinja::value::{Object, ObjectRepr, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};
use std::sync::Arc;

/// What `go` is.
#[derive(Debug)]
pub(super) struct Go;

impl Object for Go {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, values: &[Value]) -> Result<Value, Error> {
        let arguments = Arguments { function: method, values };
        match method {
            "html" => Ok(Value::from(html(&print::print(values)))),
            "index" => index(arguments),
            "js" => Ok(Value::from(js(&print::print(values)))),
            "len" => length(arguments),
            "pairs" => pairs(arguments.exactly(1)?.value(0)?),
            "print" => Ok(Value::from(print::print(values))),
            "printf" => Ok(Value::from(print::printf(&arguments.text(0)?, arguments.from(1))?)),
            "println" => Ok(Value::from(print::println(values))),
            "slice" => slice(arguments),
            "urlquery" => Ok(Value::from(urlquery(&print::print(values)))),
            "values" => values_of(arguments.exactly(1)?.value(0)?),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

/// What a loop over the value goes through: a map's values are in the order of its keys.
fn values_of(value: &Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Map => Ok(list(value::entries(value)?.into_values())),
        ValueKind::Number if value.is_integer() => Ok(list((0..int(value)).map(Value::from))),
        _ => value::items(value).map(list).map_err(|_| not_iterable(value)),
    }
}

/// What a loop with two variables goes through.
fn pairs(value: &Value) -> Result<Value, Error> {
    if value.kind() == ValueKind::Map {
        let entries = value::entries(value)?.into_iter();
        return Ok(list(entries.map(|(key, value)| list([Value::from(key), value]))));
    }
    let items = value::items(&values_of(value)?)?.into_iter().enumerate();
    Ok(list(items.map(|(index, item)| list([Value::from(index), item]))))
}

fn not_iterable(value: &Value) -> Error {
    wrong(format!("a loop cannot go over a {}", value.kind()))
}

/// `index value key…`.
fn index(arguments: Arguments<'_>) -> Result<Value, Error> {
    let first = arguments.value(0)?.clone();
    arguments.from(1).iter().try_fold(first, |value, key| one_index(&value, key))
}

fn one_index(value: &Value, key: &Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Map => {
            let found = value.get_item(&Value::from(plain_text(key)))?;
            Ok(if found.is_undefined() { nil() } else { value::of_value(&found) })
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value::items(value)?;
            let at = position(key)?;
            items.get(at).cloned().ok_or_else(|| wrong(format!("there is no item {at} in a list of {}", items.len())))
        }
        ValueKind::String => {
            let at = position(key)?;
            let byte = value.as_str().and_then(|text| text.as_bytes().get(at).copied());
            byte.map(Value::from).ok_or_else(|| wrong(format!("there is no byte {at} in this text")))
        }
        _ if is_nil(value) => Err(wrong("nothing has no items")),
        kind => Err(wrong(format!("a {kind} has no items"))),
    }
}

fn position(key: &Value) -> Result<usize, Error> {
    key.as_usize().ok_or_else(|| wrong(format!("{} is no position in a list", print::text(key))))
}

fn length(arguments: Arguments<'_>) -> Result<Value, Error> {
    let value = arguments.exactly(1)?.value(0)?;
    match value.as_str() {
        Some(text) => Ok(Value::from(text.len())),
        None => value.len().map(Value::from).ok_or_else(|| wrong(format!("a {} has no length", value.kind()))),
    }
}

/// `slice value from to`.
pub(super) fn slice(arguments: Arguments<'_>) -> Result<Value, Error> {
    let value = arguments.count(1, 4)?.value(0)?;
    let bounds = |length: usize| {
        let from = arguments.values.get(1).map_or(0, int);
        let to = arguments.values.get(2).map_or(i64::try_from(length).unwrap_or(i64::MAX), int);
        let range = usize::try_from(from).ok().zip(usize::try_from(to).ok());
        range
            .filter(|(from, to)| from <= to && *to <= length)
            .ok_or_else(|| wrong(format!("there is nothing from {from} to {to} in what has {length} items")))
    };
    if let Some(text) = value.as_str() {
        let (from, to) = bounds(text.len())?;
        let part = text.get(from..to).ok_or_else(|| wrong("the text would be cut inside a character"))?;
        return Ok(Value::from(part));
    }
    let items = value::items(value)?;
    let (from, to) = bounds(items.len())?;
    Ok(list(items[from..to].iter().cloned()))
}

fn html(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for next in text.chars() {
        match next {
            '"' => written.push_str("&#34;"),
            '\'' => written.push_str("&#39;"),
            '&' => written.push_str("&amp;"),
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            '\0' => written.push('\u{fffd}'),
            other => written.push(other),
        }
    }
    written
}

fn js(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for next in text.chars() {
        match next {
            '\\' => written.push_str("\\\\"),
            '\'' => written.push_str("\\'"),
            '"' => written.push_str("\\\""),
            '<' | '>' | '&' | '=' => written.push_str(&format!("\\u{:04X}", u32::from(next))),
            control if control.is_control() => written.push_str(&format!("\\u{:04X}", u32::from(control))),
            other => written.push(other),
        }
    }
    written
}

/// A part of a URL's query (net/url, QueryEscape).
pub(super) fn urlquery(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => written.push('+'),
            plain if plain.is_ascii_alphanumeric() || b"-_.~".contains(&plain) => written.push(char::from(plain)),
            other => written.push_str(&format!("%{other:02X}")),
        }
    }
    written
}
