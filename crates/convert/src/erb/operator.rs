//! Reads words into a tree: operators and what they bind.

use super::ast::{Kind, Node};
use super::expression::MAX_CHAIN;
use super::parser::{Parsed, Parser, describe};
use super::token::Tok;

/// Operators between two values, from those that bind least.
pub(super) const LEVELS: [&[&str]; 10] = [
    &["||"],
    &["&&"],
    &["<=>", "==", "===", "!=", "=~", "!~"],
    &["<", "<=", ">", ">="],
    &["|", "^"],
    &["&"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
    &["**"],
];

impl Parser<'_> {
    pub(super) fn ternary(&mut self) -> Parsed<Node> {
        let condition = self.range()?;
        if !self.is_op("?") {
            return Ok(condition);
        }
        let at = condition.at;
        self.next += 1;
        let yes = self.branched(Self::expression)?;
        self.skip_newlines();
        if !self.take_op(":") {
            return Err(self.error(format!("`:` is expected and not {}", describe(self.peek()))));
        }
        let no = self.branched(Self::expression)?;
        Ok(Node { kind: Kind::Choice(Box::new(condition), Box::new(yes), Box::new(no)), at })
    }

    pub(super) fn range(&mut self) -> Parsed<Node> {
        let low = self.binary(0)?;
        let exclusive = self.is_op("...");
        if !exclusive && !self.is_op("..") {
            return Ok(low);
        }
        self.next += 1;
        let open = matches!(self.peek(), Tok::Op(")" | "]") | Tok::Newline | Tok::End);
        let high = if open { None } else { Some(Box::new(self.binary(0)?)) };
        let at = low.at;
        Ok(Node { kind: Kind::Range { low: Box::new(low), high, exclusive }, at })
    }

    /// Operators that bind as tight as `level` or tighter, and their operands.
    fn binary(&mut self, level: usize) -> Parsed<Node> {
        let mut left = self.unary()?;
        for length in 0.. {
            let Tok::Op(op) = *self.peek() else { break };
            let Some(found) = LEVELS.iter().position(|operators| operators.contains(&op)) else { break };
            if found < level {
                break;
            }
            if length > MAX_CHAIN {
                return Err(self.error("too many operators in a row"));
            }
            let at = self.at();
            self.next += 1;
            self.skip_newlines();
            left = Node { kind: self.operation(op, found, left)?, at };
        }
        Ok(left)
    }

    fn operation(&mut self, op: &'static str, level: usize, left: Node) -> Parsed<Kind> {
        let right = match op {
            "<<" => {
                self.note_change(&left);
                self.operand(level + 1)?
            }
            "&&" | "||" => self.branched(|parser| parser.operand(level + 1))?,
            "**" => self.binary(level)?,
            _ => self.operand(level + 1)?,
        };
        let (left, right) = (Box::new(left), Box::new(right));
        Ok(match op {
            "&&" => Kind::And(left, right),
            "||" => Kind::Or(left, right),
            _ => Kind::Binary(op, left, right),
        })
    }

    /// An operand on the right, which may be an assignment: `a && b = c`.
    fn operand(&mut self, level: usize) -> Parsed<Node> {
        let at = self.at();
        let node = self.binary(level)?;
        match &node.kind {
            Kind::Local(_) | Kind::Ivar(_) | Kind::Call(_) if self.is_op("=") => self.assignment(node, at),
            _ => Ok(node),
        }
    }

    fn unary(&mut self) -> Parsed<Node> {
        let at = self.at();
        if self.take_op("!") {
            let inner = self.deeper(Self::unary)?;
            return Ok(Node { kind: Kind::Not(Box::new(inner)), at });
        }
        if self.take_op("-") {
            let inner = self.deeper(Self::unary)?;
            let kind = match inner.kind {
                Kind::Int(value) => Kind::Int(-value),
                Kind::Float(value) => Kind::Float(-value),
                kind => Kind::Negative(Box::new(Node { kind, at: inner.at })),
            };
            return Ok(Node { kind, at });
        }
        self.take_op("+");
        self.unary_operand()
    }
}
