//! Go's `text/template`, as Digital Rebar's content is written in it.
//!
//! The result renders to the same bytes: blanks are kept by marks in the tags, variables keep Go's scopes by
//! their names, and what Go has and our language has not are the methods of `go` and `sprig` in `template`.

mod ast;
mod body;
mod expression;
mod fault;
mod functions;
mod lexer;
mod library;
mod literal;
mod members;
mod parser;
mod pipeline;
mod scope;
mod value;
mod writer;

use crate::{Converted, Refusal};

/// Translates the template `name`.
///
/// # Errors
/// When it holds something that cannot be translated, with its place.
pub fn convert(name: &str, text: &str) -> Result<Converted, Refusal> {
    let translated = parser::file(text).and_then(|file| library::translate(&file));
    let writer = translated.map_err(|fault| fault.within(text))?;
    Ok(Converted {
        name: name.to_owned(),
        kind: None,
        snippet: false,
        families: Vec::new(),
        description: None,
        text: writer.finish(),
        warnings: Vec::new(),
    })
}
