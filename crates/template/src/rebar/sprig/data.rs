//! Sprig's functions on values of any type: what is empty, what type it has, and other notations of it.

use super::Answer;
use super::semver;
use crate::rebar::arguments::{Arguments, plain_text};
use crate::rebar::print::{json, kind_name, type_name};
use crate::rebar::value::{is_nil, of_json, to_json, wrong};
use crate::rebar::{clock, encoding, paths};
use minijinja::{Error, State, Value};

pub(super) fn call(name: &str, arguments: Arguments<'_>, state: &State<'_, '_>) -> Answer {
    Some(match name {
        "all" => Ok(Value::from(arguments.values.iter().all(Value::is_true))),
        "any" => Ok(Value::from(arguments.values.iter().any(Value::is_true))),
        "coalesce" => {
            Ok(arguments.values.iter().find(|value| value.is_true()).cloned().unwrap_or_else(crate::rebar::value::nil))
        }
        "date" => arguments.exactly(2).and_then(|it| clock::date(&it.text(0)?, it.value(1)?)),
        "dateInZone" => arguments.exactly(3).and_then(|it| clock::date_in(&it.text(0)?, it.value(1)?, &it.text(2)?)),
        "now" => clock::now(state),
        "unixEpoch" => arguments.exactly(1).and_then(|it| clock::unix_epoch(it.value(0)?)),
        "deepEqual" => {
            arguments.exactly(2).and_then(|it| Ok(Value::from(to_json(it.value(0)?) == to_json(it.value(1)?))))
        }
        "default" => default(arguments),
        "empty" => arguments.exactly(1).and_then(|it| Ok(Value::from(!it.value(0)?.is_true()))),
        "fail" => arguments.exactly(1).and_then(|it| Err(wrong(it.text(0)?))),
        "fromJson" => from_json(arguments),
        "kindIs" => arguments.exactly(2).and_then(|it| Ok(Value::from(it.text(0)? == kind_name(it.value(1)?)))),
        "kindOf" => arguments.exactly(1).and_then(|it| Ok(Value::from(kind_name(it.value(0)?)))),
        "semverCompare" => semver::compare(arguments),
        "semver" => semver::parts(arguments),
        "ternary" => ternary(arguments),
        "toJson" => arguments.exactly(1).and_then(|it| json(it.value(0)?, false, true)).map(Value::from),
        "toPrettyJson" => arguments.exactly(1).and_then(|it| json(it.value(0)?, true, true)).map(Value::from),
        "toRawJson" => arguments.exactly(1).and_then(|it| json(it.value(0)?, false, false)).map(Value::from),
        "toYaml" => {
            arguments.exactly(1).and_then(|it| encoding::yaml(it.value(0)?)).map(|text| Value::from(text.trim_end()))
        }
        "typeIs" | "typeIsLike" => arguments
            .exactly(2)
            .and_then(|it| Ok(Value::from(it.text(0)?.trim_start_matches('*') == type_name(it.value(1)?)))),
        "typeOf" => arguments.exactly(1).and_then(|it| Ok(Value::from(type_name(it.value(0)?)))),
        _ => return encoding::call(name, arguments).or_else(|| paths::call(name, arguments)),
    })
}

fn default(arguments: Arguments<'_>) -> Result<Value, Error> {
    let arguments = arguments.count(1, 2)?;
    let given = arguments.values.get(1).filter(|given| given.is_true() && !is_nil(given));
    Ok(given.unwrap_or(arguments.value(0)?).clone())
}

/// `ternary then else condition`.
fn ternary(arguments: Arguments<'_>) -> Result<Value, Error> {
    let arguments = arguments.exactly(3)?;
    Ok(arguments.value(usize::from(!arguments.value(2)?.is_true()))?.clone())
}

fn from_json(arguments: Arguments<'_>) -> Result<Value, Error> {
    let text = plain_text(arguments.exactly(1)?.value(0)?);
    // Sprig's fromJson gives nothing for what is no JSON; mustFromJson says why.
    match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(json) => Ok(of_json(&json)),
        Err(error) if arguments.function.starts_with("must") => Err(wrong(format!("this is no JSON: {error}"))),
        Err(_) => Ok(crate::rebar::value::nil()),
    }
}
