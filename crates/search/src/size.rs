//! Sizes as people write them: `64GiB`, `1.5T`, `500GB`.

use crate::error::{Wrong, quote};
use crate::number;

/// The units, largest first. `G` by itself is `GiB`, as kernel and firmware count.
const UNITS: [(&str, u64); 16] = [
    ("PiB", 1 << 50),
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("P", 1 << 50),
    ("T", 1 << 40),
    ("G", 1 << 30),
    ("M", 1 << 20),
    ("K", 1 << 10),
    ("PB", 1_000_000_000_000_000),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

/// The largest size: a double counts every byte up to here.
const MAX: u64 = 1 << 53;

/// Whether it ends like a size with a unit. It may be wrong all the same.
pub(crate) fn has_unit(text: &str) -> bool {
    text.starts_with(|char: char| char.is_ascii_digit()) && text.ends_with(|char: char| char.is_ascii_alphabetic())
}

/// A number of bytes.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be between 0 and 2^53")]
pub(crate) fn read(text: &str) -> Result<u64, Wrong> {
    let wrong = || Wrong::new(format!("{} is not a size", quote(text))).hint("such as 64GiB, 500GB, 1.5TiB");
    let digits = text.trim_end_matches(|char: char| char.is_ascii_alphabetic());
    let unit = &text[digits.len()..];
    let number = number::read(digits.trim_end()).filter(|number| *number >= 0.0).ok_or_else(wrong)?;
    let bytes = match UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)) {
        Some((_, bytes)) => number * number::of(*bytes),
        None if unit.is_empty() => number,
        None => return Err(wrong()),
    };
    if bytes > number::of(MAX) {
        return Err(Wrong::new(format!("{} is larger than 8PiB", quote(text))));
    }
    Ok(bytes.round() as u64)
}

/// The size in the largest unit that needs no fraction.
pub(crate) fn print(bytes: u64) -> String {
    let units = UNITS.iter().filter(|(_, unit)| *unit > 1 && bytes >= *unit && bytes.is_multiple_of(*unit));
    // The first of several that mean the same is the one that nobody can mistake.
    let largest = units.reduce(|largest, unit| if unit.1 > largest.1 { unit } else { largest });
    match largest {
        Some((name, unit)) => format!("{}{name}", bytes / unit),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_are_read_in_every_usual_unit() {
        for (text, bytes) in [
            ("64GiB", 64 << 30),
            ("64g", 64 << 30),
            ("500GB", 500_000_000_000),
            ("1.5TiB", 3 << 39),
            ("512", 512),
            ("2 MB", 2_000_000),
        ] {
            assert_eq!(read(text), Ok(bytes), "{text}");
        }
        for text in ["", "GiB", "64GiG", "-1G", "9000PiB", "1e3", "1..2G"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_size_reads_back_as_printed(bytes in 0..MAX) {
            prop_assert_eq!(read(&print(bytes)), Ok(bytes));
        }
    }
}
