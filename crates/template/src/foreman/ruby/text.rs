//! Texts.

use super::pattern::{self, Pattern};
use super::{Answer, check_length, integer, place, text_of, wrong};
use minijinja::Value;

pub(super) fn call(text: &str, method: &str, args: &[Value]) -> Option<Answer> {
    plain(text, method, args).or_else(|| with_arguments(text, method, args)).or_else(|| words(text, method, args))
}

/// Methods without arguments.
fn plain(text: &str, method: &str, args: &[Value]) -> Option<Answer> {
    if !args.is_empty() {
        return None;
    }
    let blanks = |c: char| c.is_ascii_whitespace() || c == '\0' || c == '\u{b}';
    Some(Ok(match method {
        "strip" => Value::from(text.trim_matches(blanks)),
        "lstrip" => Value::from(text.trim_start_matches(blanks)),
        "rstrip" => Value::from(text.trim_end_matches(blanks)),
        "chomp" => Value::from(text.strip_suffix("\r\n").or_else(|| text.strip_suffix(['\n', '\r'])).unwrap_or(text)),
        "chop" => Value::from(text.chars().take(text.chars().count().saturating_sub(1)).collect::<String>()),
        "upcase" => Value::from(text.to_uppercase()),
        "downcase" => Value::from(text.to_lowercase()),
        "capitalize" => Value::from(capitalize(text)),
        "swapcase" => Value::from(text.chars().map(swap_case).collect::<String>()),
        "reverse" => Value::from(text.chars().rev().collect::<String>()),
        "length" | "size" => Value::from(text.chars().count()),
        "bytesize" => Value::from(text.len()),
        "to_i" => Value::from(leading_integer(text)),
        "to_f" => Value::from(leading_float(text)),
        "hex" => Value::from(i64::from_str_radix(text.trim().trim_start_matches("0x"), 16).unwrap_or(0)),
        "oct" => Value::from(i64::from_str_radix(text.trim().trim_start_matches("0o"), 8).unwrap_or(0)),
        "ord" => Value::from(text.chars().next().map(u32::from)),
        "chars" => Value::from(text.chars().map(|c| Value::from(c.to_string())).collect::<Vec<_>>()),
        "bytes" => Value::from(text.bytes().map(Value::from).collect::<Vec<_>>()),
        "lines" => Value::from(text.split_inclusive('\n').map(Value::from).collect::<Vec<_>>()),
        "first" => Value::from(text.chars().take(1).collect::<String>()),
        "last" => Value::from(text.chars().last().map(String::from).unwrap_or_default()),
        "squish" => Value::from(text.split_whitespace().collect::<Vec<_>>().join(" ")),
        "squeeze" => Value::from(squeeze(text, |_| true)),
        "succ" | "next" => Value::from(successor(text)),
        "shellescape" => Value::from(shell_escape(text)),
        "dump" => Value::from(super::inspect::inspect(&Value::from(text))),
        "to_c" | "to_r" => return None,
        _ => return None,
    }))
}

