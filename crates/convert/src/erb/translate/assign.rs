//! Assignments, and the methods that change what they are called on.

use super::{Binds, Ex, Problem, Translated, Translator, Ty};
use crate::erb::ast::{Body, CHANGES, Call, Kind, Node, Part};
use crate::erb::walk::walk;

impl Translator<'_> {
    pub(super) fn assign(&mut self, target: &Node, value: &Node) -> Translated<()> {
        if let Kind::Assign(inner, _) = &value.kind {
            self.statement(value)?;
            let value = self.value(inner)?;
            return self.set(target, &value);
        }
        let value = self.value(value)?;
        self.set(target, &value)
    }

    /// Gives `target` a value.
    pub(super) fn set(&mut self, target: &Node, value: &Ex) -> Translated<()> {
        match &target.kind {
            Kind::Local(id) => {
                let name = self.names.target(*id, self.variables);
                self.tag(format!("set {name} = {}", value.code));
                Ok(())
            }
            Kind::Ivar(name) => {
                let name = self.names.instance(name);
                self.tag(format!("set {name} = {}", value.code));
                Ok(())
            }
            Kind::Index(base, args) => {
                let [key] = args.as_slice() else {
                    return Err(Problem::new(target.at, "only one element can be assigned to"));
                };
                let key = self.value(key)?;
                let changed = self.value(base)?;
                let code = format!("{}.store({}, {})", changed.receiver(), key.code, value.code);
                self.set(base, &Ex::tight(code, changed.ty))
            }
            _ => Err(Problem::new(target.at, "facts cannot be changed").hint("keep the value in a variable")),
        }
    }

    pub(super) fn update(&mut self, target: &Node, op: &'static str, value: &Node) -> Translated<()> {
        let current = self.value(target)?;
        match op {
            "||" | "&&" => {
                let condition = self.truth(current);
                let condition = if op == "||" { self.negated(&condition) } else { condition };
                self.tag(format!("if {}", condition.code));
                self.nest += 1;
                let result = self.assign(target, value);
                self.nest -= 1;
                self.tag("endif");
                result
            }
            _ => {
                let sum =
                    Node { kind: Kind::Binary(op, Box::new(target.clone()), Box::new(value.clone())), at: target.at };
                let value = self.value(&sum)?;
                self.set(target, &value)
            }
        }
    }

    pub(super) fn unpack(&mut self, targets: &[Node], value: &Node) -> Translated<()> {
        if let Kind::Array(values) = &value.kind
            && values.len() == targets.len()
        {
            let mut held = Vec::new();
            for value in values {
                let ex = self.value(value)?;
                let name = self.temporary("value");
                self.tag(format!("set {name} = {}", ex.code));
                held.push(Ex { code: name, ..ex });
            }
            return targets.iter().zip(held).try_for_each(|(target, value)| self.set(target, &value));
        }
        let list = self.held(value, "values")?;
        for (at, target) in targets.iter().enumerate() {
            self.set(target, &Ex::tight(format!("{}.dig({at})", list.receiver()), Ty::Any))?;
        }
        Ok(())
    }

    /// The statement of a method that changes its receiver; false when it is none.
    pub(super) fn change(&mut self, call: &Call, node: &Node) -> Translated<bool> {
        let Some(receiver) = &call.receiver else { return Ok(false) };
        if let Some((inner, root)) = chained(call) {
            if !self.change(inner, node)? {
                return Ok(false);
            }
            let call = Call { receiver: Some(root), ..call.clone() };
            return self.change(&call, node);
        }
        let assignable = matches!(receiver.kind, Kind::Local(_) | Kind::Ivar(_) | Kind::Index(..));
        if !assignable || !CHANGES.contains(&call.name.as_str()) {
            return Ok(false);
        }
        let name = match call.name.trim_end_matches('!') {
            "<<" | "append" => "push",
            "prepend" => "unshift",
            "update" => "merge",
            "delete_if" => "reject",
            "pop" => "without_last",
            "shift" => "without_first",
            "delete" => "without",
            "delete_at" => "without_at",
            other => other,
        };
        let changed = match name {
            "push" if call.name == "<<" => self.shovel(receiver, &call.args)?,
            "clear" => self.cleared(receiver)?,
            "replace" => {
                self.value(call.args.first().ok_or_else(|| Problem::new(node.at, "`replace` takes a value"))?)?
            }
            _ => {
                let call = Call { name: name.to_owned(), ..call.clone() };
                match call.block.is_some() || call.block_pass.is_some() {
                    true => self.block_call(&call, node)?,
                    false => self.method(receiver, &call, node.at)?,
                }
            }
        };
        self.set(receiver, &changed)?;
        Ok(true)
    }

    /// `a << b << c`.
    pub(super) fn append(&mut self, list: &Node, value: &Node, at: usize) -> Translated<()> {
        if let Kind::Binary("<<", inner, first) = &list.kind {
            self.append(inner, first, at)?;
            return self.append(inner, value, at);
        }
        if let Kind::Call(call) = &list.kind
            && let Some(root) = call.receiver.as_ref().and_then(root_of).filter(|_| grows(call))
        {
            self.change(call, list)?;
            return self.append(root, value, at);
        }
        if !matches!(list.kind, Kind::Local(_) | Kind::Ivar(_) | Kind::Index(..)) {
            return Err(Problem::new(at, "only a variable can be appended to"));
        }
        let appended = self.shovel(list, std::slice::from_ref(value))?;
        self.set(list, &appended)
    }

    /// The value of a method that changes its receiver: a list that grew is given itself, one that shrank what
    /// it lost.
    pub(super) fn changed_value(&mut self, call: &Call, node: &Node) -> Translated<Option<Ex>> {
        let Some(receiver) = &call.receiver else { return Ok(None) };
        let variable = matches!(receiver.kind, Kind::Local(_) | Kind::Ivar(_));
        let lost = match call.name.as_str() {
            "pop" => Some("last"),
            "shift" => Some("first"),
            "delete" if variable && self.loses_element(receiver, &call.args)? => Some("deleted"),
            "push" | "append" | "unshift" | "prepend" | "<<" => None,
            name if name.ends_with('!') && CHANGES.contains(&name) => None,
            _ => return Ok(None),
        };
        if !variable {
            return Ok(None);
        }
        let lost = match lost {
            Some(end) => {
                let list = self.value(receiver)?;
                let args = if end == "deleted" { self.arguments(&call.args, false)? } else { String::new() };
                Some(self.hold(Ex::tight(format!("{}.{end}({args})", list.receiver()), Ty::Any), "taken"))
            }
            None => None,
        };
        self.change(call, node)?;
        match lost {
            Some(lost) => Ok(Some(lost)),
            None => self.value(receiver).map(Some),
        }
    }

    /// Whether `delete` takes an element out of a list or a map, and not signs out of a text: signs are no
    /// letters.
    fn loses_element(&mut self, receiver: &Node, args: &[Node]) -> Translated<bool> {
        let current = self.value(receiver)?;
        let signs = |node: &Node| match &node.kind {
            Kind::Str(parts) => plain_text(parts).is_some_and(|text| !text.contains(char::is_alphanumeric)),
            _ => false,
        };
        Ok(args.len() == 1 && current.ty != Ty::Text && (current.ty != Ty::Any || !signs(&args[0])))
    }

    fn cleared(&mut self, receiver: &Node) -> Translated<Ex> {
        let current = self.value(receiver)?;
        Ok(match current.ty {
            Ty::Map => Ex::tight("{}", Ty::Map),
            _ => Ex::tight("[]", Ty::List),
        })
    }

    /// `a << b`: appended to a list, or written behind a text.
    fn shovel(&mut self, receiver: &Node, args: &[Node]) -> Translated<Ex> {
        let current = self.value(receiver)?;
        let values = args.iter().map(|arg| self.value(arg)).collect::<Translated<Vec<Ex>>>()?;
        let values: Vec<String> = values.into_iter().map(|value| value.code).collect();
        Ok(match current.ty {
            Ty::Text => Ex::tight(format!("concat({}, {})", current.code, values.join(", ")), Ty::Text),
            ty => Ex::tight(format!("{}.push({})", current.receiver(), values.join(", ")), ty),
        })
    }

    /// Learns from literals what variables are, as far as all assignments agree.
    pub(super) fn learn_types(&mut self, body: &Body) {
        let mut learnt = std::mem::take(&mut self.types);
        walk(body, &mut |node| match &node.kind {
            Kind::Assign(target, value) => learn(&mut learnt, target, literal_type(value)),
            Kind::Update(target, op, value) => {
                let ty = match *op {
                    "+" | "-" | "*" if literal_type(value) == Ty::Int => return,
                    "+" if literal_type(value) == Ty::Text => return,
                    _ => Ty::Any,
                };
                learn(&mut learnt, target, ty);
            }
            Kind::Unpack(targets, _) => targets.iter().for_each(|target| learn(&mut learnt, target, Ty::Any)),
            _ => {}
        });
        let variables = self.variables.iter().zip(&mut learnt);
        variables
            .filter(|(variable, _)| variable.param || variable.may_be_unset)
            .for_each(|(_, ty)| *ty = Some(Ty::Any));
        self.types = learnt;
    }
}

