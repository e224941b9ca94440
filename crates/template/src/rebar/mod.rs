//! Digital Rebar's surface: its variables and functions under their own names.

use crate::scope::Scope;
use minijinja::{Environment, Error, State, Value};
use std::sync::Arc;

/// Adds the functions, filters and tests.
pub(crate) fn add_to(_environment: &mut Environment<'_>) {}

/// The value of a variable, if it is one of this surface.
pub(crate) fn variable(_scope: &Arc<Scope>, _name: &str) -> Option<Value> {
    None
}

/// Calls a method that the engine does not know, if it is one of this surface.
pub(crate) fn call_method(
    _state: &mut State<'_, '_>,
    _value: &Value,
    _method: &str,
    _arguments: &[Value],
) -> Option<Result<Value, Error>> {
    None
}
