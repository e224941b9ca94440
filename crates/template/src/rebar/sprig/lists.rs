//! Sprig's functions on lists.

use super::Answer;
use crate::limits::MAX_OUTPUT_BYTES;
use crate::rebar::arguments::{Arguments, int, plain_text};
use crate::rebar::go;
use crate::rebar::value::{is_nil, list, nil, wrong};
use minijinja::{Error, Value};

pub(super) fn call(name: &str, arguments: Arguments<'_>) -> Answer {
    Some(match name {
        "append" | "push" => append(arguments),
        "chunk" => chunk(arguments),
        "compact" => kept(arguments, |item, _| item.is_true()),
        "concat" => concat(arguments),
        "first" => end(arguments, |items| items.first().cloned()),
        "has" => has(arguments),
        "initial" => part(arguments, |items| items.split_last().map(|(_, rest)| rest)),
        "last" => end(arguments, |items| items.last().cloned()),
        "list" | "tuple" => Ok(list(arguments.values.iter().cloned())),
        "prepend" => prepend(arguments),
        "rest" => part(arguments, |items| items.split_first().map(|(_, rest)| rest)),
        "reverse" => arguments.exactly(1).and_then(|it| it.items(0)).map(|items| list(items.into_iter().rev())),
        "seq" => sequence(arguments),
        "slice" => go::slice(arguments),
        "sortAlpha" => sort_alpha(arguments),
        "toStrings" => strings(arguments).map(|texts| list(texts.into_iter().map(Value::from))),
        "uniq" => kept(arguments, |item, before| !before.contains(item)),
        "until" => {
            arguments.exactly(1).and_then(|it| it.int(0)).and_then(|end| steps(0, end, if end < 0 { -1 } else { 1 }))
        }
        "untilStep" => until_step(arguments),
        "without" => without(arguments),
        _ => return None,
    })
}

fn append(arguments: Arguments<'_>) -> Result<Value, Error> {
    let arguments = arguments.exactly(2)?;
    let added = arguments.value(1)?.clone();
    Ok(list(arguments.items(0)?.into_iter().chain([added])))
}

fn prepend(arguments: Arguments<'_>) -> Result<Value, Error> {
    let arguments = arguments.exactly(2)?;
    let added = arguments.value(1)?.clone();
    Ok(list([added].into_iter().chain(arguments.items(0)?)))
}

fn chunk(arguments: Arguments<'_>) -> Result<Value, Error> {
    let arguments = arguments.exactly(2)?;
    let size = arguments.size(0)?.max(1);
    Ok(list(arguments.items(1)?.chunks(size).map(|part| list(part.iter().cloned()))))
}

fn concat(arguments: Arguments<'_>) -> Result<Value, Error> {
    let lists = (0..arguments.values.len()).map(|index| arguments.items(index)).collect::<Result<Vec<_>, _>>()?;
    Ok(list(lists.into_iter().flatten()))
}

fn end(arguments: Arguments<'_>, pick: impl Fn(&[Value]) -> Option<Value>) -> Result<Value, Error> {
    Ok(pick(&arguments.exactly(1)?.items(0)?).unwrap_or_else(nil))
}

fn part(arguments: Arguments<'_>, pick: impl Fn(&[Value]) -> Option<&[Value]>) -> Result<Value, Error> {
    let items = arguments.exactly(1)?.items(0)?;
    Ok(list(pick(&items).unwrap_or_default().iter().cloned()))
}

/// `has needle list`.
fn has(arguments: Arguments<'_>) -> Result<Value, Error> {
    let arguments = arguments.exactly(2)?;
    let needle = arguments.value(0)?;
    Ok(Value::from(!is_nil(arguments.value(1)?) && arguments.items(1)?.contains(needle)))
}

/// The items that stay, each asked for with those before it that stayed.
fn kept(arguments: Arguments<'_>, keep: impl Fn(&Value, &[Value]) -> bool) -> Result<Value, Error> {
    let mut kept: Vec<Value> = Vec::new();
    for item in arguments.exactly(1)?.items(0)? {
        if keep(&item, &kept) {
            kept.push(item);
        }
    }
    Ok(list(kept))
}

fn without(arguments: Arguments<'_>) -> Result<Value, Error> {
    let omitted = arguments.from(1);
    Ok(list(arguments.items(0)?.into_iter().filter(|item| !omitted.contains(item))))
}

fn strings(arguments: Arguments<'_>) -> Result<Vec<String>, Error> {
    let arguments = arguments.exactly(1)?;
    let items = arguments.items(0).or_else(|_| arguments.value(0).map(|one| vec![one.clone()]))?;
    Ok(items.iter().filter(|item| !is_nil(item)).map(plain_text).collect())
}

fn sort_alpha(arguments: Arguments<'_>) -> Result<Value, Error> {
    let mut texts = strings(arguments)?;
    texts.sort_unstable();
    Ok(list(texts.into_iter().map(Value::from)))
}

fn until_step(arguments: Arguments<'_>) -> Result<Value, Error> {
    let arguments = arguments.exactly(3)?;
    steps(arguments.int(0)?, arguments.int(1)?, arguments.int(2)?)
}

fn numbers(start: i64, end: i64, step: i64) -> Result<Vec<i64>, Error> {
    let distance = if step == 0 { 0 } else { (end.saturating_sub(start)) / step };
    // A number and what separates it from the next are two bytes at least.
    if usize::try_from(distance).unwrap_or(0) > MAX_OUTPUT_BYTES / 2 {
        return Err(wrong("the list would be longer than any result may be"));
    }
    let in_range = |number: &i64| if step > 0 { *number < end } else { *number > end };
    let numbers = std::iter::successors(Some(start), |number| number.checked_add(step));
    Ok(if step == 0 { Vec::new() } else { numbers.take_while(in_range).collect() })
}

fn steps(start: i64, end: i64, step: i64) -> Result<Value, Error> {
    Ok(list(numbers(start, end, step)?.into_iter().map(Value::from)))
}

/// `seq end`, `seq start end`, `seq start step end`: as the shell's, both ends included, with blanks between.
fn sequence(arguments: Arguments<'_>) -> Result<Value, Error> {
    let given: Vec<i64> = arguments.values.iter().map(int).collect();
    let direction = |start: i64, end: i64| if end < start { -1 } else { 1 };
    let (start, step, end) = match given.as_slice() {
        [end] => (1, direction(1, *end), *end),
        [start, end] => (*start, direction(*start, *end), *end),
        [start, step, end] => (*start, *step, *end),
        _ => return Ok(Value::from("")),
    };
    let texts: Vec<String> =
        numbers(start, end.saturating_add(step.signum()), step)?.iter().map(i64::to_string).collect();
    Ok(Value::from(texts.join(" ")))
}
