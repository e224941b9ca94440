//! XML 1.0.

use super::{refuse, scalar};
use minijinja::{Error, Value};

/// Text between tags. A carriage return is written as a reference, since a parser makes a line feed of it (§2.11).
pub(super) fn text(value: &Value) -> Result<String, Error> {
    write(value, |character| match character {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '\r' => Some("&#13;"),
        _ => None,
    })
}

/// Text between the quotes of an attribute, whichever they are. White space is written as references, since a
/// parser makes spaces of it (§3.3.3).
pub(super) fn attribute(value: &Value) -> Result<String, Error> {
    write(value, |character| match character {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\'' => Some("&#39;"),
        '\t' => Some("&#9;"),
        '\n' => Some("&#10;"),
        '\r' => Some("&#13;"),
        _ => None,
    })
}

fn write(value: &Value, reference: impl Fn(char) -> Option<&'static str>) -> Result<String, Error> {
    let text = scalar(value)?;
    refuse(&text, "XML", |character| !is_character(character))?;
    Ok(text.chars().fold(String::with_capacity(text.len()), |mut written, character| {
        match reference(character) {
            Some(reference) => written.push_str(reference),
            None => written.push(character),
        }
        written
    }))
}

/// What may stand in a document at all (§2.2).
fn is_character(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}
