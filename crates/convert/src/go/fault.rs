//! A refusal before its place is known as line and column.

use super::ast::Offset;
use crate::Refusal;

/// Why a template cannot be translated, and where, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    at: Offset,
    reason: String,
    hint: Option<String>,
}

/// As much of the original as a person needs to see.
const SHOWN: usize = 60;

impl Fault {
    pub(super) fn new(at: Offset, reason: impl Into<String>) -> Fault {
        Fault { at, reason: reason.into(), hint: None }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Fault {
        Fault { hint: Some(hint.into()), ..self }
    }

    /// The refusal, with its place in `source`.
    pub(super) fn within(self, source: &str) -> Refusal {
        let at = (0..=self.at.min(source.len())).rev().find(|at| source.is_char_boundary(*at)).unwrap_or(0);
        let (line, column) = place(source, at);
        let rest = source[at..].lines().next().unwrap_or_default();
        // Up to where the action ends, if it does so in this line.
        let action = rest.find("}}").map_or(rest, |end| &rest[..end + 2]);
        let construct: String = action.chars().take(SHOWN).collect();
        Refusal { line, column, construct: construct.trim_end().to_owned(), reason: self.reason, hint: self.hint }
    }
}

/// Line and column of a byte, both counted from 1.
pub(super) fn place(source: &str, at: Offset) -> (usize, usize) {
    let before = &source[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
