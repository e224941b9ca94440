//! Groups of machines.

use crate::machine::{Arch, Loader};
use crate::object::reveal_secrets;
use crate::param::Secrets;
use crate::{Name, Params};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A group of machines. What it does not say, its parent says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupSpec {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The group that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Name>,
    /// Its machines' processor architecture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<Arch>,
    /// The operating system that its machines get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<Name>,
    /// Where it is installed from, instead of the operating system's own medium.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medium: Option<Name>,
    /// How their disks are divided, instead of the operating system's own layout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_table: Option<Name>,
    /// What their UEFI firmware is given to load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loader: Option<Loader>,
    /// The subnet that they are provisioned in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet: Option<Name>,
    /// Their DNS domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// The workflow that provisions them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<Name>,
    /// What their firmware is set to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardware_profile: Option<Name>,
    /// Profiles that every machine of the group has after its own, strongest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<Name>,
    /// Stages that are switched on or off for its machines, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stages: BTreeMap<String, bool>,
    /// Its parameters.
    #[serde(default, skip_serializing_if = "Params::is_empty")]
    #[schema(value_type = Object)]
    pub params: Params,
    /// Its secret parameters.
    #[serde(default, skip_serializing_if = "Secrets::is_empty")]
    #[schema(value_type = Object)]
    pub secrets: Secrets,
}

impl GroupSpec {
    pub(crate) fn reveal(&self) -> serde_json::Result<Value> {
        let mut revealed = serde_json::to_value(self)?;
        reveal_secrets(&mut revealed, &self.secrets);
        Ok(revealed)
    }
}
