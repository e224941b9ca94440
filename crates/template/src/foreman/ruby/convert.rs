//! Values as text, as lists, as JSON and as YAML.

use super::inspect::inspect;
use super::{check_length, wrong};
use minijinja::Error;
use minijinja::value::{Value, ValueKind};

/// A value as Ruby's `to_s` gives it.
pub(in crate::foreman) fn text_of(value: &Value) -> String {
    match value.kind() {
        ValueKind::None | ValueKind::Undefined => String::new(),
        ValueKind::Bool => (if value.is_true() { "true" } else { "false" }).to_owned(),
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => inspect(value),
        ValueKind::Number if !value.is_integer() => super::number::float_text(value),
        _ => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
    }
}

/// The texts of some values behind one another.
pub(in crate::foreman) fn concat(values: &[Value]) -> String {
    values.iter().map(text_of).collect()
}

/// The elements of a list; of a map its pairs.
///
/// # Errors
/// When it is neither.
pub(in crate::foreman) fn list_of(value: &Value) -> Result<Vec<Value>, Error> {
    match value.kind() {
        ValueKind::Map => pairs(value),
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter()?.checked().collect::<Result<Vec<_>, _>>()?;
            check_length(items.len())?;
            Ok(items)
        }
        kind => Err(wrong(format!("{} is no list but a {kind}", inspect(value)))),
    }
}

/// Keys and values of a map, two by two.
pub(super) fn pairs(value: &Value) -> Result<Vec<Value>, Error> {
    let keys = value.try_iter()?.checked().collect::<Result<Vec<_>, _>>()?;
    keys.into_iter().map(|key| Ok(Value::from(vec![key.clone(), value.get_item(&key)?]))).collect()
}

pub(super) fn empty_map() -> Value {
    Value::from_pairs(std::iter::empty::<(Value, Value)>())
}

/// A value as the JSON library sees it; what is no data is its text.
fn json(value: &Value) -> Result<serde_json::Value, Error> {
    Ok(match value.kind() {
        ValueKind::Map => {
            let mut members = serde_json::Map::new();
            for key in value.try_iter()? {
                members.insert(text_of(&key), json(&value.get_item(&key)?)?);
            }
            serde_json::Value::Object(members)
        }
        ValueKind::Seq | ValueKind::Iterable => {
            serde_json::Value::Array(list_of(value)?.iter().map(json).collect::<Result<_, _>>()?)
        }
        ValueKind::None | ValueKind::Bool | ValueKind::Number => {
            serde_json::to_value(value).map_err(|error| wrong(error.to_string()))?
        }
        _ => serde_json::Value::String(text_of(value)),
    })
}

/// JSON, on one line as Ruby's `to_json` writes it, or over several as `JSON.pretty_generate`.
pub(super) fn to_json(value: &Value, pretty: bool) -> Result<String, Error> {
    let json = json(value)?;
    let text = if pretty { serde_json::to_string_pretty(&json) } else { serde_json::to_string(&json) };
    text.map_err(|error| wrong(error.to_string()))
}

/// YAML with the document's start, as Ruby's `to_yaml` writes it.
pub(super) fn to_yaml(value: &Value) -> Result<String, Error> {
    let json = json(value)?;
    let text = serde_saphyr::to_string(&json).map_err(|error| wrong(error.to_string()))?;
    let block =
        json.as_array().is_some_and(|items| !items.is_empty()) || json.as_object().is_some_and(|m| !m.is_empty());
    let gap = if block { '\n' } else { ' ' };
    Ok(format!("---{gap}{}\n", text.trim_end()))
}
