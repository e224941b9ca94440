//! Whether the server does all that it is there for.

use serde::{Deserialize, Serialize};
use types::Timestamp;
use utoipa::ToSchema;

/// `GET /api/v1/health`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// In one word.
    pub status: HealthStatus,
    /// What is wrong; nothing when all is well.
    pub troubles: Vec<Trouble>,
}

/// How the server does, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// As it should.
    Ok,
    /// Machines boot, and something else does not work.
    Degraded,
}

/// Something that does not work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Trouble {
    /// In one word that never changes its meaning: the code of the problems that requests meet because of it.
    pub code: String,
    /// Since when.
    #[schema(value_type = String)]
    pub since: Timestamp,
    /// What is wrong, and what to do.
    pub detail: String,
}
