//! Statements.

use super::{Binds, Ex, Problem, Translated, Translator, Ty};
use crate::erb::ast::{Body, Kind, Node};
use crate::erb::emit::Out;

/// How often a `while` may go round: no list in a template is as long.
const MAX_ROUNDS: u32 = 10_000;

impl Translator<'_> {
    pub(super) fn statement(&mut self, node: &Node) -> Translated<()> {
        match &node.kind {
            Kind::Text(text) => {
                self.text_nest = self.nest;
                self.out.push(Out::Text(text.clone()));
            }
            Kind::Comment(text) => self.out.push(Out::Comment(text.clone())),
            Kind::Indent(white) => self.out.push(Out::Indent(white.clone())),
            Kind::Trimmed => self.out.push(Out::Newline),
            Kind::Output(body) => return self.output(body, node.at),
            Kind::If(arms, otherwise) => return self.conditional(arms, otherwise.as_deref()),
            Kind::Case(subject, arms, otherwise) => {
                return self.case(subject.as_deref(), arms, otherwise.as_deref());
            }
            Kind::While(condition, body) => return self.while_loop(condition, body),
            Kind::Group(body) => self.body(body),
            Kind::Next(value) => return self.next(value.as_deref(), node.at),
            Kind::Break => {
                self.in_loop(node.at, "break")?;
                self.tag("break");
            }
            Kind::Return => {
                return Err(Problem::new(node.at, "`return` ends the rendering, which a template of ours cannot")
                    .hint("put what follows in an `if`"));
            }
            Kind::And(left, right) => {
                let arms = [(left.as_ref().clone(), vec![right.as_ref().clone()])];
                return self.conditional(&arms, None);
            }
            Kind::Or(left, right) => {
                let condition = Node { kind: Kind::Not(left.clone()), at: left.at };
                return self.conditional(&[(condition, vec![right.as_ref().clone()])], None);
            }
            Kind::Choice(condition, yes, no) => {
                let arms = [(condition.as_ref().clone(), vec![yes.as_ref().clone()])];
                return self.conditional(&arms, Some(std::slice::from_ref(no)));
            }
            Kind::Assign(target, value) => return self.assign(target, value),
            Kind::Update(target, op, value) => return self.update(target, op, value),
            Kind::Unpack(targets, value) => return self.unpack(targets, value),
            Kind::Binary("<<", list, value) => return self.append(list, value, node.at),
            Kind::Call(call) => return self.call_statement(call, node),
            _ => {
                // A value that nobody takes; what it does on the way is done.
                self.value(node)?;
            }
        }
        Ok(())
    }

    fn next(&mut self, value: Option<&Node>, at: usize) -> Translated<()> {
        if value.is_some() {
            return Err(Problem::new(at, "`next` with a value cannot be translated"));
        }
        self.in_loop(at, "next")?;
        self.tag("continue");
        Ok(())
    }

    fn in_loop(&self, at: usize, word: &str) -> Translated<()> {
        if self.loops > 0 { Ok(()) } else { Err(Problem::new(at, format!("`{word}` outside of a loop"))) }
    }

    /// `<%= … %>`.
    fn output(&mut self, body: &Body, at: usize) -> Translated<()> {
        let Some((last, before)) = body.split_last() else {
            self.out.push(Out::Value("\"\"".to_owned()));
            return Ok(());
        };
        self.body(before);
        if let Kind::If(arms, otherwise) = &last.kind {
            return self.output_choice(arms, otherwise.as_deref(), at);
        }
        let value = self.value(last)?;
        let code = self.printed(value);
        self.out.push(Out::Value(code));
        Ok(())
    }

    /// A value as Ruby prints it.
    fn printed(&self, value: Ex) -> String {
        match value.ty {
            Ty::List | Ty::Map => format!("{}.inspect()", value.receiver()),
            Ty::Nil => "\"\"".to_owned(),
            _ => value.code,
        }
    }

    /// `<%= a if b %>`.
    fn output_choice(&mut self, arms: &[(Node, Body)], otherwise: Option<&[Node]>, at: usize) -> Translated<()> {
        if let ([(condition, body)], None) = (arms, otherwise)
            && let [value] = body.as_slice()
        {
            let condition = self.condition(condition)?;
            let (hoisted, value) = self.aside(|this| this.value(value))?;
            if hoisted.is_empty() {
                let code = self.printed(value.clone());
                let value = Ex { code, ..value };
                self.out.push(Out::Value(format!(
                    "{} if {} else \"\"",
                    value.within(Binds::Choice),
                    condition.within(Binds::Choice)
                )));
                return Ok(());
            }
            self.tag(format!("if {}", condition.code));
            self.put(hoisted);
            self.out.push(Out::Value(value.code));
            self.out.push(Out::block("endif"));
            return Ok(());
        }
        let printed = |body: &[Node]| vec![Node { kind: Kind::Output(body.to_vec()), at }];
        let arms: Vec<(Node, Body)> = arms.iter().map(|(c, body)| (c.clone(), printed(body))).collect();
        let otherwise = otherwise.map(printed);
        self.conditional(&arms, otherwise.as_deref())
    }

    pub(super) fn conditional(&mut self, arms: &[(Node, Body)], otherwise: Option<&[Node]>) -> Translated<()> {
        let Some(((condition, body), rest)) = arms.split_first() else { return Ok(()) };
        let condition = self.condition(condition)?;
        if let ([Node { kind: Kind::Next(None) | Kind::Break, at }], [], None) = (body.as_slice(), rest, otherwise) {
            let word = if matches!(body[0].kind, Kind::Break) { "break" } else { "continue" };
            self.in_loop(*at, word)?;
            let tags = [format!("if {}", condition.code), word.to_owned(), "endif".to_owned()];
            self.block(Out::Block(tags.into()));
            return Ok(());
        }
        self.tag(format!("if {}", condition.code));
        self.nested_body(body);
        self.other_arms(rest, otherwise)?;
        self.tag("endif");
        Ok(())
    }

    fn nested_body(&mut self, body: &[Node]) {
        self.nest += 1;
        let text_nest = self.text_nest;
        self.body(body);
        self.nest -= 1;
        self.text_nest = self.text_nest.min(text_nest.max(self.nest));
    }

    fn other_arms(&mut self, arms: &[(Node, Body)], otherwise: Option<&[Node]>) -> Translated<()> {
        let mut arms = arms.iter();
        while let Some((condition, body)) = arms.next() {
            let (hoisted, translated) = self.aside(|this| this.condition(condition))?;
            if !hoisted.is_empty() {
                self.tag("else");
                self.nest += 1;
                self.put(hoisted);
                self.tag(format!("if {}", translated.code));
                self.nested_body(body);
                self.other_arms(arms.as_slice(), otherwise)?;
                self.tag("endif");
                self.nest -= 1;
                return Ok(());
            }
            self.tag(format!("elif {}", translated.code));
            self.nested_body(body);
        }
        if let Some(body) = otherwise {
            self.tag("else");
            self.nested_body(body);
        }
        Ok(())
    }

    fn case(
        &mut self,
        subject: Option<&Node>,
        arms: &[(Vec<Node>, Body)],
        otherwise: Option<&[Node]>,
    ) -> Translated<()> {
        let subject = match subject {
            Some(subject) => Some(self.held(subject, "case")?),
            None => None,
        };
        let mut opened = 0;
        for (at, (values, body)) in arms.iter().enumerate() {
            let (hoisted, condition) = self.aside(|this| this.arm_condition(subject.as_ref(), values))?;
            if at > 0 && hoisted.is_empty() {
                self.tag(format!("elif {}", condition.code));
            } else {
                if at > 0 {
                    self.tag("else");
                }
                self.put(hoisted);
                self.tag(format!("if {}", condition.code));
                opened += 1;
            }
            self.nested_body(body);
        }
        if let Some(body) = otherwise {
            self.tag("else");
            self.nested_body(body);
        }
        (0..opened).for_each(|_| self.tag("endif"));
        Ok(())
    }

    fn arm_condition(&mut self, subject: Option<&Ex>, values: &[Node]) -> Translated<Ex> {
        let mut plain = Vec::new();
        let mut others = Vec::new();
        for value in values {
            match (subject, &value.kind) {
                (None, _) => others.push(self.condition(value)?),
                (Some(_), Kind::Str(_) | Kind::Symbol(_) | Kind::Int(_)) => plain.push(self.value(value)?.code),
                (Some(subject), _) => others.push(self.case_matches(subject, value)?),
            }
        }
        if let (Some(subject), false) = (subject, plain.is_empty()) {
            let code = match plain.as_slice() {
                [only] => format!("{} == {only}", subject.within(Binds::Compare)),
                many => format!("{} in [{}]", subject.within(Binds::Compare), many.join(", ")),
            };
            others.insert(0, Ex::new(code, Binds::Compare, Ty::Bool));
        }
        let codes: Vec<String> = others.iter().map(|ex| ex.within(Binds::Or)).collect();
        match others.len() {
            1 => Ok(others.remove(0)),
            _ => Ok(Ex::new(codes.join(" or "), Binds::Or, Ty::Bool)),
        }
    }

    fn while_loop(&mut self, condition: &Node, body: &[Node]) -> Translated<()> {
        let name = self.temporary("round");
        self.tag(format!("for {name} in range({MAX_ROUNDS})"));
        self.nest += 1;
        self.loops += 1;
        let condition = self.condition(condition);
        let result = condition.map(|condition| {
            let code = self.negated(&condition).code;
            self.block(Out::Block(vec![format!("if {code}"), "break".to_owned(), "endif".to_owned()]));
            self.body(body);
        });
        self.loops -= 1;
        self.nest -= 1;
        self.tag("endfor");
        result
    }
}
