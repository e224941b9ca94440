//! Functions, filters and tests that translated Ruby leans on.

use super::functions::wrapped_base64;
use super::ruby::{self, Answer, Moment, Pattern, text_of};
use super::thing::{Thing, optional};
use crate::scope::Scope;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use jiff::Timestamp;
use minijinja::value::{Kwargs, Rest, Serde, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State};
use sha2::{Digest, Sha256, Sha512};
use std::cmp::Ordering;

pub(super) fn add_to(environment: &mut Environment<'_>) {
    environment.add_filter("otherwise", |value: Value, other: Value| if ruby::given(&value) { value } else { other });
    environment.add_test("given", |value: &Value| ruby::given(value));
    environment.add_test("present", |value: &Value| !ruby::is_blank(value));
    environment.add_test("blank", |value: &Value| ruby::is_blank(value));
    environment.add_test("empty", |value: &Value| ruby::is_empty(value));
    environment.add_test("matching", |value: &Value, pattern: &Value| ruby::matching(value, pattern));
    environment.add_test("a_list", |value: &Value| matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable));
    environment.add_test("a_map", |value: &Value| value.kind() == ValueKind::Map);
    environment.add_function("concat", |values: Rest<Value>| ruby::concat(&values));
    environment.add_function("regex", |source: &str| Pattern::new(source).map(Value::from_object));
    environment.add_function("regex_escape", |text: Value| regex::escape(&text_of(&text)));
    for name in ["sprintf", "format"] {
        environment.add_function(name, |format: &str, values: Rest<Value>| ruby::sprintf(format, &values));
    }
    environment.add_function("compare", |a: Value, b: Value| ruby::compare(&a, &b).map(|order| order as i64));
    for name in ["compare_versions", "gem_version_compare"] {
        environment.add_function(name, |a: Value, b: Value| compare_versions(&text_of(&a), &text_of(&b)) as i64);
    }
    add_time(environment);
    add_text(environment);
    add_documents(environment);
    add_numbers(environment);
}

fn wrong(detail: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, detail.into())
}

fn add_time(environment: &mut Environment<'_>) {
    let now = |state: &State<'_, '_>, day: bool| -> Answer {
        Ok(Value::from_object(Moment { at: Scope::of(state)?.facts().now, day }))
    };
    environment.add_function("current_time", move |state: &State<'_, '_>| now(state, false));
    environment.add_function("current_date", move |state: &State<'_, '_>, format: Option<String>| -> Answer {
        match format {
            Some(format) => {
                let moment = Moment { at: Scope::of(state)?.facts().now, day: true };
                ruby::strftime(&moment, &format).map(Value::from)
            }
            None => now(state, true),
        }
    });
    environment.add_function("time_at", |seconds: i64| {
        let at = Timestamp::from_second(seconds).map_err(|error| wrong(error.to_string()))?;
        Ok::<_, Error>(Value::from_object(Moment { at, day: false }))
    });
    environment.add_function("parse_time", |text: Value| {
        let text = text_of(&text);
        let day = text.len() == 10;
        let full = if day { format!("{text}T00:00:00Z") } else { text.replacen(' ', "T", 1).replace(" UTC", "Z") };
        let at = full.parse().map_err(|_| wrong(format!("{text:?} is no time")))?;
        Ok::<_, Error>(Value::from_object(Moment { at, day }))
    });
}

