//! Reads the pipeline of an action.

use super::ast::{Command, Offset, Operand, Pipe, Term};
use super::fault::Fault;
use super::lexer::{Kind, Token};

/// The tokens of one action, from the front.
pub(super) struct Tokens {
    rest: std::vec::IntoIter<Token>,
    /// Where the action ends.
    end: Offset,
    /// How many parentheses the place is in.
    depth: usize,
}

/// More than a person writes, and less than the stack holds.
const DEEPEST: usize = 100;

/// Words that are no functions.
const KEYWORDS: [&str; 12] =
    ["block", "break", "continue", "define", "else", "end", "if", "range", "nil", "template", "with", "return"];

impl Tokens {
    pub(super) fn new(tokens: Vec<Token>, end: Offset) -> Tokens {
        Tokens { rest: tokens.into_iter(), end, depth: 0 }
    }

    pub(super) fn behind_keyword(mut self) -> Tokens {
        self.rest.next();
        self
    }

    pub(super) fn is_empty(&mut self) -> bool {
        self.rest.as_slice().is_empty()
    }

    pub(super) fn nothing_more(&mut self) -> Result<(), Fault> {
        match self.rest.as_slice().first() {
            None => Ok(()),
            Some(token) => Err(Fault::new(token.at, "the action should end here")),
        }
    }

    /// The next token, if it is a word.
    pub(super) fn word(&mut self) -> Option<String> {
        let Some(Token { kind: Kind::Word(word), .. }) = self.rest.as_slice().first() else { return None };
        let word = word.clone();
        self.rest.next();
        Some(word)
    }

    /// The next token, which must be quoted text.
    pub(super) fn text(&mut self) -> Result<String, Fault> {
        let at = self.here();
        match self.rest.next().map(|token| token.kind) {
            Some(Kind::Text(text)) => Ok(text),
            _ => {
                Err(Fault::new(at, "a template's name must be quoted text")
                    .hint("use .CallTemplate for a computed name"))
            }
        }
    }

    /// A pipeline up to the end of the action.
    pub(super) fn whole_pipe(&mut self) -> Result<Pipe, Fault> {
        let pipe = self.pipe()?;
        self.nothing_more()?;
        Ok(pipe)
    }

    fn here(&mut self) -> Offset {
        self.rest.as_slice().first().map_or(self.end, |token| token.at)
    }

    fn pipe(&mut self) -> Result<Pipe, Fault> {
        let at = self.here();
        let (variables, sets) = self.variables()?;
        let mut commands = vec![self.command()?];
        while self.rest.as_slice().first().is_some_and(|token| token.kind == Kind::Pipe) {
            self.rest.next();
            commands.push(self.command()?);
        }
        Ok(Pipe { at, variables, sets, commands })
    }

    /// `$a :=`, `$a =` or `$a, $b :=`, if the pipeline starts so.
    fn variables(&mut self) -> Result<(Vec<String>, bool), Fault> {
        // Two tokens of look-ahead are needed: `$a` alone is a value.
        let ahead: Vec<Token> = self.rest.as_slice().iter().take(4).cloned().collect();
        let kinds: Vec<&Kind> = ahead.iter().map(|token| &token.kind).collect();
        let (names, assign) = match kinds.as_slice() {
            [Kind::Variable(first), assign @ (Kind::Declare | Kind::Assign), ..] => (vec![first.clone()], *assign),
            [Kind::Variable(first), Kind::Comma, Kind::Variable(second), assign @ (Kind::Declare | Kind::Assign)] => {
                (vec![first.clone(), second.clone()], *assign)
            }
            _ => return Ok((Vec::new(), false)),
        };
        let sets = *assign == Kind::Assign;
        if names.iter().any(String::is_empty) {
            return Err(Fault::new(self.here(), "$ itself cannot be set"));
        }
        for _ in 0..names.len() * 2 {
            self.rest.next();
        }
        Ok((names, sets))
    }

    fn command(&mut self) -> Result<Command, Fault> {
        let at = self.here();
        let mut operands: Vec<Operand> = Vec::new();
        while let Some(token) = self.rest.as_slice().first() {
            if matches!(token.kind, Kind::Pipe | Kind::Close) {
                break;
            }
            if !operands.is_empty() && !token.spaced {
                return Err(Fault::new(token.at, "blanks are missing between two operands"));
            }
            operands.push(self.operand()?);
        }
        if operands.is_empty() {
            return Err(Fault::new(at, "a value is missing here"));
        }
        Ok(Command { at, operands })
    }

    fn operand(&mut self) -> Result<Operand, Fault> {
        let at = self.here();
        let token = self.rest.next().ok_or_else(|| Fault::new(at, "a value is missing here"))?;
        let mut fields = Vec::new();
        let term = match token.kind {
            Kind::Field(name) => {
                fields.push(name);
                Term::Dot
            }
            Kind::Dot => Term::Dot,
            Kind::Variable(name) => Term::Variable(name),
            Kind::Text(text) => Term::Text(text),
            Kind::Number(number) => Term::Number(number),
            Kind::Word(word) => match word.as_str() {
                "true" => Term::Bool(true),
                "false" => Term::Bool(false),
                "nil" => Term::Nil,
                keyword if KEYWORDS.contains(&keyword) => {
                    return Err(Fault::new(at, format!("{keyword:?} cannot stand here")));
                }
                _ => Term::Function(word),
            },
            Kind::Open => Term::Group(Box::new(self.group(at)?)),
            Kind::Declare | Kind::Assign | Kind::Comma | Kind::Pipe | Kind::Close => {
                return Err(Fault::new(at, "a value is missing here"));
            }
        };
        while let Some(Token { kind: Kind::Field(name), spaced: false, .. }) = self.rest.as_slice().first() {
            fields.push(name.clone());
            self.rest.next();
        }
        let bare = matches!(term, Term::Text(_) | Term::Number(_) | Term::Bool(_) | Term::Nil);
        if bare && !fields.is_empty() {
            return Err(Fault::new(at, "a constant has no fields"));
        }
        Ok(Operand { at, term, fields })
    }

    fn group(&mut self, at: Offset) -> Result<Pipe, Fault> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Fault::new(at, format!("more than {DEEPEST} parentheses are inside each other")));
        }
        let pipe = self.pipe()?;
        self.depth -= 1;
        if !pipe.variables.is_empty() {
            return Err(Fault::new(at, "a variable cannot be declared in parentheses"));
        }
        match self.rest.next() {
            Some(Token { kind: Kind::Close, .. }) => Ok(pipe),
            _ => Err(Fault::new(at, "a parenthesis is not closed")),
        }
    }
}
