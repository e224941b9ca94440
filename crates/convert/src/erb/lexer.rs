//! Cuts the Ruby in tags into words.
//!
//! What a sign means in Ruby hangs on what stands before it (`/` divides or begins a pattern), so that the
//! lexer keeps the last word and the names that were assigned to.

use super::literal;
use super::token::{KEYWORDS, OPERATORS, Piece, Tok, Token};
use std::collections::HashSet;

/// Why a piece of Ruby could not be cut into words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LexError {
    pub(super) at: usize,
    pub(super) what: String,
}

/// Cuts one tag's Ruby after the other; names assigned in one are known in the next.
#[derive(Debug, Default)]
pub(super) struct Lexer {
    locals: HashSet<String>,
    /// How deep strings with code in them lie in one another.
    depth: usize,
}

/// How deep they may.
const MAX_DEPTH: usize = 20;

/// How many words back the meaning of a sign can lie: enough for a block's parameters and for what is asked
/// before `? :`.
const LOOK_BACK: usize = 100;

/// The words of a tag.
pub(super) struct Lexed {
    pub(super) tokens: Vec<Token>,
    /// A comment runs to the end of the tag.
    pub(super) ends_in_comment: bool,
}

impl Lexer {
    /// Cuts `code`, which begins at byte `at` of the template.
    pub(super) fn lex(&mut self, code: &str, at: usize) -> Result<Lexed, LexError> {
        let mut run =
            Run { lexer: self, code, base: at, at: 0, tokens: Vec::new(), heredoc_end: None, depth: Vec::new() };
        let ends_in_comment = run.run()?;
        Ok(Lexed { tokens: run.tokens, ends_in_comment })
    }
}

pub(super) struct Run<'l, 's> {
    lexer: &'l mut Lexer,
    pub(super) code: &'s str,
    base: usize,
    pub(super) at: usize,
    tokens: Vec<Token>,
    /// Where the line goes on after the bodies of the heredocs that begin in it.
    pub(super) heredoc_end: Option<usize>,
    /// Open brackets.
    depth: Vec<u8>,
}

