//! Parameters as they may be shown.

use serde_json::Value;
use types::Params;
use types::event::Event;
use types::secret::{SHOWN, is_secret_name};

/// Replaces what its name says is a secret.
pub(crate) fn redact(params: &mut Params) {
    for (name, value) in params {
        redact_value(name, value);
    }
}

/// The same in an entry of the history: a run's beginning tells its parameters, a step's arguments may hold others.
pub(crate) fn redact_event(mut event: Event) -> Event {
    redact_value("", &mut event.data);
    event
}

fn redact_value(name: &str, value: &mut Value) {
    if is_secret_name(name) {
        *value = SHOWN.into();
        return;
    }
    match value {
        Value::Object(members) => members.iter_mut().for_each(|(name, value)| redact_value(name, value)),
        Value::Array(items) => items.iter_mut().for_each(|item| redact_value("", item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_named_like_a_secret_is_hidden_at_any_depth() {
        let mut params: Params =
            serde_json::from_value(json!({"image": "x", "Root_Password": 7, "a": [{"api_token": {"b": 1}, "c": 2}]}))
                .unwrap();
        redact(&mut params);
        let expected = json!({"image": "x", "Root_Password": "[secret]", "a": [{"api_token": "[secret]", "c": 2}]});
        assert_eq!(serde_json::to_value(params).unwrap(), expected);
    }
}
