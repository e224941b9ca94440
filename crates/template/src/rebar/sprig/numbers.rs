//! Sprig's arithmetic: on integers, unless a function's name ends with f.

use super::Answer;
use crate::rebar::arguments::{Arguments, float, int};
use crate::rebar::value::wrong;
use minijinja::{Error, Value};

pub(super) fn call(name: &str, arguments: Arguments<'_>) -> Answer {
    Some(match name {
        "add" => folded(arguments, i64::checked_add),
        "add1" => arguments.exactly(1).and_then(|it| it.int(0)).map(|number| Value::from(number.wrapping_add(1))),
        "add1f" => arguments.exactly(1).and_then(|it| it.value(0)).map(|value| number(float(value) + 1.0)),
        "addf" => floats(arguments, |a, b| a + b),
        "atoi" => arguments.exactly(1).and_then(|it| it.int(0)).map(Value::from),
        "biggest" | "max" => folded(arguments, |a, b| Some(a.max(b))),
        "ceil" => rounded(arguments, f64::ceil),
        "div" => folded(arguments, i64::checked_div),
        "divf" => floats(arguments, |a, b| a / b),
        "float64" => arguments.exactly(1).and_then(|it| it.value(0)).map(|value| number(float(value))),
        "floor" => rounded(arguments, f64::floor),
        "int" | "int64" => arguments.exactly(1).and_then(|it| it.int(0)).map(Value::from),
        "maxf" => floats(arguments, f64::max),
        "min" => folded(arguments, |a, b| Some(a.min(b))),
        "minf" => floats(arguments, f64::min),
        "mod" => folded(arguments, i64::checked_rem),
        "mul" => folded(arguments, i64::checked_mul),
        "mulf" => floats(arguments, |a, b| a * b),
        "round" => round(arguments),
        "sub" => folded(arguments, i64::checked_sub),
        "subf" => floats(arguments, |a, b| a - b),
        "toDecimal" => arguments
            .exactly(1)
            .and_then(|it| it.text(0))
            .map(|octal| Value::from(i64::from_str_radix(&octal, 8).unwrap_or_default())),
        _ => return None,
    })
}

fn folded(arguments: Arguments<'_>, operation: impl Fn(i64, i64) -> Option<i64>) -> Result<Value, Error> {
    let mut numbers = arguments.values.iter().map(int);
    let first = numbers.next().ok_or_else(|| wrong(format!("{} takes numbers", arguments.function)))?;
    let result = numbers.try_fold(first, operation);
    let result = result.ok_or_else(|| wrong(format!("{} divides by zero or overflows", arguments.function)))?;
    Ok(Value::from(result))
}

fn floats(arguments: Arguments<'_>, operation: impl Fn(f64, f64) -> f64) -> Result<Value, Error> {
    let result = arguments.values.iter().map(float).reduce(operation);
    result.map(number).ok_or_else(|| wrong(format!("{} takes numbers", arguments.function)))
}

fn rounded(arguments: Arguments<'_>, operation: impl Fn(f64) -> f64) -> Result<Value, Error> {
    Ok(number(operation(float(arguments.exactly(1)?.value(0)?))))
}

/// `round number digits`, and from which rest on it goes up.
fn round(arguments: Arguments<'_>) -> Result<Value, Error> {
    let arguments = arguments.count(2, 3)?;
    let up_from = arguments.values.get(2).map_or(0.5, float);
    let scale = 10_f64.powi(i32::try_from(arguments.int(1)?).unwrap_or(0));
    let scaled = float(arguments.value(0)?) * scale;
    Ok(number(if scaled.fract() >= up_from { scaled.ceil() } else { scaled.floor() } / scale))
}

/// A float without a fraction is written as an integer.
fn number(value: f64) -> Value {
    serde_json::Number::from_f64(value)
        .map_or_else(|| Value::from(value), |number| crate::rebar::value::of_json(&serde_json::Value::Number(number)))
}
