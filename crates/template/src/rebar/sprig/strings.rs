//! Sprig's functions on text.

use super::Answer;
use crate::limits::MAX_OUTPUT_BYTES;
use crate::rebar::arguments::{Arguments, plain_text};
use crate::rebar::print;
use crate::rebar::value::{is_nil, list, map, wrong};
use minijinja::{Error, Value};

pub(super) fn call(name: &str, arguments: Arguments<'_>) -> Answer {
    Some(match name {
        "abbrev" => abbrev(arguments),
        "cat" => Ok(Value::from(cat(arguments.values))),
        "contains" => two(arguments, |needle, text| Value::from(text.contains(needle))),
        "hasPrefix" => two(arguments, |start, text| Value::from(text.starts_with(start))),
        "hasSuffix" => two(arguments, |end, text| Value::from(text.ends_with(end))),
        "indent" => indent(arguments).map(Value::from),
        "join" => join(arguments),
        "lower" => one(arguments, str::to_lowercase),
        "nindent" => indent(arguments).map(|text| Value::from(format!("\n{text}"))),
        "nospace" => one(arguments, |text| text.split_whitespace().collect()),
        "plural" => plural(arguments),
        "quote" => Ok(Value::from(each(arguments.values, print::quoted))),
        "repeat" => repeat(arguments),
        "replace" => replace(arguments),
        "split" => two(arguments, |separator, text| numbered(text.split(separator))),
        "splitList" => two(arguments, |separator, text| list(text.split(separator).map(Value::from))),
        "splitn" => splitn(arguments),
        "squote" => Ok(Value::from(each(arguments.values, |text| format!("'{text}'")))),
        "substr" => substr(arguments),
        "toString" => one(arguments, str::to_owned),
        "trim" => one(arguments, |text| text.trim().to_owned()),
        "trimAll" => two(arguments, |set, text| Value::from(text.trim_matches(|next| set.contains(next)))),
        "trimPrefix" => two(arguments, |start, text| Value::from(text.strip_prefix(start).unwrap_or(text))),
        "trimSuffix" => two(arguments, |end, text| Value::from(text.strip_suffix(end).unwrap_or(text))),
        "trunc" => trunc(arguments),
        "upper" => one(arguments, str::to_uppercase),
        _ => return None,
    })
}

pub(super) fn one(arguments: Arguments<'_>, make: impl Fn(&str) -> String) -> Result<Value, Error> {
    Ok(Value::from(make(&arguments.exactly(1)?.text(0)?)))
}

fn two(arguments: Arguments<'_>, make: impl Fn(&str, &str) -> Value) -> Result<Value, Error> {
    let arguments = arguments.exactly(2)?;
    Ok(make(&arguments.text(0)?, &arguments.text(1)?))
}

/// Every value with something around it; nothing is left out.
fn each(values: &[Value], around: impl Fn(&str) -> String) -> String {
    let texts: Vec<String> =
        values.iter().filter(|value| !is_nil(value)).map(|value| around(&plain_text(value))).collect();
    texts.join(" ")
}

/// The blank at the end of the pattern is taken away there, and not from the result.
fn cat(values: &[Value]) -> String {
    let texts: Vec<String> = values.iter().filter(|value| !is_nil(value)).map(plain_text).collect();
    texts.join(" ")
}

fn indent(arguments: Arguments<'_>) -> Result<String, Error> {
    let arguments = arguments.exactly(2)?;
    let (width, text) = (arguments.size(0)?, arguments.text(1)?);
    checked(width.saturating_mul(text.matches('\n').count() + 1).saturating_add(text.len()))?;
    let blanks = " ".repeat(width);
    Ok(format!("{blanks}{}", text.replace('\n', &format!("\n{blanks}"))))
}

fn checked(bytes: usize) -> Result<(), Error> {
    if bytes <= MAX_OUTPUT_BYTES { Ok(()) } else { Err(wrong("the text would be longer than any result may be")) }
}

fn join(arguments: Arguments<'_>) -> Result<Value, Error> {
    let arguments = arguments.exactly(2)?;
    let separator = arguments.text(0)?;
    let joined = match arguments.items(1) {
        Ok(items) => items.iter().map(plain_text).collect::<Vec<_>>().join(&separator),
        Err(_) => arguments.text(1)?,
    };
    Ok(Value::from(joined))
}

fn plural(arguments: Arguments<'_>) -> Result<Value, Error> {
    let arguments = arguments.exactly(3)?;
    Ok(Value::from(arguments.text(usize::from(arguments.int(2)? != 1))?))
}

fn repeat(arguments: Arguments<'_>) -> Result<Value, Error> {
    let arguments = arguments.exactly(2)?;
    let (count, text) = (arguments.size(0)?, arguments.text(1)?);
    checked(text.len().saturating_mul(count))?;
    Ok(Value::from(text.repeat(count)))
}

fn replace(arguments: Arguments<'_>) -> Result<Value, Error> {
    let arguments = arguments.exactly(3)?;
    let (old, new, text) = (arguments.text(0)?, arguments.text(1)?, arguments.text(2)?);
    checked(text.len().saturating_add(new.len().saturating_mul(text.matches(&old).count())))?;
    Ok(Value::from(text.replace(&old, &new)))
}

/// Parts under the names `_0`, `_1`, ….
fn numbered<'a>(parts: impl Iterator<Item = &'a str>) -> Value {
    map(parts.enumerate().map(|(index, part)| (format!("_{index}"), Value::from(part))).collect())
}

fn splitn(arguments: Arguments<'_>) -> Result<Value, Error> {
    let arguments = arguments.exactly(3)?;
    let (separator, most, text) = (arguments.text(0)?, arguments.size(1)?, arguments.text(2)?);
    Ok(numbered(text.splitn(most, &separator)))
}

fn substr(arguments: Arguments<'_>) -> Result<Value, Error> {
    let arguments = arguments.exactly(3)?;
    let (from, to, text) = (arguments.int(0)?, arguments.int(1)?, arguments.text(2)?);
    let from = usize::try_from(from).unwrap_or(0);
    let to = usize::try_from(to).ok().filter(|to| *to <= text.len()).unwrap_or(text.len());
    Ok(Value::from(cut(&text, from.min(to), to)))
}

fn cut(text: &str, from: usize, to: usize) -> String {
    String::from_utf8_lossy(&text.as_bytes()[from..to]).into_owned()
}

/// The first bytes; with a negative count the last.
fn trunc(arguments: Arguments<'_>) -> Result<Value, Error> {
    let arguments = arguments.exactly(2)?;
    let (count, text) = (arguments.int(0)?, arguments.text(1)?);
    let kept = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX).min(text.len());
    Ok(Value::from(if count < 0 { cut(&text, text.len() - kept, text.len()) } else { cut(&text, 0, kept) }))
}

fn abbrev(arguments: Arguments<'_>) -> Result<Value, Error> {
    let arguments = arguments.exactly(2)?;
    let (width, text) = (arguments.size(0)?, arguments.text(1)?);
    let short = width >= 4 && text.chars().count() > width;
    Ok(Value::from(if short { text.chars().take(width - 3).chain("...".chars()).collect() } else { text }))
}
