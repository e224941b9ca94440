//! YAML as Go's library writes it: keys in order, lists as far left as their key, text plain where that reads
//! back as text.

use serde_json::Value;

/// A document.
pub(super) fn document(value: &Value) -> String {
    let mut written = String::new();
    match value {
        Value::Array(items) if !items.is_empty() => list(items, 0, &mut written),
        Value::Object(members) if !members.is_empty() => map(members, 0, false, &mut written),
        other => {
            written.push_str(&scalar(other, 0));
            written.push('\n');
        }
    }
    written
}

fn list(items: &[Value], depth: usize, written: &mut String) {
    for item in items {
        indent(depth, written);
        written.push('-');
        match item {
            Value::Array(items) if !items.is_empty() => {
                // The first item of a list in a list stands in the same line.
                let mut inner = String::new();
                list(items, depth + 2, &mut inner);
                written.push(' ');
                written.push_str(inner.trim_start_matches(' '));
            }
            Value::Object(members) if !members.is_empty() => {
                written.push(' ');
                map(members, depth + 2, true, written);
            }
            other => {
                written.push(' ');
                written.push_str(&scalar(other, depth + 2));
                written.push('\n');
            }
        }
    }
}

fn map(members: &serde_json::Map<String, Value>, depth: usize, first_in_line: bool, written: &mut String) {
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_unstable_by_key(|(key, _)| *key);
    for (index, (key, value)) in sorted.into_iter().enumerate() {
        if index > 0 || !first_in_line {
            indent(depth, written);
        }
        // A block of lines cannot be a key.
        written.push_str(&if key.contains('\n') { double_quoted(key) } else { text(key, depth) });
        written.push(':');
        match value {
            Value::Array(items) if !items.is_empty() => {
                written.push('\n');
                list(items, depth, written);
            }
            Value::Object(members) if !members.is_empty() => {
                written.push('\n');
                map(members, depth + 2, false, written);
            }
            other => {
                written.push(' ');
                written.push_str(&scalar(other, depth + 2));
                written.push('\n');
            }
        }
    }
}

fn indent(depth: usize, written: &mut String) {
    written.extend(std::iter::repeat_n(' ', depth));
}

fn scalar(value: &Value, depth: usize) -> String {
    match value {
        Value::String(string) => text(string, depth),
        other => other.to_string(),
    }
}

fn text(text: &str, depth: usize) -> String {
    if text.is_empty() || reads_as_another_type(text) || text.chars().any(is_special) {
        return double_quoted(text);
    }
    if text.contains('\n') {
        return if text.starts_with([' ', '\n']) { double_quoted(text) } else { block(text, depth) };
    }
    if is_plain(text) { text.to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}

fn is_special(next: char) -> bool {
    (next.is_control() && next != '\n') || matches!(next, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

fn reads_as_another_type(text: &str) -> bool {
    const WORDS: [&str; 14] =
        ["~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", "<<", ".nan", ".inf", "-.inf"];
    let lower = text.to_ascii_lowercase();
    if WORDS.contains(&lower.as_str()) {
        return true;
    }
    let digits = text.trim_start_matches(['-', '+']).replace('_', "");
    let number = digits.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && (digits.parse::<f64>().is_ok()
            || digits.starts_with("0x")
            || digits.starts_with("0b")
            || digits.starts_with("0o"));
    // A date, and a number in base 60 such as 22:22.
    let date = text.len() >= 8
        && text.as_bytes().first().is_some_and(u8::is_ascii_digit)
        && text.bytes().all(|byte| byte.is_ascii_digit() || b"-:. TZt+".contains(&byte))
        && text.contains('-');
    let sixties =
        text.contains(':') && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':') && !text.starts_with(':');
    number || date || sixties
}

fn is_plain(text: &str) -> bool {
    let starts = |next: char| "-?:,[]{}#&*!|>'\"%@`".contains(next);
    let mut characters = text.chars();
    let first_fits = match characters.next() {
        // These three only mean something before a blank.
        Some('-' | '?' | ':') => characters.next().is_some_and(|next| next != ' '),
        Some(first) => !starts(first) && first != ' ',
        None => false,
    };
    first_fits
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with([' ', ':'])
        && text != "---"
        && text != "..."
}

fn block(text: &str, depth: usize) -> String {
    let keep = if text.ends_with("\n\n") {
        "|+"
    } else if text.ends_with('\n') {
        "|"
    } else {
        "|-"
    };
    let mut written = keep.to_owned();
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        written.push('\n');
        if !line.is_empty() {
            indent(depth.max(2), &mut written);
            written.push_str(line);
        }
    }
    written
}

fn double_quoted(text: &str) -> String {
    let mut written = String::from("\"");
    for next in text.chars() {
        match next {
            '"' => written.push_str("\\\""),
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            special if is_special(special) && u32::from(special) < 0x100 => {
                written.push_str(&format!("\\x{:02X}", u32::from(special)));
            }
            special if is_special(special) => written.push_str(&format!("\\u{:04X}", u32::from(special))),
            other => written.push(other),
        }
    }
    written.push('"');
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_document_looks_like_those_of_gos_library() {
        let value =
            json!({"b": [{"name": "x", "on": true}, "y", ["z"]], "a": {"port": 22, "text": "one\ntwo\n"}, "e": []});
        let yaml =
            "a:\n  port: 22\n  text: |\n    one\n    two\nb:\n- name: x\n  \"on\": true\n- \"y\"\n- - z\ne: []\n";
        assert_eq!(document(&value), yaml);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn any_text_reads_back_as_itself(key in "[ -~\n]{0,12}", value in any::<String>()) {
            let value = json!({ "plain": value, "list": [value, {(key): value}] });
            let read: Value = serde_saphyr::from_str(&document(&value)).unwrap();
            prop_assert_eq!(read, value);
        }
    }
}
