//! Sprig's functions on letters and words.

use super::Answer;
use super::strings::one;
use crate::rebar::arguments::Arguments;
use minijinja::{Error, Value};

pub(super) fn call(name: &str, arguments: Arguments<'_>) -> Answer {
    Some(match name {
        "camelcase" => one(arguments, camelcase),
        "initials" => one(arguments, |text| text.split_whitespace().filter_map(|word| word.chars().next()).collect()),
        "kebabcase" => one(arguments, |text| delimited(text, '-')),
        "snakecase" => one(arguments, |text| delimited(text, '_')),
        "swapcase" => one(arguments, |text| text.chars().map(swapped).collect()),
        "title" => one(arguments, |text| first_letters(text, |first| first.to_uppercase().collect())),
        "untitle" => one(arguments, |text| first_letters(text, |first| first.to_lowercase().collect())),
        "wrap" => wrap(arguments, "\n"),
        "wrapWith" => arguments.text(1).and_then(|newline| wrap(arguments, &newline)),
        _ => return None,
    })
}

fn swapped(letter: char) -> char {
    let mut other: Box<dyn Iterator<Item = char>> =
        if letter.is_uppercase() { Box::new(letter.to_lowercase()) } else { Box::new(letter.to_uppercase()) };
    other.next().unwrap_or(letter)
}

/// Changes the first letter of every word.
fn first_letters(text: &str, change: impl Fn(char) -> String) -> String {
    let mut inside = false;
    let mut written = String::with_capacity(text.len());
    for next in text.chars() {
        let word = next.is_alphanumeric() || matches!(next, '_' | '\'');
        if word && !inside {
            written.push_str(&change(next))
        } else {
            written.push(next)
        }
        inside = word;
    }
    written
}

fn camelcase(text: &str) -> String {
    let parts = text.split(['_', '-', ' ']).filter(|part| !part.is_empty());
    parts.map(|part| first_letters(part, |first| first.to_uppercase().collect())).collect()
}

/// `FirstName` and `first name` as `first_name`.
fn delimited(text: &str, delimiter: char) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut written = String::with_capacity(text.len() + 8);
    for (index, letter) in letters.iter().enumerate() {
        if matches!(letter, ' ' | '_' | '-') {
            if !written.ends_with(delimiter) {
                written.push(delimiter);
            }
            continue;
        }
        let before = index.checked_sub(1).map(|index| letters[index]);
        let after_small = before.is_some_and(|before| before.is_lowercase() || before.is_ascii_digit());
        let starts_word =
            before.is_some_and(char::is_uppercase) && letters.get(index + 1).is_some_and(|next| next.is_lowercase());
        if letter.is_uppercase() && (after_small || starts_word) && !written.ends_with(delimiter) {
            written.push(delimiter);
        }
        written.extend(letter.to_lowercase());
    }
    written
}

/// Breaks lines at blanks, so that none is longer than it must be.
fn wrap(arguments: Arguments<'_>, newline: &str) -> Result<Value, Error> {
    let (width, text) = (arguments.size(0)?, arguments.text(arguments.values.len().saturating_sub(1))?);
    let mut written = String::with_capacity(text.len());
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            written.push_str(newline);
            column = 0;
        } else if column > 0 {
            written.push(' ');
            column += 1;
        }
        written.push_str(word);
        column += length;
    }
    Ok(Value::from(written))
}
