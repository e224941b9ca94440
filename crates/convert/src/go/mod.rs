//! Go's `text/template`, as Digital Rebar's content is written in it.
//!
//! The result renders to the same bytes: blanks are kept by marks in the tags, variables keep Go's scopes by
//! their names, and what Go has and our language has not are the methods of `go` and `sprig` in `template`.

mod ast;
mod body;
mod expression;
mod fault;
mod functions;
mod kind;
mod lexer;
mod library;
mod literal;
mod members;
pub mod objects;
mod parser;
mod pipeline;
mod scope;
mod value;
mod warnings;
mod writer;

use crate::{Converted, Refusal};

/// The longest template that would be rendered.
const LONGEST: usize = 1 << 20;

/// Translates a template. `name` is what it is called where it is from, such as its file's name.
///
/// # Errors
/// Every place that cannot be translated, with the reason.
pub fn convert(name: &str, text: &str) -> Result<Converted, Vec<Refusal>> {
    let source = text.strip_prefix('\u{feff}').unwrap_or(text);
    let refused = |faults: Vec<fault::Fault>| {
        let mut refusals: Vec<Refusal> = faults.into_iter().map(|fault| fault.within(source)).collect();
        refusals.sort_by_key(|refusal| (refusal.line, refusal.column));
        refusals.dedup();
        refusals
    };
    if source.len() > LONGEST {
        return Err(refused(vec![fault::Fault::new(0, format!("the template is longer than {LONGEST} bytes"))]));
    }
    let file = parser::file(source).map_err(|fault| refused(vec![fault]))?;
    let writer = library::translate(&file).map_err(refused)?;
    let kind = kind::of(name, source);
    Ok(Converted {
        name: name.to_owned(),
        kind: Some(kind.to_owned()),
        snippet: kind == "snippet",
        families: kind::families(kind, source),
        description: None,
        text: writer.finish(),
        warnings: warnings::of(&file, source),
    })
}
