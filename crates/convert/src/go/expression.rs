//! Translates pipelines.

use super::ast::{Command, Operand, Pipe, Term};
use super::body::{Body, undeclared};
use super::fault::Fault;
use super::library::Dot;
use super::literal::quote;
use super::value::{Binding, Value};
use super::{functions, members};

impl Body<'_> {
    /// The value of a pipeline: each command is the last argument of the next.
    pub(super) fn pipe(&mut self, pipe: &Pipe) -> Result<Value, Fault> {
        let mut piped = None;
        for command in &pipe.commands {
            piped = Some(self.command(command, piped)?);
        }
        piped.ok_or_else(|| Fault::new(pipe.at, "a value is missing here"))
    }

    /// Whether the pipeline is `.` or `$` and that is the root.
    pub(super) fn root_itself(&self, pipe: &Pipe) -> bool {
        let [Command { operands, .. }] = pipe.commands.as_slice() else { return false };
        let [Operand { term, fields, .. }] = operands.as_slice() else { return false };
        self.is_root(term) && fields.is_empty()
    }

    fn is_root(&self, term: &Term) -> bool {
        match term {
            Term::Dot => self.dot == Dot::Root,
            Term::Variable(name) if name.is_empty() => self.root == Dot::Root,
            Term::Variable(name) => self.scopes.find(name).is_some_and(|variable| variable.alias == Some(Dot::Root)),
            Term::Group(pipe) => self.root_itself(pipe),
            _ => false,
        }
    }

    fn command(&mut self, command: &Command, piped: Option<Value>) -> Result<Value, Fault> {
        let (first, rest) =
            command.operands.split_first().ok_or_else(|| Fault::new(command.at, "a value is missing here"))?;
        if let [name] = first.fields.as_slice()
            && name == "CallTemplate"
            && self.is_root(&first.term)
        {
            return self.call_template(command, rest, piped);
        }
        let mut arguments = rest.iter().map(|operand| self.operand(operand)).collect::<Result<Vec<_>, _>>()?;
        arguments.extend(piped);
        self.applied(first, &arguments)
    }

    /// `.CallTemplate name .`: the template's name is a value.
    fn call_template(&mut self, command: &Command, rest: &[Operand], piped: Option<Value>) -> Result<Value, Fault> {
        let wrong = || {
            Fault::new(command.at, "CallTemplate is called with something else than the root")
                .hint("give it the root: .CallTemplate name $")
        };
        match (rest, piped) {
            ([name, dot], None) if self.is_root(&dot.term) && dot.fields.is_empty() => {
                let name = self.operand(name)?;
                Ok(Value::call("template", &[name]))
            }
            _ => Err(wrong()),
        }
    }

    fn operand(&mut self, operand: &Operand) -> Result<Value, Fault> {
        self.applied(operand, &[])
    }

    /// An operand, given arguments.
    fn applied(&mut self, operand: &Operand, arguments: &[Value]) -> Result<Value, Fault> {
        let Operand { at, term, fields } = operand;
        if self.is_root(term) {
            if fields.is_empty() {
                return Err(Fault::new(*at, "the root as a whole is no value").hint("name the member that is meant"));
            }
            return members::of_root(fields, arguments, *at);
        }
        let base = match term {
            Term::Function(name) if fields.is_empty() => return functions::call(name, arguments, *at),
            Term::Function(_) => return Err(Fault::new(*at, "a function has no fields").hint("use parentheses")),
            Term::Dot => self.dot.reading(),
            Term::Variable(name) if name.is_empty() => self.root.reading(),
            Term::Variable(name) => {
                let variable = self.scopes.find(name).ok_or_else(|| undeclared(name, *at))?;
                self.reading(variable)
            }
            Term::Group(pipe) => {
                let value = self.pipe(pipe)?;
                if fields.is_empty() && arguments.is_empty() {
                    return Ok(value);
                }
                value.base()
            }
            constant => {
                if !arguments.is_empty() {
                    return Err(Fault::new(*at, "a constant is given arguments, but only functions take them"));
                }
                return Ok(constant_value(constant));
            }
        };
        members::of_value(&base, fields, arguments, *at)
    }
}

fn constant_value(term: &Term) -> Value {
    match term {
        Term::Text(text) => Value::tight(quote(text)),
        Term::Number(number) if number.starts_with('-') => {
            Value { text: number.clone(), binding: Binding::Sign, list: false }
        }
        Term::Number(number) => Value::tight(number.clone()),
        Term::Bool(true) => Value::tight("true"),
        Term::Bool(false) => Value::tight("false"),
        _ => Value::tight("none"),
    }
}