fn add_text(environment: &mut Environment<'_>) {
    environment.add_function("base64_encode", |text: Value| wrapped_base64(text_of(&text).as_bytes()));
    environment.add_function("base64_strict_encode", |text: Value| STANDARD.encode(text_of(&text)));
    environment.add_function("base64_urlsafe_encode", |text: Value| URL_SAFE.encode(text_of(&text)));
    for name in ["base64_decode", "base64_strict_decode"] {
        environment.add_function(name, |text: Value| {
            let plain: String = text_of(&text).split_whitespace().collect();
            let bytes = STANDARD.decode(plain).map_err(|error| wrong(error.to_string()))?;
            String::from_utf8(bytes).map_err(|_| wrong("what was decoded is no text"))
        });
    }
    environment.add_function("digest", |kind: &str, text: Value| digest(kind, &text_of(&text)));
    environment.add_function("url_encode", |text: Value| encoded(&text_of(&text)));
    environment.add_function("html_escape", |text: Value| {
        let text = text_of(&text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        text.replace('"', "&quot;").replace('\'', "&#39;")
    });
    environment.add_function("shell_escape", |text: Value| {
        ruby::call(&Value::from(text_of(&text)), "shellescape", &[]).unwrap_or(Ok(text))
    });
    environment.add_function("join", |list: Value, separator: Option<Value>| {
        let separator: Vec<Value> = separator.into_iter().collect();
        ruby::call(&list, "join", &separator).unwrap_or_else(|| Err(wrong("only a list can be joined")))
    });
    environment.add_function("truncate", |text: Value, length: i64| {
        ruby::call(&Value::from(text_of(&text)), "truncate", &[Value::from(length)]).unwrap_or(Ok(text))
    });
}

fn add_documents(environment: &mut Environment<'_>) {
    environment.add_function("to_json", |data: Value| {
        let json = serde_json::to_string_pretty(&Serde(&data).0).map_err(|error| wrong(error.to_string()));
        json.or_else(|_| {
            ruby::call(&data, "to_json", &[]).unwrap_or_else(|| Ok(data.clone())).map(|json| text_of(&json))
        })
    });
    environment.add_function("to_yaml", |data: Value| {
        ruby::call(&data, "to_yaml", &[]).unwrap_or_else(|| Err(wrong("this is no data")))
    });
    environment.add_function("parse_json", |text: Value| {
        let parsed: serde_json::Value =
            serde_json::from_str(&text_of(&text)).map_err(|error| wrong(format!("this is no JSON: {error}")))?;
        Ok::<_, Error>(Value::from(Serde(parsed)))
    });
    environment.add_function("parse_yaml", |text: Value| {
        let parsed: serde_json::Value =
            serde_saphyr::from_str(&text_of(&text)).map_err(|error| wrong(format!("this is no YAML: {error}")))?;
        Ok::<_, Error>(Value::from(Serde(parsed)))
    });
    environment.add_function("parse_url", |text: Value| parse_url(&text_of(&text)));
    environment.add_function("parse_address", |text: Value| parse_address(&text_of(&text)));
}

fn add_numbers(environment: &mut Environment<'_>) {
    environment
        .add_function("number_with_delimiter", |number: Value, _: Rest<Value>, _: Kwargs| delimited(&text_of(&number)));
    environment.add_function("number_with_precision", |number: Value, options: Kwargs| {
        Ok::<_, Error>(format!("{:.*}", precision(&options, 3), float(&number)?))
    });
    environment.add_function("number_to_percentage", |number: Value, options: Kwargs| {
        Ok::<_, Error>(format!("{:.*}%", precision(&options, 3), float(&number)?))
    });
    environment.add_function("number_to_currency", |number: Value, _: Rest<Value>, _: Kwargs| {
        Ok::<_, Error>(format!("${}", delimited(&format!("{:.2}", float(&number)?))))
    });
    for name in ["number_to_human_size", "number_to_human"] {
        environment.add_function(name, |number: Value, _: Rest<Value>, _: Kwargs| human_size(float(&number)?));
    }
}

fn float(value: &Value) -> Result<f64, Error> {
    match value.kind() {
        ValueKind::Number => f64::try_from(value.clone()),
        _ => text_of(value).trim().parse().map_err(|_| wrong(format!("{:?} is no number", text_of(value)))),
    }
}

fn precision(options: &Kwargs, default: usize) -> usize {
    options.get::<Option<usize>>("precision").ok().flatten().unwrap_or(default).min(20)
}

/// `1234567` with commas.
fn delimited(number: &str) -> String {
    let (whole, fraction) = number.split_once('.').map_or((number, None), |(whole, fraction)| (whole, Some(fraction)));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}{}", fraction.map(|fraction| format!(".{fraction}")).unwrap_or_default())
}

