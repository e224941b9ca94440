//! Numbers.

use super::{Answer, integer, text_of, wrong};
use minijinja::Error;
use minijinja::value::{Value, ValueKind};
use std::cmp::Ordering;

pub(super) fn call(value: &Value, method: &str, args: &[Value]) -> Option<Answer> {
    let float = f64::try_from(value.clone()).unwrap_or_default();
    let whole = value.as_i64();
    Some(Ok(match (method, args) {
        ("to_i" | "to_int" | "truncate", []) => Value::from(whole.unwrap_or(float as i64)),
        ("to_f", []) => Value::from(float),
        ("to_s", [base]) => return Some(in_base(whole, base)),
        ("floor", []) => Value::from(whole.unwrap_or(float.floor() as i64)),
        ("ceil", []) => Value::from(whole.unwrap_or(float.ceil() as i64)),
        ("round", _) => return Some(round(value, float, args)),
        ("abs", []) => whole.map_or_else(|| Value::from(float.abs()), |whole| Value::from(whole.saturating_abs())),
        ("even", []) => Value::from(whole.is_some_and(|whole| whole % 2 == 0)),
        ("odd", []) => Value::from(whole.is_some_and(|whole| whole % 2 != 0)),
        ("zero", []) => Value::from(float == 0.0),
        ("nonzero", []) => {
            if float == 0.0 {
                Value::from(())
            } else {
                value.clone()
            }
        }
        ("positive", []) => Value::from(float > 0.0),
        ("negative", []) => Value::from(float < 0.0),
        ("succ" | "next", []) => Value::from(whole.unwrap_or_default().saturating_add(1)),
        ("pred", []) => Value::from(whole.unwrap_or_default().saturating_sub(1)),
        ("chr", []) => {
            Value::from(whole.and_then(|w| u32::try_from(w).ok()).and_then(char::from_u32).map(String::from))
        }
        ("between", [low, high]) => Value::from(value >= low && value <= high),
        ("plus", [other]) if other.is_number() => {
            return Some(arithmetic(value, other, i64::checked_add, |a, b| a + b));
        }
        ("plus", [_]) => return None,
        ("minus", [other]) => return Some(arithmetic(value, other, i64::checked_sub, |a, b| a - b)),
        ("times", [other]) => return Some(arithmetic(value, other, i64::checked_mul, |a, b| a * b)),
        ("divided_by", [other]) => return Some(divide(value, other)),
        ("modulo", [other]) => {
            return Some(arithmetic(value, other, |a, b| a.checked_rem_euclid(b), f64::rem_euclid));
        }
        ("gcd", [other]) => Value::from(gcd(whole.unwrap_or_default(), other.as_i64().unwrap_or_default())),
        _ => return None,
    }))
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a.saturating_abs() } else { gcd(b, a % b) }
}

fn arithmetic(a: &Value, b: &Value, whole: fn(i64, i64) -> Option<i64>, float: fn(f64, f64) -> f64) -> Answer {
    if let (true, true, Some(a), Some(b)) = (a.is_integer(), b.is_integer(), a.as_i64(), b.as_i64()) {
        return whole(a, b).map(Value::from).ok_or_else(|| wrong("the number is too large"));
    }
    match (f64::try_from(a.clone()), f64::try_from(b.clone())) {
        (Ok(a), Ok(b)) if !b.is_nan() => Ok(Value::from(float(a, b))),
        _ => Err(wrong(format!("{} is no number", text_of(b)))),
    }
}

/// Whole numbers are divided down to whole numbers.
fn divide(a: &Value, b: &Value) -> Answer {
    if b.is_integer() && b.as_i64() == Some(0) {
        return Err(wrong("divided by 0"));
    }
    arithmetic(a, b, |a, b| a.checked_div_euclid(b).map(|q| if b < 0 && a % b != 0 { q - 1 } else { q }), |a, b| a / b)
}

fn round(value: &Value, float: f64, args: &[Value]) -> Answer {
    let digits = i32::try_from(integer(args, 0, 0)?).unwrap_or_default().clamp(-15, 15);
    if value.is_integer() && digits >= 0 {
        return Ok(value.clone());
    }
    let scale = 10f64.powi(digits);
    let rounded = (float * scale).round() / scale;
    Ok(if digits > 0 { Value::from(rounded) } else { Value::from(rounded as i64) })
}

fn in_base(whole: Option<i64>, base: &Value) -> Answer {
    let (Some(whole), Some(base @ 2..=36)) = (whole, base.as_i64()) else {
        return Err(wrong("a number is written in bases from 2 to 36"));
    };
    let (mut rest, base) = (whole.unsigned_abs(), base.unsigned_abs());
    let mut digits = Vec::new();
    loop {
        digits.extend(u32::try_from(rest % base).ok().and_then(|digit| char::from_digit(digit, 36)));
        rest /= base;
        if rest == 0 {
            break;
        }
    }
    digits.extend((whole < 0).then_some('-'));
    Ok(Value::from(digits.into_iter().rev().collect::<String>()))
}

/// A number with a fraction as Ruby prints it.
pub(super) fn float_text(value: &Value) -> String {
    let float = f64::try_from(value.clone()).unwrap_or_default();
    if float.fract() == 0.0 && float.abs() < 1e16 { format!("{float:.1}") } else { float.to_string() }
}

/// Which of two values comes first; texts and numbers among themselves.
pub(in crate::foreman) fn compare(a: &Value, b: &Value) -> Result<Ordering, Error> {
    let alike = a.kind() == b.kind() || (a.is_number() && b.is_number());
    match (a.kind(), alike) {
        (ValueKind::Seq | ValueKind::Iterable, true) => {
            let (a, b) = (super::list_of(a)?, super::list_of(b)?);
            for (a, b) in a.iter().zip(&b) {
                let order = compare(a, b)?;
                if order != Ordering::Equal {
                    return Ok(order);
                }
            }
            Ok(a.len().cmp(&b.len()))
        }
        (_, true) => Ok(a.cmp(b)),
        _ => Err(wrong(format!("{} cannot be compared with {}", text_of(a), text_of(b)))),
    }
}
