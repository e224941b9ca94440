//! Foreman's surface: its variables and functions under their own names.
//!
//! The names lose Ruby's marks: `@host` is `host`, `host_param_true?` is `host_param_true`, `host_param!` is
//! `host_param_required`. What a Foreman without the plugin in question would not have is nothing here, so that
//! a template may test for it.

mod functions;
mod host;
mod naming;
mod network;
mod params;
mod place;
mod random;
mod ruby;
mod ruby_functions;
mod system;
mod thing;

use crate::scope::{Render, Scope};
use minijinja::{Environment, Error, State, Value};
use std::sync::Arc;
use thing::Thing;

/// Adds the functions, filters and tests.
pub(crate) fn add_to(environment: &mut Environment<'_>) {
    functions::add_to(environment);
    params::add_to(environment);
    random::add_to(environment);
    ruby_functions::add_to(environment);
}

/// The value of a variable, if it is one of this surface.
pub(crate) fn variable(scope: &Arc<Scope>, name: &str) -> Option<Value> {
    let render = scope.render();
    Some(match name {
        "host" => render.cached("foreman.host", || Value::from_object(host::Host::new(render))),
        "template_name" => Value::from(scope.template()),
        "dynamic" => Value::from(is_dynamic(render)),
        _ => system::variable(scope.facts(), name)?,
    })
}

/// Whether the partition table is a script that writes one, which its text says in a line of its own.
fn is_dynamic(render: &Render) -> bool {
    let Some(table) = &render.facts().partition_table else { return false };
    let says = |text: &str| text.lines().any(|line| line.starts_with("#Dynamic"));
    match &table.text {
        Some(text) => says(text),
        None => render.library().find(&table.name).is_ok_and(|template| says(template.source())),
    }
}

/// Calls a method that the engine does not know, if it is one of this surface.
pub(crate) fn call_method(
    _state: &mut State<'_, '_>,
    value: &Value,
    method: &str,
    arguments: &[Value],
) -> Option<Result<Value, Error>> {
    if let Some(host) = value.downcast_object::<host::Host>() {
        return host.call(method, arguments).or_else(|| ruby::call(value, method, arguments));
    }
    if let Some(thing) = value.downcast_object_ref::<Thing>() {
        return thing.call(method, arguments).or_else(|| ruby::call(value, method, arguments));
    }
    ruby::call(value, method, arguments)
}

#[cfg(test)]
mod tests;
