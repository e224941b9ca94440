//! Discs and trees of installation media.

use serde::{Deserialize, Serialize};
use types::Digest;
use utoipa::ToSchema;

/// `GET /api/v1/isos`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MediaList {
    /// All of them, by name.
    pub items: Vec<MediumFile>,
}

/// A disc or a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MediumFile {
    /// Its name: media say `local:` and this.
    pub name: String,
    /// A disc's size; a tree has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// A disc's digest, where it was uploaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// What a disc calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Why a disc cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}