fn with_arguments(text: &str, method: &str, args: &[Value]) -> Option<Answer> {
    let argument = |at: usize| args.get(at).map(text_of).unwrap_or_default();
    Some(match (method, args.len()) {
        ("split", 0..=2) => split(text, args),
        ("gsub", 2) => pattern::replace(text, args, true),
        ("sub", 2) => pattern::replace(text, args, false),
        ("tr" | "tr_s", 2) => Ok(Value::from(translate(text, &argument(0), &argument(1)))),
        ("without", 1) => Ok(Value::from(text)),
        ("delete" | "deleted", 1..) => {
            let sets: Vec<String> = args.iter().map(text_of).collect();
            Ok(Value::from(text.chars().filter(|c| !sets.iter().all(|set| in_set(*c, set))).collect::<String>()))
        }
        ("squeeze", 1) => Ok(Value::from(squeeze(text, |c| in_set(c, &argument(0))))),
        ("count", 1) => Ok(Value::from(text.chars().filter(|c| in_set(*c, &argument(0))).count())),
        ("match", 1) => match args[0].downcast_object_ref::<Pattern>() {
            Some(found) => Ok(pattern::find(text, found)),
            None => Pattern::new(&argument(0)).map(|found| pattern::find(text, &found)),
        },
        ("scan", 1) => pattern::scan(text, &args[0]),
        ("start_with", _) => Ok(Value::from(args.iter().any(|arg| begins(text, arg)))),
        ("end_with", _) => Ok(Value::from(args.iter().any(|arg| text.ends_with(&text_of(arg))))),
        ("chomp", 1) => Ok(Value::from(text.strip_suffix(&argument(0)).unwrap_or(text))),
        ("delete_prefix", 1) => Ok(Value::from(text.strip_prefix(&argument(0)).unwrap_or(text))),
        ("delete_suffix", 1) => Ok(Value::from(text.strip_suffix(&argument(0)).unwrap_or(text))),
        ("remove", 1) => pattern::replace(text, &[args[0].clone(), Value::from("")], true),
        ("ljust" | "rjust" | "center", 1 | 2) => justify(text, method, args),
        ("truncate", 1..) => integer(args, 0, 0).map(|length| Value::from(truncate(text, length))),
        ("slice" | "dig", 1 | 2) => slice(text, args),
        ("slice_range", 2 | 3) => range(text.chars().map(String::from).collect(), args)
            .map(|part| part.map_or_else(|| Value::from(()), |part| Value::from(part.concat()))),
        ("first" | "last", 1) => ends(text, method, args),
        ("index", 1) => Ok(Value::from(text.find(&argument(0)).map(|at| text[..at].chars().count()))),
        ("rindex", 1) => Ok(Value::from(text.rfind(&argument(0)).map(|at| text[..at].chars().count()))),
        ("insert", 2) => insert(text, args),
        ("concat" | "plus" | "push", _) => Ok(Value::from(format!("{text}{}", super::concat(args)))),
        ("unshift" | "prepend", _) => Ok(Value::from(format!("{}{text}", super::concat(args)))),
        ("minus", _) => Err(wrong("nothing can be taken from a text by `-`")),
        ("times", 1) => times(text, args),
        ("modulo" | "sprintf", _) => super::sprintf(text, args).map(Value::from),
        ("to_i", 1) => integer(args, 0, 10).map(|base| Value::from(in_base(text, base))),
        ("casecmp", 1) => Ok(Value::from(text.to_lowercase().cmp(&argument(0).to_lowercase()) as i64)),
        ("casecmp?", 1) => Ok(Value::from(text.to_lowercase() == argument(0).to_lowercase())),
        ("partition" | "rpartition", 1) => Ok(partition(text, &argument(0), method == "rpartition")),
        ("each_line", 0) => plain(text, "lines", &[])?,
        _ => return None,
    })
}

/// What Rails adds to texts.
fn words(text: &str, method: &str, args: &[Value]) -> Option<Answer> {
    if !args.is_empty() {
        return None;
    }
    let spaced = || text.replace(['_', '-'], " ");
    Some(Ok(Value::from(match method {
        "titleize" | "titlecase" => spaced().split(' ').map(capitalize_first).collect::<Vec<_>>().join(" "),
        "humanize" => capitalize(&text.replace('_', " ")),
        "camelize" | "camelcase" => text.split('_').map(capitalize_first).collect(),
        "underscore" => underscore(text),
        "dasherize" => text.replace('_', "-"),
        "parameterize" => crate::set::slug(text),
        "dirname" => {
            text.rsplit_once('/').map_or(".", |(folder, _)| if folder.is_empty() { "/" } else { folder }).to_owned()
        }
        _ => return None,
    })))
}

fn begins(text: &str, with: &Value) -> bool {
    match with.downcast_object_ref::<Pattern>() {
        Some(pattern) => pattern.0.find(text).is_some_and(|found| found.start() == 0),
        None => text.starts_with(&text_of(with)),
    }
}

fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars.flat_map(char::to_lowercase)).collect())
        .unwrap_or_default()
}

fn capitalize_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn swap_case(c: char) -> char {
    let swapped = |mut chars: std::char::ToLowercase| chars.next().unwrap_or(c);
    if c.is_uppercase() { swapped(c.to_lowercase()) } else { c.to_uppercase().next().unwrap_or(c) }
}

fn underscore(text: &str) -> String {
    let mut result = String::new();
    for c in text.chars() {
        if c.is_uppercase() && !result.is_empty() && !result.ends_with('_') {
            result.push('_');
        }
        result.extend(c.to_lowercase());
    }
    result.replace('-', "_")
}

/// `"12abc".to_i` is 12, `"abc".to_i` is 0.
fn leading_integer(text: &str) -> i64 {
    let text = text.trim_start();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits: String = digits.chars().take_while(|c| c.is_ascii_digit() || *c == '_').filter(|c| *c != '_').collect();
    digits.parse::<i64>().unwrap_or(if digits.is_empty() { 0 } else { i64::MAX }).saturating_mul(sign)
}

