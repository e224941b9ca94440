//! One thing that is wrong with a text.

use crate::hint;
use serde::{Deserialize, Serialize};
use std::fmt;

/// More than a person reads.
const MAX_FINDINGS: usize = 100;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Where, counted from 1; nothing when it is about the whole text.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Whoever reads the text refuses it, or does something else than it says.
    Error,
    /// The text is taken, and is probably not what was meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.severity)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}", self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

/// The findings of one check.
#[derive(Debug, Default)]
pub(super) struct Findings {
    found: Vec<Finding>,
}

impl Findings {
    pub(super) fn error(&mut self, line: impl Into<Option<usize>>, message: impl Into<String>) -> &mut Finding {
        self.add(Severity::Error, line.into(), message.into())
    }

    pub(super) fn warning(&mut self, line: impl Into<Option<usize>>, message: impl Into<String>) -> &mut Finding {
        self.add(Severity::Warning, line.into(), message.into())
    }

    fn add(&mut self, severity: Severity, line: Option<usize>, message: String) -> &mut Finding {
        self.found.truncate(MAX_FINDINGS - 1);
        self.found.push(Finding { severity, line, message, hint: None });
        let last = self.found.len() - 1;
        &mut self.found[last]
    }

    pub(super) fn sorted(mut self) -> Vec<Finding> {
        self.found.sort_by_key(|finding| finding.line);
        self.found
    }
}

impl Finding {
    pub(super) fn hint(&mut self, hint: impl Into<String>) {
        self.hint = Some(hint.into());
    }

    /// Hints at the known word that is most like `wrong`.
    pub(super) fn hint_similar<'a>(&mut self, wrong: &str, known: impl IntoIterator<Item = &'a &'a str>) {
        self.hint = hint::similar(wrong, known.into_iter().copied());
    }
}

/// A word from a text as it may stand in a message.
pub(super) fn shown(word: &str) -> String {
    let short: String = word.chars().take(40).collect();
    if short.len() < word.len() { format!("{short:?}…") } else { format!("{short:?}") }
}
