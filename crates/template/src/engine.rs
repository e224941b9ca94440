//! The template machine as we set it up: nothing undefined, nothing unbounded, no files.

use crate::hint::Known;
use crate::limits::{FUEL, MAX_OUTPUT_BYTES, RECURSION_LIMIT};
use crate::{escape, foreman, growth, rebar, snippet};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value};
use std::sync::LazyLock;

/// The machine with everything that needs no facts. Boot scripts use it as it is.
pub(crate) fn plain() -> &'static Environment<'static> {
    static PLAIN: LazyLock<Environment<'static>> = LazyLock::new(|| {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_syntax(syntax());
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(RECURSION_LIMIT);
        environment.set_formatter(write);
        // Without it errors do not say which value is missing.
        environment.set_debug(true);
        growth::add_to(&mut environment);
        escape::add_filters(&mut environment);
        environment
    });
    &PLAIN
}

/// The machine with the functions and methods of all three surfaces.
pub(crate) fn complete() -> &'static Environment<'static> {
    static COMPLETE: LazyLock<Environment<'static>> = LazyLock::new(|| {
        let mut environment = plain().clone();
        snippet::add_to(&mut environment);
        foreman::add_to(&mut environment);
        rebar::add_to(&mut environment);
        environment.set_unknown_method_callback(method);
        environment
    });
    &COMPLETE
}

/// What is known about a template that belongs to no library.
pub(crate) fn known(root: Option<&Value>) -> Known<'_> {
    Known { root, environment: complete(), templates: &|_| None }
}

fn method(state: &mut State<'_, '_>, value: &Value, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    let foreman = foreman::call_method(state, value, method, arguments);
    let answer = foreman.or_else(|| rebar::call_method(state, value, method, arguments));
    answer.unwrap_or_else(|| {
        Err(Error::new(ErrorKind::UnknownMethod, format!("a {} has no method {method}", value.kind())))
    })
}

/// Writes a value as shells, installers and both other template systems do: `true`, not `True`, and nothing for
/// nothing.
fn write(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let written_before = state.get_or_insert_extension(Written(0));
    written_before.0 += value.as_str().map_or(0, str::len);
    if written_before.0 > 4 * MAX_OUTPUT_BYTES {
        return Err(Error::new(ErrorKind::WriteFailure, "the result is too long"));
    }
    let written = match value.kind() {
        ValueKind::None => Ok(()),
        ValueKind::Bool => out.write_str(if value.is_true() { "true" } else { "false" }),
        _ => match value.as_str() {
            Some(text) => out.write_str(text),
            None => write!(out, "{value}"),
        },
    };
    written.map_err(|error| Error::new(ErrorKind::WriteFailure, "the result is too long").with_source(error))
}

/// The bytes of texts that a template has written, those that it keeps in a variable too.
struct Written(usize);

/// A line that holds only a block tag leaves no line in the result.
pub(crate) fn syntax() -> SyntaxConfig {
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    syntax.build().expect("the delimiters are minijinja's own")
}