fn leading_float(text: &str) -> f64 {
    let text = text.trim_start();
    let end =
        text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E'))).unwrap_or(text.len());
    (0..=end).rev().find_map(|end| text.get(..end)?.parse().ok()).unwrap_or(0.0)
}

fn in_base(text: &str, base: i64) -> i64 {
    let base = u32::try_from(base).unwrap_or(10).clamp(2, 36);
    let digits: String = text.trim().chars().take_while(|c| c.is_digit(base)).collect();
    i64::from_str_radix(&digits, base).unwrap_or(0)
}

fn split(text: &str, args: &[Value]) -> Answer {
    let limit = integer(args, 1, 0)?;
    let most = usize::try_from(limit).unwrap_or(0);
    let mut parts: Vec<String> = match args.first().filter(|arg| !arg.is_none()) {
        None => return Ok(strings(limited_words(text, most))),
        Some(arg) if arg.as_str() == Some(" ") => return Ok(strings(limited_words(text, most))),
        Some(arg) if arg.as_str() == Some("") => text.chars().map(String::from).collect(),
        Some(arg) => {
            let pattern = Pattern::literal_or(arg)?;
            let split: Vec<&str> =
                if most > 0 { pattern.0.splitn(text, most).collect() } else { pattern.0.split(text).collect() };
            split.into_iter().map(str::to_owned).collect()
        }
    };
    if limit == 0 {
        while parts.last().is_some_and(String::is_empty) {
            parts.pop();
        }
    }
    check_length(parts.len())?;
    Ok(strings(parts))
}

fn limited_words(text: &str, most: usize) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if most > 0 && words.len() + 1 == most {
            words.push(rest.to_owned());
            break;
        }
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        words.push(rest[..end].to_owned());
        rest = rest[end..].trim_start();
    }
    words
}

fn strings(parts: Vec<String>) -> Value {
    Value::from(parts.into_iter().map(Value::from).collect::<Vec<_>>())
}

/// The signs of `a-z`, `^0-9` and the like.
fn expand_set(set: &str) -> (bool, Vec<char>) {
    let (negated, set) = match set.strip_prefix('^') {
        Some(rest) if !rest.is_empty() => (true, rest),
        _ => (false, set),
    };
    let chars: Vec<char> = set.chars().collect();
    let mut signs = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1), chars.get(at + 2)) {
            ('\\', Some(next), _) => {
                signs.push(*next);
                at += 2;
            }
            (first, Some('-'), Some(last)) if first <= *last => {
                signs.extend((first..=*last).take(0x1000));
                at += 3;
            }
            (sign, ..) => {
                signs.push(sign);
                at += 1;
            }
        }
    }
    (negated, signs)
}

fn in_set(c: char, set: &str) -> bool {
    let (negated, signs) = expand_set(set);
    signs.contains(&c) != negated
}

fn translate(text: &str, from: &str, to: &str) -> String {
    let ((negated, from), (_, to)) = (expand_set(from), expand_set(to));
    let last = to.last().copied();
    let changed = |c: char| match (negated, from.iter().position(|sign| *sign == c)) {
        (false, Some(at)) => to.get(at).copied().or(last),
        (true, None) => last,
        _ => Some(c),
    };
    text.chars().filter_map(changed).collect()
}

fn squeeze(text: &str, which: impl Fn(char) -> bool) -> String {
    let mut result = String::with_capacity(text.len());
    for c in text.chars() {
        if !(result.ends_with(c) && which(c)) {
            result.push(c);
        }
    }
    result
}

/// `"a9".succ` is `"b0"`.
fn successor(text: &str) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for at in (0..chars.len()).rev() {
        let (next, carry) = match chars[at] {
            'z' => ('a', true),
            'Z' => ('A', true),
            '9' => ('0', true),
            c => (char::from_u32(u32::from(c) + 1).unwrap_or(c), false),
        };
        chars[at] = next;
        if !carry {
            return chars.into_iter().collect();
        }
        if at == 0 {
            chars.insert(0, if next == '0' { '1' } else { next });
        }
    }
    chars.into_iter().collect()
}

/// A text as one word for a shell, as Ruby's library writes it.
fn shell_escape(text: &str) -> String {
    if text.is_empty() {
        return "''".to_owned();
    }
    let mut result = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => result.push_str("'\n'"),
            c if c.is_alphanumeric() || "_-.,:+/@".contains(c) => result.push(c),
            c => result.extend(['\\', c]),
        }
    }
    result
}

