//! What is wrong with an expression.

/// An expression cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {message}{}", .hint.as_ref().map_or_else(String::new, |hint| format!(" ({hint})")))]
pub struct SyntaxError {
    /// Where, in characters, counted from 1.
    pub column: usize,
    /// What is wrong there, and what was expected.
    pub message: String,
    /// What would do, if that can be guessed.
    pub hint: Option<String>,
}

/// The most of what was written that an error repeats.
const QUOTED: usize = 40;

/// What was written, in quotes and cut to a length that can be read.
pub(crate) fn quote(text: &str) -> String {
    let mut shown: String = text.chars().take(QUOTED).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

/// What is wrong, before it is known where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Wrong {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
