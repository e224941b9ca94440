//! The words of the Ruby that stands in templates.

/// A word and the place where it begins, in bytes of the template.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Tok,
    pub(super) at: usize,
    /// Whether white space stands before it: `f [1]` and `f[1]` are different things.
    pub(super) spaced: bool,
}

/// A word, or a piece of the template around the Ruby.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tok {
    Int(i64),
    Float(f64),
    /// Any kind of string; also what a symbol with quotes is made of.
    Str(Vec<Piece>),
    Regex(Vec<Piece>, String),
    Symbol(Vec<Piece>),
    /// `%w[…]` and `%i[…]`.
    Words(Vec<String>),
    /// A name with a small first letter, with its `?` or `!`.
    Ident(String),
    Const(String),
    /// `@name`, without the sign.
    Ivar(String),
    /// `$1`, `$~`, without the sign.
    Gvar(String),
    /// `name:` before a value.
    Label(String),
    Keyword(&'static str),
    Op(&'static str),
    /// The end of a line, `;`, or the end of a tag.
    Newline,
    /// Something that this reader knows and cannot translate: what it is.
    Unsupported(&'static str),
    /// Text of the template between tags.
    Text(String),
    /// The words of `<%= … %>`.
    Output(Vec<Token>),
    Comment(String),
    /// See [`super::scan::Segment::Indent`].
    Indent(String),
    /// See [`super::scan::Segment::Newline`].
    Trimmed,
    End,
}

/// A piece of a string.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    Text(String),
    /// `#{…}`.
    Code(Vec<Token>),
}

pub(super) const KEYWORDS: [&str; 36] = [
    "if", "elsif", "else", "unless", "end", "do", "while", "until", "for", "in", "case", "when", "then", "and", "or",
    "not", "nil", "true", "false", "self", "next", "break", "return", "begin", "rescue", "ensure", "def", "class",
    "module", "yield", "redo", "retry", "super", "defined?", "lambda", "proc",
];

/// Longest first.
pub(super) const OPERATORS: [&str; 62] = [
    "**=", "<=>", "===", "...", "<<=", ">>=", "&&=", "||=", "&.", "**", "==", "!=", ">=", "<=", "=~", "!~", "&&", "||",
    "..", "::", "+=", "-=", "*=", "/=", "%=", "|=", "&=", "^=", "<<", ">>", "->", "=>", "+", "-", "*", "/", "%", "=",
    "<", ">", "!", "&", "|", "^", "~", "?", ":", ",", ".", "(", ")", "[", "]", "{", "}", "[]=", "[]", "@@", "$", "`",
    "\\", "#",
];
