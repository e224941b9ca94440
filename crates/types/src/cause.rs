//! Errors with their causes, as people read them.

use std::error::Error;

/// An error and its causes in one line. No error of ours repeats its cause's text, so each stands there once.
pub fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(&format!(": {error}"));
        cause = error.source();
    }
    line
}
