//! Says in our language what a tree says.
//!
//! Two things of Ruby have no counterpart in an expression of ours and become statements before it: blocks of
//! code (`map { … }`), and assignments within conditions. Whatever Ruby would not evaluate is not evaluated here
//! either. What is true is another question in Ruby, where only nil and false are not: wherever a value may be
//! something else than true or false, the translation asks `is given`.

mod assign;
mod block;
mod call;
mod constant;
mod expression;
mod helper;
mod iterate;
mod method;
mod names;
mod pattern;
mod statement;
mod text;

use super::ast::{Body, Node, VarId, Variable};
use super::emit::Out;
use names::Names;
use std::collections::BTreeSet;

/// What was translated.
pub(super) struct Translation {
    pub(super) out: Vec<Out>,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<(usize, String)>,
}

/// Why something cannot be translated, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) at: usize,
    pub(super) reason: String,
    pub(super) hint: Option<String>,
}

impl Problem {
    fn new(at: usize, reason: impl Into<String>) -> Self {
        Self { at, reason: reason.into(), hint: None }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

type Translated<T> = Result<T, Problem>;

/// What is known of a value before it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ty {
    Any,
    Nil,
    Bool,
    Text,
    Int,
    Float,
    List,
    Map,
}

/// How tight an expression of ours holds together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binds {
    Choice,
    Or,
    And,
    Not,
    Compare,
    Sum,
    Product,
    Unary,
    /// `a|filter`, which no `.method` may follow.
    Filter,
    Tight,
}

/// An expression of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ex {
    code: String,
    binds: Binds,
    ty: Ty,
    /// Can be written twice, or evaluated without need: a name, a literal.
    cheap: bool,
}

impl Ex {
    fn new(code: impl Into<String>, binds: Binds, ty: Ty) -> Self {
        Self { code: code.into(), binds, ty, cheap: false }
    }

    /// A call or a name.
    fn tight(code: impl Into<String>, ty: Ty) -> Self {
        Self::new(code, Binds::Tight, ty)
    }

    fn cheap(code: impl Into<String>, ty: Ty) -> Self {
        Self { code: code.into(), binds: Binds::Tight, ty, cheap: true }
    }

    /// The code as an operand of what binds as tight as `binds`.
    fn within(&self, binds: Binds) -> String {
        if self.binds > binds || (self.binds == Binds::Tight && binds == Binds::Tight) {
            self.code.clone()
        } else {
            format!("({})", self.code)
        }
    }

    /// The code as the receiver of a method or of a test.
    fn receiver(&self) -> String {
        let number = self.code.starts_with(|c: char| c.is_ascii_digit());
        if self.binds == Binds::Tight && !number { self.code.clone() } else { format!("({})", self.code) }
    }
}

struct Translator<'a> {
    variables: &'a [Variable],
    names: Names,
    out: Vec<Out>,
    problems: Vec<Problem>,
    warnings: Vec<(usize, String)>,
    /// Types of local variables, as far as all assignments agree.
    types: Vec<Option<Ty>>,
    /// How deep blocks nest, for the eye.
    nest: usize,
    /// The nesting at the last text.
    text_nest: usize,
    temporaries: usize,
    /// Patterns leave their groups behind because `$1` is asked for.
    keeps_groups: bool,
    /// How deep the expression that is being translated nests.
    depth: usize,
    /// How many loops are open.
    loops: usize,
}

/// Translates a whole template.
pub(super) fn translate(body: &Body, variables: &[Variable]) -> Translation {
    let names = Names::new(body, variables);
    let keeps_groups = names.asks_for_groups;
    let mut translator = Translator {
        variables,
        names,
        out: Vec::new(),
        problems: Vec::new(),
        warnings: Vec::new(),
        types: vec![None; variables.len()],
        nest: 0,
        text_nest: 0,
        temporaries: 0,
        keeps_groups,
        depth: 0,
        loops: 0,
    };
    translator.learn_types(body);
    translator.header();
    translator.body(body);
    Translation { out: translator.out, problems: translator.problems, warnings: translator.warnings }
}

