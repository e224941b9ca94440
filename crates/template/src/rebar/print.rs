//! How Go writes values: `print`, `println`, `printf` and what a template writes by itself.

use super::value::{is_nil, to_json, wrong};
use minijinja::value::ValueKind;
use minijinja::{Error, Value};
use std::iter::Peekable;
use std::str::Chars;

/// Wider than any column of text; a template could ask for gigabytes otherwise.
const WIDEST: usize = 10_000;

/// A value as `%v` writes it.
pub(super) fn text(value: &Value) -> String {
    if is_nil(value) {
        return "<nil>".to_owned();
    }
    match value.kind() {
        ValueKind::Bool => if value.is_true() { "true" } else { "false" }.to_owned(),
        ValueKind::Number if !value.is_integer() => {
            f64::try_from(value.clone()).map_or_else(|_| value.to_string(), float)
        }
        ValueKind::Map | ValueKind::Seq | ValueKind::Iterable => super::value::of_value(value).to_string(),
        _ => value.to_string(),
    }
}

/// `%v` of a float: the shortest digits, with an exponent where the number is long (strconv's 'g').
pub(super) fn float(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value.is_nan() {
            "NaN".to_owned()
        } else {
            format!("{value}").replace("inf", "+Inf").replace("-+", "-")
        };
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// `print`: a blank between two values of which neither is text.
pub(super) fn print(values: &[Value]) -> String {
    let mut written = String::new();
    for (index, value) in values.iter().enumerate() {
        let neighbours_text =
            value.as_str().is_some() || index.checked_sub(1).is_none_or(|index| values[index].as_str().is_some());
        if index > 0 && !neighbours_text {
            written.push(' ');
        }
        written.push_str(&text(value));
    }
    written
}

/// `println`: a blank between any two values, and a newline.
pub(super) fn println(values: &[Value]) -> String {
    let texts: Vec<String> = values.iter().map(text).collect();
    texts.join(" ") + "\n"
}

/// What stands between `%` and the verb.
#[derive(Debug, Default, Clone, Copy)]
struct Flags {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// `printf`.
///
/// # Errors
/// When a width is beyond all measure.
pub(super) fn printf(format: &str, values: &[Value]) -> Result<String, Error> {
    let mut written = String::new();
    let mut rest = values.iter();
    let mut characters = format.chars().peekable();
    while let Some(next) = characters.next() {
        if next != '%' {
            written.push(next);
            continue;
        }
        let flags = flags(&mut characters, &mut rest)?;
        match characters.next() {
            None => written.push_str("%!(NOVERB)"),
            Some('%') => written.push('%'),
            Some(verb) => match rest.next() {
                Some(value) => written.push_str(&formatted(verb, flags, value)),
                None => written.push_str(&format!("%!{verb}(MISSING)")),
            },
        }
    }
    let extra: Vec<String> = rest.map(|value| format!("{}={}", type_name(value), text(value))).collect();
    if !extra.is_empty() {
        written.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    Ok(written)
}

fn flags<'a>(
    characters: &mut Peekable<Chars<'_>>,
    values: &mut impl Iterator<Item = &'a Value>,
) -> Result<Flags, Error> {
    let mut flags = Flags::default();
    while let Some(next) = characters.next_if(|next| "+-# 0".contains(*next)) {
        match next {
            '+' => flags.plus = true,
            '-' => flags.minus = true,
            '#' => flags.sharp = true,
            ' ' => flags.space = true,
            _ => flags.zero = true,
        }
    }
    flags.width = number(characters, values)?;
    if characters.next_if_eq(&'.').is_some() {
        flags.precision = Some(number(characters, values)?.unwrap_or(0));
    }
    Ok(flags)
}

fn number<'a>(
    characters: &mut Peekable<Chars<'_>>,
    values: &mut impl Iterator<Item = &'a Value>,
) -> Result<Option<usize>, Error> {
    let number = if characters.next_if_eq(&'*').is_some() {
        values.next().and_then(Value::as_usize)
    } else {
        let mut digits = String::new();
        while let Some(digit) = characters.next_if(char::is_ascii_digit) {
            digits.push(digit);
        }
        if digits.is_empty() { None } else { Some(digits.parse().unwrap_or(usize::MAX)) }
    };
    match number {
        Some(number) if number > WIDEST => Err(wrong(format!("printf is asked for more than {WIDEST} columns"))),
        number => Ok(number),
    }
}

fn formatted(verb: char, flags: Flags, value: &Value) -> String {
    let body = match verb {
        'v' | 's' | 'd' if is_composite(value) && !flags.sharp => Some(each(verb, flags, value)),
        'v' => Some(if flags.sharp && value.as_str().is_some() { quoted(&text(value)) } else { text(value) }),
        'T' => Some(type_name(value).to_owned()),
        's' => value.as_str().map(|text| cut(text, flags.precision)),
        'q' => value.as_str().map(|text| quoted(&cut(text, flags.precision))),
        't' => (value.kind() == ValueKind::Bool).then(|| text(value)),
        'd' | 'b' | 'o' | 'c' | 'U' | 'x' | 'X' if value.is_integer() => integer(verb, flags, value),
        'x' | 'X' => value.as_str().map(|text| hex(text, verb == 'X')),
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => decimal(verb, flags, value),
        _ => None,
    };
    match body {
        Some(body) => padded(body, flags, value.kind() == ValueKind::Number && verb != 'v' && verb != 's'),
        None if is_nil(value) => format!("%!{verb}(<nil>)"),
        None => format!("%!{verb}({}={})", type_name(value), text(value)),
    }
}

fn is_composite(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Map | ValueKind::Seq | ValueKind::Iterable)
}

