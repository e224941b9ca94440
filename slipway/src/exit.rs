//! Exit statuses, and how an error is told. Documented in docs/operate/cli.md.

use client::ClientError;
use std::io::{self, Write};
use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// As wanted.
    Done = 0,
    /// Not as wanted: the run failed or was cancelled, or something else went wrong.
    Failed = 1,
    /// The command line is wrong; clap uses the same number.
    Usage = 2,
    /// There is no such thing.
    NotFound = 3,
    /// It contradicts what is there: a stale version, a taken name, a busy machine, a command that means nothing now.
    Conflict = 4,
    /// The token is missing, not valid, or not good for it.
    NotAllowed = 5,
    /// The server cannot be reached or cannot answer now.
    Unreachable = 6,
    /// What was given is wrong: a document, a spec, an image's digest.
    Invalid = 7,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command line that clap cannot know to be wrong.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// A machine that has not had a run.
#[derive(Debug, thiserror::Error)]
#[error("machine {machine} has not had a run")]
pub(crate) struct NoRun {
    /// As it was named.
    pub(crate) machine: String,
}

/// The status that an error ends with.
pub(crate) fn of(error: &anyhow::Error) -> Exit {
    if error.is::<Usage>() {
        return Exit::Usage;
    }
    if error.is::<NoRun>() {
        return Exit::NotFound;
    }
    match error.downcast_ref::<ClientError>() {
        Some(ClientError::Refused(problem)) => of_status(problem.status),
        Some(ClientError::Unreachable { .. } | ClientError::NotUnderstood { .. }) => Exit::Unreachable,
        Some(ClientError::BadToken) => Exit::NotAllowed,
        Some(ClientError::SetUp(_) | ClientError::ReadFile { .. }) | None => Exit::Failed,
    }
}

fn of_status(status: u16) -> Exit {
    match status {
        401 | 403 => Exit::NotAllowed,
        404 => Exit::NotFound,
        409 | 412 | 428 => Exit::Conflict,
        400 | 413 | 415 | 416 | 422 => Exit::Invalid,
        408 | 429 | 502..=504 => Exit::Unreachable,
        _ => Exit::Failed,
    }
}

/// Tells an error on standard error, with every document that is wrong.
pub(crate) fn tell(error: &anyhow::Error) {
    let mut text = format!("slipway: {error:#}\n");
    if let Some(ClientError::Refused(problem)) = error.downcast_ref::<ClientError>() {
        for wrong in &problem.errors {
            text.push_str(&format!("{wrong}\n"));
        }
        for wrong in &problem.sheet {
            text.push_str(&format!("{wrong}\n"));
        }
    }
    // Nobody is left to tell that standard error is closed.
    io::stderr().write_all(text.as_bytes()).ok();
}

/// Whether the error is a reader that has gone, as in `slipway logs m1 | head`.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
