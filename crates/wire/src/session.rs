//! Who is asking, and whom.

use serde::{Deserialize, Serialize};
use types::{Secret, Timestamp};
use utoipa::ToSchema;

/// `POST /login`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// A user's token.
    #[serde(serialize_with = "Secret::serialize_exposed")]
    #[schema(value_type = String)]
    pub token: Secret,
}

/// `GET /api/v1/whoami`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Whoami {
    /// What kind of caller.
    pub kind: PrincipalKind,
    /// Its name, as the history records it.
    pub name: String,
}

/// A kind of caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PrincipalKind {
    /// A person, or a program on a person's behalf.
    User,
}

/// `GET /api/v1/version`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Version {
    /// The server's version.
    pub version: String,
    /// The server's clock.
    #[schema(value_type = String)]
    pub now: Timestamp,
}
