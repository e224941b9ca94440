//! Files of objects.

use crate::DocumentProblem;
use serde::{Deserialize, Serialize};
use types::Name;
use types::object::Kind;
use utoipa::ToSchema;

/// `POST /api/v1/apply`: makes the store match the documents, all of them or none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyRequest {
    /// YAML files, each of one or more documents.
    pub files: Vec<ApplyFile>,
    /// Say what would change, and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// A YAML file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyFile {
    /// Its name, for error messages.
    pub file: String,
    /// Its content.
    pub text: String,
}

/// What an `apply` did, or would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApplyReport {
    /// Whether nothing was changed because only a forecast was wanted.
    pub dry_run: bool,
    /// One for each document, in the order in which they were applied.
    pub changes: Vec<Applied>,
    /// What the documents name and is not there yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<DocumentProblem>,
}

/// What became of one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Applied {
    /// The object's kind.
    pub kind: Kind,
    /// The object's name.
    pub name: Name,
    /// What became of it.
    pub change: Change,
}

/// What became of an applied document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// There was no such object.
    Created,
    /// The object was different.
    Updated,
    /// The object was already so.
    Unchanged,
}

/// `GET /api/v1/export`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Export {
    /// YAML files, one for each object that is not built in. Secrets are not in them.
    pub files: Vec<ApplyFile>,
}
