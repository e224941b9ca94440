//! How errors become answers: the one place that knows a status and a code for each.

use artifact::folder::FolderError;
use artifact::media::MediaError;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, StatusCode, Uri};
use search::SyntaxError;
use std::io;
use store::{ApplyError, PushCommandError, StartRunError, StoreError};
use types::design::SheetProblem;
use types::{Digest, Name, RunId, chain};
use wire::{DocumentProblem, Problem, code};
use workflow::CommandError;

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("a token is needed: send it as \"Authorization: Bearer …\", or log in")]
    Unauthenticated,
    #[error("{reason}")]
    Forbidden { reason: &'static str },
    #[error("there is no {what} {id}")]
    NotFound { what: &'static str, id: String },
    #[error("there is nothing at {path}")]
    NoRoute { path: String },
    #[error("{method} means nothing to {path}")]
    NoMethod { method: Method, path: String },
    #[error("the body cannot be read: {detail}")]
    Malformed { detail: String },
    #[error("{detail}")]
    Invalid { pointer: String, detail: String },
    #[error("{detail}")]
    Patch { pointer: String, detail: String },
    #[error("{name} is not understood: {detail}")]
    Query { name: &'static str, detail: String },
    #[error("search is not understood: {0}")]
    Search(SyntaxError),
    #[error("{} of the documents cannot be applied; nothing was changed", .0.len())]
    Documents(Vec<DocumentProblem>),
    #[error("the sheet has {} mistakes; nothing was changed", .0.len())]
    Sheet(Vec<SheetProblem>),
    #[error("name the version that the change is based on, as \"version\" or in If-Match")]
    VersionRequired,
    #[error("the body must be application/json")]
    MediaType,
    #[error("the body is larger than {limit} bytes")]
    BodyTooLarge { limit: u64 },
    #[error("the body came too slowly")]
    Slow,
    #[error("{}", .reasons.join("; "))]
    Unavailable { reasons: Vec<String> },
    #[error("the idempotency key was used for run {run}, which is another one")]
    KeyReused { run: RunId },
    #[error("{what} {name} is still needed: {by}")]
    InUse { what: &'static str, name: Name, by: String },
    #[error("{what} {name} is locked: {reason}")]
    Locked { what: &'static str, name: Name, reason: &'static str },
    #[error("another agent uses this machine's identity")]
    IdentityInUse,
    #[error("this token is void for good")]
    Gone,
    #[error("run {run} has not failed: there is nothing to continue from")]
    NothingToContinue { run: RunId },
    #[error("deployment {name} is over")]
    DeploymentOver { name: Name },
    #[error("no machine of deployment {name} has failed")]
    NothingFailed { name: Name },
    #[error("the upload ended before it was complete")]
    UploadBroken,
    #[error("image {digest} is not here")]
    NoContent { digest: Digest },
    #[error("the range is not within the {size} bytes of the image")]
    Range { size: u64 },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error(transparent)]
    StartRun(#[from] StartRunError),
    #[error(transparent)]
    Command(#[from] PushCommandError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Media(#[from] MediaError),
    #[error("{doing}")]
    Fault { doing: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
}

pub(crate) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// A failure of the server itself.
    pub(crate) fn fault(doing: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Fault { doing, source: source.into() }
    }

    /// Whether the same may be done later.
    pub(crate) fn is_passing(&self) -> bool {
        self.status_and_code().0 == StatusCode::SERVICE_UNAVAILABLE
    }

    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, code::UNAUTHENTICATED),
            Self::Forbidden { .. } => (StatusCode::FORBIDDEN, code::FORBIDDEN),
            Self::NotFound { .. } | Self::NoRoute { .. } | Self::NoContent { .. } => {
                (StatusCode::NOT_FOUND, code::NOT_FOUND)
            }
            Self::NoMethod { .. } => (StatusCode::METHOD_NOT_ALLOWED, code::METHOD_NOT_ALLOWED),
            Self::Malformed { .. } | Self::Query { .. } | Self::Search(_) | Self::UploadBroken => {
                (StatusCode::BAD_REQUEST, code::MALFORMED)
            }
            Self::Invalid { .. } | Self::Patch { .. } => (StatusCode::UNPROCESSABLE_ENTITY, code::INVALID),
            Self::Documents(_) => (StatusCode::UNPROCESSABLE_ENTITY, code::INVALID_DOCUMENTS),
            Self::Sheet(_) => (StatusCode::UNPROCESSABLE_ENTITY, code::INVALID_SHEET),
            Self::VersionRequired => (StatusCode::PRECONDITION_REQUIRED, code::VERSION_REQUIRED),
            Self::MediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, code::MEDIA_TYPE),
            Self::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, code::TOO_LARGE),
            Self::Slow => (StatusCode::REQUEST_TIMEOUT, code::TIMEOUT),
            Self::Unavailable { .. } => (StatusCode::CONFLICT, code::UNAVAILABLE),
            Self::KeyReused { .. } => (StatusCode::CONFLICT, code::KEY_REUSED),
            Self::InUse { .. } => (StatusCode::CONFLICT, code::IN_USE),
            Self::Locked { .. } => (StatusCode::CONFLICT, code::LOCKED),
            Self::IdentityInUse => (StatusCode::CONFLICT, code::IDENTITY_IN_USE),
            Self::Gone => (StatusCode::GONE, code::GONE),
            Self::NothingToContinue { .. } | Self::DeploymentOver { .. } | Self::NothingFailed { .. } => {
                (StatusCode::CONFLICT, code::NOT_NOW)
            }
            Self::Range { .. } => (StatusCode::RANGE_NOT_SATISFIABLE, code::INVALID),
            Self::Store(error) => of_store(error),
            Self::Apply(ApplyError::Store(error) | ApplyError::Document { source: error, .. }) => of_store(error),
            Self::StartRun(error) => of_start_run(error),
            Self::Command(error) => of_command(error),
            Self::Folder(error) => of_folder(error),
            Self::Media(error) => of_media(error),
            Self::Fault { .. } => (StatusCode::INTERNAL_SERVER_ERROR, code::INTERNAL),
        }
    }

    fn pointer(&self) -> Option<String> {
        match self {
            Self::Invalid { pointer, .. } | Self::Patch { pointer, .. } => Some(pointer.clone()),
            Self::Search(_) => Some("/search".to_owned()),
            Self::Store(StoreError::SecretNotGiven { path }) => Some(format!("/spec{path}")),
            Self::Store(StoreError::NameTaken { .. }) => Some("/name".to_owned()),
            Self::Store(StoreError::MacTaken { .. }) => Some("/spec/macs".to_owned()),
            _ => None,
        }
    }

    pub(crate) fn problem(&self) -> Problem {
        let (status, code) = self.status_and_code();
        let detail = match code {
            code::INTERNAL => "the server has failed; its log says more".to_owned(),
            // Of which of its files is nobody's business.
            code::DISK_FULL => StoreError::Full.to_string(),
            // Why a disc is none is in what the error comes from.
            _ if matches!(self, Self::Media(_)) => chain(self),
            _ => self.to_string(),
        };
        Problem {
            kind: format!("urn:slipway:problem:{code}"),
            title: code.replace('_', " "),
            status: status.as_u16(),
            code: code.to_owned(),
            detail,
            pointer: self.pointer(),
            column: match self {
                Self::Search(error) => u64::try_from(error.column).ok(),
                _ => None,
            },
            hint: match self {
                Self::Search(error) => error.hint.clone(),
                _ => None,
            },
            errors: match self {
                Self::Documents(errors) => errors.clone(),
                _ => Vec::new(),
            },
            sheet: match self {
                Self::Sheet(problems) => problems.clone(),
                _ => Vec::new(),
            },
        }
    }
}