/// `a.push(1).push(2)`: the first call, and what both change.
fn chained(call: &Call) -> Option<(&Call, Node)> {
    let Some(Node { kind: Kind::Call(inner), .. }) = &call.receiver else { return None };
    if !grows(call) || !grows(inner) {
        return None;
    }
    let root = inner.receiver.as_ref().and_then(root_of)?;
    Some((inner.as_ref(), root.clone()))
}

fn grows(call: &Call) -> bool {
    matches!(call.name.as_str(), "push" | "append" | "concat" | "unshift" | "prepend" | "<<")
}

/// The variable that calls are made on.
fn root_of(node: &Node) -> Option<&Node> {
    match &node.kind {
        Kind::Call(call) => root_of(call.receiver.as_ref()?),
        Kind::Local(_) | Kind::Ivar(_) => Some(node),
        _ => None,
    }
}

fn learn(types: &mut [Option<Ty>], target: &Node, ty: Ty) {
    if let Kind::Local(id) = target.kind {
        types[id] = match types[id] {
            None => Some(ty),
            Some(before) if before == ty => Some(ty),
            Some(_) => Some(Ty::Any),
        };
    }
}

/// The type of a value that can be told by looking at it.
fn literal_type(node: &Node) -> Ty {
    match &node.kind {
        Kind::Str(_) | Kind::Symbol(_) => Ty::Text,
        Kind::Int(_) => Ty::Int,
        Kind::Float(_) => Ty::Float,
        Kind::Array(_) => Ty::List,
        Kind::Hash(_) => Ty::Map,
        Kind::True | Kind::False | Kind::Not(_) | Kind::Defined(_) => Ty::Bool,
        Kind::Binary("==" | "!=" | "<" | "<=" | ">" | ">=" | "=~" | "!~", _, _) => Ty::Bool,
        Kind::And(a, b) | Kind::Or(a, b) if literal_type(a) == Ty::Bool && literal_type(b) == Ty::Bool => Ty::Bool,
        Kind::Choice(_, a, b) if literal_type(a) == literal_type(b) => literal_type(a),
        Kind::Call(call) => called_type(call),
        _ => Ty::Any,
    }
}

fn called_type(call: &Call) -> Ty {
    match call.name.as_str() {
        _ if call.safe => Ty::Any,
        "to_i" | "length" | "size" | "count" if call.block.is_none() => Ty::Int,
        "to_s" | "join" | "snippet" | "foreman_url" | "strip" | "upcase" | "downcase" => Ty::Text,
        "split" => Ty::List,
        name if name.ends_with('?') && name != "host_param_true?" && name != "host_param_false?" => Ty::Bool,
        "host_param_true?" | "host_param_false?" => match call.args.get(1).map(|arg| &arg.kind) {
            None | Some(Kind::True | Kind::False) => Ty::Bool,
            Some(_) => Ty::Any,
        },
        _ => Ty::Any,
    }
}

/// Whether a string has no code in it.
pub(super) fn plain_text(parts: &[Part]) -> Option<String> {
    let text = |part: &Part| if let Part::Text(text) = part { Some(text.clone()) } else { None };
    parts.iter().map(text).collect()
}

impl Ex {
    /// As a part of `a ~ b`: never nil, and not true or false, which `~` writes with a capital.
    pub(super) fn is_printable(&self) -> bool {
        matches!(self.ty, Ty::Text | Ty::Int) && self.binds > Binds::Sum
    }
}
