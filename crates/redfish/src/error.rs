//! What can go wrong, by operation.
//!
//! An error names the method, the path and the message ids a BMC gave; never a header, a body or a login.

use std::fmt;
use types::Digest;

/// The request an error is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// `GET`, `POST`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// The path on the BMC.
    pub path: String,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// A client for an endpoint could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Only `https` keeps the login secret; `http` has to be allowed by [`crate::Options::allow_plain_http`].
    #[error("refusing the scheme {scheme:?}: a BMC is reached by https")]
    Scheme {
        /// The scheme that the URL has.
        scheme: String,
    },
    /// A login in a URL ends up in logs.
    #[error("the URL holds a login: put it into its own fields")]
    LoginInUrl,
    /// TLS or the HTTP client could not be set up.
    #[error("setting up TLS")]
    Tls(#[source] rustls::Error),
    /// The HTTP client could not be set up.
    #[error("setting up the HTTP client")]
    Client(#[source] reqwest::Error),
}

/// One request failed.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// No connection was made, so nothing was sent.
    #[error("connecting for {target}")]
    Unreachable {
        /// The request.
        target: Target,
        /// Why.
        source: reqwest::Error,
    },
    /// The connection broke after the request was (perhaps partly) sent.
    #[error("the connection broke during {target}")]
    Broken {
        /// The request.
        target: Target,
        /// Why.
        source: reqwest::Error,
    },
    /// No complete answer came in time.
    #[error("no answer in time to {target}")]
    TimedOut {
        /// The request.
        target: Target,
    },
    /// The BMC presents another certificate than the pinned one. Nothing was sent to it.
    #[error("the certificate is {found}, pinned is {expected}")]
    WrongCertificate {
        /// The pin.
        expected: Digest,
        /// What was presented.
        found: Digest,
    },
    /// The BMC does not accept the login.
    #[error("the login was refused with status {status}")]
    LoginRefused {
        /// The status it gave.
        status: u16,
    },
    /// The BMC answered with an error status.
    #[error("{target} was answered {status} {}", messages.join(", "))]
    Refused {
        /// The request.
        target: Target,
        /// The HTTP status.
        status: u16,
        /// Redfish message ids and the properties they are about.
        messages: Vec<String>,
    },
    /// The answer is longer than [`crate::Options::max_body_bytes`].
    #[error("the answer to {target} is longer than {limit_bytes} bytes")]
    TooLarge {
        /// The request.
        target: Target,
        /// The limit.
        limit_bytes: usize,
    },
    /// The answer is not JSON.
    #[error("the answer to {target} is not JSON")]
    NotJson {
        /// The request.
        target: Target,
        /// Where it stops being JSON.
        source: serde_json::Error,
    },
    /// The answer is nested deeper than any Redfish resource is.
    #[error("the answer to {target} is nested too deep")]
    TooDeep {
        /// The request.
        target: Target,
    },
    /// Redirects did not come to an end.
    #[error("{target} is redirected in circles")]
    RedirectLoop {
        /// The request.
        target: Target,
    },
    /// A write was sent and no usable answer came: it may have happened or not. Look again before repeating it.
    #[error("the effect of {target} is unknown")]
    UnknownEffect {
        /// The request.
        target: Target,
        /// What happened to the answer.
        source: Box<RequestError>,
    },
}

/// A resource could not be found or understood.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A request failed.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A resource lacks what is needed to go on.
    #[error("{path} has no usable {member}")]
    Missing {
        /// The resource.
        path: String,
        /// The property, link or action.
        member: &'static str,
    },
}

/// A change could not be made.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A request failed.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Finding where to write failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The BMC says itself that it does not take this value.
    #[error("{path} does not offer {member} {wanted}, only {}", offered.join(", "))]
    NotOffered {
        /// The resource.
        path: String,
        /// The property or parameter.
        member: &'static str,
        /// What was asked for.
        wanted: String,
        /// What is allowed.
        offered: Vec<String>,
    },
}

/// A task did not end well.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// A request failed.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The task ended badly.
    #[error("task {path} ended {state} {}", messages.join(", "))]
    Failed {
        /// The task or its monitor.
        path: String,
        /// Its last state.
        state: String,
        /// Redfish message ids.
        messages: Vec<String>,
    },
    /// The task is gone: whether it did anything is unknown.
    #[error("task {path} vanished")]
    Vanished {
        /// The task or its monitor.
        path: String,
    },
    /// The task still runs, or waits for a reset.
    #[error("task {path} is still {state}")]
    Unfinished {
        /// The task or its monitor.
        path: String,
        /// Its last state.
        state: String,
    },
}

impl RequestError {
    /// The HTTP status, when there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } | Self::LoginRefused { status } => Some(*status),
            Self::UnknownEffect { source, .. } => source.status(),
            _ => None,
        }
    }
}
