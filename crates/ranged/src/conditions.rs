//! Which part of a file a request gets, by its conditions and its range (RFC 9110 §13, §14).

use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE};
use http::{HeaderMap, HeaderName};
use std::ops::Range;
use std::time::SystemTime;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    Whole,
    Part(Range<u64>),
    NotModified,
    PreconditionFailed,
    Unsatisfiable,
}

/// A file as the conditions see it.
pub(crate) struct Facts<'a> {
    pub(crate) len: u64,
    pub(crate) etag: &'a str,
    pub(crate) modified: Option<SystemTime>,
}

/// RFC 9110 §13.2.2. Where a client sends an entity tag and a date, the tag counts: dates are too coarse for files that
/// are replaced within a second. For the same reason a date does not do for `If-Range`, which needs a strong validator.
pub(crate) fn decide(headers: &HeaderMap, file: &Facts<'_>) -> Plan {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    // HTTP's dates have no fractions of a second.
    let changed_since = |name: HeaderName| {
        let date = text(name).and_then(|date| httpdate::parse_http_date(date).ok())?;
        Some(httpdate::HttpDate::from(file.modified?) > httpdate::HttpDate::from(date))
    };
    let precondition_failed = match text(IF_MATCH) {
        Some(tags) => !matches_tag(tags, file.etag),
        None => changed_since(IF_UNMODIFIED_SINCE) == Some(true),
    };
    if precondition_failed {
        return Plan::PreconditionFailed;
    }
    let not_modified = match text(IF_NONE_MATCH) {
        Some(tags) => matches_tag(tags, file.etag),
        None => changed_since(IF_MODIFIED_SINCE) == Some(false),
    };
    if not_modified {
        return Plan::NotModified;
    }
    // RFC 9110 §13.1.5: a range of content that has changed is answered with the whole.
    if text(IF_RANGE).is_some_and(|tag| tag.trim() != file.etag) {
        return Plan::Whole;
    }
    match text(RANGE).map(|range| parse_range(range, file.len)) {
        Some(RangeHeader::Of(range)) => Plan::Part(range),
        Some(RangeHeader::Outside) => Plan::Unsatisfiable,
        Some(RangeHeader::Ignored) | None => Plan::Whole,
    }
}

fn matches_tag(tags: &str, etag: &str) -> bool {
    tags.split(',').map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == "*" || tag == etag)
}

#[derive(Debug, PartialEq, Eq)]
enum RangeHeader {
    Of(Range<u64>),
    Outside,
    /// Malformed, of another unit, or several ranges: a server may answer those with the whole (RFC 9110 §14.2).
    Ignored,
}

