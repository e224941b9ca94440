//! `cargo xtask tidy`: the rules of this code base that neither the compiler nor clippy knows.
//!
//! Every rule is a pure function from the text of files to problems, so that its tests are small texts. A problem
//! says where it is and what to do about it. Generated files are left to the tests of the crates they come from.

mod files;
mod layers;
mod links;
mod manifests;
mod rust_rules;
mod source;

use crate::place;
use anyhow::{Result, bail};
use files::File;
use std::fmt;

/// One broken rule.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Problem {
    /// From the workspace's root.
    path: String,
    /// Counted from 1.
    line: usize,
    /// What is wrong, and what to do.
    what: String,
}

impl Problem {
    fn new(file: &File, line: usize, what: impl Into<String>) -> Self {
        Self { path: file.path.clone(), line, what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Checks the workspace.
pub(crate) fn run() -> Result<()> {
    let files = files::load(&place::root())?;
    let mut problems = Vec::new();
    for file in &files {
        problems.extend(match file.kind() {
            files::Kind::Rust => rust_rules::check(file),
            files::Kind::Manifest => manifests::check_manifest(file),
            files::Kind::Lock => manifests::check_lock(file),
            files::Kind::Markdown => links::check(file, &files),
            files::Kind::Other => Vec::new(),
        });
    }
    problems.extend(layers::check(&layers::load()?, &files));
    problems.sort();
    for problem in &problems {
        eprintln!("{problem}");
    }
    match problems.len() {
        0 => Ok(()),
        1 => bail!("1 rule is broken"),
        count => bail!("{count} rules are broken"),
    }
}
