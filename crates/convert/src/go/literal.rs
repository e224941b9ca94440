//! Go's quoted text and numbers, and how our language writes them.

use super::ast::Offset;
use super::fault::Fault;

/// Takes the backslashes out of quoted text (Go specification, "String literals").
pub(super) fn unquote(quoted: &str, at: Offset) -> Result<String, Fault> {
    let mut bytes = Vec::with_capacity(quoted.len());
    let mut rest = quoted.chars();
    while let Some(next) = rest.next() {
        if next != '\\' {
            bytes.extend_from_slice(next.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let wrong = || Fault::new(at, "a backslash stands before something that it cannot escape");
        match rest.next().ok_or_else(wrong)? {
            'a' => bytes.push(7),
            'b' => bytes.push(8),
            'f' => bytes.push(12),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'v' => bytes.push(11),
            '\\' => bytes.push(b'\\'),
            '\'' => bytes.push(b'\''),
            '"' => bytes.push(b'"'),
            'x' => bytes.push(u8::try_from(digits(&mut rest, 2, 16).ok_or_else(wrong)?).map_err(|_| wrong())?),
            octal @ '0'..='7' => {
                let high = octal.to_digit(8).ok_or_else(wrong)?;
                let value = high * 64 + digits(&mut rest, 2, 8).ok_or_else(wrong)?;
                bytes.push(u8::try_from(value).map_err(|_| wrong())?);
            }
            long @ ('u' | 'U') => {
                let code = digits(&mut rest, if long == 'u' { 4 } else { 8 }, 16).ok_or_else(wrong)?;
                let character = char::from_u32(code).ok_or_else(wrong)?;
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => return Err(wrong()),
        }
    }
    String::from_utf8(bytes).map_err(|_| Fault::new(at, "quoted text is not UTF-8"))
}

fn digits(rest: &mut std::str::Chars<'_>, count: usize, radix: u32) -> Option<u32> {
    (0..count).try_fold(0, |value, _| Some(value * radix + rest.next()?.to_digit(radix)?))
}

/// A Go number as our language writes it, if it is one.
pub(super) fn number(text: &str) -> Option<String> {
    let plain = text.replace('_', "");
    let (sign, digits) = match plain.strip_prefix(['-', '+']) {
        Some(digits) if plain.starts_with('-') => ("-", digits),
        Some(digits) => ("", digits),
        None => ("", plain.as_str()),
    };
    integer(digits).map(|value| format!("{sign}{value}")).or_else(|| {
        let value = digits.parse::<f64>().ok().filter(|value| value.is_finite())?;
        // Rust reads "inf" and "nan" too; Go's numbers start with a digit or a point.
        let is_number = digits.starts_with(|first: char| first.is_ascii_digit() || first == '.');
        // Go writes a whole float like an integer, and so it is one here.
        let whole = value.fract() == 0.0 && value < 1e15;
        is_number.then(|| if whole { format!("{sign}{value:.0}") } else { format!("{sign}{value:?}") })
    })
}

fn integer(digits: &str) -> Option<i64> {
    let radix = |prefix: [&str; 2], radix| {
        let digits = prefix.iter().find_map(|prefix| digits.strip_prefix(prefix))?;
        i64::from_str_radix(digits, radix).ok()
    };
    let octal = || digits.strip_prefix('0').and_then(|digits| i64::from_str_radix(digits, 8).ok());
    radix(["0x", "0X"], 16)
        .or_else(|| radix(["0b", "0B"], 2))
        .or_else(|| radix(["0o", "0O"], 8))
        .or_else(octal)
        .or_else(|| digits.parse().ok())
}

/// Text as a literal of our language.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for next in text.chars() {
        match next {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            control if control.is_control() => {
                // minijinja's \u takes UTF-16 units; control characters are one each.
                quoted.push_str(&format!("\\u{:04x}", u32::from(control)));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_radix_are_written_in_ours() {
        let cases = [("12", "12"), ("-3", "-3"), ("0x1F", "31"), ("0b101", "5"), ("017", "15"), ("1_000", "1000")];
        for (go, ours) in cases {
            assert_eq!(number(go).as_deref(), Some(ours), "{go}");
        }
        assert_eq!(number("1.50").as_deref(), Some("1.5"));
        assert_eq!(number("1e3").as_deref(), Some("1000"));
        assert_eq!(number("3i"), None);
        assert_eq!(number("inf"), None);
    }

    #[test]
    fn escapes_mean_what_they_mean_in_go() {
        assert_eq!(unquote(r#"a\tb\n\"\\\x41\101\u00e9"#, 0), Ok("a\tb\n\"\\AA\u{e9}".to_owned()));
        assert!(unquote(r"\q", 0).is_err());
        assert!(unquote(r"\xff", 0).is_err(), "not UTF-8");
    }

    #[test]
    fn quoted_text_is_one_literal() {
        assert_eq!(quote("a\"b\\c\nd\u{1}"), r#""a\"b\\c\nd\u0001""#);
    }
}