/// A list or a map is written by writing each of its values.
fn each(verb: char, flags: Flags, value: &Value) -> String {
    let plain = Flags { width: None, ..flags };
    if value.kind() == ValueKind::Map {
        let entries = super::value::entries(value).unwrap_or_default();
        let texts: Vec<String> =
            entries.iter().map(|(key, value)| format!("{key}:{}", formatted(verb, plain, value))).collect();
        return format!("map[{}]", texts.join(" "));
    }
    let texts: Vec<String> =
        super::value::items(value).unwrap_or_default().iter().map(|value| formatted(verb, plain, value)).collect();
    format!("[{}]", texts.join(" "))
}

fn cut(text: &str, precision: Option<usize>) -> String {
    text.chars().take(precision.unwrap_or(usize::MAX)).collect()
}

fn hex(text: &str, upper: bool) -> String {
    let digits = |byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
    text.bytes().map(digits).collect()
}

fn integer(verb: char, flags: Flags, value: &Value) -> Option<String> {
    let number = i128::try_from(value.clone()).ok()?;
    let magnitude = number.unsigned_abs();
    let prefix = |prefix: &'static str| if flags.sharp { prefix } else { "" };
    let digits = match verb {
        'd' => magnitude.to_string(),
        'b' => format!("{}{magnitude:b}", prefix("0b")),
        'o' => format!("{}{magnitude:o}", prefix("0")),
        'x' => format!("{}{magnitude:x}", prefix("0x")),
        'X' => format!("{}{magnitude:X}", prefix("0X")),
        'c' => return char::from_u32(u32::try_from(number).ok()?).map(String::from),
        _ => return Some(format!("U+{magnitude:04X}")),
    };
    let least = flags.precision.unwrap_or(0);
    let digits = format!("{}{digits}", "0".repeat(least.saturating_sub(digits.len())));
    Some(format!("{}{digits}", sign(number < 0, flags)))
}

fn sign(negative: bool, flags: Flags) -> &'static str {
    match (negative, flags.plus, flags.space) {
        (true, ..) => "-",
        (_, true, _) => "+",
        (.., true) => " ",
        _ => "",
    }
}

fn decimal(verb: char, flags: Flags, value: &Value) -> Option<String> {
    // An integer is no float to Go; ours may be a float that lost its fraction.
    let number = f64::try_from(value.clone()).ok().filter(|_| value.kind() == ValueKind::Number)?;
    let magnitude = number.abs();
    let body = match verb {
        'f' | 'F' => format!("{magnitude:.*}", flags.precision.unwrap_or(6)),
        'e' | 'E' => {
            let scientific = format!("{magnitude:.*e}", flags.precision.unwrap_or(6));
            let (mantissa, exponent) = scientific.split_once('e')?;
            let exponent: i32 = exponent.parse().ok()?;
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}{}{sign}{:02}", verb, exponent.abs())
        }
        _ => float(magnitude),
    };
    Some(format!("{}{body}", sign(number < 0.0, flags)))
}

fn padded(body: String, flags: Flags, number: bool) -> String {
    let missing = flags.width.unwrap_or(0).saturating_sub(body.chars().count());
    if missing == 0 {
        return body;
    }
    if flags.minus {
        return body + &" ".repeat(missing);
    }
    if flags.zero && number {
        let digits = body.trim_start_matches(['+', '-', ' ']);
        let sign = &body[..body.len() - digits.len()];
        return format!("{sign}{}{digits}", "0".repeat(missing));
    }
    let fill = if flags.zero { "0" } else { " " };
    fill.repeat(missing) + &body
}

/// Text in double quotes as Go's source has it (strconv.Quote).
pub(super) fn quoted(text: &str) -> String {
    let mut written = String::from("\"");
    for next in text.chars() {
        match next {
            '"' => written.push_str("\\\""),
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            '\u{7}' => written.push_str("\\a"),
            '\u{8}' => written.push_str("\\b"),
            '\u{b}' => written.push_str("\\v"),
            '\u{c}' => written.push_str("\\f"),
            control if u32::from(control) < 0x80 && control.is_control() => {
                written.push_str(&format!("\\x{:02x}", u32::from(control)));
            }
            control if control.is_control() => written.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => written.push(other),
        }
    }
    written.push('"');
    written
}

/// What Go calls the type of a value.
pub(super) fn type_name(value: &Value) -> &'static str {
    if is_nil(value) {
        return "<nil>";
    }
    match value.kind() {
        ValueKind::Bool => "bool",
        ValueKind::Number if value.is_integer() => "int",
        ValueKind::Number => "float64",
        ValueKind::String => "string",
        ValueKind::Seq | ValueKind::Iterable => "[]interface {}",
        ValueKind::Map => "map[string]interface {}",
        _ => "struct",
    }
}

/// The kind of a value in Go's words, as `kindOf` says it.
pub(super) fn kind_name(value: &Value) -> &'static str {
    match type_name(value) {
        "<nil>" => "invalid",
        "[]interface {}" => "slice",
        "map[string]interface {}" => "map",
        other => other,
    }
}

/// JSON as Go's encoder writes it: `<`, `>` and `&` escaped, if asked for.
pub(super) fn json(value: &Value, indent: bool, escape: bool) -> Result<String, Error> {
    let json = to_json(value);
    let written = if indent { serde_json::to_string_pretty(&json) } else { serde_json::to_string(&json) };
    let written = written.map_err(|error| wrong(format!("the value cannot be written as JSON: {error}")))?;
    let written = written.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    if !escape {
        return Ok(written);
    }
    Ok(written.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"))
}
