//! Sprig's dates. The only clock is the time of the render, and every date is in UTC unless a zone is named.

use super::arguments::{int, plain_text};
use super::value::wrong;
use crate::scope::Scope;
use minijinja::value::ValueKind;
use minijinja::{Error, State, Value};
use types::Timestamp;

pub(super) fn now(state: &State<'_, '_>) -> Result<Value, Error> {
    Ok(Value::from(Scope::of(state)?.facts().now.to_string()))
}

fn time(value: &Value) -> Result<Timestamp, Error> {
    let time = match value.kind() {
        ValueKind::Number => Timestamp::from_second(int(value)),
        _ => plain_text(value).parse(),
    };
    time.map_err(|_| wrong(format!("{} is no time", plain_text(value))))
}

pub(super) fn unix_epoch(value: &Value) -> Result<Value, Error> {
    Ok(Value::from(time(value)?.as_second().to_string()))
}

pub(super) fn date(layout: &str, value: &Value) -> Result<Value, Error> {
    Ok(Value::from(time(value)?.strftime(&pattern(layout)).to_string()))
}

pub(super) fn date_in(layout: &str, value: &Value, zone: &str) -> Result<Value, Error> {
    // Other zones are files of the server, and a template reads none.
    if !matches!(zone, "" | "UTC" | "Local") {
        return Err(wrong(format!("dates are written in UTC, and not in {zone:?}")));
    }
    date(layout, value)
}

/// Go writes a layout by an example, the second of January 2006 at 15:04:05; the longest of these is meant first.
const LAYOUT: [(&str, &str); 24] = [
    ("January", "%B"),
    ("Monday", "%A"),
    ("-07:00", "%:z"),
    ("Z07:00", "%:z"),
    ("2006", "%Y"),
    ("-0700", "%z"),
    (".000", ".%3f"),
    ("Jan", "%b"),
    ("Mon", "%a"),
    ("MST", "%Z"),
    ("002", "%j"),
    ("01", "%m"),
    ("02", "%d"),
    ("03", "%I"),
    ("04", "%M"),
    ("05", "%S"),
    ("06", "%y"),
    ("15", "%H"),
    ("PM", "%p"),
    ("pm", "%P"),
    ("_2", "%e"),
    ("1", "%-m"),
    ("2", "%-d"),
    ("3", "%-I"),
];

fn pattern(layout: &str) -> String {
    let mut pattern = String::new();
    let mut rest = layout;
    while let Some(first) = rest.chars().next() {
        match LAYOUT.iter().find(|(example, _)| rest.starts_with(example)) {
            Some((example, directive)) => {
                pattern.push_str(directive);
                rest = &rest[example.len()..];
            }
            None => {
                pattern.push(first);
                if first == '%' {
                    pattern.push('%');
                }
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    pattern
}
