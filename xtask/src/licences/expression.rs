//! SPDX licence expressions, as crates write them.

use anyhow::{Result, bail};
use std::iter::Peekable;
use std::vec::IntoIter;

/// What a crate says about its licence.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Expression {
    /// A licence, with its exception: `Apache-2.0 WITH LLVM-exception`.
    Licence(String),
    All(Vec<Expression>),
    Any(Vec<Expression>),
}

impl Expression {
    /// Whether the licences that are `allowed` are enough to use what is under this one.
    pub(super) fn holds(&self, allowed: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::Licence(licence) => allowed(licence),
            Self::All(parts) => parts.iter().all(|part| part.holds(allowed)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(allowed)),
        }
    }
}

/// Reads an expression, by SPDX 2.3 annex D. Old crates also write `MIT/Apache-2.0` for a choice.
pub(super) fn parse(text: &str) -> Result<Expression> {
    let spaced = text.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut words = words.into_iter().peekable();
    let expression = parse_any(&mut words);
    match (expression, words.next()) {
        (Some(expression), None) => Ok(expression),
        _ => bail!("{text:?} is no licence expression"),
    }
}

type Words<'a> = Peekable<IntoIter<&'a str>>;

fn parse_any(words: &mut Words<'_>) -> Option<Expression> {
    let parts = parse_joined(words, "OR", parse_all)?;
    Some(if parts.len() == 1 { parts.into_iter().next()? } else { Expression::Any(parts) })
}

fn parse_all(words: &mut Words<'_>) -> Option<Expression> {
    let parts = parse_joined(words, "AND", parse_one)?;
    Some(if parts.len() == 1 { parts.into_iter().next()? } else { Expression::All(parts) })
}

fn parse_joined(
    words: &mut Words<'_>,
    joint: &str,
    parse_part: fn(&mut Words<'_>) -> Option<Expression>,
) -> Option<Vec<Expression>> {
    let mut parts = vec![parse_part(words)?];
    while words.next_if_eq(&joint).is_some() {
        parts.push(parse_part(words)?);
    }
    Some(parts)
}

fn parse_one(words: &mut Words<'_>) -> Option<Expression> {
    match words.next()? {
        "(" => {
            let inner = parse_any(words)?;
            words.next_if_eq(&")")?;
            Some(inner)
        }
        ")" | "AND" | "OR" | "WITH" => None,
        licence => match words.next_if_eq(&"WITH") {
            Some(_) => Some(Expression::Licence(format!("{licence} WITH {}", words.next()?))),
            None => Some(Expression::Licence(licence.to_owned())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str) -> bool {
        let allowed = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "Unicode-3.0"];
        parse(text).unwrap().holds(&|licence| allowed.contains(&licence))
    }

    #[test]
    fn expressions_bind_as_spdx_says() {
        for text in [
            "MIT",
            "GPL-3.0 OR MIT",
            "Unlicense/MIT",
            "(GPL-3.0 OR MIT) AND Unicode-3.0",
            "GPL-3.0 AND ISC OR MIT",
            "Apache-2.0 WITH LLVM-exception OR GPL-3.0",
            "((MIT))",
        ] {
            assert!(holds(text), "{text}");
        }
        for text in ["ISC", "MIT AND ISC", "(MIT OR ISC) AND ISC", "MIT WITH LLVM-exception", "ISC OR MIT AND ISC"] {
            assert!(!holds(text), "{text}");
        }
    }

    #[test]
    fn malformed_expressions_are_refused() {
        for text in ["", "MIT OR", "(MIT", "MIT)", "MIT ISC", "AND", "MIT WITH"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
