//! What a Go template says, as a tree.

/// Where something stands in the original, in bytes from its start.
pub(super) type Offset = usize;

/// One piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// Text that stands as it is.
    Text(String),
    /// `{{ … }}` that writes nothing, takes blanks away perhaps, and holds a remark.
    Comment { text: String, tag: Tag },
    /// `{{ pipeline }}`: writes a value, or declares or sets a variable.
    Action { pipe: Pipe, tag: Tag },
    /// `{{ if }}` … `{{ end }}`.
    If(Branch),
    /// `{{ with }}` … `{{ end }}`.
    With(Branch),
    /// `{{ range }}` … `{{ end }}`.
    Range(Branch),
    /// `{{ template "name" pipeline }}`.
    Template { name: String, argument: Option<Pipe>, tag: Tag },
    /// `{{ block "name" pipeline }}`: its body is among the definitions.
    Block { name: String, argument: Pipe, tag: Tag, end: Tag },
    /// `{{ break }}`.
    Break(Tag),
    /// `{{ continue }}`.
    Continue(Tag),
    /// `{{ define "name" }}` … `{{ end }}` stood here: it writes nothing, but its tags take blanks away.
    Defined { tag: Tag, end: Tag },
}

/// The delimiters of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) at: Offset,
    /// `{{-`: blanks before it go away.
    pub(super) trim_left: bool,
    /// `-}}`: blanks behind it go away.
    pub(super) trim_right: bool,
}

/// A condition or a loop with its bodies.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Branch {
    pub(super) pipe: Pipe,
    pub(super) tag: Tag,
    pub(super) body: Vec<Node>,
    pub(super) otherwise: Option<Otherwise>,
    pub(super) end: Tag,
}

/// What stands behind `{{ else }}`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Otherwise {
    pub(super) tag: Tag,
    /// `{{ else if }}`: the body is that one condition, which shares the `{{ end }}`.
    pub(super) chained: bool,
    pub(super) body: Vec<Node>,
}

/// A named template inside a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Definition {
    pub(super) name: String,
    pub(super) at: Offset,
    pub(super) body: Vec<Node>,
}

/// A file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct File {
    pub(super) body: Vec<Node>,
    pub(super) definitions: Vec<Definition>,
}

/// `$a, $b := command | command`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pipe {
    pub(super) at: Offset,
    /// The variables it declares or sets, without the `$`.
    pub(super) variables: Vec<String>,
    /// `=`, not `:=`.
    pub(super) sets: bool,
    pub(super) commands: Vec<Command>,
}

/// A function or a value with its arguments.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Command {
    pub(super) at: Offset,
    pub(super) operands: Vec<Operand>,
}

/// A value, or the name of a function.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operand {
    pub(super) at: Offset,
    pub(super) term: Term,
    /// The names behind it: `.Name.Name`.
    pub(super) fields: Vec<String>,
}

/// What an operand starts with.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Term {
    /// `.`; with fields, a member of what the dot means here.
    Dot,
    /// `$name`; the root is the variable without a name.
    Variable(String),
    /// A function.
    Function(String),
    /// Quoted text, unquoted.
    Text(String),
    /// A number, as our language writes it.
    Number(String),
    /// `true` or `false`.
    Bool(bool),
    /// `nil`.
    Nil,
    /// `( pipeline )`.
    Group(Box<Pipe>),
}
