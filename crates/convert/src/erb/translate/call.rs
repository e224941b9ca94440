//! Calls: of helpers, of methods, and of facts by their names.

use super::iterate::raw;
use super::{Binds, Ex, Problem, Translated, Translator, Ty};
use crate::erb::ast::{Call, Kind, Node};

impl Translator<'_> {
    pub(super) fn call(&mut self, call: &Call, node: &Node) -> Translated<Ex> {
        if call.safe {
            return self.safe_call(call, node);
        }
        if let Some(changed) = self.changed_value(call, node)? {
            return Ok(changed);
        }
        if call.block.is_some() || call.block_pass.is_some() {
            return self.block_call(call, node);
        }
        let Some(receiver) = &call.receiver else {
            return self.helper(&call.name, &call.args, node.at);
        };
        if let Kind::Const(name) = &receiver.kind {
            return self.constant_call(name, call, node.at);
        }
        if let Kind::Call(inner) = &receiver.kind
            && let Some(value) = self.call_on_constant(inner, call, node.at)?
        {
            return Ok(value);
        }
        self.method(receiver, call, node.at)
    }

    /// `a&.b`: nil when a is nil.
    fn safe_call(&mut self, call: &Call, node: &Node) -> Translated<Ex> {
        let Some(receiver) = &call.receiver else { return Err(Problem::new(node.at, "`&.` without a value")) };
        let value = self.value(receiver)?;
        let held = if is_path(&value.code) { value } else { self.hold(value, "value") };
        let inner = Call { safe: false, receiver: Some(raw(&held.code, node.at)), ..call.clone() };
        let inner = Node { kind: Kind::Call(Box::new(inner)), at: node.at };
        let (hoisted, value) = self.aside(|this| this.value(&inner))?;
        if hoisted.is_empty() {
            let code = format!("{} if {} is not none else none", value.within(Binds::Choice), held.receiver());
            return Ok(Ex::new(code, Binds::Choice, Ty::Any));
        }
        let name = self.temporary("value");
        self.tag(format!("set {name} = none"));
        self.tag(format!("if {} is not none", held.receiver()));
        self.put(hoisted);
        self.tag(format!("set {name} = {}", value.code));
        self.tag("endif");
        Ok(Ex::cheap(name, Ty::Any))
    }

    /// `a[…]`.
    pub(super) fn index(&mut self, base: &Node, args: &[Node], at: usize) -> Translated<Ex> {
        if let Kind::Const(name) = &base.kind {
            return self.constant_index(name, args, at);
        }
        let value = self.value(base)?;
        let receiver = value.receiver();
        match args {
            [Node { kind: Kind::Range { low, high, exclusive }, .. }] => {
                let low = self.value(low)?;
                let high = match high {
                    Some(high) => self.value(high)?.code,
                    None => "none".to_owned(),
                };
                let exclusive = if *exclusive { ", true" } else { "" };
                Ok(Ex::tight(format!("{receiver}.slice_range({}, {high}{exclusive})", low.code), value.ty))
            }
            [pattern @ Node { kind: Kind::Regex(..), .. }] => {
                let pattern = self.value(pattern)?;
                Ok(Ex::tight(format!("{receiver}.slice({})", pattern.code), Ty::Any))
            }
            [key] => {
                let key = self.value(key)?;
                Ok(Ex::tight(format!("{receiver}.dig({})", key.code), Ty::Any))
            }
            [first, second] => {
                let (first, second) = (self.value(first)?, self.value(second)?);
                let ty = if value.ty == Ty::List { Ty::List } else { Ty::Any };
                Ok(Ex::tight(format!("{receiver}.slice({}, {})", first.code, second.code), ty))
            }
            _ => Err(Problem::new(at, "this index cannot be translated")),
        }
    }

    /// The code of arguments; named ones as such where the receiver is a function of ours.
    pub(super) fn arguments(&mut self, args: &[Node], named: bool) -> Translated<String> {
        let mut codes = Vec::new();
        for (place, arg) in args.iter().enumerate() {
            let last = place + 1 == args.len();
            match &arg.kind {
                Kind::Hash(pairs) if named && last => {
                    for (key, value) in pairs {
                        codes.push(self.named_argument(key, value)?);
                    }
                }
                Kind::Splat(_) => {
                    return Err(Problem::new(arg.at, "`*` among arguments cannot be translated"));
                }
                _ => codes.push(self.value(arg)?.code),
            }
        }
        Ok(codes.join(", "))
    }

    fn named_argument(&mut self, key: &Node, value: &Node) -> Translated<String> {
        let name = match &key.kind {
            Kind::Symbol(name) => name.clone(),
            Kind::Str(parts) => super::assign::plain_text(parts).unwrap_or_default(),
            _ => String::new(),
        };
        let word = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !word || super::RESERVED.contains(&name.as_str()) && name != "host" {
            return Err(Problem::new(key.at, "the name of this argument has no counterpart"));
        }
        let value = self.value(value)?;
        Ok(format!("{name}={}", value.code))
    }
}

/// A name, or names with dots between them.
pub(super) fn is_path(code: &str) -> bool {
    code.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'))
}
