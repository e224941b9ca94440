//! Regular expressions: `regex("…")` and what is found with one.

use super::{Answer, integer, place, text_of, wrong};
use minijinja::Error;
use minijinja::value::{Object, ObjectRepr, Value};
use regex::{Captures, Regex, RegexBuilder};
use std::fmt;
use std::sync::Arc;

/// How large a compiled pattern may be.
const MAX_SIZE: usize = 1 << 20;

/// A pattern.
#[derive(Debug)]
pub(in crate::foreman) struct Pattern(pub(super) Regex);

impl Pattern {
    /// # Errors
    /// When it is no pattern, or a hostile one.
    pub(in crate::foreman) fn new(source: &str) -> Result<Self, Error> {
        let built = RegexBuilder::new(source).size_limit(MAX_SIZE).build();
        built.map(Self).map_err(|error| wrong(format!("the pattern {source:?} is wrong: {error}")))
    }

    /// A pattern, or a text that is searched as it stands.
    pub(super) fn literal_or(value: &Value) -> Result<Arc<Self>, Error> {
        match value.downcast_object::<Self>() {
            Some(pattern) => Ok(pattern),
            None => Self::new(&regex::escape(&text_of(value))).map(Arc::new),
        }
    }
}

impl Object for Pattern {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

/// Whether a text fits a pattern; nothing fits none.
pub(in crate::foreman) fn matching(value: &Value, pattern: &Value) -> Result<bool, Error> {
    if value.is_none() || value.is_undefined() {
        return Ok(false);
    }
    let text = text_of(value);
    match pattern.downcast_object_ref::<Pattern>() {
        Some(pattern) => Ok(pattern.0.is_match(&text)),
        None => Ok(Pattern::new(&text_of(pattern))?.0.is_match(&text)),
    }
}

/// What a pattern found in a text.
#[derive(Debug)]
pub(in crate::foreman) struct Found {
    groups: Vec<Option<String>>,
    names: Vec<Option<String>>,
    before: String,
    after: String,
}

/// Looks for a pattern: its groups, or nothing.
pub(super) fn find(text: &str, pattern: &Pattern) -> Value {
    let Some(captures) = pattern.0.captures(text) else { return Value::from(()) };
    let whole = captures.get(0).map_or(0..0, |whole| whole.range());
    Value::from_object(Found {
        groups: groups(&captures),
        names: pattern.0.capture_names().map(|name| name.map(str::to_owned)).collect(),
        before: text[..whole.start].to_owned(),
        after: text[whole.end..].to_owned(),
    })
}

fn groups(captures: &Captures<'_>) -> Vec<Option<String>> {
    captures.iter().map(|group| group.map(|group| group.as_str().to_owned())).collect()
}

impl Found {
    fn group(&self, key: &Value) -> Option<Value> {
        let at = match key.as_i64() {
            Some(index) => place(index, self.groups.len())?,
            None => self.names.iter().position(|name| name.as_deref() == key.as_str())?,
        };
        self.groups.get(at).map(|group| Value::from(group.clone()))
    }
}

impl Object for Found {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.group(key)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.groups.first().and_then(Option::as_deref).unwrap_or_default())
    }
}

pub(super) fn call_found(found: &Found, method: &str, args: &[Value]) -> Option<Answer> {
    let list =
        |groups: &[Option<String>]| Value::from(groups.iter().map(|g| Value::from(g.clone())).collect::<Vec<_>>());
    Some(Ok(match (method, args) {
        ("dig", [key]) => found.group(key).unwrap_or_else(|| Value::from(())),
        ("captures", []) => list(&found.groups[1..]),
        ("to_a", []) => list(&found.groups),
        ("pre_match", []) => Value::from(found.before.clone()),
        ("post_match", []) => Value::from(found.after.clone()),
        ("size" | "length", []) => Value::from(found.groups.len()),
        _ => return None,
    }))
}

/// `gsub` and `sub`.
pub(super) fn replace(text: &str, args: &[Value], all: bool) -> Answer {
    let [pattern, with] = args else { return Err(wrong("a pattern and what to put in its place are wanted")) };
    let pattern = Pattern::literal_or(pattern)?;
    let mut result = String::with_capacity(text.len());
    let mut at = 0;
    for captures in pattern.0.captures_iter(text) {
        let whole = captures.get(0).map_or(0..0, |whole| whole.range());
        result.push_str(&text[at..whole.start]);
        at = whole.end;
        match with.kind() {
            minijinja::value::ValueKind::Map => {
                let key = Value::from(&captures[0]);
                result.push_str(&text_of(&with.get_item(&key)?));
            }
            _ => expand(&text_of(with), &captures, &mut result),
        }
        super::check_length(result.len())?;
        if !all {
            break;
        }
    }
    result.push_str(&text[at..]);
    Ok(Value::from(result))
}

/// Puts groups in for `\1`, `\0` and `\k<name>`.
fn expand(with: &str, captures: &Captures<'_>, result: &mut String) {
    let mut rest = with;
    while let Some(found) = rest.find('\\') {
        result.push_str(&rest[..found]);
        rest = &rest[found + 1..];
        let Some(next) = rest.chars().next() else {
            result.push('\\');
            return;
        };
        let group = |at: usize| captures.get(at).map_or("", |group| group.as_str());
        if let Some(digit) = next.to_digit(10) {
            result.push_str(group(digit as usize));
            rest = &rest[1..];
        } else if next == '&' {
            result.push_str(group(0));
            rest = &rest[1..];
        } else if let Some((name, after)) = rest.strip_prefix("k<").and_then(|name| name.split_once('>')) {
            result.push_str(captures.name(name).map_or("", |group| group.as_str()));
            rest = after;
        } else if next == '\\' {
            result.push('\\');
            rest = &rest[1..];
        } else {
            result.push('\\');
        }
    }
    result.push_str(rest);
}

/// `scan`: all that is found, or the groups of each.
pub(super) fn scan(text: &str, pattern: &Value) -> Answer {
    let pattern = Pattern::literal_or(pattern)?;
    let found = pattern.0.captures_iter(text).map(|captures| {
        let groups = groups(&captures);
        match groups.len() {
            1 => Value::from(groups[0].clone()),
            _ => Value::from(groups[1..].iter().map(|group| Value::from(group.clone())).collect::<Vec<_>>()),
        }
    });
    Ok(Value::from(found.collect::<Vec<_>>()))
}

/// `text[/pattern/]` and `text[/pattern/, 1]`.
pub(super) fn slice(text: &str, pattern: &Pattern, args: &[Value]) -> Answer {
    let Some(found) = pattern.0.captures(text) else { return Ok(Value::from(())) };
    let group = match args.first().and_then(Value::as_str) {
        Some(name) => found.name(name),
        None => found.get(usize::try_from(integer(args, 0, 0)?).unwrap_or_default()),
    };
    Ok(Value::from(group.map(|group| group.as_str().to_owned())))
}
