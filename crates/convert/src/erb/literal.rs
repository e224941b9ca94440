//! Ruby's strings, patterns and lists of words.

use super::lexer::{LexError, Run};
use super::token::{Piece, Tok};

/// Reads a string whose opening quote is next.
pub(super) fn string(run: &mut Run<'_, '_>, quote: char, interpolates: bool) -> Result<Vec<Piece>, LexError> {
    run.at += quote.len_utf8();
    delimited(run, quote, quote, if interpolates { Escapes::Double } else { Escapes::Single })
}

/// Reads a pattern and its flags.
pub(super) fn regex(run: &mut Run<'_, '_>, open: char) -> Result<Tok, LexError> {
    run.at += open.len_utf8();
    let pieces = delimited(run, open, closing(open), Escapes::Regex)?;
    let flags: String = run.rest().chars().take_while(char::is_ascii_lowercase).collect();
    run.at += flags.len();
    Ok(Tok::Regex(pieces, flags))
}

/// Reads `%w[…]`, `%q(…)`, `%(…)` and their kin; nothing when it is a division's remainder.
pub(super) fn percent(run: &mut Run<'_, '_>) -> Result<Option<Tok>, LexError> {
    let mut chars = run.rest()[1..].chars();
    let Some(first) = chars.next() else { return Ok(None) };
    let (kind, open) = match first.is_ascii_alphabetic() {
        true => (first, chars.next()),
        false => ('Q', Some(first)),
    };
    let Some(open) = open.filter(|c| c.is_ascii_punctuation()) else { return Ok(None) };
    if !matches!(kind, 'w' | 'W' | 'i' | 'I' | 'q' | 'Q' | 'r' | 's') {
        return Ok((kind == 'x').then_some(Tok::Unsupported("a command of the operating system")));
    }
    let start = run.at;
    run.at += if first.is_ascii_alphabetic() { 2 } else { 1 };
    if kind == 'r' {
        return regex(run, open).map(Some);
    }
    run.at += open.len_utf8();
    let escapes = if matches!(kind, 'Q' | 'W' | 'I') { Escapes::Double } else { Escapes::Single };
    let pieces = delimited(run, open, closing(open), escapes)?;
    Ok(Some(match kind {
        'w' | 'W' | 'i' | 'I' => {
            let ([] | [Piece::Text(_)]) = pieces.as_slice() else {
                return Err(run.error(start, "`#{…}` in a list of words"));
            };
            let text = pieces.iter().map(|piece| if let Piece::Text(text) = piece { text.as_str() } else { "" });
            Tok::Words(text.flat_map(str::split_whitespace).map(str::to_owned).collect())
        }
        's' => Tok::Symbol(pieces),
        _ => Tok::Str(pieces),
    }))
}

/// Reads a heredoc's head; its body is taken from the lines below.
pub(super) fn heredoc(run: &mut Run<'_, '_>) -> Result<Option<Vec<Piece>>, LexError> {
    let head = &run.rest()[2..];
    let (squiggly, dashed) = (head.starts_with('~'), head.starts_with(['~', '-']));
    let name = &head[usize::from(dashed)..];
    let quote = name.chars().next().filter(|c| matches!(c, '\'' | '"'));
    let name = quote.map_or(name, |_| &name[1..]);
    let length = name.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(name.len());
    let tag = &name[..length];
    if tag.is_empty() || (quote.is_none() && !tag.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')) {
        return Ok(None);
    }
    let start = run.at;
    let Some(line_end) = run.rest().find('\n') else { return Ok(None) };
    let body_start = run.heredoc_end.unwrap_or(run.at + line_end + 1);
    let (body_end, after) = find_end(&run.code[body_start..], tag, dashed)
        .map(|(end, after)| (body_start + end, body_start + after))
        .ok_or_else(|| run.error(start, format!("the text `<<{tag}` never ends")))?;
    let resume = run.at + 2 + usize::from(dashed) + length + if quote.is_some() { 2 } else { 0 };
    let text = squiggle(&run.code[body_start..body_end], squiggly);
    let pieces = if quote == Some('\'') { vec![Piece::Text(text)] } else { heredoc_body(run, &text, body_start)? };
    run.heredoc_end = Some(after);
    run.at = resume;
    Ok(Some(pieces))
}

/// Where the body ends and where the line after the closing word begins.
fn find_end(body: &str, tag: &str, indented: bool) -> Option<(usize, usize)> {
    let mut at = 0;
    for line in body.split_inclusive('\n') {
        let plain = line.trim_end_matches(['\n', '\r']);
        if plain == tag || (indented && plain.trim_start() == tag) {
            return Some((at, at + line.len()));
        }
        at += line.len();
    }
    None
}

