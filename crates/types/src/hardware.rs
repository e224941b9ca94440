//! Device types: what a model of server is set to.

use crate::Params;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A device type.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HardwareProfileSpec {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who makes it, as its firmware says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// Products and main boards that are of this type, as their firmware says; `*` stands for any text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// BIOS attributes and the values that they must have.
    #[serde(default, skip_serializing_if = "Params::is_empty")]
    #[schema(value_type = Object)]
    pub bios: Params,
    /// BIOS attributes that are never written, whatever else says so; `*` at the end stands for any text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preserve: Vec<String>,
    /// Parameters of machines of this type; the weakest of what is set for a machine.
    #[serde(default, skip_serializing_if = "Params::is_empty")]
    #[schema(value_type = Object)]
    pub params: Params,
}