impl Translator<'_> {
    /// What has to be there before the first line: variables that may be read before they are assigned.
    fn header(&mut self) {
        for name in self.names.foreign.clone() {
            self.tag(format!("set {name} = {name}|default(none)"));
        }
        let shared: Vec<String> = self.names.shared(self.variables).map(|name| format!("{name}=none")).collect();
        if !shared.is_empty() {
            let space = self.names.space.clone();
            self.tag(format!("set {space} = namespace({})", shared.join(", ")));
        }
        if self.keeps_groups {
            let (target, _) = self.names.groups();
            if !target.contains('.') {
                self.tag(format!("set {target} = none"));
            }
        }
        self.initialize(0);
        if !self.out.is_empty() {
            self.out.push(Out::Newline);
        }
    }

    /// Gives the variables of a block, or of the template, their nil where they may be read before a value.
    fn initialize(&mut self, scope: usize) {
        let variables = self.variables.iter().enumerate();
        let unset = variables.filter(|(_, v)| v.scope == scope && v.may_be_unset && !v.param);
        let ids: Vec<VarId> = unset.map(|(id, _)| id).collect();
        let mut done = BTreeSet::new();
        for id in ids {
            if scope == 0 && self.variables[id].outlives_loop {
                continue;
            }
            let target = self.names.target(id, self.variables);
            if done.insert(target.clone()) {
                self.tag(format!("set {target} = none"));
            }
        }
    }

    /// Puts a block tag, on a line of its own where that leaves no trace.
    fn tag(&mut self, code: impl Into<String>) {
        self.block(Out::block(code));
    }

    fn block(&mut self, block: Out) {
        if matches!(self.out.last(), Some(Out::Block(_) | Out::Comment(_))) {
            self.out.push(Out::Newline);
            let indent = self.nest.saturating_sub(self.text_nest);
            if indent > 0 {
                self.out.push(Out::Indent("  ".repeat(indent)));
            }
        }
        self.out.push(block);
    }

    fn body(&mut self, body: &[Node]) {
        for node in body {
            if let Err(problem) = self.statement(node) {
                self.problems.push(problem);
            }
        }
    }

    fn warn(&mut self, at: usize, message: impl Into<String>) {
        self.warnings.push((at, message.into()));
    }

    fn temporary(&mut self, what: &str) -> String {
        self.temporaries += 1;
        let mut name = format!("{what}{}", self.temporaries);
        while self.names.taken(&name) {
            name.push('_');
        }
        name
    }

    /// What `translate` puts out, apart from what is there already.
    fn aside<T>(&mut self, translate: impl FnOnce(&mut Self) -> Translated<T>) -> Translated<(Vec<Out>, T)> {
        let before = std::mem::take(&mut self.out);
        // What is put aside is put into a branch later.
        self.nest += 1;
        let result = translate(self);
        self.nest -= 1;
        let out = std::mem::replace(&mut self.out, before);
        Ok((out, result?))
    }

    /// Puts what was put aside.
    fn put(&mut self, pieces: Vec<Out>) {
        for piece in pieces {
            match piece {
                Out::Block(_) => self.block(piece),
                other => self.out.push(other),
            }
        }
    }
}

/// Jinja's own words and the names that translations use: no variable may have them.
const RESERVED: [&str; 40] = [
    "and",
    "or",
    "not",
    "in",
    "is",
    "if",
    "else",
    "elif",
    "endif",
    "for",
    "endfor",
    "set",
    "endset",
    "true",
    "false",
    "none",
    "True",
    "False",
    "None",
    "loop",
    "namespace",
    "range",
    "concat",
    "regex",
    "snippet",
    "snippet_if_exists",
    "indent",
    "save_to_file",
    "host",
    "caller",
    "self",
    "super",
    "recursive",
    "with",
    "block",
    "macro",
    "include",
    "import",
    "do",
    "raise",
];
