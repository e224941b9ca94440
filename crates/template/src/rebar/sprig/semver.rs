//! Versions, as `semverCompare` and `semver` read them.

use crate::rebar::arguments::Arguments;
use crate::rebar::value::{map, wrong};
use minijinja::{Error, Value};
use std::cmp::Ordering;

/// Three numbers and what stands behind a hyphen.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    numbers: [u64; 3],
    /// How many of them were written.
    written: usize,
    prerelease: String,
    metadata: String,
}

fn version(text: &str) -> Option<Version> {
    let text = text.trim().trim_start_matches('v');
    let (text, metadata) = text.split_once('+').unwrap_or((text, ""));
    let (numbers, prerelease) = text.split_once('-').unwrap_or((text, ""));
    let mut version =
        Version { numbers: [0; 3], written: 0, prerelease: prerelease.to_owned(), metadata: metadata.to_owned() };
    for part in numbers.split('.') {
        if matches!(part, "x" | "X" | "*") {
            break;
        }
        *version.numbers.get_mut(version.written)? = part.parse().ok()?;
        version.written += 1;
    }
    Some(version)
}

impl Version {
    fn order(&self, other: &Version) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| prerelease_order(&self.prerelease, &other.prerelease))
    }
}

/// A version with something behind a hyphen comes before the one without (semver.org, 11).
fn prerelease_order(left: &str, right: &str) -> Ordering {
    match (left.is_empty(), right.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => {
            let (mut left, mut right) = (left.split('.'), right.split('.'));
            loop {
                let order = match (left.next(), right.next()) {
                    (None, None) => return Ordering::Equal,
                    (None, Some(_)) => Ordering::Less,
                    (Some(_), None) => Ordering::Greater,
                    (Some(left), Some(right)) => identifier_order(left, right),
                };
                if order != Ordering::Equal {
                    return order;
                }
            }
        }
    }
}

fn identifier_order(left: &str, right: &str) -> Ordering {
    match (left.parse::<u64>(), right.parse::<u64>()) {
        (Ok(left), Ok(right)) => left.cmp(&right),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => left.cmp(right),
    }
}

/// `semverCompare constraint version`.
pub(super) fn compare(arguments: Arguments<'_>) -> Result<Value, Error> {
    let arguments = arguments.exactly(2)?;
    let (constraint, text) = (arguments.text(0)?, arguments.text(1)?);
    let version = version(&text).ok_or_else(|| wrong(format!("{text:?} is no version")))?;
    let fits = constraint.split("||").map(|all| fits_all(all, &version)).collect::<Option<Vec<bool>>>();
    let fits = fits.ok_or_else(|| wrong(format!("{constraint:?} is no constraint on versions")))?;
    Ok(Value::from(fits.contains(&true)))
}

fn fits_all(constraints: &str, version: &Version) -> Option<bool> {
    if let Some((from, to)) = constraints.split_once(" - ") {
        return Some(fits(">=", from, version)? && fits("<=", to, version)?);
    }
    // A blank may stand between the sign and the version, and between two constraints.
    let mut spaced = String::new();
    for next in constraints.chars() {
        let joins = next == ' ' && spaced.ends_with(['<', '>', '=', '!', '~', '^']);
        if !joins {
            spaced.push(next);
        }
    }
    let mut all = true;
    for constraint in spaced.split([',', ' ']).filter(|constraint| !constraint.is_empty()) {
        let sign = constraint.len() - constraint.trim_start_matches(['<', '>', '=', '!', '~', '^']).len();
        all &= fits(&constraint[..sign], &constraint[sign..], version)?;
    }
    Some(all)
}

fn fits(sign: &str, limit: &str, version: &Version) -> Option<bool> {
    let limit = self::version(limit)?;
    // What is not released yet fits only a constraint that names such.
    if !version.prerelease.is_empty() && limit.prerelease.is_empty() {
        return Some(false);
    }
    let order = version.order(&limit);
    let same = |count: usize| version.numbers[..count] == limit.numbers[..count];
    Some(match sign {
        "" | "=" | "==" if limit.written < 3 => same(limit.written),
        "" | "=" | "==" => order == Ordering::Equal,
        "!=" if limit.written < 3 => !same(limit.written),
        "!=" => order != Ordering::Equal,
        ">" if limit.written < 3 => order == Ordering::Greater && !same(limit.written),
        ">" => order == Ordering::Greater,
        "<" => order == Ordering::Less,
        ">=" | "=>" => order != Ordering::Less,
        "<=" | "=<" if limit.written < 3 => order == Ordering::Less || same(limit.written),
        "<=" | "=<" => order != Ordering::Greater,
        "~" | "~>" => order != Ordering::Less && same(limit.written.min(2)),
        "^" => {
            let fixed = limit.numbers.iter().position(|number| *number != 0).unwrap_or(2) + 1;
            order != Ordering::Less && same(fixed.min(limit.written))
        }
        _ => return None,
    })
}

/// `semver version`: its parts by name.
pub(super) fn parts(arguments: Arguments<'_>) -> Result<Value, Error> {
    let text = arguments.exactly(1)?.text(0)?;
    let version = version(&text).ok_or_else(|| wrong(format!("{text:?} is no version")))?;
    let [major, minor, patch] = version.numbers;
    Ok(map([
        ("Major".to_owned(), Value::from(major)),
        ("Minor".to_owned(), Value::from(minor)),
        ("Patch".to_owned(), Value::from(patch)),
        ("Prerelease".to_owned(), Value::from(version.prerelease)),
        ("Metadata".to_owned(), Value::from(version.metadata)),
        ("Original".to_owned(), Value::from(text)),
    ]
    .into()))
}
