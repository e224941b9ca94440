//! Points in time as people write them: `2026-01-31`, `10m ago`, `today`.

use crate::condition::Condition;
use crate::error::{Wrong, quote};
use crate::number;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::fmt;
use std::time::Duration;
use types::HumanDuration;

/// A point in time, or a day. What is relative stays so until somebody asks at a certain time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// That very instant.
    At(Timestamp),
    /// So long before now.
    Ago(HumanDuration),
    /// All of that day, in UTC.
    Day(Date),
    /// All of today, in UTC.
    Today,
    /// All of yesterday, in UTC.
    Yesterday,
}

/// The longest time back: nothing that Slipway knows is older.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);
const DAY_MILLIS: f64 = 86_400_000.0;

/// Units in full, with what stands for them in a duration and how many of those.
const UNITS: [(&str, &str, u64); 7] = [
    ("millisecond", "ms", 1),
    ("second", "s", 1),
    ("minute", "m", 1),
    ("hour", "h", 1),
    ("day", "d", 1),
    ("week", "d", 7),
    ("w", "d", 7),
];

fn unit(word: &str) -> Option<(&'static str, u64)> {
    let word = word.to_ascii_lowercase();
    let singular = word.strip_suffix('s').unwrap_or(&word);
    UNITS.iter().find(|(name, ..)| *name == singular).map(|(_, unit, count)| (*unit, *count))
}

/// Whether the word is a unit that may follow a number: `minutes`.
pub(crate) fn is_unit(word: &str) -> bool {
    unit(word).is_some()
}

/// A moment.
pub(crate) fn read(text: &str) -> Result<Moment, Wrong> {
    let lower = text.trim().to_ascii_lowercase();
    match lower.as_str() {
        "now" => return Ok(Moment::Ago(HumanDuration::from_secs(0))),
        "today" => return Ok(Moment::Today),
        "yesterday" => return Ok(Moment::Yesterday),
        _ => {}
    }
    if let Some(back) = lower.strip_suffix("ago") {
        return ago(back.trim()).map(Moment::Ago).ok_or_else(|| {
            Wrong::new(format!("{} is not a time", quote(text))).hint("such as 10m ago, 2h30m ago, 3 days ago")
        });
    }
    if let Ok(date) = text.trim().parse::<Date>()
        && !text.contains(['T', 't', ':'])
    {
        return Ok(Moment::Day(date));
    }
    text.trim().parse().map(Moment::At).map_err(|_| no_time(text, &lower))
}

fn no_time(text: &str, lower: &str) -> Wrong {
    let wrong = Wrong::new(format!("{} is not a time", quote(text)));
    if ago(lower).is_some() {
        return wrong.hint(format!("write `{} ago`", text.trim()));
    }
    wrong.hint("such as 2026-01-31, 2026-01-31T12:00:00Z, today or 10m ago; a zone is needed beside a time of day")
}

/// How long ago: `10m`, `1h30m`, `2w`, `3 days`.
fn ago(text: &str) -> Option<HumanDuration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let duration: HumanDuration = match unit(text[digits..].trim()) {
        Some((unit, count)) => {
            let number: u64 = text[..digits].parse().ok()?;
            format!("{}{unit}", number.checked_mul(count)?).parse().ok()?
        }
        None => text.parse().ok()?,
    };
    (duration.0 <= LONGEST).then_some(duration)
}

fn start_of(date: Date) -> f64 {
    let start = date.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
    // The calendar's last days have no such point; nothing is as late.
    start.map_or(f64::MAX, millis)
}

/// A timestamp as the number that it is compared by.
pub(crate) fn millis(at: Timestamp) -> f64 {
    number::of_millis(at.as_millisecond())
}

impl Moment {
    /// When it begins, and how long it lasts, in milliseconds.
    fn begin_and_length(self, now: Timestamp) -> (f64, f64) {
        match self {
            Self::At(at) => (millis(at), 0.0),
            Self::Ago(back) => {
                let back = i64::try_from(back.0.as_millis()).unwrap_or(i64::MAX);
                (number::of_millis(now.as_millisecond().saturating_sub(back)), 0.0)
            }
            Self::Day(date) => (start_of(date), DAY_MILLIS),
            Self::Today => (start_of(now.to_zoned(TimeZone::UTC).date()), DAY_MILLIS),
            Self::Yesterday => (start_of(now.to_zoned(TimeZone::UTC).date()) - DAY_MILLIS, DAY_MILLIS),
        }
    }

    /// What values at that time have in common.
    pub(crate) fn during(self, now: Timestamp) -> Condition {
        let (begin, length) = self.begin_and_length(now);
        if length > 0.0 { Condition::from_to(begin, begin + length) } else { Condition::exactly(begin) }
    }

    /// What values before it have in common.
    pub(crate) fn earlier(self, now: Timestamp, or_then: bool) -> Condition {
        let (begin, length) = self.begin_and_length(now);
        match (or_then, length > 0.0) {
            (false, _) => Condition::below(begin),
            (true, true) => Condition::below(begin + length),
            (true, false) => Condition::up_to(begin),
        }
    }

    /// What values after it have in common.
    pub(crate) fn later(self, now: Timestamp, or_then: bool) -> Condition {
        let (begin, length) = self.begin_and_length(now);
        match (or_then, length > 0.0) {
            (true, _) => Condition::from(begin),
            (false, true) => Condition::from(begin + length),
            (false, false) => Condition::above(begin),
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(at) => at.fmt(f),
            Self::Ago(back) if back.0.is_zero() => f.write_str("now"),
            Self::Ago(back) => write!(f, "{back} ago"),
            Self::Day(date) => date.fmt(f),
            Self::Today => f.write_str("today"),
            Self::Yesterday => f.write_str("yesterday"),
        }
    }
}