fn parse_range(header: &str, len: u64) -> RangeHeader {
    let Some((first, last)) = header.trim().strip_prefix("bytes=").and_then(|range| range.trim().split_once('-'))
    else {
        return RangeHeader::Ignored;
    };
    let number = |text: &str| -> Option<u64> {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().unwrap_or(u64::MAX))
    };
    let range = match (first.trim(), last.trim()) {
        ("", "") => return RangeHeader::Ignored,
        ("", suffix) => number(suffix).map(|suffix| len.saturating_sub(suffix)..len),
        (first, "") => number(first).map(|first| first..len),
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => Some(first..last.saturating_add(1).min(len)),
            _ => None,
        },
    };
    match range {
        None => RangeHeader::Ignored,
        Some(range) if range.is_empty() => RangeHeader::Outside,
        Some(range) => RangeHeader::Of(range),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use std::time::Duration;

    const BEFORE: &str = "Sat, 21 Nov 2026 05:00:00 GMT";
    const CHANGED: &str = "Sat, 21 Nov 2026 05:00:01 GMT";
    const AFTER: &str = "Sat, 21 Nov 2026 05:00:02 GMT";

    fn plan(headers: &[(HeaderName, &str)]) -> Plan {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
        let modified = httpdate::parse_http_date(CHANGED).unwrap() + Duration::from_millis(700);
        decide(&headers.collect(), &Facts { len: 100, etag: "\"a\"", modified: Some(modified) })
    }

    #[test]
    fn ranges_are_read_as_they_are_meant() {
        for (header, expected) in [
            ("bytes=0-9", Plan::Part(0..10)),
            ("bytes=90-", Plan::Part(90..100)),
            ("bytes=90-1000", Plan::Part(90..100)),
            ("bytes=-5", Plan::Part(95..100)),
            ("bytes=-500", Plan::Part(0..100)),
            ("bytes=0-99999999999999999999999", Plan::Part(0..100)),
            ("bytes=100-", Plan::Unsatisfiable),
            ("bytes=99999999999999999999999-", Plan::Unsatisfiable),
            ("bytes=-0", Plan::Unsatisfiable),
            ("bytes=9-1", Plan::Whole),
            ("bytes=-", Plan::Whole),
            ("bytes=a-b", Plan::Whole),
            ("lines=0-1", Plan::Whole),
        ] {
            assert_eq!(plan(&[(RANGE, header)]), expected, "{header}");
        }
    }

    /// RFC 9110 §14.2 lets a server ignore them. No loader and no agent asks for several, and parts in `multipart` would
    /// have to be made by hand where the kernel now sends the file; many that overlap are an old way to wear a server out.
    #[test]
    fn several_ranges_at_once_get_the_whole() {
        let many = format!("bytes={}", ["0-"; 1000].join(","));
        for header in ["bytes=0-1,5-6", "bytes=0-0,-1", "bytes=-1,0-0", "bytes=0-1 , 5-6", "bytes=500-,600-", &many] {
            assert_eq!(plan(&[(RANGE, header)]), Plan::Whole, "{header}");
            assert_eq!(plan(&[(IF_RANGE, "\"a\""), (RANGE, header)]), Plan::Whole, "{header}");
        }
    }

    #[test]
    fn conditions_are_weighed_in_their_order() {
        assert_eq!(plan(&[(IF_NONE_MATCH, "\"b\", W/\"a\"")]), Plan::NotModified);
        assert_eq!(plan(&[(IF_NONE_MATCH, "\"b\"")]), Plan::Whole);
        assert_eq!(plan(&[(IF_MATCH, "\"b\"")]), Plan::PreconditionFailed);
        assert_eq!(plan(&[(IF_MATCH, "\"a\""), (RANGE, "bytes=0-0")]), Plan::Part(0..1));
        assert_eq!(plan(&[(IF_RANGE, "\"a\""), (RANGE, "bytes=5-")]), Plan::Part(5..100));
        assert_eq!(plan(&[(IF_RANGE, "\"b\""), (RANGE, "bytes=5-")]), Plan::Whole);
        assert_eq!(plan(&[(IF_RANGE, "W/\"a\""), (RANGE, "bytes=5-")]), Plan::Whole, "a weak tag proves nothing");
        assert_eq!(plan(&[(IF_RANGE, CHANGED), (RANGE, "bytes=5-")]), Plan::Whole, "nor does a date");
    }

    #[test]
    fn dates_count_where_there_is_no_tag() {
        for (name, date, expected) in [
            (IF_MODIFIED_SINCE, BEFORE, Plan::Whole),
            (IF_MODIFIED_SINCE, CHANGED, Plan::NotModified),
            (IF_MODIFIED_SINCE, AFTER, Plan::NotModified),
            (IF_MODIFIED_SINCE, "yesterday", Plan::Whole),
            (IF_UNMODIFIED_SINCE, BEFORE, Plan::PreconditionFailed),
            (IF_UNMODIFIED_SINCE, CHANGED, Plan::Whole),
            (IF_UNMODIFIED_SINCE, AFTER, Plan::Whole),
        ] {
            assert_eq!(plan(&[(name.clone(), date)]), expected, "{name}: {date}");
        }
        assert_eq!(plan(&[(IF_NONE_MATCH, "\"b\""), (IF_MODIFIED_SINCE, AFTER)]), Plan::Whole);
        assert_eq!(plan(&[(IF_MATCH, "\"a\""), (IF_UNMODIFIED_SINCE, BEFORE)]), Plan::Whole);
    }
}
