//! Designs' sheets, and deployments as operators command and report them.

use serde::{Deserialize, Serialize};
use types::design::{DeploymentCounts, DeploymentSpec, DeploymentState, DeploymentStatus, DesignSpec};
use types::object::{NoStatus, Object};
use types::{MachineId, Name, RunId, Timestamp};
use utoipa::ToSchema;
use workflow::StageState;

/// A design.
pub type Design = Object<DesignSpec, NoStatus>;
/// A deployment.
pub type Deployment = Object<DeploymentSpec, DeploymentStatus>;

/// What a sheet did to a design, or would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SheetReport {
    /// The design.
    pub design: Name,
    /// Whether it was only tried.
    pub dry_run: bool,
    /// The design's version now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// How many rows the design has then.
    pub rows: usize,
    /// Rows that are new.
    pub added: Vec<Name>,
    /// Rows that are other than before.
    pub changed: Vec<Name>,
    /// Rows that are gone.
    pub removed: Vec<Name>,
}

/// A command to a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum DeploymentCommand {
    /// Begin no further machine; what runs goes on.
    Pause,
    /// Begin machines again.
    Resume,
    /// Begin no further machine, and cancel what runs.
    Cancel,
    /// Give machines that failed, or could not be begun, another try.
    RetryFailed,
}

/// What became of a deployment, with the times of its stages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeploymentReport {
    /// The deployment.
    pub deployment: Name,
    /// Its design.
    pub design: Name,
    /// Where it stands.
    pub state: DeploymentState,
    /// Why, in the operator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How many machines stand where.
    pub counts: DeploymentCounts,
    /// When it began.
    #[schema(value_type = Option<String>)]
    pub started: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>)]
    pub ended: Option<Timestamp>,
    /// How long it has taken so far, or took.
    pub actual_s: Option<f64>,
    /// When this was put together.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// The stages, in the order of the workflow, over all machines.
    pub stages: Vec<StageReport>,
    /// The machines, by row.
    pub machines: Vec<MachineReport>,
}

/// One stage over all machines of a deployment. Times are of those on which it succeeded or failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StageReport {
    /// Its name.
    pub name: String,
    /// How long it usually takes, as its workflow says.
    pub expected_s: Option<f64>,
    /// The mean.
    pub mean_s: Option<f64>,
    /// Half of the machines took at most so long.
    pub p50_s: Option<f64>,
    /// 95 of 100 machines took at most so long.
    pub p95_s: Option<f64>,
    /// The longest.
    pub max_s: Option<f64>,
    /// On how many machines it succeeded.
    pub succeeded: u32,
    /// On how many it failed.
    pub failed: u32,
    /// On how many it was not run.
    pub skipped: u32,
    /// On how many it is under way, or still to come.
    pub open: u32,
}

/// One machine of a deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MachineReport {
    /// Its row.
    pub name: Name,
    /// The machine, once it is known.
    pub machine: Option<MachineId>,
    /// Its run, once it has one.
    pub run: Option<RunId>,
    /// Its wave, from 1.
    pub wave: u32,
    /// Which try this is; 0 before the first.
    pub attempt: u32,
    /// Where it stands.
    pub state: DeploymentState,
    /// Why it failed, or could not be begun.
    pub reason: Option<String>,
    /// When its run began.
    #[schema(value_type = Option<String>)]
    pub started: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>)]
    pub ended: Option<Timestamp>,
    /// How long its stages usually take in all.
    pub expected_s: Option<f64>,
    /// How long it has taken so far, or took.
    pub actual_s: Option<f64>,
    /// Its stages, in order.
    pub stages: Vec<MachineStageReport>,
}

/// One stage of one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MachineStageReport {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: StageState,
    /// Which try this is.
    pub attempt: u32,
    /// How long it usually takes.
    pub expected_s: Option<f64>,
    /// How long it has taken so far, or took.
    pub actual_s: Option<f64>,
}
