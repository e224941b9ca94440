//! Numbers as people write them.

/// Digits of a number: more than a double can tell apart.
const MAX_DIGITS: usize = 40;

/// A decimal number: `16`, `-0.5`. Other spellings that computers know (`1e5`, `inf`) are texts.
pub(crate) fn read(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if text.len() > MAX_DIGITS || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    // Minus nothing is nothing.
    text.parse().ok().map(|number: f64| number + 0.0)
}

/// The number of a count. Those that machines have are exact in a double.
#[expect(clippy::cast_precision_loss, reason = "sizes of machines are far below 2^53")]
pub(crate) fn of(count: u64) -> f64 {
    count as f64
}

/// The number of milliseconds since 1970, exact until the year 287396.
#[expect(clippy::cast_precision_loss, reason = "a timestamp has fewer than 2^53 milliseconds")]
pub(crate) fn of_millis(millis: i64) -> f64 {
    millis as f64
}
