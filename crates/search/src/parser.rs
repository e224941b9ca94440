//! From tokens to an [`Expression`].
//!
//! ```text
//! any   = all ("or" all)*
//! all   = one ("and" one)*
//! one   = "not" one | "(" any ")" | "has" field | field sign value | field ["not"] "in" "(" value ("," value)* ")" | word
//! ```
//!
//! It descends as deep as parentheses and `not` are nested, which is limited.

use crate::ast::{Comparison, Expression, FieldRef, FreeText, Node, Operator, split};
use crate::error::{SyntaxError, Wrong, quote};
use crate::field;
use crate::lexer::{Placed, Token, tokens};
use crate::operand::{Operand, Pattern};
use crate::time;
use std::str::FromStr;

/// The longest expression, in bytes: some hundred names in a list fit, and a URL can carry it.
pub const MAX_LENGTH: usize = 16 << 10;
/// The most comparisons in an expression. The values of a list do not count.
pub const MAX_COMPARISONS: usize = 128;
/// How deep parentheses and `not` may be nested.
pub const MAX_DEPTH: usize = 32;
/// The most values in an expression that every value of a field is compared with: each may take some milliseconds.
const MAX_PATTERNS: usize = 32;
/// The longest path into parameters or the inventory, in bytes.
const MAX_PATH: usize = 200;

const KEYWORDS: [&str; 5] = ["and", "or", "not", "in", "has"];

/// Whether a word by itself would be read as part of the language.
pub(crate) fn is_keyword(word: &str) -> bool {
    KEYWORDS.iter().any(|keyword| keyword.eq_ignore_ascii_case(word))
}

impl FromStr for Expression {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        if text.len() > MAX_LENGTH {
            let message = format!("the expression has {} bytes, and {MAX_LENGTH} are allowed", text.len());
            return Err(SyntaxError { column: 1, message, hint: None });
        }
        let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0, comparisons: 0, patterns: 0 };
        if parser.peek() == &Token::End {
            return Ok(Self::everything());
        }
        let root = parser.any()?;
        parser.end()?;
        Ok(root.into())
    }
}

struct Parser {
    /// Ends with [`Token::End`], which is never gone past.
    tokens: Vec<Placed>,
    at: usize,
    depth: usize,
    comparisons: usize,
    patterns: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> &Token {
        &self.tokens[(self.at + ahead).min(self.tokens.len() - 1)].token
    }

    fn column(&self) -> usize {
        self.tokens[self.at].column
    }

    fn step(&mut self) {
        self.at = (self.at + 1).min(self.tokens.len() - 1);
    }

