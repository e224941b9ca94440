//! Sprig's functions on paths and URLs.

use super::arguments::{Arguments, plain_text};
use super::value::map;
use minijinja::{Error, Value};

pub(super) fn call(name: &str, arguments: Arguments<'_>) -> Option<Result<Value, Error>> {
    let text = || arguments.exactly(1).and_then(|it| it.text(0));
    Some(match name {
        "base" | "osBase" => text().map(|path| Value::from(base(&path))),
        "clean" | "osClean" => text().map(|path| Value::from(clean(&path))),
        "dir" | "osDir" => text().map(|path| Value::from(dir(&path))),
        "ext" | "osExt" => text().map(|path| Value::from(ext(&path))),
        "isAbs" | "osIsAbs" => text().map(|path| Value::from(path.starts_with('/'))),
        "urlJoin" => arguments.exactly(1).and_then(|it| it.entries(0)).map(|parts| Value::from(joined(&parts))),
        "urlParse" => text().map(|url| parsed(&url)),
        _ => return None,
    })
}

/// The last part of a path.
pub(super) fn base(path: &str) -> &str {
    match path.trim_end_matches('/').rsplit('/').next() {
        _ if path.is_empty() => ".",
        Some("") | None => "/",
        Some(last) => last,
    }
}

/// A path without `.`, `..` and double slashes.
fn clean(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if absolute => {}
            other => parts.push(other),
        }
    }
    match (absolute, parts.join("/")) {
        (true, rest) => format!("/{rest}"),
        (false, rest) if rest.is_empty() => ".".to_owned(),
        (false, rest) => rest,
    }
}

fn dir(path: &str) -> String {
    clean(path.rfind('/').map_or("", |slash| &path[..=slash]))
}

fn ext(path: &str) -> &str {
    let last = path.rsplit('/').next().unwrap_or_default();
    last.rfind('.').map_or("", |point| &last[point..])
}

/// The parts of a URL (RFC 3986, appendix B).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Url<'a> {
    pub(super) scheme: &'a str,
    pub(super) userinfo: &'a str,
    /// Name and port.
    pub(super) host: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) fragment: &'a str,
}

pub(super) fn url(text: &str) -> Url<'_> {
    let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.chars().all(|next| next.is_ascii_alphanumeric() || "+-.".contains(next))
    };
    let (scheme, rest) = rest.split_once(':').filter(|(scheme, _)| is_scheme(scheme)).unwrap_or(("", rest));
    let Some(authority) = rest.strip_prefix("//") else {
        return Url { scheme, path: rest, query, fragment, ..Url::default() };
    };
    let (authority, path) = authority.split_at(authority.find('/').unwrap_or(authority.len()));
    let (userinfo, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    Url { scheme, userinfo, host, path, query, fragment }
}

fn parsed(text: &str) -> Value {
    let url = url(text);
    let hostname = match url.host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => url.host,
    };
    let parts = [
        ("scheme", url.scheme),
        ("userinfo", url.userinfo),
        ("host", url.host),
        ("hostname", hostname.trim_matches(['[', ']'])),
        ("path", url.path),
        ("query", url.query),
        ("fragment", url.fragment),
        ("opaque", ""),
    ];
    map(parts.map(|(name, part)| (name.to_owned(), Value::from(part))).into())
}

fn joined(parts: &std::collections::BTreeMap<String, Value>) -> String {
    let part = |name: &str| parts.get(name).map(plain_text).unwrap_or_default();
    let with = |text: String, before: &str, after: &str| {
        if text.is_empty() { text } else { format!("{before}{text}{after}") }
    };
    let host = part("userinfo");
    let host = format!("{}{}", with(host, "", "@"), part("host"));
    let path = part("path");
    let slash = if path.is_empty() || path.starts_with('/') || host.is_empty() { "" } else { "/" };
    format!(
        "{}{}{slash}{path}{}{}",
        with(part("scheme"), "", ":"),
        with(host, "//", ""),
        with(part("query"), "?", ""),
        with(part("fragment"), "#", "")
    )
}