fn justify(text: &str, method: &str, args: &[Value]) -> Answer {
    let width = usize::try_from(integer(args, 0, 0)?).unwrap_or(0);
    check_length(width)?;
    let with = args.get(1).map_or_else(|| " ".to_owned(), text_of);
    let missing = width.saturating_sub(text.chars().count());
    let (left, right) = match method {
        "ljust" => (0, missing),
        "rjust" => (missing, 0),
        _ => (missing / 2, missing - missing / 2),
    };
    let fill = |length: usize| with.chars().cycle().take(if with.is_empty() { 0 } else { length }).collect::<String>();
    Ok(Value::from(format!("{}{text}{}", fill(left), fill(right))))
}

fn truncate(text: &str, length: i64) -> String {
    let length = usize::try_from(length).unwrap_or(0);
    if text.chars().count() <= length {
        return text.to_owned();
    }
    format!("{}...", text.chars().take(length.saturating_sub(3)).collect::<String>())
}

fn slice(text: &str, args: &[Value]) -> Answer {
    if let Some(pattern) = args[0].downcast_object_ref::<Pattern>() {
        return pattern::slice(text, pattern, &args[1..]);
    }
    if let Some(part) = args[0].as_str() {
        return Ok(if text.contains(part) { Value::from(part) } else { Value::from(()) });
    }
    let chars: Vec<char> = text.chars().collect();
    let Some(start) = place(integer(args, 0, 0)?, chars.len()) else { return Ok(Value::from(())) };
    let length = usize::try_from(integer(args, 1, 1)?).unwrap_or(0);
    let nothing = start > chars.len() || (args.len() == 1 && start == chars.len());
    Ok(if nothing { Value::from(()) } else { Value::from(chars.iter().skip(start).take(length).collect::<String>()) })
}

/// The elements from one place to another; the second may be missing, or not belong to them.
pub(super) fn range<T>(items: Vec<T>, args: &[Value]) -> Result<Option<Vec<T>>, minijinja::Error> {
    let length = items.len();
    let Some(start) = place(integer(args, 0, 0)?, length).filter(|start| *start <= length) else { return Ok(None) };
    let exclusive = args.get(2).is_some_and(Value::is_true);
    let end = match args.get(1).filter(|end| !end.is_none()) {
        None => length,
        Some(_) => {
            let end = integer(args, 1, 0)?;
            let end = if end < 0 { end + i64::try_from(length).unwrap_or(i64::MAX) } else { end };
            usize::try_from(end + i64::from(!exclusive)).unwrap_or(0).min(length)
        }
    };
    Ok(Some(items.into_iter().skip(start).take(end.saturating_sub(start)).collect()))
}

fn ends(text: &str, method: &str, args: &[Value]) -> Answer {
    let count = usize::try_from(integer(args, 0, 1)?).unwrap_or(0);
    let skipped = if method == "first" { 0 } else { text.chars().count().saturating_sub(count) };
    Ok(Value::from(text.chars().skip(skipped).take(count).collect::<String>()))
}

fn insert(text: &str, args: &[Value]) -> Answer {
    let mut chars: Vec<char> = text.chars().collect();
    let index = integer(args, 0, 0)?;
    let at = if index < 0 {
        place(index + 1 + i64::from(index == -1), chars.len() + usize::from(index == -1))
    } else {
        place(index, chars.len())
    };
    let at = if index == -1 { chars.len() } else { at.unwrap_or(0).min(chars.len()) };
    chars.splice(at..at, text_of(&args[1]).chars());
    Ok(Value::from(chars.into_iter().collect::<String>()))
}

fn times(text: &str, args: &[Value]) -> Answer {
    let count =
        usize::try_from(integer(args, 0, 0)?).map_err(|_| wrong("a text cannot be repeated less than 0 times"))?;
    check_length(text.len().saturating_mul(count))?;
    Ok(Value::from(text.repeat(count)))
}

fn partition(text: &str, at: &str, last: bool) -> Value {
    let found = if last { text.rsplit_once(at) } else { text.split_once(at) };
    strings(match found {
        Some((before, after)) => vec![before.to_owned(), at.to_owned(), after.to_owned()],
        None if last => vec![String::new(), String::new(), text.to_owned()],
        None => vec![text.to_owned(), String::new(), String::new()],
    })
}
