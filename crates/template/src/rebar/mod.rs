//! Digital Rebar's surface: its variables and functions under their own names, without Go's leading dot.
//!
//! `go` and `sprig` hold the functions that its templates have beside these. Values are shown as Go shows them.

mod arguments;
mod clock;
mod encoding;
mod env;
mod go;
mod machine;
mod paths;
mod print;
mod repo;
mod root;
mod sprig;
#[cfg(test)]
mod tests;
mod value;
mod yaml;

use crate::facts::Facts;
use crate::scope::Scope;
use minijinja::{Environment, Error, State, Value};
use std::sync::Arc;

/// Adds the functions, filters and tests.
pub(crate) fn add_to(environment: &mut Environment<'_>) {
    environment.add_global("go", Value::from_object(go::Go));
    environment.add_global("sprig", Value::from_object(sprig::Sprig));
    root::add_to(environment);
}

/// The value of a variable, if it is one of this surface.
pub(crate) fn variable(scope: &Arc<Scope>, name: &str) -> Option<Value> {
    let render = scope.render();
    match name {
        "Env" => Some(Value::from_object(env::Env { facts: render.facts().clone() })),
        "Info" | "Stage" | "Task" => Some(root::object(name, render)),
        // A client that is not known yet has none.
        "Machine" if is_unknown(render.facts()) => Some(value::nil()),
        "Machine" => Some(Value::from_object(machine::Machine { facts: render.facts().clone() })),
        _ => None,
    }
}

fn is_unknown(facts: &Facts) -> bool {
    facts.machine.uuid.is_none() && facts.machine.name.is_empty()
}

/// Calls a method that the engine does not know, if it is one of this surface: its objects answer by themselves.
pub(crate) fn call_method(
    _state: &mut State<'_, '_>,
    _value: &Value,
    _method: &str,
    _arguments: &[Value],
) -> Option<Result<Value, Error>> {
    None
}
