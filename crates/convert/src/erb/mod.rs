//! ERB, as Foreman's templates are written in it.
//!
//! The Ruby in the tags is read by a parser of our own and said again in our language; nothing is executed. What
//! a template renders to is the same to the byte, white space included, as long as the facts are the same.

mod ast;
mod compound;
mod emit;
mod expression;
mod lexer;
mod literal;
mod metadata;
mod operator;
mod parser;
mod scan;
mod token;
mod translate;
mod walk;

use crate::{Converted, Refusal, Warning};
use ast::Variables;
use lexer::Lexer;
use scan::Segment;
use token::{Tok, Token};

/// The longest template: what it becomes has to fit the engine, which takes as much.
const MAX_BYTES: usize = 1 << 20;

/// Translates a template. `name` is the file's name, for a template that does not say its own.
///
/// # Errors
/// Every place that cannot be translated, with the reason.
pub fn convert(name: &str, text: &str) -> Result<Converted, Vec<Refusal>> {
    if text.len() > MAX_BYTES {
        let reason = format!("the template is longer than {MAX_BYTES} bytes");
        return Err(vec![refusal("", 0, reason, None)]);
    }
    let source = text.strip_prefix('\u{feff}').unwrap_or(text).replace('\r', "");
    let refuse = |at: usize, reason: String, hint: Option<String>| refusal(&source, at, reason, hint);
    let segments = scan::scan(&source).map_err(|unclosed| {
        vec![refuse(unclosed.0, "the tag is never closed".to_owned(), Some("it ends with `%>`".to_owned()))]
    })?;
    let metadata = metadata::read(&segments);
    if metadata.kind.as_deref() == Some("report") {
        return Err(vec![refuse(0, "a report reads records of Foreman's database".to_owned(), None)]);
    }
    let mut warnings = Vec::new();
    let tokens = tokens(&segments, &mut warnings).map_err(|error| vec![refuse(error.at, error.what, None)])?;
    let mut variables = Variables::new();
    let body =
        parser::parse(tokens, &mut variables).map_err(|error| vec![refuse(error.at, error.reason, error.hint)])?;
    let translation = translate::translate(&body, &variables.all);
    if !translation.problems.is_empty() {
        let problems = translation.problems.into_iter();
        return Err(problems.map(|problem| refuse(problem.at, problem.reason, problem.hint)).collect());
    }
    warnings.extend(translation.warnings);
    warnings.sort();
    warnings.dedup();
    let place = |(at, message): (usize, String)| Warning { line: position(&source, at).0, message };
    Ok(Converted {
        name: metadata.name.unwrap_or_else(|| file_name(name)),
        kind: metadata.kind,
        snippet: metadata.snippet,
        families: metadata.families,
        description: metadata.description,
        text: emit::write(&translation.out),
        warnings: warnings.into_iter().map(place).collect(),
    })
}

/// The words of all tags, and between them the text.
fn tokens(segments: &[Segment], warnings: &mut Vec<(usize, String)>) -> Result<Vec<Token>, lexer::LexError> {
    let mut lexer = Lexer::default();
    let mut tokens = Vec::new();
    let mut at = 0;
    let mut swallows = false;
    for segment in segments {
        let mut put = |kind: Tok, at: usize| tokens.push(Token { kind, at, spaced: true });
        match segment {
            // ERB puts the text after a tag on the tag's last line: a comment there takes it along.
            Segment::Text(text) if swallows => {
                swallows = !text.contains('\n');
                warnings
                    .push((at, "the text after a tag that ends in a comment is not rendered by ERB either".to_owned()));
            }
            Segment::Text(text) => put(Tok::Text(text.clone()), at),
            Segment::Indent(white) => put(Tok::Indent(white.clone()), at),
            Segment::Newline => {
                swallows = false;
                put(Tok::Trimmed, at);
            }
            Segment::Comment(span) => {
                at = span.at;
                put(Tok::Comment(span.text.clone()), at);
            }
            Segment::Output(span) => {
                at = span.at;
                if !swallows {
                    let lexed = lexer.lex(&span.text, at)?;
                    put(Tok::Output(lexed.tokens), at);
                }
            }
            Segment::Code(span) => {
                at = span.at;
                let code = match span.text.split_once('\n') {
                    Some((_, after)) if swallows => after,
                    None if swallows => continue,
                    _ => &span.text,
                };
                let lexed = lexer.lex(code, at + span.text.len() - code.len())?;
                tokens.extend(lexed.tokens);
                swallows = lexed.ends_in_comment;
                tokens.push(Token { kind: Tok::Newline, at: at + span.text.len(), spaced: true });
            }
        }
    }
    Ok(tokens)
}

fn refusal(source: &str, at: usize, reason: String, hint: Option<String>) -> Refusal {
    let (line, column) = position(source, at);
    let rest = source.get(at..).unwrap_or_default().trim_start();
    let rest = rest.lines().next().unwrap_or_default();
    let rest = rest.split("%>").next().unwrap_or_default().trim_end_matches('-').trim_end();
    let mut construct: String = rest.chars().take(60).collect();
    if construct.len() < rest.len() {
        construct.push('…');
    }
    Refusal { line, column, construct, reason, hint }
}

/// Line and column of a byte, from 1.
fn position(source: &str, at: usize) -> (usize, usize) {
    let mut end = at.min(source.len());
    while !source.is_char_boundary(end) {
        end -= 1;
    }
    let before = &source[..end];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

/// The name of a file without folder and endings.
fn file_name(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let name = name.strip_suffix(".erb").unwrap_or(name);
    name.to_owned()
}
