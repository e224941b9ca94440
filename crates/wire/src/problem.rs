//! How the API says no (RFC 9457).

use serde::{Deserialize, Serialize};
use types::design::SheetProblem;
use utoipa::ToSchema;

/// An answer that is not what was asked for. Its media type is `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:slipway:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The code in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong, in one word that never changes its meaning. See [`code`].
    pub code: String,
    /// What went wrong this time.
    pub detail: String,
    /// Where in the request's body, or which parameter of its query, as a JSON pointer (RFC 6901).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Where in what `pointer` names, in characters and counted from 1, when that is an expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
    /// What would do instead, when that can be guessed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Every document that is wrong, when documents were sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<DocumentProblem>,
    /// Everything that is wrong in a sheet, when one was sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sheet: Vec<SheetProblem>,
}

/// What is wrong with one document of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentProblem {
    /// The file, as the client named it.
    pub file: String,
    /// Counted from 1.
    pub line: u64,
    /// Counted from 1.
    pub column: u64,
    /// Where in the document, as a JSON pointer; empty for the document as a whole.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
}

impl std::fmt::Display for DocumentProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if !self.pointer.is_empty() {
            write!(f, "{}: ", self.pointer)?;
        }
        f.write_str(&self.message)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)?;
        if let Some(pointer) = self.pointer.as_deref().filter(|pointer| !pointer.is_empty()) {
            write!(f, " (at {pointer})")?;
        }
        Ok(())
    }
}

/// The codes of problems. A code keeps its meaning; new ones may come.
pub mod code {
    /// No token, or one that is not valid any more.
    pub const UNAUTHENTICATED: &str = "unauthenticated";
    /// The token is not good for this.
    pub const FORBIDDEN: &str = "forbidden";
    /// There is no such thing.
    pub const NOT_FOUND: &str = "not_found";
    /// The path is there, and the method means nothing to it.
    pub const METHOD_NOT_ALLOWED: &str = "method_not_allowed";
    /// The request cannot be read.
    pub const MALFORMED: &str = "malformed";
    /// The body can be read and says something that cannot be.
    pub const INVALID: &str = "invalid";
    /// Documents of an `apply` are wrong; `errors` lists them.
    pub const INVALID_DOCUMENTS: &str = "invalid_documents";
    /// A sheet is wrong; `sheet` lists what is.
    pub const INVALID_SHEET: &str = "invalid_sheet";
    /// An update without the version that it is based on.
    pub const VERSION_REQUIRED: &str = "version_required";
    /// The object was changed since it was read.
    pub const STALE: &str = "stale";
    /// The name is taken.
    pub const NAME_TAKEN: &str = "name_taken";
    /// A network card belongs to another machine.
    pub const MAC_TAKEN: &str = "mac_taken";
    /// A built-in cannot be changed.
    pub const READ_ONLY: &str = "read_only";
    /// Something else still needs the object.
    pub const IN_USE: &str = "in_use";
    /// The object is locked against changes.
    pub const LOCKED: &str = "locked";
    /// Another agent is at work with the identity of this one's machine.
    pub const IDENTITY_IN_USE: &str = "identity_in_use";
    /// What the token was for is over.
    pub const GONE: &str = "gone";
    /// The machine has an active run.
    pub const MACHINE_BUSY: &str = "machine_busy";
    /// Something that the run would need is missing.
    pub const UNAVAILABLE: &str = "unavailable";
    /// The command means nothing to the run as it stands.
    pub const NOT_NOW: &str = "not_now";
    /// The idempotency key was used for another request.
    pub const KEY_REUSED: &str = "key_reused";
    /// The content does not have the declared digest.
    pub const DIGEST_MISMATCH: &str = "digest_mismatch";
    /// The body is larger than it may be.
    pub const TOO_LARGE: &str = "too_large";
    /// The body came too slowly.
    pub const TIMEOUT: &str = "timeout";
    /// The body is of a media type that is not read here.
    pub const MEDIA_TYPE: &str = "media_type";
    /// The server itself is at fault; its log has more.
    pub const INTERNAL: &str = "internal";
    /// The server cannot answer right now.
    pub const BUSY: &str = "busy";
    /// The server's disk is full: it takes no new work until there is room.
    pub const DISK_FULL: &str = "disk_full";
    /// The server's disk, or the database on it, does not work.
    pub const DISK_BROKEN: &str = "disk_broken";
    /// What the server has stored of it cannot be read.
    pub const DAMAGED: &str = "damaged";
}