    fn is_keyword_at(&self, ahead: usize, keyword: &str) -> bool {
        matches!(self.peek_at(ahead), Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn take_keyword(&mut self, keyword: &str) -> bool {
        let found = self.is_keyword_at(0, keyword);
        if found {
            self.step();
        }
        found
    }

    fn wrong<T>(&self, column: usize, wrong: Wrong) -> Result<T, SyntaxError> {
        Err(SyntaxError { column, message: wrong.message, hint: wrong.hint })
    }

    fn expected<T>(&self, what: &str, hint: Option<&str>) -> Result<T, SyntaxError> {
        let message = format!("expected {what}, found {}", self.peek().describe());
        self.wrong(self.column(), Wrong { message, hint: hint.map(str::to_owned) })
    }

    fn end(&self) -> Result<(), SyntaxError> {
        let hint = match self.peek() {
            Token::End => return Ok(()),
            Token::Word(_) | Token::Text { .. } => {
                "write `and` between two conditions, and put a text of several words into quotes"
            }
            Token::Open => "write `and` between two conditions, and put a text with parentheses into quotes",
            Token::Close => "it closes nothing: take it out, or put `(` where it belongs",
            Token::Comma => "values are listed with `in (a, b)`",
            Token::Sign(_) => "what stands before it is a condition already",
        };
        self.expected("`and`, `or` or the end", Some(hint))
    }

    fn any(&mut self) -> Result<Node, SyntaxError> {
        let mut nodes = vec![self.all()?];
        while self.take_keyword("or") {
            nodes.push(self.all()?);
        }
        Ok(Node::any(nodes))
    }

    fn all(&mut self) -> Result<Node, SyntaxError> {
        let mut nodes = vec![self.one()?];
        while self.take_keyword("and") {
            nodes.push(self.one()?);
        }
        Ok(Node::all(nodes))
    }

    fn one(&mut self) -> Result<Node, SyntaxError> {
        let column = self.column();
        if self.take_keyword("not") {
            let inner = self.nested(column, Self::one)?;
            return Ok(Node::Not(Box::new(inner)));
        }
        if self.peek() == &Token::Open {
            self.step();
            let inner = self.nested(column, Self::any)?;
            if self.peek() != &Token::Close {
                let hint = format!("the `(` at column {column} is not closed before it");
                return self.expected("`and`, `or` or `)`", Some(&hint));
            }
            self.step();
            return Ok(inner);
        }
        self.condition()
    }

    fn nested(&mut self, column: usize, read: fn(&mut Self) -> Result<Node, SyntaxError>) -> Result<Node, SyntaxError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.wrong(column, Wrong::new(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let node = read(self)?;
        self.depth -= 1;
        Ok(node)
    }

    /// One comparison, or a word to look for.
    fn condition(&mut self) -> Result<Node, SyntaxError> {
        self.comparisons += 1;
        if self.comparisons > MAX_COMPARISONS {
            let wrong = Wrong::new(format!("more than {MAX_COMPARISONS} conditions"))
                .hint("to compare one field with many values, write `field in (a, b, c)`");
            return self.wrong(self.column(), wrong);
        }
        if self.take_keyword("has") {
            return self.field().map(Node::Has);
        }
        match self.peek().clone() {
            Token::Word(word) if !is_keyword(&word) => {
                if self.is_field_here() {
                    self.comparison()
                } else {
                    self.free(&word)
                }
            }
            Token::Text { text, .. } if !matches!(self.peek_at(1), Token::Sign(_)) => self.free(&text),
            Token::Text { .. } => self.expected("a field", Some("names of fields stand without quotes")),
            Token::Sign(_) => self.expected("a condition", Some("a field stands before a sign, such as `name = web`")),
            _ => self.expected("a condition", Some("such as `state = deployed`, `has bmc`, or a word to look for")),
        }
    }

    /// Whether the word that stands here is compared with something.
    fn is_field_here(&self) -> bool {
        let after = match (self.peek(), self.peek_at(1)) {
            (Token::Word(word), Token::Text { joined: true, .. }) if word.ends_with('.') => 2,
            _ => 1,
        };
        let listed = self.is_keyword_at(after, "in")
            || (self.is_keyword_at(after, "not") && self.is_keyword_at(after + 1, "in"));
        listed || after == 2 || matches!(self.peek_at(after), Token::Sign(_))
    }

    fn free(&mut self, word: &str) -> Result<Node, SyntaxError> {
        let quoted = matches!(self.peek(), Token::Text { .. });
        if !quoted && split(word).1.is_some_and(|path| !path.is_empty()) && FieldRef::find(word).is_some() {
            let wrong = Wrong::new(format!("expected a sign and a value after {}", quote(word)))
                .hint(format!("write `has {word}` for machines that have it"));
            return self.wrong(self.column(), wrong);
        }
        let free = FreeText::read(word).or_else(|wrong| self.wrong(self.column(), wrong))?;
        self.step();
        Ok(Node::Free(free))
    }

    fn field(&mut self) -> Result<FieldRef, SyntaxError> {
        let column = self.column();
        let Token::Word(mut name) = self.peek().clone() else {
            return self.expected("a field", Some("such as `bmc` or `params.rack`"));
        };
        self.step();
        if let Token::Text { text, joined: true } = self.peek().clone()
            && name.ends_with('.')
        {
            name.push_str(&text);
            self.step();
        }
        match FieldRef::find(&name) {
            Some(field) if field.path().is_none_or(|path| path.len() <= MAX_PATH) => Ok(field),
            Some(_) => self.wrong(column, Wrong::new(format!("the path is longer than {MAX_PATH} bytes"))),
            None => self.wrong(column, no_field(&name)),
        }
    }

    fn comparison(&mut self) -> Result<Node, SyntaxError> {
        let field = self.field()?;
        let negated = self.take_keyword("not");
        if self.take_keyword("in") {
            return self.list(field, negated);
        }
        let (column, Token::Sign(operator)) = (self.column(), self.peek().clone()) else {
            return self.expected("an operator", Some("one of = != =~ !~ ~ !~~ < <= > >= in, not in"));
        };
        if let Some(wrong) = unfit(&field, operator) {
            return self.wrong(column, wrong);
        }
        self.step();
        let value = self.value(&field, operator)?;
        Ok(Node::Compare(Comparison { field, operator, value }))
    }

    fn list(&mut self, field: FieldRef, negated: bool) -> Result<Node, SyntaxError> {
        if self.peek() != &Token::Open {
            return self.expected("`(` after `in`", Some("write the values as `in (a, b)`"));
        }
        self.step();
        let mut values = Vec::new();
        loop {
            values.push(self.value(&field, Operator::Equal)?);
            match self.peek() {
                Token::Comma => self.step(),
                Token::Close => break,
                _ => return self.expected("`,` or `)`", Some("put a value of several words into quotes")),
            }
        }
        self.step();
        Ok(Node::In { field, negated, values })
    }

    fn value(&mut self, field: &FieldRef, operator: Operator) -> Result<Operand, SyntaxError> {
        let column = self.column();
        let text = match self.peek().clone() {
            Token::Word(word) if !is_keyword(&word) => self.words(field, word),
            Token::Text { text, .. } => text,
            found => {
                let hint = match found {
                    Token::Word(_) => Some("put a word of the language into quotes to mean it as a value"),
                    _ => None,
                };
                return self.expected(field.field().kind.expects(), hint);
            }
        };
        self.step();
        let read = match operator {
            Operator::Matches | Operator::MatchesNot => Pattern::new(&text).map(Operand::Pattern),
            _ => Operand::read(field.field().kind, operator, &text),
        };
        let value = read.or_else(|wrong| self.wrong(column, wrong))?;
        self.patterns += usize::from(value.is_looked_for());
        if self.patterns > MAX_PATTERNS {
            let most = format!("more than {MAX_PATTERNS} regular expressions, parts of texts and networks");
            return self.wrong(column, Wrong::new(most));
        }
        Ok(value)
    }

    /// The word that stands here, and those behind it that make one time with it: `10m ago`, `2 days ago`.
    fn words(&mut self, field: &FieldRef, word: String) -> String {
        if field.field().kind != field::Type::Time {
            return word;
        }
        if self.is_keyword_at(1, "ago") {
            self.step();
            return format!("{word} ago");
        }
        match self.peek_at(1).clone() {
            Token::Word(unit) if time::is_unit(&unit) && self.is_keyword_at(2, "ago") => {
                self.step();
                self.step();
                format!("{word} {unit} ago")
            }
            _ => word,
        }
    }
}

/// Why a name is no field.
fn no_field(name: &str) -> Wrong {
    let (first, path) = split(name);
    if let Some(known) = field::find(first) {
        let path = path.unwrap_or_default();
        return if known.has_path {
            Wrong::new(format!("expected a path after `{first}`")).hint(format!("such as `{}.rack`", known.name))
        } else {
            Wrong::new(format!("the field `{first}` has nothing below it, such as {}", quote(path)))
                .hint(format!("a parameter is `params.{path}`, what the agent found is `fact.{first}.{path}`"))
        };
    }
    let wrong = Wrong::new(format!("there is no field {}", quote(name)));
    match field::suggest(first) {
        Some(near) if near.ends_with('.') => wrong.hint(format!("did you mean `{near}{}`?", path.unwrap_or("…"))),
        Some(near) => wrong.hint(format!("did you mean `{near}`?")),
        None => wrong.hint(format!("a parameter is `params.{}`", name.chars().take(40).collect::<String>())),
    }
}

/// Why values of the field cannot be compared so.
fn unfit(field: &FieldRef, operator: Operator) -> Option<Wrong> {
    let kind = field.field().kind;
    let (name, sign) = (field.name(), operator.sign());
    if operator.is_order() && !kind.is_ordered() {
        let wrong = Wrong::new(format!("values of `{name}` have no order, so `{sign}` means nothing"));
        return Some(wrong.hint("use = != ~ !~~ =~ !~ in or not in"));
    }
    if operator.is_search() && !kind.is_text() {
        let wrong = Wrong::new(format!("values of `{name}` are not texts, so `{sign}` means nothing"));
        return Some(wrong.hint("use = != < <= > >= in or not in"));
    }
    None
}
