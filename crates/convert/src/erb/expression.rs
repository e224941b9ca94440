//! Reads words into a tree: values.

use super::ast::{Body, CHANGES, Call, Kind, Node, Part, changed_root};
use super::operator::LEVELS;
use super::parser::{ParseError, Parsed, Parser, describe, refuse_rescue};
use super::token::{Piece, Tok};

/// How many calls or operators may follow one another.
pub(super) const MAX_CHAIN: usize = 80;

impl Parser<'_> {
    /// A value, which may be an assignment.
    pub(super) fn expression(&mut self) -> Parsed<Node> {
        self.deeper(|parser| {
            let at = parser.at();
            if let Some(node) = parser.unpacking()? {
                return Ok(node);
            }
            let left = parser.ternary()?;
            parser.assignment(left, at)
        })
    }

    pub(super) fn assignment(&mut self, left: Node, at: usize) -> Parsed<Node> {
        let Tok::Op(op) = *self.peek() else { return Ok(left) };
        let update = match op {
            "=" => None,
            "+=" | "-=" | "*=" | "/=" | "%=" | "|=" | "&=" | "^=" | "<<=" | ">>=" | "**=" | "||=" | "&&=" => Some(
                LEVELS.iter().copied().flatten().copied().find(|plain| *plain == &op[..op.len() - 1]).unwrap_or("||"),
            ),
            _ => return Ok(left),
        };
        self.next += 1;
        self.skip_newlines();
        let value = if matches!(update, Some("||" | "&&")) {
            self.branched(|parser| parser.assigned_value())?
        } else {
            self.assigned_value()?
        };
        let target = Box::new(self.target(left)?);
        let value = Box::new(value);
        let kind = match update {
            None => Kind::Assign(target, value),
            Some(op) => {
                if let Kind::Local(id) = target.kind {
                    self.variables.read(id);
                }
                Kind::Update(target, op, value)
            }
        };
        Ok(Node { kind, at })
    }

    /// `a = b`, and `a = b, c` for a list.
    fn assigned_value(&mut self) -> Parsed<Node> {
        let at = self.at();
        let first = self.argument_value()?;
        if self.is_keyword("rescue") {
            return Err(refuse_rescue(self.at()));
        }
        if !self.is_op(",") {
            return Ok(first);
        }
        let mut values = vec![first];
        while self.take_op(",") {
            self.skip_newlines();
            values.push(self.argument_value()?);
        }
        Ok(Node { kind: Kind::Array(values), at })
    }

    /// What is left of `=` and may be assigned to.
    fn target(&mut self, left: Node) -> Parsed<Node> {
        let at = left.at;
        let kind = match left.kind {
            Kind::Local(id) => {
                let name = self.variables.all[id].name.clone();
                Kind::Local(self.variables.assign(&name))
            }
            Kind::Call(call) if call.receiver.is_none() && call.args.is_empty() && call.block.is_none() => {
                Kind::Local(self.variables.assign(&call.name))
            }
            kind @ Kind::Ivar(_) => kind,
            kind @ Kind::Index(..) => {
                let node = Node { kind, at };
                self.note_change(&node);
                return Ok(node);
            }
            Kind::Call(call) => {
                let hint = Some("facts cannot be changed; keep the value in a variable".to_owned());
                return Err(ParseError { at, reason: format!("`{}` cannot be assigned to", call.name), hint });
            }
            _ => return Err(ParseError { at, reason: "this cannot be assigned to".to_owned(), hint: None }),
        };
        Ok(Node { kind, at })
    }

    /// `a, b = c`.
    fn unpacking(&mut self) -> Parsed<Option<Node>> {
        let mut ahead = 0;
        let named = |parser: &Self, at: usize| {
            matches!(parser.peek_at(at), Tok::Ident(_)) && matches!(parser.peek_at(at + 1), Tok::Op(","))
        };
        // Nobody unpacks more; a long list of arguments is not looked through for each of them.
        while ahead < 40 && named(self, ahead) {
            ahead += 2;
        }
        if ahead == 0
            || !matches!(self.peek_at(ahead), Tok::Ident(_))
            || !matches!(self.peek_at(ahead + 1), Tok::Op("="))
        {
            return Ok(None);
        }
        let at = self.at();
        let mut names = Vec::new();
        while !self.take_op("=") {
            if let Tok::Ident(name) = self.advance() {
                names.push((name, at));
            }
        }
        let value = self.assigned_value()?;
        let targets = names.into_iter().map(|(name, at)| Node { kind: Kind::Local(self.variables.assign(&name)), at });
        let targets = targets.collect();
        Ok(Some(Node { kind: Kind::Unpack(targets, Box::new(value)), at }))
    }

    /// A value with the calls on it.
    pub(super) fn unary_operand(&mut self) -> Parsed<Node> {
        let mut node = self.deeper(Self::primary)?;
        for length in 0.. {
            if length > MAX_CHAIN {
                return Err(self.error("too many calls in a row"));
            }
            let at = self.at();
            if self.is_op(".") || self.is_op("&.") {
                let safe = self.is_op("&.");
                self.next += 1;
                self.skip_newlines();
                node = self.method(node, safe)?;
            } else if self.is_op("::") {
                self.next += 1;
                node = match (node.kind, self.advance()) {
                    (Kind::Const(path), Tok::Const(name)) => {
                        Node { kind: Kind::Const(format!("{path}::{name}")), at: node.at }
                    }
                    (kind, Tok::Ident(name)) => {
                        let receiver = Node { kind, at: node.at };
                        self.call(Some(receiver), name, false, at)?
                    }
                    _ => {
                        return Err(ParseError { at, reason: "`::` is not followed by a name".to_owned(), hint: None });
                    }
                };
            } else if self.is_op("[") && !self.spaced() {
                self.next += 1;
                let args = self.list("]")?;
                node = Node { at: node.at, kind: Kind::Index(Box::new(node), args) };
            } else {
                break;
            }
        }
        Ok(node)
    }

    fn method(&mut self, receiver: Node, safe: bool) -> Parsed<Node> {
        let at = receiver.at;
        match self.advance() {
            Tok::Ident(name) | Tok::Const(name) => self.call(Some(receiver), name, safe, at),
            Tok::Keyword(name) => self.call(Some(receiver), name.to_owned(), safe, at),
            Tok::Op("(") => {
                self.next -= 1;
                self.call(Some(receiver), "call".to_owned(), safe, at)
            }
            Tok::Op(op @ ("+" | "-" | "==" | "<<")) => self.call(Some(receiver), op.to_owned(), safe, at),
            other => {
                self.next -= 1;
                Err(self.error(format!("a method's name is expected and not {}", describe(&other))))
            }
        }
    }

    /// A call whose name was read: its arguments and its block.
    fn call(&mut self, receiver: Option<Node>, name: String, safe: bool, at: usize) -> Parsed<Node> {
        let mut call = Call { receiver, name, args: Vec::new(), block: None, block_pass: None, safe };
        if self.is_op("(") && !self.spaced() {
            self.next += 1;
            let no_do = std::mem::take(&mut self.no_do);
            let args = self.list(")");
            self.no_do = no_do;
            call.args = args?;
        } else if self.command_follows() {
            call.args = self.command_args()?;
        }
        if let Some(Node { kind: Kind::Splat(inner), .. }) = call.args.last()
            && let Kind::Symbol(name) = &inner.kind
            && let Some(name) = name.strip_prefix('&')
        {
            call.block_pass = Some(Node { kind: Kind::Symbol(name.to_owned()), at: inner.at });
            call.args.pop();
        }
        if self.is_op("{") || (self.is_keyword("do") && !self.no_do) {
            call.block = Some(self.block()?);
        }
        if let Some(receiver) = call.receiver.as_ref().filter(|_| CHANGES.contains(&call.name.as_str())) {
            self.note_change(receiver);
        }
        Ok(Node { kind: Kind::Call(Box::new(call)), at })
    }

    /// A method that changes a variable is an assignment to it.
    pub(super) fn note_change(&mut self, receiver: &Node) {
        if let Some(id) = changed_root(receiver) {
            let name = self.variables.all[id].name.clone();
            self.variables.assign(&name);
        }
    }

    /// Whether arguments without brackets follow a name.
    fn command_follows(&self) -> bool {
        if !self.spaced() {
            return false;
        }
        let space_after = self.tokens.get(self.next + 1).is_some_and(|token| token.spaced);
        match self.peek() {
            Tok::Int(_) | Tok::Float(_) | Tok::Str(_) | Tok::Regex(..) | Tok::Symbol(_) | Tok::Words(_) => true,
            Tok::Ident(_) | Tok::Const(_) | Tok::Ivar(_) | Tok::Gvar(_) | Tok::Label(_) => true,
            Tok::Keyword(word) => matches!(*word, "nil" | "true" | "false" | "self" | "not" | "defined?"),
            Tok::Op("[" | "-" | "*" | "&" | "::" | ":") => !space_after && !matches!(self.peek_at(1), Tok::Newline),
            Tok::Op("!") | Tok::Op("->") => true,
            Tok::Op("(") => true,
            _ => false,
        }
    }

    fn command_args(&mut self) -> Parsed<Vec<Node>> {
        let mut args = Vec::new();
        loop {
            self.argument(&mut args)?;
            if !self.take_op(",") {
                return Ok(args);
            }
            self.skip_newlines();
        }
    }

    /// Values up to `end`, separated by commas.
    fn list(&mut self, end: &'static str) -> Parsed<Vec<Node>> {
        let mut args = Vec::new();
        loop {
            self.skip_newlines();
            if self.take_op(end) {
                return Ok(args);
            }
            self.argument(&mut args)?;
            self.skip_newlines();
            if !self.take_op(",") {
                self.expect_op(end)?;
                return Ok(args);
            }
        }
    }

    /// One argument; named ones are gathered in a hash at the end.
    fn argument(&mut self, args: &mut Vec<Node>) -> Parsed<()> {
        let at = self.at();
        if let Tok::Label(name) = self.peek().clone() {
            self.next += 1;
            self.skip_newlines();
            let key = Node { kind: Kind::Symbol(name), at };
            let value = self.argument_value()?;
            add_named(args, key, value, at);
            return Ok(());
        }
        if self.is_op("&") {
            self.next += 1;
            let passed = self.unary_operand()?;
            let Kind::Symbol(name) = passed.kind else {
                return Err(ParseError { at, reason: "`&` takes a symbol here".to_owned(), hint: None });
            };
            let marked = Node { kind: Kind::Symbol(format!("&{name}")), at };
            args.push(Node { kind: Kind::Splat(Box::new(marked)), at });
            return Ok(());
        }
        let value = self.argument_value()?;
        if self.take_op("=>") {
            self.skip_newlines();
            let named = self.argument_value()?;
            add_named(args, value, named, at);
        } else {
            args.push(value);
        }
        Ok(())
    }

    pub(super) fn argument_value(&mut self) -> Parsed<Node> {
        let at = self.at();
        if self.take_op("*") {
            let inner = self.range()?;
            return Ok(Node { kind: Kind::Splat(Box::new(inner)), at });
        }
        if self.take_keyword("not") {
            let inner = self.expression()?;
            return Ok(Node { kind: Kind::Not(Box::new(inner)), at });
        }
        self.expression()
    }

    fn primary(&mut self) -> Parsed<Node> {
        let at = self.at();
        let kind = match self.peek().clone() {
            Tok::Keyword(word) => return self.compound(word),
            Tok::Ident(name) => return self.identifier(name, at),
            Tok::Op("(") => return self.group(at),
            Tok::Unsupported(what) => return Err(self.error(format!("{what} cannot be translated"))),
            Tok::Int(value) => Kind::Int(value),
            Tok::Float(value) => Kind::Float(value),
            Tok::Str(_) => return self.strings(at),
            Tok::Regex(pieces, flags) => Kind::Regex(self.parts(pieces, at)?, flags),
            Tok::Symbol(pieces) => match <[Piece; 1]>::try_from(pieces) {
                Ok([Piece::Text(name)]) => Kind::Symbol(name),
                Ok(pieces) => Kind::Str(self.parts(pieces.into(), at)?),
                Err(pieces) => Kind::Str(self.parts(pieces, at)?),
            },
            Tok::Words(words) => Kind::Array(words.into_iter().map(|word| text_node(word, at)).collect()),
            Tok::Const(name) => return self.constant(name, at),
            Tok::Ivar(name) => Kind::Ivar(name),
            Tok::Gvar(name) => Kind::Gvar(name),
            Tok::Op("[") => {
                self.next += 1;
                return Ok(Node { kind: Kind::Array(self.list("]")?), at });
            }
            Tok::Op("{") => {
                self.next += 1;
                return self.hash(at);
            }
            Tok::Op("->") => {
                return Err(self.error("`->` defines code to be called, which has no counterpart in a template"));
            }
            Tok::Op("::") => {
                self.next += 1;
                return self.primary();
            }
            other => return Err(self.error(format!("a value is expected and not {}", describe(&other)))),
        };
        self.next += 1;
        Ok(Node { kind, at })
    }

    fn constant(&mut self, name: String, at: usize) -> Parsed<Node> {
        self.next += 1;
        if self.is_op("(") && !self.spaced() {
            return self.call(None, name, false, at);
        }
        Ok(Node { kind: Kind::Const(name), at })
    }

    fn identifier(&mut self, name: String, at: usize) -> Parsed<Node> {
        self.next += 1;
        let called = self.is_op("(") && !self.spaced();
        if let (Some(id), false) = (self.variables.find(&name), called) {
            let assigned = matches!(self.peek(), Tok::Op("=" | "||="));
            if !assigned {
                self.variables.read(id);
            }
            return Ok(Node { kind: Kind::Local(id), at });
        }
        self.call(None, name, false, at)
    }

    /// `( … )`.
    fn group(&mut self, at: usize) -> Parsed<Node> {
        self.next += 1;
        let no_do = std::mem::take(&mut self.no_do);
        let body = self.body(&[")"]);
        self.no_do = no_do;
        let mut body = body?;
        self.expect_op(")")?;
        match (body.len(), body.pop()) {
            (1, Some(only)) => Ok(only),
            (_, Some(last)) => {
                body.push(last);
                Ok(Node { kind: Kind::Group(body), at })
            }
            (_, None) => Ok(Node { kind: Kind::Nil, at }),
        }
    }

    /// Strings that stand beside each other are one.
    fn strings(&mut self, at: usize) -> Parsed<Node> {
        let mut parts = Vec::new();
        while let Tok::Str(pieces) = self.peek().clone() {
            self.next += 1;
            parts.extend(self.parts(pieces, at)?);
        }
        Ok(Node { kind: Kind::Str(parts), at })
    }

    fn parts(&mut self, pieces: Vec<Piece>, at: usize) -> Parsed<Vec<Part>> {
        let part = |piece| match piece {
            Piece::Text(text) => Ok(Part::Text(text)),
            Piece::Code(tokens) => self.nested(tokens, at).map(|body: Body| Part::Code(body)),
        };
        pieces.into_iter().map(part).collect()
    }

    fn hash(&mut self, at: usize) -> Parsed<Node> {
        let mut args = Vec::new();
        loop {
            self.skip_newlines();
            if self.take_op("}") {
                break;
            }
            self.argument(&mut args)?;
            self.skip_newlines();
            if !self.take_op(",") {
                self.expect_op("}")?;
                break;
            }
        }
        match (args.len(), args.pop()) {
            (0, _) => Ok(Node { kind: Kind::Hash(Vec::new()), at }),
            (1, Some(Node { kind: Kind::Hash(pairs), .. })) => Ok(Node { kind: Kind::Hash(pairs), at }),
            _ => Err(ParseError { at, reason: "a key without a value".to_owned(), hint: None }),
        }
    }
}

fn text_node(text: String, at: usize) -> Node {
    Node { kind: Kind::Str(vec![Part::Text(text)]), at }
}

fn add_named(args: &mut Vec<Node>, key: Node, value: Node, at: usize) {
    if let Some(Node { kind: Kind::Hash(pairs), .. }) = args.last_mut() {
        pairs.push((key, value));
    } else {
        args.push(Node { kind: Kind::Hash(vec![(key, value)]), at });
    }
}
