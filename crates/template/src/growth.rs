//! Filters that could make much of little: each says beforehand what it would make, or is told afterwards.

use crate::guard;
use crate::limits::MAX_OUTPUT_BYTES;
use crate::scope::Scope;
use minijinja::value::{Kwargs, Rest, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, Value, filters};

/// The longest list that an operator or filter makes: more machines than any list of a template is of.
const MAX_ITEMS: usize = 100_000;
/// The widest column and the longest group: more than any line has.
const MAX_WIDTH: usize = 10_000;

/// What is looked at before a filter of the engine is called with these arguments, the value first.
type Check = fn(&[Value]) -> Result<(), Error>;

/// Replaces the engine's own filters by those that know a limit.
pub(crate) fn add_to(environment: &mut Environment<'_>) {
    environment.add_filter(guard::BOUNDED, bounded);
    environment.add_filter(guard::SPELLED, spelled);
    environment.add_filter("replace", replace);
    environment.add_filter("join", join);
    let limited: [(&'static str, Value, Check); 6] = [
        ("batch", Value::from_function(filters::batch), narrow),
        ("format", Value::from_function(filters::format), narrow_format),
        ("indent", Value::from_function(filters::indent), narrow),
        ("list", Value::from_function(filters::list), |_| Ok(())),
        ("slice", Value::from_function(filters::slice), narrow),
        ("sort", Value::from_function(filters::sort), |_| Ok(())),
    ];
    for (name, filter, check) in limited {
        environment.add_filter(name, move |state: &mut State<'_, '_>, arguments: Rest<ValueOrKwargs>| {
            let arguments = arguments.into_values();
            check_time(state)?;
            check(&arguments)?;
            let made = filter.call(state, &arguments)?;
            bounded(state, made)
        });
    }
}

fn check_time(state: &State<'_, '_>) -> Result<(), Error> {
    Scope::of(state).map_or(Ok(()), |scope| scope.render().check_time())
}

/// The value itself, if it is not too large.
fn bounded(state: &State<'_, '_>, value: Value) -> Result<Value, Error> {
    check_time(state)?;
    match size(&value, MAX_OUTPUT_BYTES) {
        Some(_) => Ok(value),
        None => Err(too_large(value.kind())),
    }
}

/// What `~` joins, as a template writes it.
fn spelled(state: &mut State<'_, '_>, value: Value) -> Result<Value, Error> {
    if value.as_str().is_some() { Ok(value) } else { state.format(value).map(Value::from) }
}

fn too_large(kind: ValueKind) -> Error {
    Error::new(ErrorKind::WriteFailure, format!("a {kind} of more than {MAX_OUTPUT_BYTES} bytes is made here"))
}

/// About how many bytes a value takes, if it is no more than `limit`.
fn size(value: &Value, limit: usize) -> Option<usize> {
    let bytes = match value.kind() {
        ValueKind::String => value.as_str().map_or(0, str::len),
        ValueKind::Seq | ValueKind::Iterable => {
            if value.len().is_some_and(|items| items > MAX_ITEMS) {
                return None;
            }
            let mut bytes = 0;
            for item in value.try_iter().ok()? {
                bytes += 16 + size(&item, limit.checked_sub(bytes)?)?;
            }
            bytes
        }
        _ => 0,
    };
    (bytes <= limit).then_some(bytes)
}

/// No width or count among the arguments is beyond all measure.
fn narrow(arguments: &[Value]) -> Result<(), Error> {
    let width = |value: &Value| match value.kind() {
        ValueKind::Map => value.get_attr("width").ok().and_then(|width| width.as_usize()),
        _ => value.as_usize(),
    };
    match arguments.iter().skip(1).filter_map(width).find(|width| *width > MAX_WIDTH) {
        None => Ok(()),
        Some(width) => Err(Error::new(ErrorKind::InvalidOperation, format!("{width} is more than {MAX_WIDTH}"))),
    }
}

/// No conversion of a format, such as `%5d`, is wider than a line can be.
fn narrow_format(arguments: &[Value]) -> Result<(), Error> {
    let format = arguments.first().and_then(Value::as_str).unwrap_or_default();
    let wide = format.split('%').skip(1).any(|conversion| {
        let width = conversion.trim_start_matches(['-', '+', ' ', '#', '0', '*']);
        width.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count() > 5
    });
    if wide { Err(Error::new(ErrorKind::InvalidOperation, "a conversion of the format is too wide")) } else { Ok(()) }
}

fn replace(state: &mut State<'_, '_>, value: &Value, from: &Value, to: &Value) -> Result<Value, Error> {
    check_time(state)?;
    let [value, from, to] = [text(state, value)?, text(state, from)?, text(state, to)?];
    let longer = to.len().saturating_sub(from.len());
    if longer.saturating_mul(value.matches(from.as_str()).count()) > MAX_OUTPUT_BYTES {
        return Err(too_large(ValueKind::String));
    }
    Ok(Value::from(value.replace(from.as_str(), &to)))
}

/// The items of a list with `joiner` between them; of each only an attribute where one is named.
#[expect(clippy::needless_pass_by_value, reason = "the engine hands arguments over by value")]
fn join(
    state: &mut State<'_, '_>,
    value: Value,
    joiner: Option<String>,
    attribute: Option<String>,
    arguments: Kwargs,
) -> Result<Value, Error> {
    check_time(state)?;
    let joiner = match joiner {
        Some(joiner) => joiner,
        None => arguments.get::<Option<String>>("d")?.unwrap_or_default(),
    };
    let attribute = match attribute {
        Some(attribute) => Some(attribute),
        None => arguments.get::<Option<String>>("attribute")?,
    };
    arguments.assert_all_used()?;
    if value.is_undefined() || value.is_none() {
        text(state, &value)?;
        return Ok(Value::from(""));
    }
    let mut joined = String::new();
    for (index, item) in value.try_iter()?.enumerate() {
        let item = match &attribute {
            Some(attribute) => item.get_attr(attribute)?,
            None => item,
        };
        if index > 0 {
            joined.push_str(&joiner);
        }
        joined.push_str(&text(state, &item)?);
        if joined.len() > MAX_OUTPUT_BYTES {
            return Err(too_large(ValueKind::String));
        }
    }
    Ok(Value::from(joined))
}

/// A value as a template writes it.
fn text(state: &mut State<'_, '_>, value: &Value) -> Result<String, Error> {
    match value.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => state.format(value.clone()),
    }
}
