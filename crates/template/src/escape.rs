//! The filters that write a value into a language so that it stays one value.
//!
//! Refusing is better than changing: where a language has no way to write a character, the template fails and
//! says which.

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, Value};

/// Adds `shell`, `yaml`, `ipxe` and `kernel`.
pub(crate) fn add_filters(environment: &mut Environment<'_>) {
    environment.add_filter("shell", shell);
    environment.add_filter("yaml", yaml);
    environment.add_filter("ipxe", ipxe);
    environment.add_filter("kernel", kernel);
}

/// One word of a POSIX shell (XCU §2.2.2): in single quotes, where only the quote itself means anything.
fn shell(value: &Value) -> Result<String, Error> {
    let text = scalar(value)?;
    refuse(&text, "a shell word", |character| character == '\0')?;
    Ok(format!("'{}'", text.replace('\'', r"'\''")))
}

/// One YAML value on one line, whatever it is: JSON is YAML (YAML 1.2.2 §1.2).
///
/// The three line breaks that JSON leaves as they are and YAML 1.1 readers fold are escaped, and so are the
/// control characters that YAML does not allow.
fn yaml(value: &Value) -> Result<String, Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    let json = serde_json::to_string(value).map_err(|error| {
        Error::new(ErrorKind::BadSerialization, "value cannot be written as YAML").with_source(error)
    })?;
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

/// One word of an iPXE script. iPXE has no quoting: it expands `${}`, then splits at spaces
/// (ipxe/src/core/exec.c), and a `\` at a line's end joins lines. Quotes are refused in case it learns to quote.
fn ipxe(value: &Value) -> Result<String, Error> {
    let text = scalar(value)?;
    refuse(&text, "a word of an iPXE script", |character| {
        !character.is_ascii_graphic() || matches!(character, '$' | '\\' | '\'' | '"')
    })?;
    if text.is_empty() || text.starts_with('#') || matches!(text.as_str(), "||" | "&&") {
        return Err(refused(&format!("{text:?} cannot be a word of an iPXE script")));
    }
    Ok(text)
}

/// One argument of the Linux command line, or the value of one: in double quotes when it has spaces
/// (Documentation/admin-guide/kernel-parameters.rst), which knows no way to write a double quote.
fn kernel(value: &Value) -> Result<String, Error> {
    let text = scalar(value)?;
    refuse(&text, "a kernel argument", |character| {
        !(character.is_ascii_graphic() || character == ' ') || character == '"'
    })?;
    Ok(if text.contains(' ') { format!("\"{text}\"") } else { text })
}

fn scalar(value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::String | ValueKind::Number | ValueKind::Bool => Ok(value.to_string()),
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        other => Err(refused(&format!("a {other} is not one word"))),
    }
}

/// The value itself may be secret; only the offending character is named.
fn refuse(text: &str, place: &str, is_refused: impl Fn(char) -> bool) -> Result<(), Error> {
    match text.char_indices().find(|(_, character)| is_refused(*character)) {
        None => Ok(()),
        Some((at, character)) => {
            let code = u32::from(character);
            Err(refused(&format!("the character U+{code:04X} at byte {at} cannot be written in {place}")))
        }
    }
}

fn refused(detail: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, detail.to_owned())
}

#[cfg(test)]
mod tests {
    use crate::{TemplateSource, render};
    use proptest::prelude::*;
    use serde_json::json;
    use std::process::Command;

    fn through(filter: &str, value: &serde_json::Value) -> Result<String, String> {
        let text = format!("{{{{ v | {filter} }}}}");
        render(TemplateSource { name: "t", text: &text }, &json!({ "v": value })).map_err(|error| error.to_string())
    }

    const HOSTILE: [&str; 6] = ["`$(x)`\n{{7*7}}", "a'b", "'; rm -rf / #", "\\\n", "\"}{", "${net0/mac} && exit"];

    #[test]
    fn a_shell_reads_back_what_was_meant() {
        for hostile in HOSTILE {
            let word = through("shell", &json!(hostile)).unwrap();
            let output = Command::new("sh").arg("-c").arg(format!("printf %s {word}")).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), hostile);
        }
        assert!(through("shell", &json!("a\0b")).unwrap_err().contains("U+0000 at byte 1"));
    }

    #[test]
    fn boot_languages_refuse_what_they_cannot_write() {
        for hostile in HOSTILE {
            assert!(through("ipxe", &json!(hostile)).is_err(), "ipxe took {hostile:?}");
        }
        for control in ["a\nb", "a\tb", "a\u{7f}b", "a\"b", "é"] {
            assert!(through("kernel", &json!(control)).is_err(), "kernel took {control:?}");
        }
        assert_eq!(through("kernel", &json!("a b")).unwrap(), "\"a b\"");
        assert_eq!(through("ipxe", &json!("http://10.0.0.1/a?b=c")).unwrap(), "http://10.0.0.1/a?b=c");
        assert_eq!(through("kernel", &json!(115_200)).unwrap(), "115200");
    }

    #[test]
    fn lists_and_absent_values_are_not_words() {
        assert!(through("shell", &json!(["a"])).unwrap_err().contains("not one word"));
        assert!(through("kernel", &json!(null)).unwrap_err().contains("not one word"));
        assert!(render(TemplateSource { name: "t", text: "{{ nothing | yaml }}" }, &json!({})).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn yaml_reads_back_any_text(value in any::<String>()) {
            let line = through("yaml", &json!(value)).unwrap();
            prop_assert!(!line.contains('\n'));
            let read: Vec<String> = serde_saphyr::from_str(&format!("- {line}\n")).unwrap();
            prop_assert_eq!(read, vec![value]);
        }
    }
}