impl<'s> Run<'_, 's> {
    fn run(&mut self) -> Result<bool, LexError> {
        while self.at < self.code.len() {
            let spaced = self.skip_spaces();
            let Some(next) = self.rest().chars().next() else { break };
            let start = self.at;
            match next {
                '\n' => self.newline(start),
                ';' => {
                    self.at += 1;
                    self.push(Tok::Newline, start, spaced);
                }
                '#' if !self.comment() => return Ok(true),
                '#' => {}
                _ => {
                    let kind = self.word(next, spaced)?;
                    self.push(kind, start, spaced);
                }
            }
        }
        Ok(false)
    }

    pub(super) fn rest(&self) -> &'s str {
        &self.code[self.at..]
    }

    pub(super) fn error(&self, at: usize, what: impl Into<String>) -> LexError {
        LexError { at: self.base + at, what: what.into() }
    }

    fn push(&mut self, kind: Tok, start: usize, spaced: bool) {
        self.note_brackets(&kind);
        self.note_assignment(&kind);
        self.tokens.push(Token { kind, at: self.base + start, spaced });
    }

    fn note_brackets(&mut self, kind: &Tok) {
        match kind {
            Tok::Op(open @ ("(" | "[" | "{")) => self.depth.push(open.as_bytes()[0]),
            Tok::Op(")" | "]" | "}") => {
                self.depth.pop();
            }
            _ => {}
        }
    }

    /// `name =` and `|name|` make a name a variable.
    fn note_assignment(&mut self, kind: &Tok) {
        let assigns = matches!(kind, Tok::Op("=" | "||=" | "&&=" | "+=" | "-=" | "*=" | "<<" | "|" | "," | ")"))
            || matches!(kind, Tok::Keyword("in"));
        if !assigns {
            return;
        }
        let name = match self.tokens.last() {
            Some(Token { kind: Tok::Ident(name), .. }) => name.clone(),
            _ => return,
        };
        let before = self.tokens.len().checked_sub(2).map(|at| &self.tokens[at].kind);
        let in_bars = matches!(kind, Tok::Op("|" | "," | ")"));
        let opened = matches!(before, Some(Tok::Op("|" | "(" | ",")));
        let plain = !matches!(before, Some(Tok::Op("." | "&." | "::")));
        if (in_bars && opened && self.after_bar()) || (!in_bars && !matches!(kind, Tok::Op("<<")) && plain) {
            self.lexer.locals.insert(name);
        }
    }

    /// Whether the words since the last `{` or `do` begin with a bar.
    fn after_bar(&self) -> bool {
        let mut after: Option<&Tok> = None;
        for token in self.tokens.iter().rev().take(LOOK_BACK) {
            if matches!(token.kind, Tok::Op("{") | Tok::Keyword("do")) {
                return matches!(after, Some(Tok::Op("|")));
            }
            after = Some(&token.kind);
        }
        false
    }

    fn skip_spaces(&mut self) -> bool {
        let start = self.at;
        loop {
            let rest = self.rest();
            let spaces = rest.len() - rest.trim_start_matches([' ', '\t', '\r']).len();
            self.at += spaces;
            if self.rest().starts_with("\\\n") {
                self.at += 2;
            } else if self.rest().starts_with("\\\r\n") {
                self.at += 3;
            } else {
                return self.at > start;
            }
        }
    }

    /// A line that begins with `.name` goes on with the one before.
    fn newline(&mut self, start: usize) {
        self.at = self.heredoc_end.take().unwrap_or(self.at + 1);
        let mut rest = self.rest().trim_start();
        while rest.starts_with('#') {
            rest = rest.split_once('\n').map_or("", |(_, after)| after).trim_start();
        }
        let goes_on = (rest.starts_with('.') && !rest.starts_with("..")) || rest.starts_with("&.");
        if goes_on {
            self.at = self.code.len() - rest.len();
        } else {
            self.push(Tok::Newline, start, true);
        }
    }

    /// Skips a comment; false when no end of line follows.
    fn comment(&mut self) -> bool {
        match self.rest().find('\n') {
            Some(end) => {
                self.at += end;
                true
            }
            None => {
                self.at = self.code.len();
                false
            }
        }
    }

    fn word(&mut self, next: char, spaced: bool) -> Result<Tok, LexError> {
        let start = self.at;
        match next {
            '0'..='9' => return self.number(),
            '"' => return literal::string(self, '"', true).map(|pieces| self.label_or(pieces)),
            '\'' => return literal::string(self, '\'', false).map(|pieces| self.label_or(pieces)),
            '`' => return Ok(self.unsupported("a command of the operating system")),
            '@' => return self.variable('@'),
            '$' => return self.variable('$'),
            _ => {}
        }
        if next.is_alphabetic() || next == '_' {
            return Ok(self.name());
        }
        let begins = self.begins_value(spaced);
        match next {
            '/' if begins => return literal::regex(self, '/'),
            '%' if begins => {
                if let Some(token) = literal::percent(self)? {
                    return Ok(token);
                }
            }
            '<' if self.rest().starts_with("<<") && (begins || self.heredoc_follows()) => {
                if let Some(pieces) = literal::heredoc(self)? {
                    return Ok(Tok::Str(pieces));
                }
            }
            ':' => {
                if let Some(symbol) = self.symbol()? {
                    return Ok(symbol);
                }
            }
            '?' if begins && self.is_character() => {
                let text: String = self.rest().chars().skip(1).take(1).collect();
                self.at += 1 + text.len();
                return Ok(Tok::Str(vec![Piece::Text(text)]));
            }
            _ => {}
        }
        let found = OPERATORS.iter().find(|op| self.rest().starts_with(**op) && !matches!(**op, "[]" | "[]="));
        let op = *found.ok_or_else(|| self.error(start, format!("`{next}` has no meaning here")))?;
        self.at += op.len();
        Ok(Tok::Op(op))
    }

    /// `?x`, and not the question mark of `a ? b : c`.
    fn is_character(&self) -> bool {
        let mut chars = self.rest().chars().skip(1);
        let first = chars.next();
        first.is_some_and(|c| !c.is_whitespace()) && !chars.next().is_some_and(|c| c.is_alphanumeric() || c == '_')
    }

    /// `<<~EOF` after a name: a heredoc when a word follows at once.
    fn heredoc_follows(&self) -> bool {
        let after = &self.rest()[2..];
        let after = after.strip_prefix(['-', '~']).unwrap_or(after);
        let after = after.strip_prefix(['\'', '"']).unwrap_or(after);
        let named = self.rest()[2..].starts_with(['-', '~', '\'', '"']);
        after.starts_with(|c: char| c.is_ascii_uppercase()) && (named || self.last_is_command())
    }

    fn last_is_command(&self) -> bool {
        matches!(self.tokens.last().map(|token| &token.kind), Some(Tok::Ident(name)) if !self.lexer.locals.contains(name))
    }

    /// Whether a value begins here, and not an operator after a value.
    fn begins_value(&self, spaced: bool) -> bool {
        let Some(last) = self.tokens.last() else { return true };
        let space_after = self.rest()[1..].starts_with([' ', '\t', '\n', '=']);
        match &last.kind {
            Tok::Int(_) | Tok::Float(_) | Tok::Str(_) | Tok::Regex(..) | Tok::Symbol(_) | Tok::Words(_) => false,
            Tok::Const(_) | Tok::Ivar(_) | Tok::Gvar(_) => false,
            Tok::Ident(name) => spaced && !space_after && !self.lexer.locals.contains(name) && !self.after_dot_value(),
            Tok::Keyword(word) => !matches!(*word, "end" | "self" | "true" | "false" | "nil"),
            Tok::Op(op) => !matches!(*op, ")" | "]" | "}"),
            _ => true,
        }
    }

    /// `x.y /2` divides as often as it calls; nobody leaves out the brackets there.
    fn after_dot_value(&self) -> bool {
        let before = self.tokens.len().checked_sub(2).map(|at| &self.tokens[at].kind);
        matches!(before, Some(Tok::Op("." | "&."))) && !self.rest().starts_with(['/', '%'])
    }

    fn number(&mut self) -> Result<Tok, LexError> {
        let start = self.at;
        let rest = self.rest();
        for (prefix, radix) in [("0x", 16), ("0b", 2), ("0o", 8)] {
            if let Some(digits) = rest.strip_prefix(prefix) {
                let length = digits.chars().take_while(|c| c.is_digit(radix) || *c == '_').count();
                self.at += 2 + length;
                return self.integer(start, &digits[..length], radix);
            }
        }
        let count = |text: &str| text.chars().take_while(|c| c.is_ascii_digit() || *c == '_').count();
        let digits = count(rest);
        let fraction = rest[digits..].strip_prefix('.').map_or(0, |fraction| match count(fraction) {
            0 => 0,
            length => 1 + length,
        });
        let after = &rest[digits + fraction..];
        let exponent = after.strip_prefix(['e', 'E']).map_or(0, |exponent| {
            let sign = usize::from(exponent.starts_with(['+', '-']));
            if count(&exponent[sign..]) == 0 { 0 } else { 1 + sign + count(&exponent[sign..]) }
        });
        if fraction + exponent > 0 {
            let length = digits + fraction + exponent;
            self.at += length;
            let text = rest[..length].replace('_', "");
            return text.parse().map(Tok::Float).map_err(|_| self.error(start, "the number cannot be read"));
        }
        self.at += digits;
        let octal = digits > 1 && rest.starts_with('0');
        self.integer(start, &rest[..digits], if octal { 8 } else { 10 })
    }

    fn integer(&self, start: usize, digits: &str, radix: u32) -> Result<Tok, LexError> {
        let digits = digits.replace('_', "");
        i64::from_str_radix(&digits, radix).map(Tok::Int).map_err(|_| self.error(start, "the number is too large"))
    }

    fn name_length(text: &str) -> usize {
        text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len())
    }

    fn name(&mut self) -> Tok {
        let rest = self.rest();
        let mut length = Self::name_length(rest);
        let after = &rest[length..];
        let suffix = after.starts_with('!') && !after.starts_with("!=") && !after.starts_with("!~");
        let asks = after.starts_with('?') && self.question_belongs(&after[1..]);
        if suffix || asks {
            length += 1;
        }
        let name = &rest[..length];
        self.at += length;
        let after_dot = matches!(self.tokens.last().map(|token| &token.kind), Some(Tok::Op("." | "&.")));
        if !after_dot && self.is_label() {
            self.at += 1;
            return Tok::Label(name.to_owned());
        }
        if let Some(keyword) = KEYWORDS.iter().find(|keyword| **keyword == name && !after_dot) {
            return Tok::Keyword(keyword);
        }
        match name.starts_with(|c: char| c.is_uppercase()) {
            true => Tok::Const(name.to_owned()),
            false => Tok::Ident(name.to_owned()),
        }
    }

    /// In `a ?b : c` and `a? b : c` the mark is part of the name unless a value follows it at once.
    fn question_belongs(&self, after: &str) -> bool {
        let value = after.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '\'' | '"' | '@'));
        let assigns = after.starts_with('=') && !after.starts_with("==");
        !value && !assigns
    }

    /// `name:` is a key; `a ?b :c` and `a::b` are not.
    fn is_label(&self) -> bool {
        let rest = self.rest();
        if !rest.starts_with(':') || rest.starts_with("::") {
            return false;
        }
        let ternary = matches!(self.tokens.last().map(|token| &token.kind), Some(Tok::Op("?")));
        let open = self.tokens.iter().rev().take(LOOK_BACK).take_while(|token| !matches!(token.kind, Tok::Newline));
        let questions = open.filter(|token| matches!(token.kind, Tok::Op("?"))).count();
        !ternary && (questions == 0 || rest[1..].starts_with([' ', '\n']) && self.in_arguments())
    }

    fn in_arguments(&self) -> bool {
        matches!(self.tokens.last().map(|token| &token.kind), Some(Tok::Op("," | "(" | "{")))
    }

    /// `"name": value`.
    fn label_or(&mut self, pieces: Vec<Piece>) -> Tok {
        if let ([Piece::Text(name)], true) = (pieces.as_slice(), self.is_label() && self.in_arguments()) {
            self.at += 1;
            return Tok::Label(name.clone());
        }
        Tok::Str(pieces)
    }

    fn variable(&mut self, sign: char) -> Result<Tok, LexError> {
        let start = self.at;
        let rest = &self.rest()[1..];
        if sign == '@' && rest.starts_with('@') {
            return Ok(self.unsupported("a class variable"));
        }
        let length = match (sign, Self::name_length(rest)) {
            ('$', 0) => rest.chars().next().map_or(0, char::len_utf8),
            (_, length) => length,
        };
        if length == 0 {
            return Err(self.error(start, format!("a name is missing after `{sign}`")));
        }
        self.at += 1 + length;
        let name = rest[..length].to_owned();
        Ok(if sign == '@' { Tok::Ivar(name) } else { Tok::Gvar(name) })
    }

    fn symbol(&mut self) -> Result<Option<Tok>, LexError> {
        let rest = &self.rest()[1..];
        if rest.starts_with(['"', '\'']) {
            let quote = if rest.starts_with('"') { '"' } else { '\'' };
            self.at += 1;
            return literal::string(self, quote, quote == '"').map(|pieces| Some(Tok::Symbol(pieces)));
        }
        let mut length = Self::name_length(rest);
        if length == 0 || rest.starts_with(|c: char| c.is_ascii_digit()) {
            let operator = ["+", "-", "*", "/", "<=>", "==", "<<", "[]"].iter().find(|op| rest.starts_with(**op));
            let ends = |op: &str| rest[op.len()..].starts_with([')', ',', ' ']);
            return Ok(operator.filter(|op| ends(op) && self.in_call()).map(|op| {
                self.at += 1 + op.len();
                Tok::Symbol(vec![Piece::Text((*op).to_owned())])
            }));
        }
        if rest[length..].starts_with(['?', '!']) && !rest[length + 1..].starts_with('=') {
            length += 1;
        }
        self.at += 1 + length;
        Ok(Some(Tok::Symbol(vec![Piece::Text(rest[..length].to_owned())])))
    }

    fn in_call(&self) -> bool {
        matches!(self.tokens.last().map(|token| &token.kind), Some(Tok::Op("(" | "," | "&")))
    }

    fn unsupported(&mut self, what: &'static str) -> Tok {
        self.at = self.code.len();
        Tok::Unsupported(what)
    }

    /// Cuts what stands in `#{…}`; gives the words and moves behind the bracket.
    pub(super) fn interpolation(&mut self) -> Result<Vec<Token>, LexError> {
        let start = self.at;
        if self.lexer.depth >= MAX_DEPTH {
            return Err(self.error(start, "strings lie too deep in one another"));
        }
        self.lexer.depth += 1;
        let (base, code) = (self.base + start, self.rest());
        let mut inner =
            Run { lexer: self.lexer, code, base, at: 0, tokens: Vec::new(), heredoc_end: None, depth: Vec::new() };
        loop {
            let spaced = inner.skip_spaces();
            let at = inner.at;
            match inner.rest().chars().next() {
                None => return Err(self.error(start, "`#{` is never closed")),
                Some('}') if inner.depth.is_empty() => break,
                Some('\n') => inner.newline(at),
                Some(next) => {
                    let kind = inner.word(next, spaced)?;
                    inner.push(kind, at, spaced);
                }
            }
        }
        let (end, tokens) = (inner.at + 1, inner.tokens);
        self.lexer.depth -= 1;
        self.at += end;
        Ok(tokens)
    }
}

impl Lexer {
    /// Cuts the text of a heredoc, which begins at byte `at` of the template.
    pub(super) fn pieces(&mut self, text: &str, at: usize) -> Result<Vec<Piece>, LexError> {
        let mut run =
            Run { lexer: self, code: text, base: at, at: 0, tokens: Vec::new(), heredoc_end: None, depth: Vec::new() };
        literal::whole(&mut run)
    }
}