fn human_size(bytes: f64) -> Result<String, Error> {
    const UNITS: [&str; 6] = ["Bytes", "KB", "MB", "GB", "TB", "PB"];
    let mut size = bytes;
    let mut unit = 0;
    while size.abs() >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    let digits = if size.abs() >= 100.0 {
        0
    } else if size.abs() >= 10.0 {
        1
    } else {
        2
    };
    let text = format!("{size:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    Ok(format!("{text} {}", UNITS[unit]))
}

/// Versions by their numbers: `9.10` comes after `9.9`, and `9.0.beta` before `9.0`.
fn compare_versions(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (segments(a), segments(b));
    let length = a.len().max(b.len());
    a.resize(length, Segment::Number(0));
    b.resize(length, Segment::Number(0));
    a.cmp(&b)
}

/// A piece of a version; words come before numbers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Word(String),
    Number(u64),
}

fn segments(version: &str) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    let pieces = version.split(|c: char| !c.is_alphanumeric()).filter(|piece| !piece.is_empty());
    for piece in pieces {
        let mut rest = piece;
        while let Some(first) = rest.chars().next() {
            let digits = first.is_numeric();
            let end = rest.find(|c: char| c.is_numeric() != digits).unwrap_or(rest.len());
            let part = &rest[..end];
            segments.push(part.parse().map_or_else(|_| Segment::Word(part.to_owned()), Segment::Number));
            rest = &rest[end..];
        }
    }
    segments
}

fn digest(kind: &str, text: &str) -> Result<String, Error> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    match kind {
        "sha256" => Ok(hex(&Sha256::digest(text.as_bytes()))),
        "sha512" => Ok(hex(&Sha512::digest(text.as_bytes()))),
        other => Err(wrong(format!("digests are made by sha256 and sha512, not by {other}"))),
    }
}

/// A text as part of an address.
pub(super) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// An address of the web in its parts.
fn parse_url(text: &str) -> Answer {
    let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong(format!("{text:?} is no address of the web")))?;
    let (rest, fragment) = rest.split_once('#').map_or((rest, None), |(rest, fragment)| (rest, Some(fragment)));
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let (user, authority) = authority.rsplit_once('@').map_or((None, authority), |(user, rest)| (Some(user), rest));
    let port = authority.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    let (host, port) = port.map_or((authority, None), |(host, port)| (host, Some(port)));
    let usual = match scheme {
        "https" => Some(443),
        "http" => Some(80),
        "ftp" => Some(21),
        _ => None,
    };
    let thing = Thing::new("url", text).with("scheme", scheme).with_all(["host", "hostname"], host);
    let thing = thing.with("port", optional(port.or(usual).map(i64::from))).with("path", path);
    let thing = thing.with("query", optional(query)).with("fragment", optional(fragment));
    Ok(thing
        .with("userinfo", optional(user))
        .with("user", optional(user.and_then(|user| user.split(':').next())))
        .value())
}

/// An IP address, with or without the length of its network.
fn parse_address(text: &str) -> Answer {
    let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
    let parsed: std::net::IpAddr = address.parse().map_err(|_| wrong(format!("{text:?} is no IP address")))?;
    let number = match parsed {
        std::net::IpAddr::V4(v4) => Value::from(u32::from(v4)),
        std::net::IpAddr::V6(v6) => Value::from(u128::from(v6)),
    };
    let prefix =
        prefix.and_then(|prefix| prefix.parse::<i64>().ok()).unwrap_or(if parsed.is_ipv4() { 32 } else { 128 });
    let thing = Thing::new("address", parsed.to_string()).with("to_i", number).with("prefix", prefix);
    Ok(thing.with("ipv4", parsed.is_ipv4()).with("ipv6", parsed.is_ipv6()).value())
}
