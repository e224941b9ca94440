//! Templates within templates: `snippet("name", key=value)`, `snippet_if_exists` and `template`.
//!
//! A snippet sees the facts and what it is given, and nothing else of the template that takes it in. That is
//! what distinguishes it from `{% include "name" %}`, which shares its variables.

use crate::bounded::Bounded;
use crate::limits::{FUEL, MAX_PARAM_DEPTH, MAX_SNIPPET_DEPTH, MAX_SNIPPETS, MAX_STACK_BYTES};
use crate::scope::{Render, Scope};
use minijinja::value::Kwargs;
use minijinja::{Environment, Error, ErrorKind, State, Template, Value};
use std::collections::BTreeMap;

pub(crate) fn add_to(environment: &mut Environment<'_>) {
    environment.add_function("snippet", snippet);
    environment.add_function("snippet_if_exists", snippet_if_exists);
    environment.add_function("template", snippet);
    environment.add_function("snippet_exists", snippet_exists);
}

#[expect(clippy::needless_pass_by_value, reason = "the engine hands arguments over by value")]
fn snippet(state: &State<'_, '_>, name: &str, variables: Kwargs) -> Result<String, Error> {
    take_in(state, name, given(&variables)?)
}

#[expect(clippy::needless_pass_by_value, reason = "the engine hands arguments over by value")]
fn snippet_if_exists(state: &State<'_, '_>, name: &str, variables: Kwargs) -> Result<String, Error> {
    if Scope::of(state)?.render().library().resolve(name).is_none() {
        // Read all the same, so that an argument that nobody knows is not an error only where the snippet exists.
        given(&variables)?;
        return Ok(String::new());
    }
    take_in(state, name, given(&variables)?)
}

fn snippet_exists(state: &State<'_, '_>, name: &str) -> Result<bool, Error> {
    Ok(Scope::of(state)?.render().library().resolve(name).is_some())
}

/// The arguments by name; those in a map called `variables` count as their own.
fn given(arguments: &Kwargs) -> Result<BTreeMap<String, Value>, Error> {
    let mut given = BTreeMap::new();
    for name in arguments.args() {
        let value: Value = arguments.get(name)?;
        if name == "variables" && value.kind() == minijinja::value::ValueKind::Map {
            for key in value.try_iter()? {
                given.insert(key.to_string(), value.get_item(&key)?);
            }
        } else {
            given.insert(name.to_owned(), value);
        }
    }
    Ok(given)
}

/// Renders a template of the library inside the one that asks for it.
///
/// # Errors
/// When there is none of that name, when it does not render, or when snippets lie too deep in one another.
pub(crate) fn take_in(state: &State<'_, '_>, name: &str, variables: BTreeMap<String, Value>) -> Result<String, Error> {
    let scope = Scope::of(state)?;
    let render = scope.render();
    let template = render.library().find(name)?;
    render.enter_snippet(scope.template(), template.name())?;
    let rendered = render.render_nested(&template, Scope::new(render.clone(), template.name(), variables));
    render.progress().snippets.pop();
    rendered
}

impl Render {
    fn enter_snippet(&self, outer: &str, name: &str) -> Result<(), Error> {
        self.check_time()?;
        let mut progress = self.progress();
        if progress.snippets.is_empty() {
            progress.snippets.push(outer.to_owned());
        }
        progress.begun += 1;
        if progress.begun > MAX_SNIPPETS {
            return Err(refused(format!("more than {MAX_SNIPPETS} snippets in one render")));
        }
        let chain = |snippets: &[String]| {
            let names = snippets.iter().map(String::as_str).chain([name]);
            names.map(|name| format!("{name:?}")).collect::<Vec<_>>().join(" → ")
        };
        if let Some(at) = progress.snippets.iter().position(|snippet| snippet == name) {
            return Err(refused(format!(
                "snippets take in one another in a circle: {}",
                chain(&progress.snippets[at..])
            )));
        }
        if progress.snippets.len() > MAX_SNIPPET_DEPTH {
            let chain = chain(&progress.snippets);
            return Err(refused(format!("snippets lie more than {MAX_SNIPPET_DEPTH} deep in one another: {chain}")));
        }
        progress.snippets.push(name.to_owned());
        progress.used.snippets.insert(name.to_owned());
        Ok(())
    }

    /// Renders a template of this render into text; its work counts towards the render's limits.
    pub(crate) fn render_nested(&self, template: &Template<'_, '_>, scope: Scope) -> Result<String, Error> {
        self.enter_nested()?;
        let mut output = Bounded::new();
        let done = template.render_captured_to(Value::from_object(scope), &mut output).map_err(|error| {
            Error::new(ErrorKind::BadInclude, format!("error in {:?}", template.name())).with_source(error)
        });
        let mut progress = self.progress();
        progress.nested -= 1;
        progress.fuel += done?.state().fuel_levels().map_or(0, |(consumed, _)| consumed);
        if progress.fuel > FUEL {
            return Err(Error::from(ErrorKind::OutOfFuel));
        }
        Ok(output.into_text())
    }

    /// Whatever takes a template into another goes down the stack: a layout that reads itself has no name by which
    /// a circle of snippets would be seen.
    fn enter_nested(&self) -> Result<(), Error> {
        let mut progress = self.progress();
        if progress.nested == MAX_SNIPPET_DEPTH + MAX_PARAM_DEPTH || self.stack_bytes() > MAX_STACK_BYTES {
            return Err(refused("templates lie too deep in one another: does one read itself?".to_owned()));
        }
        progress.nested += 1;
        Ok(())
    }
}

fn refused(detail: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, detail)
}
