//! What can be done with an object of any kind beside writing it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use types::object::Kind;
use types::{Name, Timestamp};
use utoipa::ToSchema;

/// What was wanted of an object at a version of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VersionView {
    /// Its number.
    pub version: u64,
    /// Since when.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// Who changed it.
    pub actor: String,
    /// What was wanted, secrets hidden.
    #[schema(value_type = Object)]
    pub spec: Value,
}

/// `POST …/revert`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Revert {
    /// The version to go back to.
    pub to: u64,
    /// The version that the caller saw; without it, whichever is the present one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
}

/// `POST …/clone`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloneObject {
    /// The copy's name; without it, the object's own with `-clone`, and a number where that is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
}

/// What names an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Uses {
    /// The objects that name it themselves.
    pub uses: Vec<UseView>,
    /// Machines that an edit of it would reach, through others too; the first hundred.
    pub machines: Vec<Name>,
    /// How many there are in all.
    pub machines_total: usize,
}

/// An object that names another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UseView {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: Name,
    /// Where it does so, as a JSON pointer within its spec.
    pub pointer: String,
}

/// A machine's parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MachineParams {
    /// Each, by key.
    pub params: Vec<ParamView>,
    /// What its group, profiles and the like name that is not there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// A parameter's value and its origin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ParamView {
    /// Its key.
    pub key: String,
    /// Its value; `[secret]` of a secret one.
    #[schema(value_type = Object)]
    pub value: Value,
    /// Who set it: `group compute`, `machine m1`; `default` for its declaration's default.
    pub source: String,
    /// Weaker layers that set it too, weakest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<String>,
    /// What is wrong with it, by its declaration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrong: Option<String>,
}

/// `POST /api/v1/machines/{id}/render`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenderPreview {
    /// The template, by name; with `text`, what errors call it.
    pub template: String,
    /// A text to render in its place, such as one that is being edited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The run's parameters, as if one were started with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub params: Option<types::Params>,
}

/// What a template renders to for a machine. Secrets are shown as `[secret]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RenderedPreview {
    /// The text.
    pub text: String,
    /// Other templates that were put in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub snippets: Vec<String>,
    /// What its own language has against it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<FindingView>,
}

/// Something in a rendered text that its reader will stumble over, or may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingView {
    /// `error` or `warning`.
    pub severity: String,
    /// Where, counted from 1.
    pub line: usize,
    /// What.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
