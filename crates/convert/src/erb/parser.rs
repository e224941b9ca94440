//! Reads words into a tree: statements.

use super::ast::{Block, Body, Kind, Node, Param, Variables};
use super::token::{Tok, Token};

/// Why a program could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ParseError {
    pub(super) at: usize,
    pub(super) reason: String,
    pub(super) hint: Option<String>,
}

pub(super) type Parsed<T> = Result<T, ParseError>;

/// How deep a program may nest: no template that people read comes near it.
const MAX_DEPTH: usize = 120;

/// How many local variables a template may have.
const MAX_VARIABLES: usize = 2_000;

pub(super) struct Parser<'v> {
    pub(super) tokens: Vec<Token>,
    pub(super) next: usize,
    pub(super) variables: &'v mut Variables,
    pub(super) depth: usize,
    /// `do` belongs to the loop and not to a call in its condition.
    pub(super) no_do: bool,
}

/// Reads a whole template.
pub(super) fn parse(tokens: Vec<Token>, variables: &mut Variables) -> Parsed<Body> {
    let mut parser = Parser { tokens, next: 0, variables, depth: 0, no_do: false };
    let body = parser.body(&[])?;
    match parser.peek().clone() {
        Tok::End => Ok(body),
        Tok::Keyword(word) => Err(parser.error(format!("`{word}` without what it belongs to"))),
        other => Err(parser.error(format!("{} is not expected here", describe(&other)))),
    }
}

/// What a person calls a word.
pub(super) fn describe(token: &Tok) -> String {
    match token {
        Tok::Op(op) => format!("`{op}`"),
        Tok::Keyword(word) => format!("`{word}`"),
        Tok::Ident(name) | Tok::Const(name) => format!("`{name}`"),
        Tok::Label(name) => format!("`{name}:`"),
        Tok::Newline => "the end of the line".to_owned(),
        Tok::Text(_) | Tok::Output(_) | Tok::Comment(_) | Tok::Indent(_) | Tok::Trimmed => {
            "the end of the tag".to_owned()
        }
        Tok::End => "the end of the template".to_owned(),
        Tok::Unsupported(what) => (*what).to_owned(),
        _ => "this value".to_owned(),
    }
}

