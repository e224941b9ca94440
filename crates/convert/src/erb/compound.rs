//! Reads words into a tree: `if`, `case`, loops and the like.

use super::ast::{Block, Call, Kind, Node, Param};
use super::parser::{ParseError, Parsed, Parser, refuse_rescue};
use super::token::Tok;

impl Parser<'_> {
    /// A statement that begins with a keyword, which is next.
    pub(super) fn compound(&mut self, word: &'static str) -> Parsed<Node> {
        let at = self.at();
        self.next += 1;
        let kind = match word {
            "if" | "unless" => self.conditional(word, at)?,
            "case" => self.case(at)?,
            "while" | "until" => self.while_loop(word, at)?,
            "for" => return self.for_loop(at),
            "begin" => self.begin(at)?,
            "next" => self.jump(true)?,
            "break" => self.jump(false)?,
            "return" => Kind::Return,
            "defined?" => self.defined()?,
            "nil" => Kind::Nil,
            "true" => Kind::True,
            "false" => Kind::False,
            "self" => Kind::Myself,
            "lambda" | "proc" | "def" | "class" | "module" => return Err(refuse_definition(at, word)),
            "rescue" | "ensure" => return Err(refuse_rescue(at)),
            _ => {
                self.next -= 1;
                return Err(self.error(format!("`{word}` is not expected here")));
            }
        };
        Ok(Node { kind, at })
    }

    fn conditional(&mut self, word: &'static str, at: usize) -> Parsed<Kind> {
        let condition = self.condition(word)?;
        self.take_keyword("then");
        let (first, body) = self.branch_body(&["elsif", "else"])?;
        let (mut arms, mut branches, mut otherwise) = (vec![(condition, body)], vec![first], None);
        loop {
            if self.take_keyword("elsif") {
                // What an `elsif` asks is asked only when all before it were not so.
                let condition = self.condition("if")?;
                self.take_keyword("then");
                let (branch, body) = self.branch_body(&["elsif", "else"])?;
                branches.push(branch);
                arms.push((condition, body));
            } else if self.take_keyword("else") {
                let (branch, body) = self.branch_body(&[])?;
                branches.push(branch);
                otherwise = Some(body);
                self.variables.join(&branches);
            } else {
                self.expect_end(word, at)?;
                return Ok(Kind::If(arms, otherwise));
            }
        }
    }

    fn case(&mut self, at: usize) -> Parsed<Kind> {
        let subject = match self.peek() {
            Tok::Newline | Tok::Keyword("when") => None,
            _ => Some(Box::new(self.expression_statement()?)),
        };
        // Text between `case` and the first `when` is rendered by no one.
        while matches!(self.peek(), Tok::Newline | Tok::Text(_) | Tok::Trimmed | Tok::Indent(_) | Tok::Comment(_)) {
            self.next += 1;
        }
        let (mut arms, mut branches, mut otherwise) = (Vec::new(), Vec::new(), None);
        while self.take_keyword("when") {
            let mut values = vec![self.argument_value()?];
            while self.take_op(",") {
                self.skip_newlines();
                values.push(self.argument_value()?);
            }
            self.take_keyword("then");
            let (branch, body) = self.branch_body(&["when", "else"])?;
            branches.push(branch);
            arms.push((values, body));
        }
        if self.is_keyword("in") {
            return Err(self.error("patterns of `case … in` cannot be translated"));
        }
        if self.take_keyword("else") {
            let (branch, body) = self.branch_body(&[])?;
            branches.push(branch);
            otherwise = Some(body);
            self.variables.join(&branches);
        }
        self.expect_end("case", at)?;
        Ok(Kind::Case(subject, arms, otherwise))
    }

    fn while_loop(&mut self, word: &'static str, at: usize) -> Parsed<Kind> {
        let outer = std::mem::replace(&mut self.no_do, true);
        let condition = self.condition(word);
        self.no_do = outer;
        let condition = condition?;
        self.take_keyword("do");
        self.variables.enter_loop();
        let body = self.body(&[]);
        self.variables.leave_loop();
        let body = body?;
        self.expect_end(word, at)?;
        Ok(Kind::While(Box::new(condition), body))
    }

    /// `for a in b` is read as `b.each do |a|`.
    fn for_loop(&mut self, at: usize) -> Parsed<Node> {
        let mut names = Vec::new();
        loop {
            match self.advance() {
                Tok::Ident(name) => names.push(name),
                _ => return Err(ParseError { at, reason: "`for` takes a name".to_owned(), hint: None }),
            }
            if !self.take_op(",") {
                break;
            }
        }
        if !self.take_keyword("in") {
            return Err(self.error("`in` is expected after `for`"));
        }
        let outer = std::mem::replace(&mut self.no_do, true);
        let list = self.expression_statement();
        self.no_do = outer;
        let list = list?;
        self.take_keyword("do");
        let scope = self.variables.enter_block();
        let params = names.iter().map(|name| Param::Name(self.variables.declare(name, true))).collect();
        let body = self.body(&[]);
        self.variables.leave_block();
        let body = body?;
        self.expect_end("for", at)?;
        let block = Some(Block { params, body, scope });
        let call =
            Call { receiver: Some(list), name: "each".into(), args: Vec::new(), block, block_pass: None, safe: false };
        Ok(Node { kind: Kind::Call(Box::new(call)), at })
    }

    fn begin(&mut self, at: usize) -> Parsed<Kind> {
        let body = self.body(&["rescue", "ensure"])?;
        if self.is_keyword("rescue") || self.is_keyword("ensure") {
            return Err(refuse_rescue(self.at()));
        }
        self.expect_end("begin", at)?;
        Ok(Kind::Group(body))
    }

    fn jump(&mut self, next: bool) -> Parsed<Kind> {
        let bare = matches!(
            self.peek(),
            Tok::Newline
                | Tok::End
                | Tok::Keyword("if" | "unless" | "end" | "and" | "or")
                | Tok::Op("}")
                | Tok::Text(_)
                | Tok::Output(_)
                | Tok::Trimmed
                | Tok::Indent(_)
                | Tok::Comment(_)
        );
        match (next, bare) {
            (true, bare) => Ok(Kind::Next(if bare { None } else { Some(Box::new(self.expression()?)) })),
            (false, true) => Ok(Kind::Break),
            (false, false) => Err(self.error("`break` with a value cannot be translated")),
        }
    }

    fn defined(&mut self) -> Parsed<Kind> {
        let brackets = self.take_op("(");
        let inner = match self.peek().clone() {
            // A name that was never assigned is no error here.
            Tok::Ident(name)
                if self.variables.find(&name).is_none() && !matches!(self.peek_at(1), Tok::Op("." | "(")) =>
            {
                let at = self.at();
                self.next += 1;
                Node { kind: Kind::Ivar(name), at }
            }
            _ => self.unary_operand()?,
        };
        if brackets {
            self.expect_op(")")?;
        }
        Ok(Kind::Defined(Box::new(inner)))
    }
}

fn refuse_definition(at: usize, word: &str) -> ParseError {
    ParseError {
        at,
        reason: format!("`{word}` defines code to be called, which has no counterpart in a template"),
        hint: Some("make it a snippet, or write it out where it is called".to_owned()),
    }
}
