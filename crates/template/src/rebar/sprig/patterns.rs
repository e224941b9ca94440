//! Sprig's functions on regular expressions. Both libraries take the syntax of RE2.

use super::Answer;
use crate::rebar::arguments::Arguments;
use crate::rebar::value::{list, wrong};
use minijinja::{Error, Value};
use regex::{NoExpand, Regex, RegexBuilder};

/// Memory that one expression may take: a tenth of what the library allows by itself.
const MAX_COMPILED_BYTES: usize = 1 << 20;

pub(super) fn call(name: &str, arguments: Arguments<'_>) -> Answer {
    Some(match name {
        "regexFind" => with(arguments, 2, |regex, arguments| {
            let text = arguments.text(1)?;
            Ok(Value::from(regex.find(&text).map_or("", |found| found.as_str())))
        }),
        "regexFindAll" => with(arguments, 3, |regex, arguments| {
            let (text, most) = (arguments.text(1)?, most(arguments.int(2)?));
            Ok(list(regex.find_iter(&text).take(most).map(|found| Value::from(found.as_str()))))
        }),
        "regexMatch" => with(arguments, 2, |regex, arguments| Ok(Value::from(regex.is_match(&arguments.text(1)?)))),
        "regexQuoteMeta" => arguments.exactly(1).and_then(|it| it.text(0)).map(|text| Value::from(quote_meta(&text))),
        "regexReplaceAll" => with(arguments, 3, |regex, arguments| {
            Ok(Value::from(regex.replace_all(&arguments.text(1)?, arguments.text(2)?.as_str()).into_owned()))
        }),
        "regexReplaceAllLiteral" => with(arguments, 3, |regex, arguments| {
            Ok(Value::from(regex.replace_all(&arguments.text(1)?, NoExpand(&arguments.text(2)?)).into_owned()))
        }),
        "regexSplit" => with(arguments, 3, |regex, arguments| {
            let (text, most) = (arguments.text(1)?, most(arguments.int(2)?));
            Ok(list(regex.splitn(&text, most).map(Value::from)))
        }),
        _ => return None,
    })
}

/// Go's "at most": a negative number is no limit.
fn most(count: i64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn with<'a>(
    arguments: Arguments<'a>,
    count: usize,
    make: impl Fn(&Regex, Arguments<'a>) -> Result<Value, Error>,
) -> Result<Value, Error> {
    let pattern = arguments.exactly(count)?.text(0)?;
    let regex = RegexBuilder::new(&pattern).size_limit(MAX_COMPILED_BYTES).build();
    let regex = regex.map_err(|error| wrong(format!("{pattern:?} is no regular expression: {error}")))?;
    make(&regex, arguments)
}

/// Go escapes no more than it must.
fn quote_meta(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for next in text.chars() {
        if r"\.+*?()|[]{}^$".contains(next) {
            written.push('\\');
        }
        written.push(next);
    }
    written
}