impl Parser<'_> {
    pub(super) fn peek(&self) -> &Tok {
        self.tokens.get(self.next).map_or(&Tok::End, |token| &token.kind)
    }

    pub(super) fn peek_at(&self, ahead: usize) -> &Tok {
        self.tokens.get(self.next + ahead).map_or(&Tok::End, |token| &token.kind)
    }

    pub(super) fn at(&self) -> usize {
        self.tokens.get(self.next).or(self.tokens.last()).map_or(0, |token| token.at)
    }

    pub(super) fn spaced(&self) -> bool {
        self.tokens.get(self.next).is_some_and(|token| token.spaced)
    }

    pub(super) fn advance(&mut self) -> Tok {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    pub(super) fn is_op(&self, op: &str) -> bool {
        matches!(self.peek(), Tok::Op(found) if *found == op)
    }

    pub(super) fn is_keyword(&self, word: &str) -> bool {
        matches!(self.peek(), Tok::Keyword(found) if *found == word)
    }

    pub(super) fn take_op(&mut self, op: &str) -> bool {
        let found = self.is_op(op);
        self.next += usize::from(found);
        found
    }

    pub(super) fn take_keyword(&mut self, word: &str) -> bool {
        let found = self.is_keyword(word);
        self.next += usize::from(found);
        found
    }

    pub(super) fn expect_op(&mut self, op: &'static str) -> Parsed<()> {
        if self.take_op(op) {
            return Ok(());
        }
        Err(self.error(format!("`{op}` is expected and not {}", describe(self.peek()))))
    }

    pub(super) fn expect_end(&mut self, of: &str, opened: usize) -> Parsed<()> {
        if self.take_keyword("end") {
            return Ok(());
        }
        let found = describe(self.peek());
        Err(ParseError { at: opened, reason: format!("`{of}` has no `end`: {found} comes first"), hint: None })
    }

    pub(super) fn skip_newlines(&mut self) {
        while matches!(self.peek(), Tok::Newline) {
            self.next += 1;
        }
    }

    pub(super) fn error(&self, reason: impl Into<String>) -> ParseError {
        ParseError { at: self.at(), reason: reason.into(), hint: None }
    }

    /// Guards the stack against a hostile template.
    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error("this nests too deep"));
        }
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Statements up to one of `ends`, which is left.
    pub(super) fn body(&mut self, ends: &[&str]) -> Parsed<Body> {
        let mut body = Vec::new();
        loop {
            match self.peek() {
                Tok::Newline => self.next += 1,
                Tok::End => return Ok(body),
                Tok::Keyword(word) if ends.contains(word) || *word == "end" => return Ok(body),
                Tok::Op("}") if ends.contains(&"}") => return Ok(body),
                Tok::Op(")") if ends.contains(&")") => return Ok(body),
                _ if self.variables.all.len() > MAX_VARIABLES => return Err(self.error("too many variables")),
                _ => body.push(self.deeper(Self::statement)?),
            }
        }
    }

    pub(super) fn branch_body(&mut self, ends: &[&str]) -> Parsed<(u32, Body)> {
        let branch = self.variables.enter_branch();
        let body = self.body(ends);
        self.variables.leave_branch();
        Ok((branch, body?))
    }

    fn statement(&mut self) -> Parsed<Node> {
        if let Some(node) = self.template_piece()? {
            return Ok(node);
        }
        let before = self.variables.mark();
        let mut node = self.not_expression()?;
        loop {
            let at = self.at();
            let Tok::Keyword(word) = *self.peek() else { break };
            if !matches!(word, "if" | "unless" | "while" | "until" | "rescue" | "and" | "or") {
                break;
            }
            self.next += 1;
            if self.modifies_nothing(word) {
                break;
            }
            if !matches!(word, "and" | "or") {
                self.variables.only_sometimes(before);
            }
            node = self.modified(node, word, at)?;
        }
        self.end_of_statement()?;
        Ok(node)
    }

    /// ERB puts the template's text after a tag that ends in `end if`: the condition is always true.
    fn modifies_nothing(&mut self, word: &str) -> bool {
        let ahead = (0..).find(|ahead| !matches!(self.peek_at(*ahead), Tok::Newline)).unwrap_or(0);
        let text = matches!(self.peek_at(ahead), Tok::Text(_) | Tok::Output(_) | Tok::Trimmed | Tok::Indent(_));
        word == "if" && text && matches!(self.peek(), Tok::Newline)
    }

    fn modified(&mut self, node: Node, word: &str, at: usize) -> Parsed<Node> {
        let kind = match word {
            "and" => Kind::And(Box::new(node), Box::new(self.branched(Self::not_expression)?)),
            "or" => Kind::Or(Box::new(node), Box::new(self.branched(Self::not_expression)?)),
            "rescue" => return Err(refuse_rescue(at)),
            _ => {
                let condition = self.condition(word)?;
                match word {
                    "if" | "unless" => Kind::If(vec![(condition, vec![node])], None),
                    _ => Kind::While(Box::new(condition), vec![node]),
                }
            }
        };
        Ok(Node { kind, at })
    }

    /// The condition after `word`, negated for `unless` and `until`.
    pub(super) fn condition(&mut self, word: &str) -> Parsed<Node> {
        let mut condition = self.expression_statement()?;
        if matches!(word, "unless" | "until") {
            let at = condition.at;
            condition = Node { kind: Kind::Not(Box::new(condition)), at };
        }
        Ok(condition)
    }

    /// `a and b or not c`.
    pub(super) fn expression_statement(&mut self) -> Parsed<Node> {
        let mut node = self.not_expression()?;
        while let Tok::Keyword(word @ ("and" | "or")) = *self.peek() {
            let at = self.at();
            self.next += 1;
            node = self.modified(node, word, at)?;
        }
        Ok(node)
    }

    fn not_expression(&mut self) -> Parsed<Node> {
        let at = self.at();
        if self.take_keyword("not") {
            let inner = self.deeper(Self::not_expression)?;
            return Ok(Node { kind: Kind::Not(Box::new(inner)), at });
        }
        self.expression()
    }

    /// Reads what is executed only sometimes.
    pub(super) fn branched<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.skip_newlines();
        self.variables.enter_branch();
        let result = read(self);
        self.variables.leave_branch();
        result
    }

    fn end_of_statement(&mut self) -> Parsed<()> {
        match self.peek() {
            Tok::Newline
            | Tok::End
            | Tok::Text(_)
            | Tok::Output(_)
            | Tok::Comment(_)
            | Tok::Indent(_)
            | Tok::Trimmed => Ok(()),
            Tok::Keyword("end" | "else" | "elsif" | "when" | "rescue" | "ensure") | Tok::Op("}" | ")") => Ok(()),
            Tok::Keyword("then") => Ok(()),
            Tok::Unsupported(what) => Err(self.error(format!("{what} cannot be translated"))),
            other => Err(self.error(format!("{} is not expected here", describe(other)))),
        }
    }

    fn template_piece(&mut self) -> Parsed<Option<Node>> {
        let at = self.at();
        let kind = match self.peek().clone() {
            Tok::Text(text) => Kind::Text(text),
            Tok::Comment(text) => Kind::Comment(text),
            Tok::Indent(text) => Kind::Indent(text),
            Tok::Trimmed => Kind::Trimmed,
            Tok::Output(tokens) => {
                self.next += 1;
                return self.nested(tokens, at).map(|body| Some(Node { kind: Kind::Output(body), at }));
            }
            _ => return Ok(None),
        };
        self.next += 1;
        Ok(Some(Node { kind, at }))
    }

    /// Reads words that stand within a word.
    pub(super) fn nested(&mut self, tokens: Vec<Token>, at: usize) -> Parsed<Body> {
        let mut inner = Parser { tokens, next: 0, variables: self.variables, depth: self.depth + 1, no_do: false };
        if inner.depth > MAX_DEPTH {
            return Err(ParseError { at, reason: "this nests too deep".to_owned(), hint: None });
        }
        let body = inner.body(&[])?;
        match inner.peek().clone() {
            Tok::End => Ok(body),
            other => Err(inner.error(format!("{} is not expected here", describe(&other)))),
        }
    }

    /// `{ |a, (b, c)| … }` or `do … end`, whose opening is next.
    pub(super) fn block(&mut self) -> Parsed<Block> {
        let opened = self.at();
        let curly = self.is_op("{");
        self.next += 1;
        let no_do = std::mem::take(&mut self.no_do);
        let scope = self.variables.enter_block();
        let result = self.block_inner(curly, opened);
        self.variables.leave_block();
        self.no_do = no_do;
        let (params, body) = result?;
        Ok(Block { params, body, scope })
    }

    fn block_inner(&mut self, curly: bool, opened: usize) -> Parsed<(Vec<Param>, Body)> {
        self.skip_newlines();
        let params = if self.take_op("|") {
            let params = self.params("|")?;
            self.expect_op("|")?;
            params
        } else {
            self.take_op("||");
            Vec::new()
        };
        let body = self.body(if curly { &["}"] } else { &["rescue", "ensure"] })?;
        if curly {
            self.expect_op("}")?;
        } else {
            if self.is_keyword("rescue") {
                return Err(refuse_rescue(self.at()));
            }
            self.expect_end("do", opened)?;
        }
        Ok((params, body))
    }

    fn params(&mut self, end: &str) -> Parsed<Vec<Param>> {
        let mut params = Vec::new();
        while !self.is_op(end) {
            if self.take_op("(") {
                params.push(Param::Group(self.params(")")?));
                self.expect_op(")")?;
            } else {
                match self.advance() {
                    Tok::Ident(name) => params.push(Param::Name(self.variables.declare(&name, true))),
                    other => {
                        self.next -= 1;
                        return Err(
                            self.error(format!("{} as a block's parameter cannot be translated", describe(&other)))
                        );
                    }
                }
            }
            if !self.take_op(",") {
                break;
            }
        }
        Ok(params)
    }
}

pub(super) fn refuse_rescue(at: usize) -> ParseError {
    ParseError {
        at,
        reason: "`rescue` cannot be translated: here an error ends the rendering".to_owned(),
        hint: Some("test for the value before using it".to_owned()),
    }
}
