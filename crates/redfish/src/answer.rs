//! One answer of a BMC, read within bounds.

use crate::error::{RequestError, Target};
use reqwest::header::{ETAG, HeaderMap, HeaderName, LOCATION, RETRY_AFTER};
use serde_json::Value;
use std::time::Duration;
use types::Secret;

/// Redfish resources are a handful of levels deep; the deepest of the captured ones has 11.
const MAX_DEPTH: usize = 64;
/// How many messages of an error are kept: enough to see why, too few to flood a log.
const MAX_MESSAGES: usize = 8;

/// The parts of an answer that the client uses.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) etag: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) token: Option<Secret>,
    pub(crate) body: Option<Value>,
}

impl Answer {
    /// Reads `response` to its end, or to `limit_bytes`.
    pub(crate) async fn read(
        mut response: reqwest::Response,
        target: &Target,
        limit_bytes: usize,
    ) -> Result<Self, RequestError> {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|source| broken(target, source))? {
            if bytes.len().saturating_add(chunk.len()) > limit_bytes {
                return Err(RequestError::TooLarge { target: target.clone(), limit_bytes });
            }
            bytes.extend_from_slice(&chunk);
        }
        let body = match parse(&bytes, target) {
            Ok(body) => body,
            // An error page in HTML is still the error its status says.
            Err(_) if status >= 400 => None,
            Err(error) => return Err(error),
        };
        Ok(Self {
            status,
            etag: text(&headers, &ETAG),
            location: text(&headers, &LOCATION),
            retry_after: text(&headers, &RETRY_AFTER).and_then(|text| Some(Duration::from_secs(text.parse().ok()?))),
            token: text(&headers, &HeaderName::from_static("x-auth-token")).map(Secret::new),
            body,
        })
    }

    /// The message ids of an error answer (DSP0266, "Error responses"), each with the properties it is about.
    pub(crate) fn messages(&self) -> Vec<String> {
        let Some(body) = &self.body else { return Vec::new() };
        message_ids(&body["error"]["@Message.ExtendedInfo"])
    }
}

/// The ids in a list of messages, fit for printing.
pub(crate) fn message_ids(messages: &Value) -> Vec<String> {
    messages.as_array().into_iter().flatten().filter_map(message_id).take(MAX_MESSAGES).collect()
}

fn message_id(message: &Value) -> Option<String> {
    // HPE iLO 4 and early iLO 5 write `MessageID`.
    let id = message["MessageId"].as_str().or_else(|| message["MessageID"].as_str())?;
    let properties = message["RelatedProperties"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let text: Vec<&str> = std::iter::once(id).chain(properties).collect();
    Some(text.join(" ").chars().filter(|character| !character.is_control()).take(200).collect())
}

/// What breaking off in the middle of a body means.
pub(crate) fn broken(target: &Target, source: reqwest::Error) -> RequestError {
    let target = target.clone();
    let source = source.without_url();
    if source.is_timeout() {
        RequestError::TimedOut { target }
    } else if source.is_connect() {
        RequestError::Unreachable { target, source }
    } else {
        RequestError::Broken { target, source }
    }
}

fn parse(bytes: &[u8], target: &Target) -> Result<Option<Value>, RequestError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let value =
        serde_json::from_slice(bytes).map_err(|source| RequestError::NotJson { target: target.clone(), source })?;
    if is_deeper_than(&value, MAX_DEPTH) {
        return Err(RequestError::TooDeep { target: target.clone() });
    }
    Ok(Some(value))
}

/// Recursion is bounded: serde_json refuses more than 128 levels.
fn is_deeper_than(value: &Value, levels: usize) -> bool {
    let Some(below) = levels.checked_sub(1) else { return true };
    match value {
        Value::Array(items) => items.iter().any(|item| is_deeper_than(item, below)),
        Value::Object(members) => members.values().any(|member| is_deeper_than(member, below)),
        _ => false,
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn target() -> Target {
        Target { method: "GET", path: "/redfish/v1".into() }
    }

    #[test]
    fn nesting_beyond_the_limit_is_refused_and_does_not_overflow() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse(deep(10).as_bytes(), &target()).is_ok());
        assert!(matches!(parse(deep(100).as_bytes(), &target()), Err(RequestError::TooDeep { .. })));
        assert!(matches!(parse(deep(1_000_000).as_bytes(), &target()), Err(RequestError::NotJson { .. })));
    }

    #[test]
    fn messages_are_ids_without_the_text_a_bmc_may_echo() {
        let list = json!([
            {"MessageId": "Base.1.8.PropertyValueNotInList", "Message": "hunter2", "RelatedProperties": ["#/Boot"]},
            {"MessageID": "iLO.0.10.Bad\u{7}"},
            {"Message": "no id"},
            7
        ]);
        assert_eq!(message_ids(&list), ["Base.1.8.PropertyValueNotInList #/Boot", "iLO.0.10.Bad"]);
        assert!(message_ids(&json!("text")).is_empty());
    }
}
