//! Cuts a Go template into text and actions, and actions into tokens, as text/template's own lexer does.

use super::ast::{Offset, Tag};
use super::fault::Fault;
use super::literal;

/// What stands between two delimiters, or outside them.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    Text(String),
    Comment { text: String, tag: Tag },
    Action { tokens: Vec<Token>, tag: Tag, end: Offset },
}

/// A token of an action.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) at: Offset,
    /// Blanks stand before it: `.a .b` are two operands and `.a.b` is one.
    pub(super) spaced: bool,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Word(String),
    /// `.name`.
    Field(String),
    /// `$name`, without the `$`.
    Variable(String),
    Dot,
    Text(String),
    Number(String),
    Pipe,
    Open,
    Close,
    Declare,
    Assign,
    Comma,
}

const LEFT: &str = "{{";
const RIGHT: &str = "}}";
/// What `-` beside a delimiter takes away, and what must stand between the two.
const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// Cuts `source` into its pieces; text beside a trimming delimiter keeps its blanks here.
pub(super) fn pieces(source: &str) -> Result<Vec<Piece>, Fault> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(found) = source[at..].find(LEFT) {
        let open = at + found;
        if open > at {
            pieces.push(Piece::Text(source[at..open].to_owned()));
        }
        let (piece, after) = Action { source, open }.read()?;
        pieces.push(piece);
        at = after;
    }
    if at < source.len() {
        pieces.push(Piece::Text(source[at..].to_owned()));
    }
    Ok(pieces)
}

struct Action<'a> {
    source: &'a str,
    open: Offset,
}

impl Action<'_> {
    fn read(&self) -> Result<(Piece, Offset), Fault> {
        let mut at = self.open + LEFT.len();
        let rest = &self.source[at..];
        let trim_left = rest.starts_with('-') && rest[1..].starts_with(BLANKS);
        if trim_left {
            at += 2;
        }
        let tag = Tag { at: self.open, trim_left, trim_right: false };
        let comment_at = if trim_left { self.skip_blanks(at) } else { at };
        if self.source[comment_at..].starts_with("/*") {
            return self.comment(comment_at, tag);
        }
        self.tokens(at, tag)
    }

    fn comment(&self, at: Offset, tag: Tag) -> Result<(Piece, Offset), Fault> {
        let body = &self.source[at + 2..];
        let length =
            body.find("*/").ok_or_else(|| Fault::new(at, "a comment has no end").hint("close it with */}}"))?;
        let after = at + 2 + length + 2;
        match self.right_delimiter(after) {
            Some((trim_right, end)) => {
                let text = body[..length].to_owned();
                Ok((Piece::Comment { text, tag: Tag { trim_right, ..tag } }, end))
            }
            None => Err(Fault::new(after, "a comment must end right before the delimiter")),
        }
    }

    fn tokens(&self, mut at: Offset, tag: Tag) -> Result<(Piece, Offset), Fault> {
        let mut tokens = Vec::new();
        let mut depth = 0_usize;
        loop {
            let before = at;
            if let Some((trim_right, end)) = self.right_delimiter(at) {
                if depth > 0 {
                    return Err(Fault::new(at, "a parenthesis is not closed"));
                }
                return Ok((Piece::Action { tokens, tag: Tag { trim_right, ..tag }, end: at }, end));
            }
            at = self.skip_blanks(at);
            if at > before && self.right_delimiter(before).is_none() && self.right_delimiter(at).is_some() {
                continue;
            }
            let spaced = at > before || tokens.is_empty();
            let (kind, after) = self.token(at)?;
            match kind {
                Kind::Open => depth += 1,
                Kind::Close => {
                    depth = depth.checked_sub(1).ok_or_else(|| Fault::new(at, "a parenthesis was not opened"))?;
                }
                _ => {}
            }
            tokens.push(Token { at, spaced, kind });
            at = after;
        }
    }

    /// Whether the action ends at `at`: `}}`, or blanks, `-` and `}}`.
    fn right_delimiter(&self, at: Offset) -> Option<(bool, Offset)> {
        let rest = &self.source[at..];
        if rest.starts_with(RIGHT) {
            return Some((false, at + RIGHT.len()));
        }
        let dash = rest.trim_start_matches(BLANKS);
        let blanks = rest.len() - dash.len();
        (blanks > 0 && dash.strip_prefix('-').is_some_and(|dash| dash.starts_with(RIGHT)))
            .then_some((true, at + blanks + 1 + RIGHT.len()))
    }

    fn skip_blanks(&self, at: Offset) -> Offset {
        let rest = &self.source[at..];
        at + rest.len() - rest.trim_start_matches(BLANKS).len()
    }

    fn token(&self, at: Offset) -> Result<(Kind, Offset), Fault> {
        let rest = &self.source[at..];
        let Some(first) = rest.chars().next() else {
            return Err(Fault::new(self.open, "an action is not closed").hint("close it with }}"));
        };
        let one = |kind| Ok((kind, at + 1));
        match first {
            '|' => one(Kind::Pipe),
            '(' => one(Kind::Open),
            ')' => one(Kind::Close),
            ',' => one(Kind::Comma),
            ':' if rest.starts_with(":=") => Ok((Kind::Declare, at + 2)),
            '=' => one(Kind::Assign),
            '"' => quoted(rest, at),
            '`' => raw(rest, at),
            '\'' => character(rest, at),
            '$' => {
                let name = name(&rest[1..]);
                Ok((Kind::Variable(name.to_owned()), at + 1 + name.len()))
            }
            '.' if !rest[1..].starts_with(|next: char| next.is_ascii_digit()) => {
                let name = name(&rest[1..]);
                let kind = if name.is_empty() { Kind::Dot } else { Kind::Field(name.to_owned()) };
                Ok((kind, at + 1 + name.len()))
            }
            '.' | '+' | '-' | '0'..='9' => number(rest, at),
            letter if letter == '_' || letter.is_alphabetic() => {
                let name = name(rest);
                Ok((Kind::Word(name.to_owned()), at + name.len()))
            }
            other => Err(Fault::new(at, format!("the character {other:?} has no meaning here"))),
        }
    }
}

