//! Goes through a tree.

use super::ast::{Body, Kind, Node, Part};

/// Shows every node to `see`, outer ones first.
pub(super) fn walk(body: &[Node], see: &mut dyn FnMut(&Node)) {
    for node in body {
        see(node);
        each_child(node, &mut |children| walk(children, see));
    }
}

fn each_child(node: &Node, go: &mut dyn FnMut(&[Node])) {
    let one = std::slice::from_ref::<Node>;
    match &node.kind {
        Kind::Str(parts) | Kind::Regex(parts, _) => each_part(parts, go),
        Kind::Array(nodes) => go(nodes),
        Kind::Hash(pairs) => pairs.iter().for_each(|(key, value)| {
            go(one(key));
            go(one(value));
        }),
        Kind::Range { low, high, .. } => {
            go(one(low));
            high.iter().for_each(|high| go(one(high)));
        }
        Kind::Call(call) => {
            call.receiver.iter().for_each(|receiver| go(one(receiver)));
            go(&call.args);
            call.block.iter().for_each(|block| go(&block.body));
        }
        Kind::Index(base, args) => {
            go(one(base));
            go(args);
        }
        Kind::Not(a) | Kind::Negative(a) | Kind::Splat(a) | Kind::Defined(a) => go(one(a)),
        Kind::Binary(_, a, b) | Kind::And(a, b) | Kind::Or(a, b) | Kind::Assign(a, b) | Kind::Update(a, _, b) => {
            go(one(a));
            go(one(b));
        }
        Kind::Choice(a, b, c) => [a, b, c].into_iter().for_each(|node| go(one(node))),
        Kind::Unpack(targets, value) => {
            go(targets);
            go(one(value));
        }
        Kind::If(arms, otherwise) => {
            for (condition, body) in arms {
                go(one(condition));
                go(body);
            }
            optional(otherwise, go);
        }
        Kind::Case(subject, arms, otherwise) => {
            subject.iter().for_each(|subject| go(one(subject)));
            for (values, body) in arms {
                go(values);
                go(body);
            }
            optional(otherwise, go);
        }
        Kind::While(condition, body) => {
            go(one(condition));
            go(body);
        }
        Kind::Group(body) | Kind::Output(body) => go(body),
        Kind::Next(Some(value)) => go(one(value)),
        _ => {}
    }
}

fn each_part(parts: &[Part], go: &mut dyn FnMut(&[Node])) {
    for part in parts {
        if let Part::Code(body) = part {
            go(body);
        }
    }
}

fn optional(body: &Option<Body>, go: &mut dyn FnMut(&[Node])) {
    if let Some(body) = body {
        go(body);
    }
}