fn of_store(error: &StoreError) -> (StatusCode, &'static str) {
    match error {
        StoreError::NotFound { .. } => (StatusCode::NOT_FOUND, code::NOT_FOUND),
        StoreError::NameTaken { .. } => (StatusCode::CONFLICT, code::NAME_TAKEN),
        StoreError::Stale { .. } => (StatusCode::CONFLICT, code::STALE),
        StoreError::ReadOnly { .. } => (StatusCode::CONFLICT, code::READ_ONLY),
        StoreError::MacTaken { .. } => (StatusCode::CONFLICT, code::MAC_TAKEN),
        StoreError::MachineBusy { .. } => (StatusCode::CONFLICT, code::MACHINE_BUSY),
        StoreError::SecretNotGiven { .. } => (StatusCode::UNPROCESSABLE_ENTITY, code::INVALID),
        StoreError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, code::TOO_LARGE),
        StoreError::NewerFormat { .. } => (StatusCode::CONFLICT, code::NOT_NOW),
        StoreError::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, code::BUSY),
        StoreError::Full => (StatusCode::SERVICE_UNAVAILABLE, code::DISK_FULL),
        StoreError::Disk(_) => (StatusCode::SERVICE_UNAVAILABLE, code::DISK_BROKEN),
        StoreError::Corrupt { .. } => (StatusCode::INTERNAL_SERVER_ERROR, code::DAMAGED),
        StoreError::LeaseLost | StoreError::Malformed { .. } | StoreError::Refused(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, code::INTERNAL)
        }
    }
}

