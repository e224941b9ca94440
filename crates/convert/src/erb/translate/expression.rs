//! Values and conditions.

use super::assign::plain_text;
use super::{Binds, Ex, Problem, Translated, Translator, Ty};
use crate::erb::ast::{Body, Kind, Node};
use crate::erb::emit::Out;

/// How deep an expression may nest before it is refused: the engine's own parser has a limit, too.
const MAX_DEPTH: usize = 100;

impl Translator<'_> {
    /// A value; what has to come before it is put out.
    pub(super) fn value(&mut self, node: &Node) -> Translated<Ex> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            self.depth -= 1;
            return Err(Problem::new(node.at, "this nests too deep"));
        }
        let result = self.value_of(node);
        self.depth -= 1;
        result
    }

    fn value_of(&mut self, node: &Node) -> Translated<Ex> {
        Ok(match &node.kind {
            Kind::Nil => Ex::cheap("none", Ty::Nil),
            Kind::True => Ex::cheap("true", Ty::Bool),
            Kind::False => Ex::cheap("false", Ty::Bool),
            Kind::Myself => return Err(Problem::new(node.at, "`self` has no counterpart")),
            Kind::Int(value) => Ex::cheap(value.to_string(), Ty::Int),
            Kind::Float(value) => Ex::cheap(format!("{value:?}"), Ty::Float),
            Kind::Str(parts) => return self.text(parts),
            Kind::Symbol(name) => Ex::cheap(super::text::quoted(name), Ty::Text),
            Kind::Regex(parts, flags) => return self.regex(parts, flags, node.at),
            Kind::Array(nodes) => return self.array(nodes),
            Kind::Hash(pairs) => return self.hash(pairs),
            Kind::Range { low, high, exclusive } => return self.range(low, high.as_deref(), *exclusive, node.at),
            Kind::Local(id) => Ex::cheap(self.names.local(*id, self.variables), self.types[*id].unwrap_or(Ty::Any)),
            Kind::Ivar(name) => Ex::cheap(self.names.instance(name), super::helper::variable_type(name)),
            Kind::Gvar(name) => return self.group_of_match(name, node.at),
            Kind::Const(name) => return self.constant(name, node.at),
            Kind::Call(call) => return self.call(call, node),
            Kind::Index(base, args) => return self.index(base, args, node.at),
            Kind::Not(inner) => {
                let inner = self.condition(inner)?;
                self.negated(&inner)
            }
            Kind::Negative(inner) => {
                let inner = self.value(inner)?;
                Ex::new(format!("-{}", inner.within(Binds::Unary)), Binds::Unary, inner.ty)
            }
            Kind::Binary(op, left, right) => return self.binary(op, left, right, node.at),
            Kind::And(left, right) => return self.and(left, right),
            Kind::Or(left, right) => return self.or(left, right),
            Kind::Choice(condition, yes, no) => return self.choice(condition, yes, no),
            Kind::If(..) | Kind::Case(..) => return self.statement_value(node),
            Kind::Group(body) => return self.last_value(body, node.at),
            Kind::Assign(target, _) | Kind::Update(target, _, _) => {
                self.statement(node)?;
                return self.value(target);
            }
            Kind::Defined(inner) => return self.defined(inner),
            Kind::Splat(inner) => return self.value(inner),
            Kind::Unpack(..) | Kind::While(..) | Kind::Next(_) | Kind::Break | Kind::Return => {
                return Err(Problem::new(node.at, "this gives no value that could be used here"));
            }
            Kind::Text(_) | Kind::Output(_) | Kind::Comment(_) | Kind::Indent(_) | Kind::Trimmed => {
                return Err(Problem::new(node.at, "text of the template within a value"));
            }
        })
    }

    /// The value of the last of some statements; the others are put out.
    pub(super) fn last_value(&mut self, body: &Body, at: usize) -> Translated<Ex> {
        let Some((last, before)) = body.split_last() else { return Ok(Ex::cheap("none", Ty::Nil)) };
        for node in before {
            self.statement(node)?;
        }
        if matches!(last.kind, Kind::Text(_) | Kind::Output(_)) {
            return Err(Problem::new(at, "a block that holds text of the template gives no value"));
        }
        self.value(last)
    }

    /// `if` and `case` as values: a variable that each branch sets.
    fn statement_value(&mut self, node: &Node) -> Translated<Ex> {
        let name = self.temporary("value");
        self.tag(format!("set {name} = none"));
        let target = Node { kind: Kind::Ivar(name.clone()), at: node.at };
        let assigned = |body: &Body| {
            let mut body = body.clone();
            if let Some(last) = body.pop() {
                let at = last.at;
                body.push(Node { kind: Kind::Assign(Box::new(target.clone()), Box::new(last)), at });
            }
            body
        };
        let kind = match &node.kind {
            Kind::If(arms, otherwise) => Kind::If(
                arms.iter().map(|(condition, body)| (condition.clone(), assigned(body))).collect(),
                otherwise.as_ref().map(assigned),
            ),
            Kind::Case(subject, arms, otherwise) => Kind::Case(
                subject.clone(),
                arms.iter().map(|(values, body)| (values.clone(), assigned(body))).collect(),
                otherwise.as_ref().map(assigned),
            ),
            _ => return Err(Problem::new(node.at, "this gives no value")),
        };
        self.statement(&Node { kind, at: node.at })?;
        Ok(Ex::cheap(name, Ty::Any))
    }

    /// A value that may be written several times: put into a variable unless it is short and without effects.
    pub(super) fn held(&mut self, node: &Node, what: &str) -> Translated<Ex> {
        let value = self.value(node)?;
        Ok(self.hold(value, what))
    }

    pub(super) fn hold(&mut self, value: Ex, what: &str) -> Ex {
        if value.cheap {
            return value;
        }
        let name = self.temporary(what);
        self.tag(format!("set {name} = {}", value.code));
        Ex::cheap(name, value.ty)
    }

    /// Whether a value is neither nil nor false.
    pub(super) fn truth(&self, value: Ex) -> Ex {
        match value.ty {
            Ty::Bool => value,
            Ty::Nil => Ex::cheap("false", Ty::Bool),
            Ty::Text | Ty::Int | Ty::Float | Ty::List | Ty::Map => Ex::cheap("true", Ty::Bool),
            Ty::Any => Ex::new(format!("{} is given", value.receiver()), Binds::Compare, Ty::Bool),
        }
    }

    /// What `if` asks.
    pub(super) fn condition(&mut self, node: &Node) -> Translated<Ex> {
        match &node.kind {
            Kind::And(left, right) => self.both(left, right, "and", Binds::And),
            Kind::Or(left, right) => self.both(left, right, "or", Binds::Or),
            Kind::Not(inner) => {
                let inner = self.condition(inner)?;
                Ok(self.negated(&inner))
            }
            Kind::Group(body) if body.len() == 1 => self.condition(&body[0]),
            Kind::Call(call) if call.name == "!" => {
                let value = self.value(node)?;
                Ok(self.truth(value))
            }
            _ => {
                let value = self.value(node)?;
                Ok(self.truth(value))
            }
        }
    }

    fn both(&mut self, left: &Node, right: &Node, word: &str, binds: Binds) -> Translated<Ex> {
        let left = self.condition(left)?;
        let (hoisted, right) = self.aside(|this| this.condition(right))?;
        if hoisted.is_empty() {
            let operand = |ex: &Ex| if ex.binds >= binds { ex.code.clone() } else { format!("({})", ex.code) };
            return Ok(Ex::new(format!("{} {word} {}", operand(&left), operand(&right)), binds, Ty::Bool));
        }
        let name = self.temporary("test");
        self.tag(format!("set {name} = {}", left.code));
        let asked = if word == "and" { name.clone() } else { format!("not {name}") };
        self.only_if(&asked, hoisted, &name, &right.code);
        Ok(Ex::cheap(name, Ty::Bool))
    }

    /// Puts out statements and an assignment that depend on a condition.
    fn only_if(&mut self, condition: &str, hoisted: Vec<Out>, name: &str, value: &str) {
        self.tag(format!("if {condition}"));
        self.nest += 1;
        self.put(hoisted);
        self.tag(format!("set {name} = {value}"));
        self.nest -= 1;
        self.tag("endif");
    }

    pub(super) fn negated(&self, condition: &Ex) -> Ex {
        if let Some(inner) = condition.code.strip_prefix("not ")
            && condition.binds == Binds::Not
            && !inner.starts_with('(')
        {
            return Ex::new(inner, Binds::Compare, Ty::Bool);
        }
        if condition.binds == Binds::Compare {
            for (plain, negative) in [(" is ", " is not "), (" == ", " != "), (" in ", " not in ")] {
                if let [left, right] = condition.code.split(plain).collect::<Vec<_>>()[..]
                    && !right.starts_with("not ")
                    && !left.contains(['"', '\'', '(', '<', '>'])
                    && !right.contains([' '])
                {
                    return Ex::new(format!("{left}{negative}{right}"), Binds::Compare, Ty::Bool);
                }
            }
        }
        match condition.code.as_str() {
            "true" => Ex::cheap("false", Ty::Bool),
            "false" => Ex::cheap("true", Ty::Bool),
            _ => Ex::new(format!("not {}", condition.within(Binds::Not)), Binds::Not, Ty::Bool),
        }
    }

    /// `a && b` as a value: a when that is nil or false.
    fn and(&mut self, left: &Node, right: &Node) -> Translated<Ex> {
        let left = self.value(left)?;
        let (hoisted, right) = self.aside(|this| this.value(right))?;
        if !hoisted.is_empty() {
            let name = self.temporary("value");
            self.tag(format!("set {name} = {}", left.code));
            let asked = self.truth(Ex::cheap(name.clone(), left.ty));
            self.only_if(&asked.code, hoisted, &name, &right.code);
            return Ok(Ex::cheap(name, Ty::Any));
        }
        match left.ty {
            Ty::Bool => {
                let ty = if right.ty == Ty::Bool { Ty::Bool } else { Ty::Any };
                let operand = |ex: &Ex| if ex.binds >= Binds::And { ex.code.clone() } else { format!("({})", ex.code) };
                Ok(Ex::new(format!("{} and {}", operand(&left), operand(&right)), Binds::And, ty))
            }
            Ty::Nil => Ok(left),
            Ty::Any => {
                let left = self.hold_call(left);
                let truth = self.truth(left.clone());
                let ty = Ty::Any;
                let (right, left) = (right.within(Binds::Choice), left.within(Binds::Choice));
                Ok(Ex::new(format!("{right} if {} else {left}", truth.code), Binds::Choice, ty))
            }
            _ => Ok(right),
        }
    }

    /// `a || b` as a value: b when a is nil or false.
    fn or(&mut self, left: &Node, right: &Node) -> Translated<Ex> {
        let left = self.value(left)?;
        let (hoisted, right) = self.aside(|this| this.value(right))?;
        if !hoisted.is_empty() {
            let name = self.temporary("value");
            self.tag(format!("set {name} = {}", left.code));
            let truth = self.truth(Ex::cheap(name.clone(), left.ty));
            let asked = self.negated(&truth);
            self.only_if(&asked.code, hoisted, &name, &right.code);
            return Ok(Ex::cheap(name, Ty::Any));
        }
        match left.ty {
            Ty::Bool => {
                let ty = if right.ty == Ty::Bool { Ty::Bool } else { Ty::Any };
                let operand = |ex: &Ex| if ex.binds >= Binds::Or { ex.code.clone() } else { format!("({})", ex.code) };
                Ok(Ex::new(format!("{} or {}", operand(&left), operand(&right)), Binds::Or, ty))
            }
            Ty::Nil => Ok(right),
            Ty::Any if right.cheap || safe_to_evaluate(&right.code) => {
                let ty = if right.ty == Ty::Text { Ty::Any } else { right.ty };
                let ty = if matches!(ty, Ty::Bool | Ty::Nil) { Ty::Any } else { ty };
                let ty = if ty == Ty::List || ty == Ty::Map || ty == Ty::Int { Ty::Any } else { ty };
                let left = if left.binds >= Binds::Filter { left.code } else { format!("({})", left.code) };
                Ok(Ex::new(format!("{left}|otherwise({})", right.code), Binds::Filter, ty))
            }
            Ty::Any => {
                let left = self.hold_call(left);
                let truth = self.truth(left.clone());
                let (left, right) = (left.within(Binds::Choice), right.within(Binds::Choice));
                Ok(Ex::new(format!("{left} if {} else {right}", truth.code), Binds::Choice, Ty::Any))
            }
            _ => Ok(left),
        }
    }

    /// Facts may be asked for twice; what takes long or gives something else each time may not.
    fn hold_call(&mut self, value: Ex) -> Ex {
        let again = value.code.len() <= 60 && !value.code.contains("snippet") && !value.code.contains("rand_");
        if again { value } else { self.hold(value, "value") }
    }

    fn choice(&mut self, condition: &Node, yes: &Node, no: &Node) -> Translated<Ex> {
        let condition = self.condition(condition)?;
        let (yes_hoisted, yes) = self.aside(|this| this.value(yes))?;
        let (no_hoisted, no) = self.aside(|this| this.value(no))?;
        let ty = if yes.ty == no.ty { yes.ty } else { Ty::Any };
        if yes_hoisted.is_empty() && no_hoisted.is_empty() {
            let (yes, no) = (yes.within(Binds::Choice), no.within(Binds::Choice));
            let code = format!("{yes} if {} else {no}", condition.within(Binds::Choice));
            return Ok(Ex::new(code, Binds::Choice, ty));
        }
        let name = self.temporary("value");
        self.tag(format!("if {}", condition.code));
        self.nest += 1;
        self.put(yes_hoisted);
        self.tag(format!("set {name} = {}", yes.code));
        self.nest -= 1;
        self.tag("else");
        self.nest += 1;
        self.put(no_hoisted);
        self.tag(format!("set {name} = {}", no.code));
        self.nest -= 1;
        self.tag("endif");
        Ok(Ex::cheap(name, ty))
    }

    fn array(&mut self, nodes: &[Node]) -> Translated<Ex> {
        if nodes.iter().any(|node| matches!(node.kind, Kind::Splat(_))) {
            let mut parts = Vec::new();
            for node in nodes {
                let value = self.value(node)?;
                parts.push(if matches!(node.kind, Kind::Splat(_)) { value.code } else { format!("[{}]", value.code) });
            }
            return Ok(Ex::tight(format!("[].concat({})", parts.join(", ")), Ty::List));
        }
        let values = nodes.iter().map(|node| self.value(node)).collect::<Translated<Vec<Ex>>>()?;
        let cheap = values.iter().all(|value| value.cheap) && values.len() < 4;
        let codes: Vec<String> = values.into_iter().map(|value| value.code).collect();
        Ok(Ex { cheap, ..Ex::tight(format!("[{}]", codes.join(", ")), Ty::List) })
    }

    fn hash(&mut self, pairs: &[(Node, Node)]) -> Translated<Ex> {
        let mut codes = Vec::new();
        for (key, value) in pairs {
            let (key, value) = (self.value(key)?, self.value(value)?);
            codes.push(format!("{}: {}", key.within(Binds::Choice), value.code));
        }
        Ok(Ex::tight(format!("{{{}}}", codes.join(", ")), Ty::Map))
    }

    fn range(&mut self, low: &Node, high: Option<&Node>, exclusive: bool, at: usize) -> Translated<Ex> {
        let Some(high) = high else { return Err(Problem::new(at, "a range without an end has no counterpart")) };
        if let (Kind::Str(low), Kind::Str(high)) = (&low.kind, &high.kind)
            && let (Some(low), Some(high)) = (plain_text(low), plain_text(high))
        {
            return letters(&low, &high, exclusive, at);
        }
        let (low, high) = (self.value(low)?, self.value(high)?);
        let end = match (exclusive, high.code.parse::<i64>()) {
            (true, _) => high.code,
            (false, Ok(end)) => (end + 1).to_string(),
            (false, Err(_)) => format!("{} + 1", high.within(Binds::Sum)),
        };
        let start = if low.code == "0" { String::new() } else { format!("{}, ", low.code) };
        Ok(Ex::tight(format!("range({start}{end})"), Ty::List))
    }

    fn binary(&mut self, op: &'static str, left: &Node, right: &Node, at: usize) -> Translated<Ex> {
        match op {
            "=~" => return self.fits(left, right, at),
            "!~" => {
                let fits = self.fits(left, right, at)?;
                let truth = self.truth(fits);
                return Ok(self.negated(&truth));
            }
            "===" => {
                let subject = self.held(right, "value")?;
                return self.case_matches(&subject, left);
            }
            _ => {}
        }
        if let Some(compared) = self.version_comparison(op, left, right)? {
            return Ok(compared);
        }
        let (left, right) = (self.value(left)?, self.value(right)?);
        Ok(operation(op, &left, &right))
    }

    fn defined(&mut self, inner: &Node) -> Translated<Ex> {
        Ok(match &inner.kind {
            Kind::Ivar(name) => {
                let name = self.names.instance(name);
                Ex::new(format!("{name} is defined and {name} is not none"), Binds::And, Ty::Bool)
            }
            Kind::Local(_) => Ex::cheap("true", Ty::Bool),
            Kind::Call(call) if call.receiver.is_none() => {
                let known = super::helper::is_known(&call.name);
                Ex::cheap(if known { "true" } else { "false" }, Ty::Bool)
            }
            _ => {
                let value = self.value(inner)?;
                Ex::new(format!("{} is defined", value.receiver()), Binds::Compare, Ty::Bool)
            }
        })
    }
}

