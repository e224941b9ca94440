//! The history: everything that happens to a machine, in one order.

use crate::{MachineId, RunId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A thing that happened, before it has its place in the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewEvent {
    /// When it happened.
    pub at: Timestamp,
    /// What happened, as dotted words: `boot.dhcp`, `agent.registered`, `run.step.started`.
    pub kind: String,
    /// The machine it happened to.
    pub machine: Option<MachineId>,
    /// The run it is part of.
    pub run: Option<RunId>,
    /// Who or what caused it: `agent`, `bmc`, `dhcp`, `engine`, `user:admin`.
    pub actor: String,
    /// The facts, by name. Never a secret.
    pub data: serde_json::Value,
}

/// One entry of the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Its place: rises by one or more from each entry to the next, and is never used twice.
    pub seq: u64,
    /// When it happened.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// What happened.
    pub kind: String,
    /// The machine it happened to.
    pub machine: Option<MachineId>,
    /// The run it is part of.
    pub run: Option<RunId>,
    /// Who or what caused it.
    pub actor: String,
    /// The facts, by name.
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
}

/// Kinds of event that more than one crate names. A waiting step lists those that may wake it.
pub mod kind {
    /// A machine was seen for the first time.
    pub const MACHINE_DISCOVERED: &str = "machine.discovered";
    /// A DHCP message was answered. Data: message, mac, address, arch, filename, ipxe.
    pub const BOOT_DHCP: &str = "boot.dhcp";
    /// A subnet has no address left. Data: subnet, mac, refused, pool.
    pub const DHCP_POOL_EXHAUSTED: &str = "dhcp.pool_exhausted";
    /// Something answers at an address that nobody was given. Data: subnet, address, card, believed.
    pub const DHCP_ADDRESS_IN_USE: &str = "dhcp.address_in_use";
    /// A file was sent over TFTP. Data: path, bytes, outcome.
    pub const BOOT_TFTP: &str = "boot.tftp";
    /// A file was asked for over HTTP. Data: path, status, bytes.
    pub const BOOT_HTTP: &str = "boot.http";
    /// An agent came up. Data: boot_id, env.
    pub const AGENT_REGISTERED: &str = "agent.registered";
    /// An agent took up a task. Data: task, use.
    pub const TASK_STARTED: &str = "task.started";
    /// An agent's task goes on. Data: task, done, total, unit, message.
    pub const TASK_PROGRESS: &str = "task.progress";
    /// An agent's task ended. Data: task, outcome.
    pub const TASK_FINISHED: &str = "task.finished";
    /// An agent's log line. Data: level, message.
    pub const AGENT_LOG: &str = "agent.log";
    /// An installer reported that the operating system is on the disk. Data: report.
    pub const INSTALLER_BUILT: &str = "installer.built";
    /// An installer reported that it failed. Data: report.
    pub const INSTALLER_FAILED: &str = "installer.failed";
    /// A run reached a named point. Data: name, passed, message. What begins with `run.` is the engine's alone: a run is
    /// read back from it.
    pub const CHECKPOINT: &str = "checkpoint.reached";
    /// What a machine asked for could not be rendered. Data: path, reason.
    pub const TEMPLATE_FAILED: &str = "template.failed";
    /// The installed system is up. Data: boot_id, hostname.
    pub const HOST_CALLED_HOME: &str = "host.called_home";
    /// A call to a BMC that changes something. Data: operation, result.
    pub const BMC_CALL: &str = "bmc.call";
    /// A person did something. Data: action and its arguments.
    pub const OPERATOR: &str = "operator";
}
