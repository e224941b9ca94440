//! Maps, which Ruby calls hashes. They keep the order in which they were written.

use super::convert::{empty_map, pairs};
use super::{Answer, list_of, text_of, wrong};
use minijinja::Error;
use minijinja::value::Value;

pub(super) fn call(map: &Value, method: &str, args: &[Value]) -> Option<Answer> {
    let nil = || Value::from(());
    Some(match (method, args) {
        ("dig" | "at" | "deleted", [key]) => Ok(get(map, key)),
        ("dig", [key, rest @ ..]) => {
            let inner = get(map, key);
            if inner.is_none() { Ok(inner) } else { super::call(&inner, "dig", rest)? }
        }
        ("fetch", [key, default @ ..]) => match (map.get_item_opt(key), default) {
            (Some(value), _) => Ok(value),
            (None, [default]) => Ok(default.clone()),
            _ => Err(wrong(format!("there is no key {:?}", text_of(key)))),
        },
        ("keys", []) => {
            members(map).map(|members| Value::from(members.into_iter().map(|(key, _)| key).collect::<Vec<_>>()))
        }
        ("values", []) => {
            members(map).map(|members| Value::from(members.into_iter().map(|(_, value)| value).collect::<Vec<_>>()))
        }
        ("values_at", keys) => Ok(Value::from(keys.iter().map(|key| get(map, key)).collect::<Vec<_>>())),
        ("pairs" | "to_a" | "entries" | "sort", []) => pairs(map).and_then(|pairs| match method {
            "sort" => super::call(&Value::from(pairs), "sort", &[]).unwrap_or_else(|| Ok(nil())),
            _ => Ok(Value::from(pairs)),
        }),
        ("length" | "size" | "count", []) => Ok(Value::from(map.len().unwrap_or_default())),
        ("any", []) => Ok(Value::from(map.len() != Some(0))),
        ("merge" | "update" | "reverse_merge" | "deep_merge", others) => merge(map, method, others),
        ("store", [key, value]) => merge(map, "merge", &[Value::from_pairs([(key.clone(), value.clone())])]),
        ("without" | "except", keys) => filtered(map, |key, _| !keys.contains(key)),
        ("slice" | "slice_keys", keys) => filtered(map, |key, _| keys.contains(key)),
        ("compact", []) => filtered(map, |_, value| !value.is_none()),
        ("key", [wanted]) => members(map)
            .map(|members| members.into_iter().find(|(_, value)| value == wanted).map_or_else(nil, |(key, _)| key)),
        ("value", [wanted]) => {
            members(map).map(|members| Value::from(members.iter().any(|(_, value)| value == wanted)))
        }
        ("invert", []) => members(map).map(|members| Value::from_pairs(members.into_iter().map(|(k, v)| (v, k)))),
        ("to_h", []) => Ok(map.clone()),
        ("first", []) => pairs(map).map(|pairs| pairs.into_iter().next().unwrap_or_else(nil)),
        (
            "map" | "select" | "reject" | "sort_by" | "find" | "each_slice" | "flat_map" | "zip" | "first" | "sum"
            | "select_by" | "reject_by" | "find_by" | "sort_by_keys" | "min_by_keys" | "max_by_keys" | "group_by_keys"
            | "partition_by" | "join" | "flatten" | "reverse" | "last" | "take" | "drop" | "uniq_by_keys",
            _,
        ) => as_list(map, method, args)?,
        _ => return None,
    })
}

fn get(map: &Value, key: &Value) -> Value {
    map.get_item_opt(key).unwrap_or_else(|| Value::from(()))
}

trait GetItem {
    fn get_item_opt(&self, key: &Value) -> Option<Value>;
}

impl GetItem for Value {
    fn get_item_opt(&self, key: &Value) -> Option<Value> {
        self.get_item(key).ok().filter(|value| !value.is_undefined())
    }
}

fn members(map: &Value) -> Result<Vec<(Value, Value)>, Error> {
    let keys = map.try_iter()?.checked().collect::<Result<Vec<_>, _>>()?;
    keys.into_iter().map(|key| Ok((key.clone(), map.get_item(&key)?))).collect()
}

fn filtered(map: &Value, keep: impl Fn(&Value, &Value) -> bool) -> Answer {
    members(map).map(|members| Value::from_pairs(members.into_iter().filter(|(key, value)| keep(key, value))))
}

fn merge(map: &Value, method: &str, others: &[Value]) -> Answer {
    let mut merged = members(map)?;
    for other in others {
        for (key, value) in members(other)? {
            match merged.iter_mut().find(|(known, _)| *known == key) {
                Some(_) if method == "reverse_merge" => {}
                Some((_, old)) if method == "deep_merge" && is_map(old) && is_map(&value) => {
                    *old = merge(old, method, &[value])?;
                }
                Some((_, old)) => *old = value,
                None => merged.push((key, value)),
            }
        }
    }
    super::check_length(merged.len())?;
    Ok(if merged.is_empty() { empty_map() } else { Value::from_pairs(merged) })
}

fn is_map(value: &Value) -> bool {
    value.kind() == minijinja::value::ValueKind::Map
}

/// What a map does as the list of its pairs; choosing among them gives a map again.
fn as_list(map: &Value, method: &str, args: &[Value]) -> Option<Answer> {
    let pairs = match list_of(map) {
        Ok(pairs) => Value::from(pairs),
        Err(error) => return Some(Err(error)),
    };
    let answer = super::list::call(&pairs, method, args)?;
    match method {
        "select" | "reject" | "select_by" | "reject_by" => Some(answer.and_then(|chosen| {
            super::list::call(&chosen, "to_h", &[]).unwrap_or_else(|| Err(wrong("the pairs make no map")))
        })),
        _ => Some(answer),
    }
}
