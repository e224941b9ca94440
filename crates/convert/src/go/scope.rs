//! Which variable a name means, and what our language calls it.
//!
//! Go's conditions have scopes and ours have none, and our loops keep what is set in them to themselves.
//! So variables that can be seen together get different names, and one that is set in another loop than it was
//! declared in lives in a `namespace`.

use super::ast::{Branch, Node, Operand, Pipe, Term};
use super::library::Dot;
use std::collections::{HashMap, HashSet};

/// What a body does with one of its declarations; they are counted in their order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) read: bool,
    /// Set anywhere, after it was declared.
    pub(super) set: bool,
    /// Set inside a loop that it was not declared in.
    pub(super) set_elsewhere: bool,
}

/// A variable that can be seen.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    pub(super) ours: String,
    pub(super) index: usize,
    scope: usize,
    frame: usize,
    /// It stands for this, and nothing is stored.
    pub(super) alias: Option<Dot>,
}

/// The variables that can be seen at one place of a body.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    /// The names that each scope declares, outermost first.
    scopes: Vec<Vec<String>>,
    frames: Vec<usize>,
    /// What each name means, innermost last.
    visible: HashMap<String, Vec<Variable>>,
    /// How many visible variables have a name of ours.
    ours: HashMap<String, usize>,
    frames_so_far: usize,
    declared_so_far: usize,
}

impl Scopes {
    pub(super) fn enter(&mut self) {
        self.scopes.push(Vec::new());
    }

    pub(super) fn leave(&mut self) {
        for name in self.scopes.pop().unwrap_or_default() {
            if let Some(variable) = self.visible.get_mut(&name).and_then(Vec::pop)
                && let Some(count) = self.ours.get_mut(&variable.ours)
            {
                *count -= 1;
            }
        }
    }

    /// Enters a loop, whose variables do not outlive a turn.
    pub(super) fn enter_frame(&mut self) {
        self.frames_so_far += 1;
        self.frames.push(self.frames_so_far);
    }

    pub(super) fn leave_frame(&mut self) {
        self.frames.pop();
    }

    /// The place, for coming back to it from wherever a fault was found.
    pub(super) fn place(&self) -> (usize, usize) {
        (self.scopes.len(), self.frames.len())
    }

    pub(super) fn return_to(&mut self, (scopes, frames): (usize, usize)) {
        while self.scopes.len() > scopes {
            self.leave();
        }
        self.frames.truncate(frames);
    }

    fn frame(&self) -> usize {
        self.frames.last().copied().unwrap_or(0)
    }

    /// Declares a variable, under a name that no other visible one and none of `taken` has.
    pub(super) fn declare(&mut self, name: &str, taken: &HashSet<String>) -> Variable {
        let ours = self.name_for(name, taken);
        self.push(name, ours, None)
    }

    /// Declares a variable that stands for something else.
    pub(super) fn declare_alias(&mut self, name: &str, alias: Dot) {
        self.push(name, String::new(), Some(alias));
    }

    fn name_for(&self, name: &str, taken: &HashSet<String>) -> String {
        let redeclared = self.find(name).filter(|known| known.scope == self.scopes.len());
        if let Some(known) = redeclared.filter(|known| known.frame == self.frame() && known.alias.is_none()) {
            return known.ours.clone();
        }
        let base = if name.is_ascii() { name } else { "variable" };
        let is_free = |ours: &String| self.ours.get(ours).is_none_or(|count| *count == 0) && !taken.contains(ours);
        let numbered = (2_usize..).map(|number| format!("{base}_{number}"));
        std::iter::once(base.to_owned()).chain(numbered).find(is_free).unwrap_or_default()
    }

    fn push(&mut self, name: &str, ours: String, alias: Option<Dot>) -> Variable {
        *self.ours.entry(ours.clone()).or_default() += 1;
        let (index, scope, frame) = (self.declared_so_far, self.scopes.len(), self.frame());
        let variable = Variable { ours, index, scope, frame, alias };
        self.declared_so_far += 1;
        if let Some(declared) = self.scopes.last_mut() {
            declared.push(name.to_owned());
        }
        self.visible.entry(name.to_owned()).or_default().push(variable.clone());
        variable
    }

