//! Points in time. A render has one time, which is when it began.

use super::{Answer, text_of, wrong};
use jiff::{SignedDuration, Timestamp, Zoned, tz::TimeZone};
use minijinja::Error;
use minijinja::value::{Object, ObjectRepr, Value};
use std::fmt;
use std::sync::Arc;

/// A time, or a day, in UTC.
#[derive(Debug)]
pub(in crate::foreman) struct Moment {
    pub(in crate::foreman) at: Timestamp,
    pub(in crate::foreman) day: bool,
}

impl Moment {
    fn zoned(&self) -> Zoned {
        self.at.to_zoned(TimeZone::UTC)
    }

    fn value(at: Timestamp, day: bool) -> Value {
        Value::from_object(Self { at, day })
    }
}

impl Object for Moment {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let zoned = self.zoned();
        Some(match key.as_str()? {
            "year" => Value::from(zoned.year()),
            "month" | "mon" => Value::from(zoned.month()),
            "day" | "mday" => Value::from(zoned.day()),
            "hour" => Value::from(zoned.hour()),
            "min" => Value::from(zoned.minute()),
            "sec" => Value::from(zoned.second()),
            "yday" => Value::from(zoned.day_of_year()),
            "wday" => Value::from(zoned.weekday().to_sunday_zero_offset()),
            "utc" | "localtime" | "getutc" | "gmtime" => Self::value(self.at, self.day),
            "zone" => Value::from("UTC"),
            _ => return None,
        })
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = if self.day { "%Y-%m-%d" } else { "%Y-%m-%d %H:%M:%S UTC" };
        f.write_str(&strftime(self, format).map_err(|_| fmt::Error)?)
    }
}

/// Writes a time.
///
/// # Errors
/// When the format is wrong.
pub(in crate::foreman) fn strftime(moment: &Moment, format: &str) -> Result<String, Error> {
    jiff::fmt::strtime::format(format, &moment.zoned())
        .map_err(|error| wrong(format!("the format {format:?}: {error}")))
}

pub(super) fn call(moment: &Moment, method: &str, args: &[Value]) -> Option<Answer> {
    let text = |format: &str| strftime(moment, format).map(Value::from);
    Some(match (method, args) {
        ("strftime", [format]) => text(&text_of(format)),
        ("iso8601" | "xmlschema", _) => text(if moment.day { "%Y-%m-%d" } else { "%Y-%m-%dT%H:%M:%SZ" }),
        ("to_i", []) => Ok(Value::from(moment.at.as_second())),
        ("to_f", []) => Ok(Value::from(moment.at.as_second() as f64)),
        ("plus", [seconds]) => moved(moment, seconds, 1),
        ("minus", [seconds]) => match seconds.downcast_object_ref::<Moment>() {
            Some(other) => Ok(Value::from((moment.at.as_second() - other.at.as_second()) as f64)),
            None => moved(moment, seconds, -1),
        },
        ("to_date", []) => Ok(Moment::value(moment.at, true)),
        ("to_time", []) => Ok(Moment::value(moment.at, false)),
        ("utc" | "localtime" | "getutc" | "in_time_zone", _) => Ok(Moment::value(moment.at, moment.day)),
        ("between", [_, _]) => return None,
        _ => return None,
    })
}

/// A time so many seconds away, a day so many days.
fn moved(moment: &Moment, by: &Value, sign: i64) -> Answer {
    let unit = if moment.day { 86_400 } else { 1 };
    let by = by.as_i64().or_else(|| f64::try_from(by.clone()).ok().map(|by| by as i64));
    let seconds =
        by.and_then(|by| by.checked_mul(unit * sign)).ok_or_else(|| wrong("a number of seconds is wanted"))?;
    let at = moment.at.checked_add(SignedDuration::from_secs(seconds)).map_err(|error| wrong(error.to_string()))?;
    Ok(Moment::value(at, moment.day))
}
