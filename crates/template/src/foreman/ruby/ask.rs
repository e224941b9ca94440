//! Questions that every value answers.

use super::{Answer, call, list_of, wrong};
use minijinja::Error;
use minijinja::value::{Value, ValueKind};

/// Whether a value is neither nil nor false: what Ruby takes for true.
pub(in crate::foreman) fn given(value: &Value) -> bool {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => false,
        ValueKind::Bool => value.is_true(),
        _ => true,
    }
}

/// Whether there is nothing to see: nil, false, an empty list, a text of blanks.
pub(in crate::foreman) fn is_blank(value: &Value) -> bool {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => true,
        ValueKind::Bool => !value.is_true(),
        ValueKind::String => value.as_str().is_none_or(|text| text.trim().is_empty()),
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => value.len() == Some(0),
        _ => false,
    }
}

/// Whether a text, a list or a map holds nothing.
///
/// # Errors
/// When it is none of these.
pub(in crate::foreman) fn is_empty(value: &Value) -> Result<bool, Error> {
    match value.kind() {
        ValueKind::String => Ok(value.as_str().is_none_or(str::is_empty)),
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => Ok(list_of(value)?.is_empty()),
        ValueKind::Undefined => Err(Error::new(minijinja::ErrorKind::UndefinedError, "what is asked for being empty")),
        kind => Err(wrong(format!("whether a {kind} is empty is no question; ask whether it `is present`"))),
    }
}

/// The name of a value's class in Ruby.
pub(super) fn class(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::None | ValueKind::Undefined => "NilClass",
        ValueKind::Bool if value.is_true() => "TrueClass",
        ValueKind::Bool => "FalseClass",
        ValueKind::Number if value.is_integer() => "Integer",
        ValueKind::Number => "Float",
        ValueKind::String => "String",
        ValueKind::Seq | ValueKind::Iterable => "Array",
        ValueKind::Map => "Hash",
        _ => "Object",
    }
}

/// Whether a value has a method that gives something without arguments, or takes some.
pub(super) fn responds(value: &Value, method: &str) -> bool {
    let by_kind = match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => {
            matches!(
                method,
                "each" | "map" | "join" | "first" | "last" | "select" | "push" | "to_a" | "size" | "length"
            )
        }
        ValueKind::Map => matches!(method, "each" | "keys" | "values" | "key" | "to_h" | "map" | "merge" | "dig"),
        ValueKind::String => matches!(method, "split" | "gsub" | "upcase" | "strip" | "empty" | "length" | "to_str"),
        ValueKind::Number => matches!(method, "to_i" | "round" | "times" | "abs"),
        _ => false,
    };
    by_kind || matches!(method, "to_s" | "inspect" | "nil")
}

/// What an element says to a question: its attribute of that name, or what the method gives.
pub(super) fn ask(element: &Value, question: &str) -> Answer {
    if element.kind() == ValueKind::Plain || element.kind() == ValueKind::Map {
        let attribute = element.get_attr(question)?;
        if !attribute.is_undefined() {
            return Ok(attribute);
        }
    }
    call(element, question, &[])
        .unwrap_or_else(|| Err(wrong(format!("{} has no `{question}`", super::inspect::inspect(element)))))
}
