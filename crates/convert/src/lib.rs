//! Templates of other systems, translated to ours.
//!
//! A template is translated whole or refused: a half-translated kickstart would install a half-configured
//! machine. A refusal names the line, the construct, why it cannot be translated, and what to do about it.
//! Nothing is run and nothing is read but the text: what a value will be is known only when it is rendered, so
//! that the result leans on the names that `template` gives to users of both systems.

mod directory;
pub mod erb;
pub mod go;
mod yaml;

pub use directory::{DirectoryReport, FileReport, Language, directory, file};

use serde::Serialize;

/// A template in our language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Converted {
    /// Its name, as the original says it, or the file's.
    pub name: String,
    /// What kind of text it renders to, as far as the original says.
    pub kind: Option<String>,
    /// Whether it is a piece that other templates include.
    pub snippet: bool,
    /// The families of operating systems that it is for; empty: any.
    pub families: Vec<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The template.
    pub text: String,
    /// What was translated but deserves a look.
    pub warnings: Vec<Warning>,
}

/// Something that was translated but deserves a look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// Where in the original, counted from 1.
    pub line: usize,
    /// What a person should know.
    pub message: String,
}

/// Why a template was not translated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("line {line}, column {column}: {construct}: {reason}{}", hint_of(.hint))]
pub struct Refusal {
    /// Where, counted from 1.
    pub line: usize,
    /// Where in the line, in characters, counted from 1.
    pub column: usize,
    /// The piece of the original that it is about, shortened.
    pub construct: String,
    /// Why it cannot be translated.
    pub reason: String,
    /// What to do about it.
    pub hint: Option<String>,
}

fn hint_of(hint: &Option<String>) -> String {
    hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default()
}
