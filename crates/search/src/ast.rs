//! An expression, read.

use crate::condition::Condition;
use crate::error::Wrong;
use crate::field::{self, Field};
use crate::operand::{Operand, Pattern};
use std::sync::Arc;

/// An expression over machines. It holds for all of them when it is empty.
///
/// Cheap to clone: rules keep it and evaluate it often.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    root: Option<Arc<Node>>,
}

impl Expression {
    /// The expression that holds for every machine.
    pub fn everything() -> Self {
        Self { root: None }
    }

    /// The expression that holds where a name contains the text, whatever characters it has.
    pub fn name_contains(text: &str) -> Self {
        let name = FieldRef::find("name").expect("it is in the table");
        // In names there are no stars, which would stand for anything here, and none is as long as a pattern may be.
        let part = if text.contains(['*', '%']) { Err(()) } else { Pattern::containing(text).map_err(drop) };
        Self::from(match part {
            Ok(part) => {
                Node::Compare(Comparison { field: name, operator: Operator::Contains, value: Operand::Pattern(part) })
            }
            Err(()) => Node::Not(Box::new(Node::Has(name))),
        })
    }

    /// The expression that holds where both do.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self.root, other.root) {
            (Some(a), Some(b)) => Node::all(vec![Arc::unwrap_or_clone(a), Arc::unwrap_or_clone(b)]).into(),
            (one, None) | (None, one) => Self { root: one },
        }
    }

    /// What it says; nothing for [`Expression::everything`].
    pub fn root(&self) -> Option<&Node> {
        self.root.as_deref()
    }
}

impl From<Node> for Expression {
    fn from(root: Node) -> Self {
        Self { root: Some(Arc::new(root)) }
    }
}

/// A part of an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// All hold. At least two, and none is an `All` itself.
    All(Vec<Node>),
    /// One holds. At least two, and none is an `Any` itself.
    Any(Vec<Node>),
    /// It does not hold.
    Not(Box<Node>),
    /// The machine has a value under the field.
    Has(FieldRef),
    /// A comparison with one value.
    Compare(Comparison),
    /// A comparison with several values.
    In {
        /// With what they are compared.
        field: FieldRef,
        /// Whether none of them must be equal.
        negated: bool,
        /// The values; at least one.
        values: Vec<Operand>,
    },
    /// A text by itself: what it is looked for in is [`crate::FREE_TEXT`].
    Free(FreeText),
}

impl Node {
    /// All of `nodes`, which are at least one.
    pub fn all(nodes: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(nodes.len());
        for node in nodes {
            if let Self::All(inner) = node { flat.extend(inner) } else { flat.push(node) }
        }
        if flat.len() == 1 { flat.remove(0) } else { Self::All(flat) }
    }

    /// One of `nodes`, which are at least one.
    pub fn any(nodes: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(nodes.len());
        for node in nodes {
            if let Self::Any(inner) = node { flat.extend(inner) } else { flat.push(node) }
        }
        if flat.len() == 1 { flat.remove(0) } else { Self::Any(flat) }
    }
}

/// A text to look for wherever a machine is known by something.
#[derive(Debug, Clone, PartialEq)]
pub struct FreeText {
    text: String,
    /// How it may be spelt where it is looked for.
    spellings: Vec<Pattern>,
}

impl FreeText {
    pub(crate) fn read(text: &str) -> Result<Self, Wrong> {
        if text.trim().is_empty() {
            return Err(Wrong::new("there is nothing to look for in an empty text"));
        }
        let mut spellings = vec![Pattern::containing(text)?];
        if is_dashed_mac(text) {
            spellings.push(Pattern::containing(&text.replace('-', ":"))?);
        }
        Ok(Self { text: text.to_owned(), spellings })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn conditions(&self) -> Vec<Condition> {
        self.spellings.iter().map(Pattern::condition).collect()
    }
}

/// Whether it is the beginning of an Ethernet address with hyphens, which is kept with colons.
fn is_dashed_mac(text: &str) -> bool {
    let is_octet = |octet: &str| octet.len() == 2 && octet.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.contains('-') && text.split('-').all(is_octet)
}

/// `field operator value`.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What is compared.
    pub field: FieldRef,
    /// How.
    pub operator: Operator,
    /// With what.
    pub value: Operand,
}

/// How a field is compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, a regular expression that is found in the value.
    Matches,
    /// `!~`
    MatchesNot,
    /// `~`, a text that is found in the value, whatever the case of its letters.
    Contains,
    /// `!~~`
    ContainsNot,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

impl Operator {
    /// Every operator.
    pub const ALL: [Self; 10] = [
        Self::Equal,
        Self::NotEqual,
        Self::Matches,
        Self::MatchesNot,
        Self::Contains,
        Self::ContainsNot,
        Self::Less,
        Self::AtMost,
        Self::Greater,
        Self::AtLeast,
    ];

    /// As it is written.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Matches => "=~",
            Self::MatchesNot => "!~",
            Self::Contains => "~",
            Self::ContainsNot => "!~~",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        }
    }

    /// Whether it asks which of two values comes first.
    pub fn is_order(self) -> bool {
        matches!(self, Self::Less | Self::AtMost | Self::Greater | Self::AtLeast)
    }

    /// Whether it looks into a text.
    pub fn is_search(self) -> bool {
        matches!(self, Self::Matches | Self::MatchesNot | Self::Contains | Self::ContainsNot)
    }

    /// Whether it is the opposite of another: it holds too where the machine has no value at all.
    pub fn is_negated(self) -> bool {
        matches!(self, Self::NotEqual | Self::MatchesNot | Self::ContainsNot)
    }
}

/// A field, and the path into it where it has one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FieldRef {
    name: &'static str,
    path: Option<String>,
}

impl FieldRef {
    /// The field that a name such as `memory` or `params.rack` means.
    ///
    /// `None` when there is no such field, or the path is missing or out of place.
    pub fn find(name: &str) -> Option<Self> {
        let (field, path) = split(name);
        let field = field::find(field)?;
        let path = path.filter(|path| !path.is_empty());
        (field.has_path == path.is_some()).then(|| Self { name: field.name, path: path.map(str::to_owned) })
    }

    /// The field's entry in the table.
    pub fn field(&self) -> &'static Field {
        field::find(self.name).expect("it was made from the table")
    }

    /// Where the values are filed: `memory`, `params.rack`.
    pub fn key(&self) -> String {
        match &self.path {
            None => self.name.to_owned(),
            Some(path) => format!("{}.{path}", self.name),
        }
    }

    /// The path into the field.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// The field's name in the table.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

/// A name and the path behind its first full stop.
pub(crate) fn split(name: &str) -> (&str, Option<&str>) {
    match name.split_once('.') {
        None => (name, None),
        Some((field, path)) => (field, Some(path)),
    }
}
