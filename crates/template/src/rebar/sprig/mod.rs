//! `sprig.…`: the functions that Digital Rebar's templates take from the sprig library, with its arguments in its
//! order. What reads the server's environment, the network or chance is not there.

mod data;
mod dictionaries;
mod lists;
mod numbers;
mod patterns;
mod semver;
mod strings;
mod words;

use super::arguments::Arguments;
use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};
use std::sync::Arc;

/// What `sprig` is.
#[derive(Debug)]
pub(crate) struct Sprig;

impl Object for Sprig {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call_method(
        self: &Arc<Self>,
        state: &mut State<'_, '_>,
        method: &str,
        values: &[Value],
    ) -> Result<Value, Error> {
        let arguments = Arguments { function: method, values };
        // The functions whose name starts with must differ only in how they fail, and all of ours fail that way.
        let name = match method.strip_prefix("must") {
            Some(name) => name[..1].to_ascii_lowercase() + &name[1..],
            None => method.to_owned(),
        };
        let answer = strings::call(&name, arguments)
            .or_else(|| words::call(&name, arguments))
            .or_else(|| lists::call(&name, arguments))
            .or_else(|| dictionaries::call(&name, arguments))
            .or_else(|| numbers::call(&name, arguments))
            .or_else(|| patterns::call(&name, arguments))
            .or_else(|| data::call(&name, arguments, state));
        answer.unwrap_or_else(|| Err(Error::new(ErrorKind::UnknownMethod, format!("sprig has no function {method}"))))
    }
}

/// What a function of this library gives; nothing where it is another's.
type Answer = Option<Result<Value, Error>>;
