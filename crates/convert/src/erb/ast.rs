//! What a template says, as a tree.

/// A piece of a program, and where it begins in the template, in bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) at: usize,
}

pub(super) type Body = Vec<Node>;

/// A local variable; names are those of [`Variables`].
pub(super) type VarId = usize;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Nil,
    True,
    False,
    Myself,
    Int(i64),
    Float(f64),
    Str(Vec<Part>),
    Symbol(String),
    Regex(Vec<Part>, String),
    Array(Vec<Node>),
    /// Also the named arguments of a call.
    Hash(Vec<(Node, Node)>),
    Range {
        low: Box<Node>,
        high: Option<Box<Node>>,
        exclusive: bool,
    },
    Local(VarId),
    Ivar(String),
    Gvar(String),
    Const(String),
    Call(Box<Call>),
    Index(Box<Node>, Vec<Node>),
    Not(Box<Node>),
    Negative(Box<Node>),
    Binary(&'static str, Box<Node>, Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Choice(Box<Node>, Box<Node>, Box<Node>),
    Assign(Box<Node>, Box<Node>),
    /// `a += b`; `&&` and `||` are operators, too.
    Update(Box<Node>, &'static str, Box<Node>),
    Unpack(Vec<Node>, Box<Node>),
    If(Vec<(Node, Body)>, Option<Body>),
    Case(Option<Box<Node>>, Vec<(Vec<Node>, Body)>, Option<Body>),
    /// Also `until`, whose condition is negated.
    While(Box<Node>, Body),
    Group(Body),
    Next(Option<Box<Node>>),
    Break,
    Return,
    Splat(Box<Node>),
    Defined(Box<Node>),
    Text(String),
    Output(Body),
    Comment(String),
    Indent(String),
    Trimmed,
}

/// A piece of a string.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    Text(String),
    Code(Body),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub(super) receiver: Option<Node>,
    pub(super) name: String,
    pub(super) args: Vec<Node>,
    pub(super) block: Option<Block>,
    /// `&:name`.
    pub(super) block_pass: Option<Node>,
    /// `&.`: nothing is called on nil.
    pub(super) safe: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Block {
    pub(super) params: Vec<Param>,
    pub(super) body: Body,
    pub(super) scope: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Param {
    Name(VarId),
    Group(Vec<Param>),
}

/// Methods that change their receiver.
pub(super) const CHANGES: [&str; 37] = [
    "<<",
    "push",
    "append",
    "concat",
    "unshift",
    "prepend",
    "insert",
    "delete",
    "delete_at",
    "delete_if",
    "merge!",
    "update",
    "store",
    "gsub!",
    "sub!",
    "uniq!",
    "compact!",
    "sort!",
    "sort_by!",
    "map!",
    "collect!",
    "select!",
    "reject!",
    "flatten!",
    "reverse!",
    "strip!",
    "lstrip!",
    "rstrip!",
    "chomp!",
    "upcase!",
    "downcase!",
    "capitalize!",
    "pop",
    "shift",
    "clear",
    "replace",
    "squeeze!",
];

/// What is known of a local variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Variable {
    pub(super) name: String,
    /// The block that it belongs to; 0 is the template.
    pub(super) scope: usize,
    pub(super) param: bool,
    /// It is assigned in a loop that it outlives.
    pub(super) outlives_loop: bool,
    /// It is read where it may not have been assigned.
    pub(super) may_be_unset: bool,
    declared_on: Vec<u32>,
}

/// The local variables of a template, and what is being read while it is parsed.
#[derive(Debug, Default)]
pub(super) struct Variables {
    pub(super) all: Vec<Variable>,
    /// Names by block, innermost last.
    scopes: Vec<(usize, Vec<VarId>)>,
    /// Scopes of the result: blocks and loops, innermost last.
    frames: Vec<usize>,
    /// The branches that are being read, outermost first.
    path: Vec<u32>,
    assigned: Vec<(VarId, Vec<u32>)>,
    next_scope: usize,
    next_branch: u32,
}

impl Variables {
    pub(super) fn new() -> Self {
        Self { scopes: vec![(0, Vec::new())], frames: vec![0], next_scope: 1, ..Self::default() }
    }

    pub(super) fn find(&self, name: &str) -> Option<VarId> {
        let ids = self.scopes.iter().rev().flat_map(|(_, ids)| ids.iter().rev());
        ids.copied().find(|id| self.all[*id].name == name)
    }

    /// Notes that a variable is read here.
    pub(super) fn read(&mut self, id: VarId) {
        if !self.path.starts_with(&self.all[id].declared_on) {
            self.all[id].may_be_unset = true;
        }
    }

    /// The variable that an assignment here is to, which may be a new one.
    pub(super) fn assign(&mut self, name: &str) -> VarId {
        let id = self.find(name).unwrap_or_else(|| self.declare(name, false));
        let frame = self.frames.last().copied().unwrap_or(0);
        if self.all[id].scope != frame {
            self.all[id].outlives_loop = true;
        }
        self.assigned.push((id, self.path.clone()));
        id
    }

    pub(super) fn declare(&mut self, name: &str, param: bool) -> VarId {
        let id = self.all.len();
        let (scope, ids) = self.scopes.last_mut().expect("the template's own scope is never left");
        ids.push(id);
        let declared_on = self.path.clone();
        let scope = *scope;
        self.all.push(Variable {
            name: name.to_owned(),
            scope,
            param,
            outlives_loop: false,
            may_be_unset: false,
            declared_on,
        });
        id
    }

    /// Enters a block, which has variables of its own.
    pub(super) fn enter_block(&mut self) -> usize {
        let scope = self.next_scope;
        self.next_scope += 1;
        self.scopes.push((scope, Vec::new()));
        self.frames.push(scope);
        self.enter_branch();
        scope
    }

    pub(super) fn leave_block(&mut self) {
        self.scopes.pop();
        self.frames.pop();
        self.leave_branch();
    }

    /// Enters a loop that is no block: its variables are those around it.
    pub(super) fn enter_loop(&mut self) {
        self.frames.push(self.next_scope);
        self.next_scope += 1;
        self.enter_branch();
    }

    pub(super) fn leave_loop(&mut self) {
        self.frames.pop();
        self.leave_branch();
    }

    /// How many variables and assignments there are.
    pub(super) fn mark(&self) -> (usize, usize) {
        (self.all.len(), self.assigned.len())
    }

    /// What was read since `mark` is executed only sometimes, as the words after it say.
    pub(super) fn only_sometimes(&mut self, mark: (usize, usize)) {
        self.next_branch += 1;
        let (branch, depth) = (self.next_branch, self.path.len());
        let declared = self.all[mark.0..].iter_mut().map(|variable| &mut variable.declared_on);
        let assigned = self.assigned[mark.1..].iter_mut().map(|(_, path)| path);
        declared.chain(assigned).filter(|path| path.len() >= depth).for_each(|path| path.insert(depth, branch));
    }

    /// Enters what may not be executed.
    pub(super) fn enter_branch(&mut self) -> u32 {
        self.next_branch += 1;
        self.path.push(self.next_branch);
        self.next_branch
    }

    pub(super) fn leave_branch(&mut self) {
        self.path.pop();
    }

    /// Of `branches` one is always executed: what is assigned in each is assigned after them.
    pub(super) fn join(&mut self, branches: &[u32]) {
        let parent = self.path.clone();
        let on = |branch: u32| parent.iter().copied().chain([branch]).collect::<Vec<u32>>();
        for (id, variable) in self.all.iter_mut().enumerate() {
            let declared_here = branches.iter().any(|branch| variable.declared_on == on(*branch));
            let everywhere =
                |branch: &u32| self.assigned.iter().any(|(other, path)| *other == id && *path == on(*branch));
            if declared_here && branches.iter().all(everywhere) {
                variable.declared_on.clone_from(&parent);
            }
        }
    }
}

/// The variable that a method which changes its receiver would change.
pub(super) fn changed_root(node: &Node) -> Option<VarId> {
    match &node.kind {
        Kind::Local(id) => Some(*id),
        Kind::Index(base, _) => changed_root(base),
        _ => None,
    }
}
