//! Values as Ruby shows them to programmers; lists and maps are printed so.

use super::convert::text_of;
use minijinja::value::{Value, ValueKind};

/// `["a", 1, nil]`, `{"a"=>1}`.
pub(super) fn inspect(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text, 0);
    text
}

fn write(value: &Value, text: &mut String, depth: usize) {
    if depth > 32 || text.len() > super::MAX_LENGTH {
        text.push_str("...");
        return;
    }
    match value.kind() {
        ValueKind::None | ValueKind::Undefined => text.push_str("nil"),
        ValueKind::String => quote(value.as_str().unwrap_or_default(), text),
        ValueKind::Map => write_map(value, text, depth),
        ValueKind::Seq | ValueKind::Iterable => {
            text.push('[');
            for (at, item) in value.try_iter().into_iter().flatten().enumerate() {
                text.push_str(if at > 0 { ", " } else { "" });
                write(&item, text, depth + 1);
            }
            text.push(']');
        }
        _ => text.push_str(&text_of(value)),
    }
}

fn write_map(value: &Value, text: &mut String, depth: usize) {
    text.push('{');
    for (at, key) in value.try_iter().into_iter().flatten().enumerate() {
        text.push_str(if at > 0 { ", " } else { "" });
        write(&key, text, depth + 1);
        text.push_str("=>");
        write(&value.get_item(&key).unwrap_or_default(), text, depth + 1);
    }
    text.push('}');
}

fn quote(plain: &str, text: &mut String) {
    text.push('"');
    let mut chars = plain.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            '\r' => text.push_str("\\r"),
            '\u{1b}' => text.push_str("\\e"),
            '#' if matches!(chars.peek(), Some('{' | '$' | '@')) => text.push_str("\\#"),
            c if c.is_control() => text.push_str(&format!("\\x{:02X}", u32::from(c))),
            c => text.push(c),
        }
    }
    text.push('"');
}
