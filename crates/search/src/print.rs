//! Expressions as text, in one way only: reading it gives the same expression again.

use crate::ast::{Comparison, Expression, FieldRef, Node, split};
use crate::lexer::is_word_char;
use crate::operand::Operand;
use crate::parser::is_keyword;
use crate::size;
use std::fmt::{self, Display, Formatter};

impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.root().map_or(Ok(()), |root| root.fmt(f))
    }
}

impl Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(nodes) => join(f, nodes, " and ", |node| matches!(node, Self::Any(_))),
            Self::Any(nodes) => join(f, nodes, " or ", |_| false),
            Self::Not(inner) => {
                f.write_str("not ")?;
                enclose(f, inner, matches!(**inner, Self::All(_) | Self::Any(_)))
            }
            Self::Has(field) => write!(f, "has {field}"),
            Self::Compare(Comparison { field, operator, value }) => write!(f, "{field} {} {value}", operator.sign()),
            Self::In { field, negated, values } => {
                write!(f, "{field} {}in (", if *negated { "not " } else { "" })?;
                for (index, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str(")")
            }
            Self::Free(words) => {
                let text = words.text();
                let reads_as_field = split(text).1.is_some() && FieldRef::find(text).is_some();
                if reads_as_field { quoted(f, text) } else { word(f, text) }
            }
        }
    }
}

fn join(f: &mut Formatter<'_>, nodes: &[Node], between: &str, in_parentheses: fn(&Node) -> bool) -> fmt::Result {
    for (index, node) in nodes.iter().enumerate() {
        if index > 0 {
            f.write_str(between)?;
        }
        enclose(f, node, in_parentheses(node))?;
    }
    Ok(())
}

fn enclose(f: &mut Formatter<'_>, node: &Node, in_parentheses: bool) -> fmt::Result {
    if in_parentheses { write!(f, "({node})") } else { node.fmt(f) }
}

impl Display for FieldRef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        let Some(path) = self.path() else { return Ok(()) };
        f.write_str(".")?;
        if path.chars().all(is_word_char) { f.write_str(path) } else { quoted(f, path) }
    }
}

impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => word(f, text),
            Self::Number(number) => number.fmt(f),
            Self::Size(bytes) => f.write_str(&size::print(*bytes)),
            Self::Time(moment) => moment.fmt(f),
            Self::Mac(mac) => mac.fmt(f),
            Self::Uuid(uuid) => uuid.fmt(f),
            Self::Network(network) => network.fmt(f),
            Self::Pattern(pattern) => word(f, pattern.source()),
        }
    }
}

/// A text, in quotes where it needs them.
fn word(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    if !text.is_empty() && text.chars().all(is_word_char) && !is_keyword(text) {
        return f.write_str(text);
    }
    quoted(f, text)
}

fn quoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for char in text.chars() {
        match char {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            char => write!(f, "{char}")?,
        }
    }
    f.write_str("\"")
}
