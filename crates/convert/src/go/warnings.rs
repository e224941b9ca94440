//! What is translated and still differs in a way that a person should know of.

use super::ast::{File, Node, Operand, Pipe, Term};
use super::fault::place;
use crate::Warning;

/// Members that mean less with us, and what a person should know.
const MEMBERS: [(&str, &str); 6] = [
    ("ParamExpand", EXPANDED),
    ("ComposeParamExpand", EXPANDED),
    ("ParamComposeExpand", EXPANDED),
    ("StringExpand", EXPANDED),
    ("ObjectExpand", EXPANDED),
    ("HasFeature", "the machine has no features of Digital Rebar's endpoint"),
];
const EXPANDED: &str = "a value is rendered as a template only where its parameter is declared with `template: true`";

pub(super) fn of(file: &File, source: &str) -> Vec<Warning> {
    let mut found = Vec::new();
    for nodes in std::iter::once(&file.body).chain(file.definitions.iter().map(|definition| &definition.body)) {
        each(nodes, &mut found);
    }
    let mut warnings: Vec<Warning> = found
        .into_iter()
        .map(|(at, message)| Warning { line: place(source, at).0, message: message.to_owned() })
        .collect();
    warnings.sort_by_key(|warning| warning.line);
    warnings.dedup();
    warnings
}

type Found = Vec<(usize, &'static str)>;

fn each(nodes: &[Node], found: &mut Found) {
    for node in nodes {
        match node {
            Node::Action { pipe: inner, .. } | Node::Block { argument: inner, .. } => pipe(inner, found),
            Node::Template { argument: Some(inner), .. } => pipe(inner, found),
            Node::If(branch) | Node::With(branch) | Node::Range(branch) => {
                pipe(&branch.pipe, found);
                each(&branch.body, found);
                each(branch.otherwise.as_ref().map(|otherwise| otherwise.body.as_slice()).unwrap_or_default(), found);
            }
            _ => {}
        }
    }
}

fn pipe(pipe: &Pipe, found: &mut Found) {
    pipe.commands.iter().flat_map(|command| &command.operands).for_each(|each| operand(each, found));
}

fn operand(operand: &Operand, found: &mut Found) {
    if let Term::Group(inner) = &operand.term {
        pipe(inner, found);
    }
    let said = operand.fields.iter().filter_map(|field| MEMBERS.iter().find(|(member, _)| member == field));
    found.extend(said.map(|(_, message)| (operand.at, *message)));
}
