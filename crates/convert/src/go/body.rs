//! Translates one body, a file's or a definition's: statements.

use super::ast::{Branch, Node, Offset, Otherwise, Pipe, Tag};
use super::fault::Fault;
use super::library::{Calls, Dot};
use super::literal::quote;
use super::scope::{self, Scopes, Usage, Variable};
use super::value::{Binding, Value};
use super::writer::{Trim, Writer};

/// A body on its way.
pub(super) struct Body<'a> {
    pub(super) calls: &'a mut Calls,
    pub(super) writer: Writer,
    pub(super) scopes: Scopes,
    usage: Vec<Usage>,
    /// What `$` is.
    pub(super) root: Dot,
    /// What `.` is here.
    pub(super) dot: Dot,
}

impl<'a> Body<'a> {
    /// What is faulty is put among the faults of `calls`, and the rest is gone through all the same.
    pub(super) fn translate(nodes: &[Node], root: Dot, calls: &'a mut Calls) -> Writer {
        let usage = scope::usage(nodes);
        let mut scopes = Scopes::default();
        scopes.enter();
        let mut body = Body { calls, writer: Writer::default(), scopes, usage, dot: root.clone(), root };
        body.nodes(nodes);
        body.writer
    }

    fn nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            let (place, dot) = (self.scopes.place(), self.dot.clone());
            if let Err(fault) = self.node(node) {
                self.calls.faults.push(fault);
                self.scopes.return_to(place);
                self.dot = dot;
                self.declare_anyway(node);
            }
        }
    }

    /// A faulty declaration declares all the same, so that its uses are no faults of their own.
    fn declare_anyway(&mut self, node: &Node) {
        if let Node::Action { pipe, .. } = node
            && !pipe.sets
        {
            pipe.variables.iter().for_each(|name| self.scopes.declare_alias(name, Dot::Ours("none".to_owned())));
        }
    }

    fn node(&mut self, node: &Node) -> Result<(), Fault> {
        match node {
            Node::Text(text) => self.writer.text(text),
            Node::Comment { text, tag } => self.writer.remark(text, trim(*tag)),
            Node::Action { pipe, tag } => self.action(pipe, *tag)?,
            Node::If(branch) => self.condition(branch, trim(branch.tag), trim(branch.end))?,
            Node::With(branch) => self.with(branch, trim(branch.tag), trim(branch.end))?,
            Node::Range(branch) => self.range(branch)?,
            Node::Template { name, argument, tag } => {
                let value = self.included(name, argument.as_ref(), tag.at)?;
                self.writer.value(value, trim(*tag));
            }
            Node::Block { name, argument, tag, end } => {
                let value = self.included(name, Some(argument), tag.at)?;
                self.writer.value(value, Trim { left: tag.trim_left, right: end.trim_right });
            }
            Node::Break(tag) => self.writer.block("break", trim(*tag)),
            Node::Continue(tag) => self.writer.block("continue", trim(*tag)),
            Node::Defined { tag, end } => {
                let trim = Trim { left: tag.trim_left, right: end.trim_right };
                if trim != Trim::NONE {
                    self.writer.remark("a definition stood here", trim);
                }
            }
        }
        Ok(())
    }

    fn action(&mut self, pipe: &Pipe, tag: Tag) -> Result<(), Fault> {
        if let ([name], false, true) = (pipe.variables.as_slice(), pipe.sets, self.root_itself(pipe)) {
            self.scopes.declare_alias(name, self.root.clone());
            if trim(tag) != Trim::NONE {
                self.writer.remark(&format!("{name} is the root"), trim(tag));
            }
            return Ok(());
        }
        let value = self.pipe(pipe)?;
        match pipe.variables.as_slice() {
            [] => self.writer.value(value.text, trim(tag)),
            [name] if pipe.sets => self.set(name, &value, pipe.at, trim(tag))?,
            [name] => {
                let variable = self.declare(name);
                self.define(&variable, &value, trim(tag));
            }
            _ => return Err(Fault::new(pipe.at, "only range declares two variables")),
        }
        Ok(())
    }

    fn declare(&mut self, name: &str) -> Variable {
        self.scopes.declare(name, &self.calls.taken)
    }

    fn in_namespace(&self, variable: &Variable) -> bool {
        self.usage.get(variable.index).is_some_and(|usage| usage.read && usage.set_elsewhere)
    }

    /// How the variable is read.
    pub(super) fn reading(&self, variable: &Variable) -> String {
        if let Some(alias) = &variable.alias {
            return alias.reading();
        }
        if self.in_namespace(variable) { format!("{}.value", variable.ours) } else { variable.ours.clone() }
    }

    fn define(&mut self, variable: &Variable, value: &Value, trim: Trim) {
        let name = &variable.ours;
        let body = if self.in_namespace(variable) {
            format!("set {name} = namespace(value={})", value.text)
        } else {
            format!("set {name} = {}", value.text)
        };
        self.writer.block(body, trim);
    }

    fn set(&mut self, name: &str, value: &Value, at: Offset, trim: Trim) -> Result<(), Fault> {
        let variable = self.scopes.find(name).ok_or_else(|| undeclared(name, at))?;
        if variable.alias.is_some() {
            return Err(Fault::new(at, format!("${name} stands for something else and cannot be set here")));
        }
        let target = self.reading(variable);
        self.writer.block(format!("set {target} = {}", value.text), trim);
        Ok(())
    }

    /// `if`, between its own tag and its end's.
    fn condition(&mut self, branch: &Branch, open: Trim, end: Trim) -> Result<(), Fault> {
        self.scopes.enter();
        let value = self.pipe(&branch.pipe)?;
        let (value, open) = match branch.pipe.variables.as_slice() {
            [] => (value, open),
            [name] if !branch.pipe.sets => {
                let variable = self.declare(name);
                self.define(&variable, &value, open.first());
                (Value::tight(self.reading(&variable)), open.last())
            }
            _ => return Err(Fault::new(branch.pipe.at, "a condition cannot set a variable of another place")),
        };
        self.writer.block(format!("if {}", value.text), open);
        self.inside(&branch.body);
        let end = self.otherwise(branch.otherwise.as_ref(), end)?;
        self.writer.block("endif", end);
        self.scopes.leave();
        Ok(())
    }

    /// Writes what stands behind `else`; says which blanks the end's own tag has left to take away.
    fn otherwise(&mut self, otherwise: Option<&Otherwise>, end: Trim) -> Result<Trim, Fault> {
        let Some(otherwise) = otherwise else { return Ok(end) };
        let open = trim(otherwise.tag);
        match otherwise.body.as_slice() {
            [Node::If(next)] if otherwise.chained && next.pipe.variables.is_empty() => {
                self.scopes.enter();
                let value = self.pipe(&next.pipe)?;
                self.writer.block(format!("elif {}", value.text), open);
                self.inside(&next.body);
                let end = self.otherwise(next.otherwise.as_ref(), end)?;
                self.scopes.leave();
                Ok(end)
            }
            [Node::If(next)] if otherwise.chained => {
                self.writer.block("else", open.first());
                self.condition(next, open.last(), end.first())?;
                Ok(end.last())
            }
            [Node::With(next)] if otherwise.chained => {
                self.writer.block("else", open.first());
                self.with(next, open.last(), end.first())?;
                Ok(end.last())
            }
            body => {
                self.writer.block("else", open);
                self.inside(body);
                Ok(end)
            }
        }
    }

    fn inside(&mut self, nodes: &[Node]) {
        self.scopes.enter();
        self.nodes(nodes);
        self.scopes.leave();
    }

    fn inside_with_dot(&mut self, nodes: &[Node], dot: Dot) {
        let outer = std::mem::replace(&mut self.dot, dot);
        self.inside(nodes);
        self.dot = outer;
    }

    /// `with`: a condition on a value that the dot then means.
    fn with(&mut self, branch: &Branch, open: Trim, end: Trim) -> Result<(), Fault> {
        self.scopes.enter();
        let pipe = &branch.pipe;
        let dot = match (pipe.variables.as_slice(), self.root_itself(pipe)) {
            // The root is there in any case.
            (names, true) if !pipe.sets => {
                let name = names.first().map_or(scope::WITH, String::as_str);
                self.scopes.declare_alias(name, self.root.clone());
                self.writer.block("if true", open);
                self.root.clone()
            }
            ([name], false) if pipe.sets => return Err(Fault::new(pipe.at, format!("with cannot set ${name}"))),
            (names, false) => {
                let value = self.pipe(pipe)?;
                let variable = self.declare(names.first().map_or(scope::WITH, String::as_str));
                self.define(&variable, &value, open.first());
                let reading = self.reading(&variable);
                self.writer.block(format!("if {reading}"), open.last());
                Dot::Ours(reading)
            }
            (_, true) => return Err(Fault::new(pipe.at, "with cannot set a variable of another place")),
        };
        self.inside_with_dot(&branch.body, dot);
        let end = self.otherwise(branch.otherwise.as_ref(), end)?;
        self.writer.block("endif", end);
        self.scopes.leave();
        Ok(())
    }

    fn range(&mut self, branch: &Branch) -> Result<(), Fault> {
        let pipe = &branch.pipe;
        if pipe.sets {
            return Err(Fault::new(pipe.at, "a loop cannot set a variable of another place").hint("write := "));
        }
        self.scopes.enter();
        let value = self.pipe(pipe)?;
        self.scopes.enter_frame();
        let (key, element) = match pipe.variables.as_slice() {
            [] => (None, self.declare(scope::ELEMENT)),
            [element] => (None, self.declare(element)),
            [key, element, ..] => (Some(self.declare(key)), self.declare(element)),
        };
        let key = key.filter(|key| self.usage.get(key.index).is_some_and(|usage| usage.read));
        let target = self.loop_target(&element);
        let head = match &key {
            Some(key) => format!("for {}, {target} in go.pairs({})", self.loop_target(key), value.text),
            None if value.list => format!("for {target} in {}", value.above(Binding::Or)),
            None => format!("for {target} in go.values({})", value.text),
        };
        let open = trim(branch.tag);
        let kept: Vec<Variable> = key.into_iter().chain([element]).filter(|it| self.is_set(it)).collect();
        self.writer.block(head, if kept.is_empty() { open } else { open.first() });
        for (index, variable) in kept.iter().enumerate() {
            let value = Value::tight(self.loop_target(variable));
            let last = index + 1 == kept.len();
            self.define(variable, &value, if last { open.last() } else { Trim::NONE });
        }
        let dot = Dot::Ours(target);
        self.inside_with_dot(&branch.body, dot);
        self.scopes.leave_frame();
        if branch.otherwise.is_some() {
            let whole = Dot::Ours(value.above(Binding::Sign));
            pipe.variables.iter().for_each(|name| self.scopes.declare_alias(name, whole.clone()));
        }
        let end = self.otherwise(branch.otherwise.as_ref(), trim(branch.end))?;
        self.writer.block("endfor", end);
        self.scopes.leave();
        Ok(())
    }

    /// Whether the loop's body sets the variable: the dot keeps its value all the same.
    fn is_set(&self, variable: &Variable) -> bool {
        self.usage.get(variable.index).is_some_and(|usage| usage.read && usage.set)
    }

    /// What the loop itself sets: another name where its body sets the variable.
    fn loop_target(&self, variable: &Variable) -> String {
        if self.is_set(variable) { format!("{}_each", variable.ours) } else { variable.ours.clone() }
    }

    /// The expression that stands for `template "name" argument`.
    fn included(&mut self, name: &str, argument: Option<&Pipe>, at: Offset) -> Result<String, Fault> {
        let at_root = argument.is_none_or(|argument| self.root_itself(argument));
        if self.calls.is_defined(name) {
            let argument = match argument {
                Some(argument) if !at_root => Some(self.pipe(argument)?),
                _ => None,
            };
            return Ok(self.calls.call(name, argument.as_ref()));
        }
        if at_root {
            return Ok(format!("template({})", quote(name)));
        }
        Err(Fault::new(at, format!("the template {name:?} is called with something else than the root"))
            .hint("define it in the same file, or give it the root"))
    }
}

pub(super) fn undeclared(name: &str, at: Offset) -> Fault {
    Fault::new(at, format!("the variable ${name} is not declared here"))
}

fn trim(tag: Tag) -> Trim {
    Trim { left: tag.trim_left, right: tag.trim_right }
}
