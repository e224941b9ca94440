//! Templates as objects.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A text that is rendered for a machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateSpec {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What the text becomes once rendered. A file says `output`, where `kind` is the kind of object.
    #[serde(rename = "output")]
    pub kind: TemplateKind,
    /// The text.
    pub text: String,
}

/// What a template becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TemplateKind {
    /// YAML of [`crate::agent::PlatformSetup`]: what an installed system is told of itself.
    Platform,
    /// A part that other templates include.
    Snippet,
}

impl std::fmt::Display for TemplateKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Platform => "platform",
            Self::Snippet => "snippet",
        })
    }
}
