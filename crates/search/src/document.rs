//! From a JSON document to values that can be searched.

use crate::facts::Value;
use crate::number;
use serde_json::Value as Json;

/// The longest text that is kept of a value, in characters. Certificates and scripts are not searched for.
pub const MAX_VALUE_CHARS: usize = 500;
/// The most values that one document gives.
const MAX_VALUES: usize = 2000;
/// The longest path, in bytes.
const MAX_PATH: usize = 250;

/// Files every value of `document` under its path below `key`: members by their names, items of lists all under the
/// path of their list.
///
/// Of what `is_secret` by the name of a member, only that it is there is filed.
pub(crate) fn file(values: &mut Vec<(String, Value)>, key: &str, document: &Json, is_secret: &dyn Fn(&str) -> bool) {
    let end = values.len() + MAX_VALUES;
    let mut waiting = vec![(key.to_owned(), document)];
    while let Some((key, json)) = waiting.pop() {
        if values.len() >= end {
            return;
        }
        match json {
            Json::Null => {}
            Json::Bool(flag) => values.push((key, Value::Text(flag.to_string()))),
            Json::Number(written) => {
                let number = written.as_f64().filter(|number| number.is_finite());
                values.extend(number.map(|number| (key, Value::Number(number + 0.0))));
            }
            Json::String(text) => values.push((key, Value::Text(cut(text)))),
            Json::Array(items) => {
                waiting.extend(items.iter().map(|item| (key.clone(), item)));
            }
            Json::Object(members) => {
                for (name, value) in members {
                    let path = format!("{key}.{name}");
                    if is_secret(name) {
                        values.push((path, Value::Hidden));
                    } else if path.len() <= MAX_PATH {
                        waiting.push((path, value));
                    }
                }
            }
        }
    }
}

/// The beginning of a text, as much as is kept.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_VALUE_CHARS) {
        None => text.to_owned(),
        Some((end, _)) => text[..end].to_owned(),
    }
}

/// A count as a value.
pub(crate) fn count(count: u64) -> Value {
    Value::Number(number::of(count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Facts;
    use serde_json::json;

    fn filed(document: &Json) -> Facts {
        let mut values = Vec::new();
        file(&mut values, "params", document, &|name| name.contains("password"));
        values.into_iter().collect()
    }

    #[test]
    fn values_are_filed_under_their_paths_and_items_under_their_lists() {
        let facts = filed(&json!({"rack": "A1", "vlans": [3, 4], "net": {"mtu": 9000.5, "up": true}, "none": null}));
        let lines: Vec<String> = facts.iter().map(|(key, value)| format!("{key} {value:?}")).collect();
        let expected = [
            "params.net.mtu Number(9000.5)",
            "params.net.up Text(\"true\")",
            "params.rack Text(\"A1\")",
            "params.vlans Number(3.0)",
            "params.vlans Number(4.0)",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn of_a_secret_only_its_presence_is_filed() {
        let facts = filed(&json!({"password": {"value": "hunter2"}, "deep": [{"bmc_password": "hunter2"}]}));
        assert!(facts.iter().all(|(_, value)| *value == Value::Hidden), "{facts:?}");
        assert_eq!(facts.values("params.deep.bmc_password").count(), 1);
    }

    #[test]
    fn a_document_without_end_gives_only_so_many_values() {
        let facts = filed(&json!({"list": (0..10_000).collect::<Vec<_>>()}));
        assert!(facts.iter().count() <= MAX_VALUES);
        let deep = (0..100).fold(json!("x"), |inner, _| json!({ "long-name": inner }));
        assert!(filed(&deep).iter().all(|(key, _)| key.len() <= MAX_PATH));
    }
}
