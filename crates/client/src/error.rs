//! What can go wrong, by what the caller can do about it.

use url::Url;
use wire::Problem;

/// A request was not done.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server said no.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// The server could not be reached, or the connection broke.
    #[error("reaching {url}")]
    Unreachable {
        /// What was asked for.
        url: Url,
        /// Why not.
        source: reqwest::Error,
    },
    /// Something answered that is not a Slipway server, or one that speaks another version.
    #[error("{url} gave an answer that cannot be read ({status})")]
    NotUnderstood {
        /// What was asked for.
        url: Url,
        /// The answer's status.
        status: u16,
    },
    /// A token that cannot be sent.
    #[error("the token has characters that no token has")]
    BadToken,
    /// The client could not be set up.
    #[error("setting up the HTTP client")]
    SetUp(#[source] reqwest::Error),
    /// A file that was to be sent cannot be read.
    #[error("reading {path}")]
    ReadFile {
        /// Which file.
        path: std::path::PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

impl ClientError {
    /// The code of the problem, if the server said no.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(problem) => Some(&problem.code),
            _ => None,
        }
    }

    /// Whether the same request may be done a moment later: the server is away or busy.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Refused(problem) => matches!(problem.status, 408 | 429 | 502 | 503 | 504),
            Self::Unreachable { .. } => true,
            Self::NotUnderstood { status, .. } => matches!(status, 502..=504),
            Self::BadToken | Self::SetUp(_) | Self::ReadFile { .. } => false,
        }
    }
}