fn of_start_run(error: &StartRunError) -> (StatusCode, &'static str) {
    match error {
        StartRunError::MachineBusy { .. } => (StatusCode::CONFLICT, code::MACHINE_BUSY),
        StartRunError::MachineNotFound { .. } => (StatusCode::NOT_FOUND, code::NOT_FOUND),
        StartRunError::IdTaken { .. } => (StatusCode::CONFLICT, code::KEY_REUSED),
        StartRunError::Store(error) => of_store(error),
    }
}

fn of_command(error: &PushCommandError) -> (StatusCode, &'static str) {
    match error {
        PushCommandError::NotFound { .. } => (StatusCode::NOT_FOUND, code::NOT_FOUND),
        PushCommandError::Refused(CommandError::NoReason) => (StatusCode::UNPROCESSABLE_ENTITY, code::INVALID),
        PushCommandError::Refused(_) => (StatusCode::CONFLICT, code::NOT_NOW),
        PushCommandError::Store(error) => of_store(error),
    }
}

fn of_folder(error: &FolderError) -> (StatusCode, &'static str) {
    match error {
        FolderError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, code::TOO_LARGE),
        FolderError::DigestMismatch { .. } => (StatusCode::UNPROCESSABLE_ENTITY, code::DIGEST_MISMATCH),
        FolderError::Open { source, .. } | FolderError::Write { source, .. } if is_full(source) => {
            (StatusCode::SERVICE_UNAVAILABLE, code::DISK_FULL)
        }
        FolderError::Open { .. } | FolderError::Write { .. } => (StatusCode::INTERNAL_SERVER_ERROR, code::INTERNAL),
    }
}

fn of_media(error: &MediaError) -> (StatusCode, &'static str) {
    match error {
        MediaError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, code::TOO_LARGE),
        MediaError::Digest { .. } => (StatusCode::UNPROCESSABLE_ENTITY, code::DIGEST_MISMATCH),
        MediaError::Name { .. } | MediaError::Disc { .. } => (StatusCode::UNPROCESSABLE_ENTITY, code::INVALID),
        MediaError::Disk { source, .. } if is_full(source) => (StatusCode::SERVICE_UNAVAILABLE, code::DISK_FULL),
        MediaError::Disk { .. } => (StatusCode::INTERNAL_SERVER_ERROR, code::INTERNAL),
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let problem = self.problem();
        let code = self.status_and_code().1;
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        match status {
            // What is wrong with the disk was said when it was found.
            StatusCode::SERVICE_UNAVAILABLE => tracing::debug!(error = %chain(&self), "A request must wait"),
            _ if status.is_server_error() => tracing::error!(error = %chain(&self), "A request failed"),
            _ => {}
        }
        let mut response = (status, axum::Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                let seconds = if code == code::BUSY { "1" } else { "10" };
                headers.insert(RETRY_AFTER, HeaderValue::from_static(seconds));
            }
            _ => {}
        }
        if let Self::Range { size } = self {
            let range = HeaderValue::from_str(&format!("bytes */{size}")).expect("it is ASCII");
            headers.insert(http::header::CONTENT_RANGE, range);
        }
        response
    }
}

/// The answer to a path that nothing is routed to.
pub(crate) async fn no_route(uri: Uri) -> ApiError {
    ApiError::NoRoute { path: uri.path().to_owned() }
}

/// The answer to a method that nothing is routed to.
pub(crate) async fn no_method(method: Method, uri: Uri) -> ApiError {
    ApiError::NoMethod { method, path: uri.path().to_owned() }
}