    pub(super) fn find(&self, name: &str) -> Option<&Variable> {
        self.visible.get(name)?.last()
    }
}

/// What `body` does with each of its declarations.
pub(super) fn usage(body: &[Node]) -> Vec<Usage> {
    let mut walk = Walk::default();
    walk.scopes.enter();
    walk.nodes(body);
    walk.usage
}

#[derive(Default)]
struct Walk {
    scopes: Scopes,
    usage: Vec<Usage>,
}

impl Walk {
    fn nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            match node {
                Node::Action { pipe, .. } | Node::Block { argument: pipe, .. } => self.pipe(pipe),
                Node::Template { argument: Some(pipe), .. } => self.pipe(pipe),
                Node::If(branch) => self.branch(branch, false),
                Node::With(branch) => self.with(branch),
                Node::Range(branch) => self.branch(branch, true),
                _ => {}
            }
        }
    }

    fn branch(&mut self, branch: &Branch, is_loop: bool) {
        self.scopes.enter();
        if is_loop {
            self.commands(&branch.pipe);
            self.scopes.enter_frame();
            self.declare_loop(&branch.pipe);
        } else {
            self.pipe(&branch.pipe);
        }
        self.inside(&branch.body);
        if is_loop {
            self.scopes.leave_frame();
        }
        if let Some(otherwise) = &branch.otherwise {
            // Behind a loop that did not turn, its variables are the whole of what it was to go over.
            if is_loop {
                branch.pipe.variables.iter().for_each(|name| self.declare(name));
            }
            self.inside(&otherwise.body);
        }
        self.scopes.leave();
    }

    fn with(&mut self, branch: &Branch) {
        self.scopes.enter();
        self.commands(&branch.pipe);
        if branch.pipe.variables.is_empty() {
            self.declare(WITH);
        } else {
            self.variables(&branch.pipe);
        }
        self.inside(&branch.body);
        if let Some(otherwise) = &branch.otherwise {
            self.inside(&otherwise.body);
        }
        self.scopes.leave();
    }

    fn inside(&mut self, body: &[Node]) {
        self.scopes.enter();
        self.nodes(body);
        self.scopes.leave();
    }

    fn pipe(&mut self, pipe: &Pipe) {
        self.commands(pipe);
        self.variables(pipe);
    }

    fn variables(&mut self, pipe: &Pipe) {
        for name in &pipe.variables {
            if pipe.sets {
                self.set(name);
            } else {
                self.declare(name);
            }
        }
    }

    fn declare_loop(&mut self, pipe: &Pipe) {
        match pipe.variables.as_slice() {
            [] => self.declare(ELEMENT),
            names => names.iter().for_each(|name| self.declare(name)),
        }
    }

    fn declare(&mut self, name: &str) {
        self.scopes.declare(name, &HashSet::new());
        self.usage.push(Usage::default());
    }

    fn set(&mut self, name: &str) {
        let frame = self.scopes.frame();
        if let Some(variable) = self.scopes.find(name) {
            let usage = &mut self.usage[variable.index];
            usage.set = true;
            usage.set_elsewhere |= variable.frame != frame;
        }
    }

    fn commands(&mut self, pipe: &Pipe) {
        for operand in pipe.commands.iter().flat_map(|command| &command.operands) {
            self.operand(operand);
        }
    }

    fn operand(&mut self, operand: &Operand) {
        match &operand.term {
            Term::Variable(name) => {
                if let Some(variable) = self.scopes.find(name) {
                    self.usage[variable.index].read = true;
                }
            }
            Term::Group(pipe) => self.commands(pipe),
            _ => {}
        }
    }
}

/// What the dot of a loop without variables is called.
pub(super) const ELEMENT: &str = "item";
/// What the dot of a `with` without a variable is called.
pub(super) const WITH: &str = "it";