/// Removes the white space that all lines begin with.
fn squiggle(text: &str, squiggly: bool) -> String {
    if !squiggly {
        return text.to_owned();
    }
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let least = text.lines().filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or(0);
    let cut = |line: &str| line[least.min(indent(line))..].to_owned();
    text.split_inclusive('\n').map(cut).collect()
}

/// The places of errors within a heredoc are those of its first line.
fn heredoc_body(run: &mut Run<'_, '_>, text: &str, start: usize) -> Result<Vec<Piece>, LexError> {
    let here = run.at;
    let mut lexer = super::lexer::Lexer::default();
    let pieces = lexer.pieces(text, start).map_err(|error| run.error(here, error.what))?;
    Ok(pieces)
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Escapes {
    Single,
    Double,
    Regex,
}

fn closing(open: char) -> char {
    match open {
        '(' => ')',
        '[' => ']',
        '{' => '}',
        '<' => '>',
        same => same,
    }
}

/// Reads up to the closing sign, which may stand within where its opening sign does.
fn delimited(run: &mut Run<'_, '_>, open: char, close: char, escapes: Escapes) -> Result<Vec<Piece>, LexError> {
    let start = run.at;
    let (mut pieces, mut text, mut depth) = (Vec::new(), String::new(), 0);
    loop {
        let Some(next) = run.rest().chars().next() else {
            return Err(run.error(start.saturating_sub(1), format!("`{open}` is never closed")));
        };
        if next == close && depth == 0 {
            run.at += close.len_utf8();
            break;
        }
        if open != close && (next == open || next == close) {
            depth = if next == open { depth + 1 } else { depth - 1 };
        }
        step(run, next, escapes, close, &mut pieces, &mut text)?;
    }
    flush(&mut pieces, &mut text);
    Ok(pieces)
}

/// Reads one sign, escape or `#{…}` of a string.
fn step(
    run: &mut Run<'_, '_>,
    next: char,
    escapes: Escapes,
    close: char,
    pieces: &mut Vec<Piece>,
    text: &mut String,
) -> Result<(), LexError> {
    if next == '\\' {
        escape(run, escapes, close, text);
    } else if escapes != Escapes::Single && run.rest().starts_with("#{") {
        run.at += 2;
        flush(pieces, text);
        pieces.push(Piece::Code(run.interpolation()?));
    } else {
        text.push(next);
        run.at += next.len_utf8();
    }
    Ok(())
}

/// Reads the text of a heredoc.
pub(super) fn whole(run: &mut Run<'_, '_>) -> Result<Vec<Piece>, LexError> {
    let (mut pieces, mut text) = (Vec::new(), String::new());
    while let Some(next) = run.rest().chars().next() {
        step(run, next, Escapes::Double, '\0', &mut pieces, &mut text)?;
    }
    flush(&mut pieces, &mut text);
    Ok(pieces)
}

fn flush(pieces: &mut Vec<Piece>, text: &mut String) {
    if !text.is_empty() {
        pieces.push(Piece::Text(std::mem::take(text)));
    }
}

fn escape(run: &mut Run<'_, '_>, escapes: Escapes, close: char, text: &mut String) {
    let Some(next) = run.rest()[1..].chars().next() else {
        text.push('\\');
        run.at += 1;
        return;
    };
    run.at += 1 + next.len_utf8();
    match escapes {
        Escapes::Single if next == close || next == '\\' => text.push(next),
        Escapes::Regex if next == close && next == '/' => text.push(next),
        Escapes::Single | Escapes::Regex => text.extend(['\\', next]),
        Escapes::Double => double_escape(run, next, text),
    }
}

fn double_escape(run: &mut Run<'_, '_>, next: char, text: &mut String) {
    match next {
        'n' => text.push('\n'),
        't' => text.push('\t'),
        'r' => text.push('\r'),
        's' => text.push(' '),
        '0' => text.push('\0'),
        'e' => text.push('\u{1b}'),
        'a' => text.push('\u{7}'),
        'b' => text.push('\u{8}'),
        'f' => text.push('\u{c}'),
        'v' => text.push('\u{b}'),
        '\n' => {}
        'x' | 'u' => code_point(run, next, text),
        other => text.push(other),
    }
}

/// `\x41`, `\u00e9`, `\u{1f600}`.
fn code_point(run: &mut Run<'_, '_>, kind: char, text: &mut String) {
    let rest = run.rest();
    let (digits, length) = match rest.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
        Some((digits, _)) if kind == 'u' => (digits, digits.len() + 2),
        _ => {
            let most = if kind == 'x' { 2 } else { 4 };
            let length = rest.chars().take(most).take_while(char::is_ascii_hexdigit).count();
            (&rest[..length], length)
        }
    };
    match u32::from_str_radix(digits, 16).ok().and_then(char::from_u32) {
        Some(c) => {
            text.push(c);
            run.at += length;
        }
        None => text.push(kind),
    }
}
