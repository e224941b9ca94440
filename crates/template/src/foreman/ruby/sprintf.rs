//! `"%02d" % number` and `format("%s", text)`.

use super::{check_length, list_of, text_of, wrong};
use minijinja::Error;
use minijinja::value::{Value, ValueKind};

/// How a value is to be written.
#[derive(Default)]
struct Spec {
    left: bool,
    zeros: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    width: usize,
    precision: Option<usize>,
}

/// Puts values into a format.
///
/// # Errors
/// When a value is missing or is no number where one is wanted.
pub(in crate::foreman) fn sprintf(format: &str, args: &[Value]) -> Result<String, Error> {
    let values = match args {
        [only] if matches!(only.kind(), ValueKind::Seq | ValueKind::Iterable) => list_of(only)?,
        _ => args.to_vec(),
    };
    let mut values = values.into_iter();
    let mut text = String::with_capacity(format.len());
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            text.push('%');
            rest = after;
            continue;
        }
        let (spec, named, after) = parse(rest, &mut values)?;
        let mut chars = after.chars();
        let kind = chars.next().ok_or_else(|| wrong("the format ends in `%`"))?;
        let value = match named {
            Some(name) => args.first().map(|map| map.get_item(&Value::from(name))).transpose()?.unwrap_or_default(),
            None => values.next().ok_or_else(|| wrong("the format wants more values than there are"))?,
        };
        if after.starts_with('}') || named.is_some() && rest.starts_with('{') {
            text.push_str(&text_of(&value));
            rest = chars.as_str();
            continue;
        }
        text.push_str(&written(&spec, kind, &value)?);
        check_length(text.len())?;
        rest = chars.as_str();
    }
    text.push_str(rest);
    Ok(text)
}

/// Reads flags, width, precision and a name.
fn parse<'a>(
    format: &'a str,
    values: &mut impl Iterator<Item = Value>,
) -> Result<(Spec, Option<&'a str>, &'a str), Error> {
    let mut spec = Spec::default();
    let mut rest = format;
    let mut name = None;
    loop {
        match rest.chars().next() {
            Some('-') => spec.left = true,
            Some('0') => spec.zeros = true,
            Some('+') => spec.plus = true,
            Some(' ') => spec.space = true,
            Some('#') => spec.alternate = true,
            Some('<') => {
                let (found, after) = rest[1..].split_once('>').ok_or_else(|| wrong("`%<` without `>`"))?;
                name = Some(found);
                rest = after;
                continue;
            }
            Some('{') => {
                let end = rest.find('}').ok_or_else(|| wrong("`%{` without `}`"))?;
                return Ok((spec, Some(&rest[1..end]), &rest[end..]));
            }
            _ => break,
        }
        rest = &rest[1..];
    }
    if let Some(after) = rest.strip_prefix('*') {
        spec.width = values.next().and_then(|width| width.as_usize()).unwrap_or(0);
        rest = after;
    } else {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        spec.width = rest[..digits].parse().unwrap_or(0);
        rest = &rest[digits..];
    }
    if let Some(after) = rest.strip_prefix('.') {
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        spec.precision = Some(after[..digits].parse().unwrap_or(0));
        rest = &after[digits..];
    }
    check_length(spec.width.max(spec.precision.unwrap_or(0)))?;
    Ok((spec, name, rest))
}

fn written(spec: &Spec, kind: char, value: &Value) -> Result<String, Error> {
    let number = || match value.kind() {
        ValueKind::Number => f64::try_from(value.clone()),
        _ => text_of(value).trim().parse::<f64>().map_err(|_| wrong(format!("{:?} is no number", text_of(value)))),
    };
    let whole = || match value.as_i64() {
        Some(whole) => Ok(whole),
        None => number().map(|float| float.floor() as i64),
    };
    let precision = spec.precision.unwrap_or(6);
    let plain = match kind {
        's' | 'p' => {
            let text = if kind == 'p' { super::inspect::inspect(value) } else { text_of(value) };
            let text = spec.precision.map_or(text.clone(), |most| text.chars().take(most).collect());
            return Ok(padded(spec, &text, false));
        }
        'c' => return Ok(padded(spec, &text_of(value).chars().take(1).collect::<String>(), false)),
        'd' | 'i' | 'u' => whole()?.to_string(),
        'x' => format!("{}{:x}", if spec.alternate { "0x" } else { "" }, whole()?),
        'X' => format!("{}{:X}", if spec.alternate { "0X" } else { "" }, whole()?),
        'o' => format!("{:o}", whole()?),
        'b' => format!("{}{:b}", if spec.alternate { "0b" } else { "" }, whole()?),
        'f' => format!("{:.precision$}", number()?),
        'e' => format!("{:.precision$e}", number()?),
        'g' => number()?.to_string(),
        other => return Err(wrong(format!("`%{other}` is not known"))),
    };
    let signed = match (plain.starts_with('-'), spec.plus, spec.space) {
        (false, true, _) => format!("+{plain}"),
        (false, false, true) => format!(" {plain}"),
        _ => plain,
    };
    Ok(padded(spec, &signed, true))
}

fn padded(spec: &Spec, text: &str, number: bool) -> String {
    let missing = spec.width.saturating_sub(text.chars().count());
    if spec.left {
        return format!("{text}{}", " ".repeat(missing));
    }
    if spec.zeros && number {
        let sign = text.len() - text.trim_start_matches(['+', '-']).len();
        return format!("{}{}{}", &text[..sign], "0".repeat(missing), &text[sign..]);
    }
    format!("{}{text}", " ".repeat(missing))
}
