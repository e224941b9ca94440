//! Designs and deployments: a table of machines with common parameters, and one go of it.

use crate::machine::MachineType;
use crate::object::reveal_secrets;
use crate::param::Secrets;
use crate::{HumanDuration, MacAddr, MachineId, Name, ObjectId, Params, RunId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::IpAddr;
use utoipa::ToSchema;
use uuid::Uuid;

/// A table of machines to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DesignSpec {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The group that its machines join.
    pub group: Name,
    /// The group whose boot environment its machines have in the stage HEALTH_CHECK.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_group: Option<Name>,
    /// The subnet that its machines are provisioned in, instead of the group's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet: Option<Name>,
    /// The workflow that provisions them, instead of the group's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<Name>,
    /// Stages that are switched on or off, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stages: BTreeMap<String, bool>,
    /// Parameters that all rows share.
    #[serde(default, skip_serializing_if = "Params::is_empty")]
    #[schema(value_type = Object)]
    pub params: Params,
    /// Secret parameters that all rows share.
    #[serde(default, skip_serializing_if = "Secrets::is_empty")]
    #[schema(value_type = Object)]
    pub secrets: Secrets,
    /// Its machines, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rows: BTreeMap<Name, DesignRow>,
}

/// One machine of a design.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DesignRow {
    /// What it is; without it, a physical server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_type: Option<MachineType>,
    /// The host name that it gets, where that is not its own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The network cards that it is provisioned through.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub macs: Vec<MacAddr>,
    /// Its address in the provisioning network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub address: Option<IpAddr>,
    /// The subnet that it is provisioned in, instead of the design's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet: Option<Name>,
    /// Its BMC, by name, where that is declared by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bmc: Option<Name>,
    /// Its BMC's address: the BMC is declared with it, and with the parameters `redfish_username`, `redfish_password`
    /// and, where it is not 443, `redfish_port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub bmc_address: Option<IpAddr>,
    /// Its BMC's network card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bmc_mac: Option<MacAddr>,
    /// The group that it joins, instead of the design's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Name>,
    /// Its device type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardware_profile: Option<Name>,
    /// Its profiles, strongest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<Name>,
    /// Stages that are switched on or off, by name.
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

impl DesignSpec {
    pub(crate) fn reveal(&self) -> serde_json::Result<Value> {
        let mut revealed = serde_json::to_value(self)?;
        reveal_secrets(&mut revealed, &self.secrets);
        for (name, row) in &self.rows {
            reveal_secrets(&mut revealed["rows"][name.as_str()], &row.secrets);
        }
        Ok(revealed)
    }
}

/// One go of a design.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeploymentSpec {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The design.
    pub design: Name,
    /// The rows that take part; without it, all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Name>,
    /// When it begins; without it, at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub at: Option<Timestamp>,
    /// How many machines are worked on at once; without it, all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel: Option<u32>,
    /// In what portions; without it, in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waves: Option<Waves>,
    /// No further machine is begun once more machines than this have failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_above_failed: Option<u32>,
    /// Stages that are switched on or off, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stages: BTreeMap<String, bool>,
    /// Whether no further machine is begun.
    #[serde(default, skip_serializing_if = "crate::param::is_false")]
    pub paused: bool,
    /// Whether it is given up: no further machine is begun, and what runs is cancelled.
    #[serde(default, skip_serializing_if = "crate::param::is_false")]
    pub cancelled: bool,
}

/// Portions of a deployment. The next one begins when all of the one before have ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Waves {
    /// Machines in the first, the second, …; the last number holds for all further ones.
    pub sizes: Vec<u32>,
    /// The pause between two of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<HumanDuration>,
}

/// What became of a deployment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeploymentStatus {
    /// Where it stands.
    #[serde(default)]
    pub state: DeploymentState,
    /// Why it stands there, in the operator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it began, and its machines were settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub started: Option<Timestamp>,
    /// When its last machine ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub ended: Option<Timestamp>,
    /// When it goes on by itself, while it waits for a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub next: Option<Timestamp>,
    /// How many machines stand where.
    #[serde(default)]
    pub counts: DeploymentCounts,
    /// Each of its machines, by row; none before it begins.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub machines: BTreeMap<Name, DeployedMachine>,
}

/// How many machines of a deployment stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeploymentCounts {
    /// All of them.
    pub total: u32,
    /// Not begun.
    pub pending: u32,
    /// At work.
    pub processing: u32,
    /// Provisioned.
    pub completed: u32,
    /// Failed, given up, or impossible to begin.
    pub failed: u32,
}

/// A machine of a deployment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeployedMachine {
    /// The machine, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub machine: Option<MachineId>,
    /// Its run, once it is to have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub run: Option<RunId>,
    /// Its wave, from 1.
    pub wave: u32,
    /// Which try this is; 0 before the first.
    #[serde(default)]
    pub attempt: u32,
    /// Where it stands.
    #[serde(default)]
    pub state: DeploymentState,
    /// Why it could not be begun, or why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When this try began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub started: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub ended: Option<Timestamp>,
}

/// Where a deployment, or a machine of it, stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeploymentState {
    /// Not begun.
    #[default]
    Pending,
    /// At work.
    Processing,
    /// Every machine succeeded.
    Completed,
    /// It was given up, or machines of it failed.
    Failed,
}

impl DeploymentState {
    /// Whether it never changes by itself any more.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

impl RunId {
    /// The run of the `attempt`th try of a deployment's row (UUID version 5): to start it twice is to start it once.
    pub fn of_deployment(deployment: ObjectId, row: &Name, attempt: u32) -> Self {
        Self(Uuid::new_v5(&deployment.0, format!("{row}/{attempt}").as_bytes()))
    }
}

/// What is wrong in a sheet of machines.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct SheetProblem {
    /// The sheet, by its name in the workbook; of CSV, empty.
    pub sheet: String,
    /// The row, as a spreadsheet program numbers it: the headings are usually row 1. 0 for the sheet as a whole.
    pub row: u32,
    /// The column's heading; empty for the row as a whole.
    pub column: String,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hint: String,
}

impl std::fmt::Display for SheetProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.sheet.is_empty() {
            write!(f, "{}: ", self.sheet)?;
        }
        if self.row > 0 {
            write!(f, "row {}: ", self.row)?;
        }
        if !self.column.is_empty() {
            write!(f, "{}: ", self.column)?;
        }
        f.write_str(&self.message)?;
        if !self.hint.is_empty() {
            write!(f, " ({})", self.hint)?;
        }
        Ok(())
    }
}