/// Names and parameters can be asked for without need.
fn safe_to_evaluate(code: &str) -> bool {
    let name = |text: &str| text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '"' | '.' | ' '));
    match code.strip_prefix("host_param(\"").and_then(|rest| rest.strip_suffix(')')) {
        Some(rest) => name(rest),
        None => code.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).is_some_and(name),
    }
}

/// `'a'..'e'`.
fn letters(low: &str, high: &str, exclusive: bool, at: usize) -> Translated<Ex> {
    let ends = (low.chars().next(), high.chars().next());
    let (Some(first), Some(last), 1, 1) = (ends.0, ends.1, low.len(), high.len()) else {
        return Err(Problem::new(at, "only ranges of numbers and of single letters have a counterpart"));
    };
    let last = if exclusive { (last as u8).saturating_sub(1) as char } else { last };
    let texts: Vec<String> = (first..=last).map(|c| super::text::quoted(&c.to_string())).collect();
    Ok(Ex::tight(format!("[{}]", texts.join(", ")), Ty::List))
}

fn operation(op: &'static str, left: &Ex, right: &Ex) -> Ex {
    let numbers = |ty| matches!(ty, Ty::Int | Ty::Float);
    let both_numbers = numbers(left.ty) && numbers(right.ty);
    let plain = |symbol: &str, binds: Binds, ty| {
        let (l, r) = (
            if left.binds >= binds && binds != Binds::Compare { left.code.clone() } else { left.within(binds) },
            right.within(binds),
        );
        Ex::new(format!("{l} {symbol} {r}"), binds, ty)
    };
    let method = |name: &str, ty| Ex::tight(format!("{}.{name}({})", left.receiver(), right.code), ty);
    match op {
        "==" | "!=" if right.ty == Ty::Nil => {
            let word = if op == "==" { "is" } else { "is not" };
            Ex::new(format!("{} {word} none", left.receiver()), Binds::Compare, Ty::Bool)
        }
        "==" | "!=" | "<" | "<=" | ">" | ">=" => plain(op, Binds::Compare, Ty::Bool),
        "+" if left.ty == Ty::Text && right.is_printable() => plain("~", Binds::Sum, Ty::Text),
        "+" if left.ty == Ty::Text => Ex::tight(format!("concat({}, {})", left.code, right.code), Ty::Text),
        "+" if both_numbers || right.ty == Ty::Int => {
            plain("+", Binds::Sum, if right.ty == Ty::Int { Ty::Int } else { Ty::Float })
        }
        "+" if right.ty == Ty::Text => method("plus", Ty::Text),
        "+" if left.ty == Ty::List || right.ty == Ty::List => method("plus", Ty::List),
        "+" => method("plus", Ty::Any),
        "-" if both_numbers || right.ty == Ty::Int => plain("-", Binds::Sum, left.ty),
        "-" => method("minus", left.ty),
        "*" if both_numbers => plain("*", Binds::Product, left.ty),
        "*" if right.ty == Ty::Text => method("times", Ty::Text),
        "*" => method("times", left.ty),
        "/" if both_numbers && left.ty == Ty::Int && right.ty == Ty::Int => plain("//", Binds::Product, Ty::Int),
        "/" => method("divided_by", Ty::Any),
        "%" if both_numbers => plain("%", Binds::Product, left.ty),
        "%" if left.ty == Ty::Text => Ex::tight(format!("sprintf({}, {})", left.code, right.code), Ty::Text),
        "%" => method("modulo", Ty::Any),
        "**" => plain("**", Binds::Unary, left.ty),
        "<<" => method("push", left.ty),
        "|" => method("union", left.ty),
        "&" => method("intersection", left.ty),
        "<=>" => Ex::tight(format!("compare({}, {})", left.code, right.code), Ty::Int),
        _ => method("plus", Ty::Any),
    }
}
