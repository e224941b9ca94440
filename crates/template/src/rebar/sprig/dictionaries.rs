//! Sprig's functions on maps. `set`, `unset`, `merge` and `mergeOverwrite` change the map that they are given.

use super::Answer;
use crate::rebar::arguments::{Arguments, plain_text};
use crate::rebar::value::{Map, entries, list, map, of_json, to_json, wrong};
use minijinja::value::ValueKind;
use minijinja::{Error, Value};
use std::collections::BTreeMap;

pub(super) fn call(name: &str, arguments: Arguments<'_>) -> Answer {
    Some(match name {
        "deepCopy" => arguments.exactly(1).and_then(|it| it.value(0)).map(|value| of_json(&to_json(value))),
        "dict" => dict(arguments),
        "dig" => dig(arguments),
        "get" => get(arguments),
        "hasKey" => has_key(arguments),
        "keys" => keys(arguments),
        "merge" => merge(arguments, false),
        "mergeOverwrite" => merge(arguments, true),
        "omit" => picked(arguments, false),
        "pick" => picked(arguments, true),
        "pluck" => pluck(arguments),
        "set" => set(arguments),
        "unset" => unset(arguments),
        "values" => arguments.exactly(1).and_then(|it| it.entries(0)).map(|entries| list(entries.into_values())),
        _ => return None,
    })
}

fn dict(arguments: Arguments<'_>) -> Result<Value, Error> {
    let pairs = arguments.values.chunks(2);
    Ok(map(pairs.map(|pair| (plain_text(&pair[0]), pair.get(1).cloned().unwrap_or_else(|| Value::from("")))).collect()))
}

fn get(arguments: Arguments<'_>) -> Result<Value, Error> {
    let arguments = arguments.exactly(2)?;
    let found = arguments.entries(0)?.remove(&arguments.text(1)?);
    Ok(found.unwrap_or_else(|| Value::from("")))
}

fn has_key(arguments: Arguments<'_>) -> Result<Value, Error> {
    let arguments = arguments.exactly(2)?;
    Ok(Value::from(arguments.entries(0)?.contains_key(&arguments.text(1)?)))
}

/// Go gives keys in any order; ours are sorted, so that a render can be repeated.
fn keys(arguments: Arguments<'_>) -> Result<Value, Error> {
    let maps = (0..arguments.values.len()).map(|index| arguments.entries(index)).collect::<Result<Vec<_>, _>>()?;
    Ok(list(maps.into_iter().flat_map(BTreeMap::into_keys).map(Value::from)))
}

/// The map itself, where it can be changed.
fn changeable<'a>(arguments: Arguments<'a>) -> Result<&'a Map, Error> {
    let value = arguments.value(0)?;
    let unchangeable = || wrong(format!("{} can only change a map that the template made", arguments.function));
    value.downcast_object_ref().ok_or_else(unchangeable)
}

fn set(arguments: Arguments<'_>) -> Result<Value, Error> {
    let arguments = arguments.exactly(3)?;
    let (key, value) = (arguments.text(1)?, arguments.value(2)?.clone());
    if contains(&value, arguments.value(0)?) {
        return Err(wrong("a map cannot be put into itself"));
    }
    changeable(arguments)?.entries().insert(key, value);
    Ok(arguments.value(0)?.clone())
}

/// Whether `inner` is `outer` or somewhere in it: such a map could not be printed.
fn contains(outer: &Value, inner: &Value) -> bool {
    let same = outer
        .downcast_object_ref::<Map>()
        .zip(inner.downcast_object_ref::<Map>())
        .is_some_and(|(outer, inner)| std::ptr::eq(outer, inner));
    same || match outer.kind() {
        ValueKind::Map => entries(outer).is_ok_and(|entries| entries.values().any(|value| contains(value, inner))),
        ValueKind::Seq => outer.try_iter().is_ok_and(|mut items| items.any(|value| contains(&value, inner))),
        _ => false,
    }
}

fn unset(arguments: Arguments<'_>) -> Result<Value, Error> {
    let arguments = arguments.exactly(2)?;
    let key = arguments.text(1)?;
    changeable(arguments)?.entries().remove(&key);
    Ok(arguments.value(0)?.clone())
}

fn merge(arguments: Arguments<'_>, overwrite: bool) -> Result<Value, Error> {
    let mut merged = to_json(arguments.value(0)?);
    for source in arguments.from(1) {
        merge_into(&mut merged, to_json(source), overwrite);
    }
    let merged = of_json(&merged);
    *changeable(arguments)?.entries() = entries(&merged)?;
    Ok(arguments.value(0)?.clone())
}

fn merge_into(target: &mut serde_json::Value, source: serde_json::Value, overwrite: bool) {
    match (target, source) {
        (serde_json::Value::Object(target), serde_json::Value::Object(source)) => {
            for (key, value) in source {
                match target.get_mut(&key) {
                    Some(known) => merge_into(known, value, overwrite),
                    None => drop(target.insert(key, value)),
                }
            }
        }
        // What is empty is overwritten in any case (mergo).
        (target, source) if overwrite || is_empty(target) => *target = source,
        _ => {}
    }
}

fn is_empty(json: &serde_json::Value) -> bool {
    !of_json(json).is_true()
}

fn picked(arguments: Arguments<'_>, wanted: bool) -> Result<Value, Error> {
    let names: Vec<String> = arguments.from(1).iter().map(plain_text).collect();
    let entries = arguments.entries(0)?.into_iter();
    Ok(map(entries.filter(|(key, _)| names.contains(key) == wanted).collect()))
}

/// `pluck key map…`: what each map that has the key holds there.
fn pluck(arguments: Arguments<'_>) -> Result<Value, Error> {
    let key = arguments.text(0)?;
    let maps = (1..arguments.values.len()).map(|index| arguments.entries(index)).collect::<Result<Vec<_>, _>>()?;
    Ok(list(maps.into_iter().filter_map(|mut entries| entries.remove(&key))))
}

/// `dig key… default map`.
fn dig(arguments: Arguments<'_>) -> Result<Value, Error> {
    let [keys @ .., default, start] = arguments.values else {
        return Err(wrong("dig takes keys, a default and a map"));
    };
    let mut found = start.clone();
    for key in keys {
        let next = if found.kind() == ValueKind::Map { entries(&found)?.remove(&plain_text(key)) } else { None };
        match next {
            Some(next) => found = next,
            None => return Ok(default.clone()),
        }
    }
    Ok(found)
}
