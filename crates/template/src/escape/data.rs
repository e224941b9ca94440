//! Languages that carry data.

use super::{refused, scalar};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::{Error, ErrorKind, Value};

/// One YAML value on one line, whatever it is: JSON is YAML (YAML 1.2.2 §1.2).
///
/// The three line breaks that JSON leaves as they are and YAML 1.1 readers fold are escaped, and so are the
/// control characters that YAML does not allow.
pub(super) fn yaml(value: &Value) -> Result<String, Error> {
    let json = json(value)?;
    Ok(json.chars().fold(String::with_capacity(json.len()), |mut text, character| {
        match character {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                text.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            other => text.push(other),
        }
        text
    }))
}

/// A value as JSON on one line.
pub(super) fn json(value: &Value) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| unwritable(error, "JSON"))
}

/// A value as JSON for people, two spaces a step.
pub(super) fn json_pretty(value: &Value) -> Result<String, Error> {
    serde_json::to_string_pretty(value).map_err(|error| unwritable(error, "JSON"))
}

fn unwritable(error: serde_json::Error, language: &str) -> Error {
    Error::new(ErrorKind::BadSerialization, format!("value cannot be written as {language}")).with_source(error)
}

/// Base64 (RFC 4648 §4) of a text's bytes.
pub(super) fn b64(value: &Value) -> Result<String, Error> {
    match value.as_bytes() {
        Some(bytes) => Ok(STANDARD.encode(bytes)),
        None => Ok(STANDARD.encode(scalar(value)?)),
    }
}

/// The text that Base64 stands for.
pub(super) fn b64decode(value: &Value) -> Result<String, Error> {
    let encoded: String = scalar(value)?.split_ascii_whitespace().collect();
    let bytes = STANDARD.decode(encoded).map_err(|error| refused(format!("this is not Base64: {error}")))?;
    String::from_utf8(bytes).map_err(|_| refused("this is Base64 of bytes that are not a text"))
}

/// One part of a URL (RFC 3986 §2.3): all but letters, digits and `-._~` as percent and two digits.
pub(super) fn url(value: &Value) -> Result<String, Error> {
    let text = scalar(value)?;
    Ok(text.bytes().fold(String::with_capacity(text.len()), |mut part, byte| {
        match byte {
            byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => part.push(char::from(byte)),
            byte => part.push_str(&format!("%{byte:02X}")),
        }
        part
    }))
}