fn name(rest: &str) -> &str {
    let end = rest.find(|next: char| next != '_' && !next.is_alphanumeric()).unwrap_or(rest.len());
    &rest[..end]
}

fn quoted(rest: &str, at: Offset) -> Result<(Kind, Offset), Fault> {
    let mut escaped = false;
    for (index, next) in rest.char_indices().skip(1) {
        match next {
            '\n' => break,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Ok((Kind::Text(literal::unquote(&rest[1..index], at)?), at + index + 1)),
            _ => {}
        }
    }
    Err(Fault::new(at, "quoted text has no end"))
}

fn raw(rest: &str, at: Offset) -> Result<(Kind, Offset), Fault> {
    let end = rest[1..].find('`').ok_or_else(|| Fault::new(at, "text in back quotes has no end"))?;
    // Go takes carriage returns out of such text.
    Ok((Kind::Text(rest[1..=end].replace('\r', "")), at + end + 2))
}

fn character(rest: &str, at: Offset) -> Result<(Kind, Offset), Fault> {
    let inner = rest[1..].find('\'').filter(|end| *end > 0);
    // The quote itself is written '\''.
    let end = match inner {
        Some(1) if rest[1..].starts_with("\\'") => rest[3..].find('\'').map(|more| more + 2),
        other => other,
    };
    let end = end.ok_or_else(|| Fault::new(at, "a character constant has no end"))?;
    let text = literal::unquote(&rest[1..=end], at)?;
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(only), None) => Ok((Kind::Number(u32::from(only).to_string()), at + end + 2)),
        _ => Err(Fault::new(at, "a character constant is one character")),
    }
}

fn number(rest: &str, at: Offset) -> Result<(Kind, Offset), Fault> {
    let signed = rest.starts_with(['+', '-']);
    let body = &rest[usize::from(signed)..];
    let end = body
        .char_indices()
        .find(|(index, next)| {
            let exponent_sign =
                matches!(next, '+' | '-') && body[..*index].ends_with(['e', 'E']) && !body.starts_with("0x");
            !(next.is_ascii_alphanumeric() || matches!(next, '.' | '_') || exponent_sign)
        })
        .map_or(body.len(), |(index, _)| index);
    let text = &rest[..end + usize::from(signed)];
    let number = literal::number(text).ok_or_else(|| Fault::new(at, format!("{text:?} is no number")))?;
    Ok((Kind::Number(number), at + text.len()))
}
