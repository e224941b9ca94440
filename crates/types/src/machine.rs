//! Machines: what is wanted of them and what is known.

use crate::inventory::Inventory;
use crate::object::reveal_secrets;
use crate::param::Secrets;
use crate::{MacAddr, Name, Params, RunId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use utoipa::ToSchema;
use uuid::Uuid;

/// What an operator says about a machine. A discovered machine starts with its addresses only.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MachineSpec {
    /// Network cards that belong to it; a boot request from one of them is this machine's.
    #[serde(default)]
    pub macs: Vec<MacAddr>,
    /// The SMBIOS system UUID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<Uuid>,
    /// Its BMC, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bmc: Option<Name>,
    /// What its UEFI firmware is given to load; without it, what its subnet says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loader: Option<Loader>,
    /// The group that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Name>,
    /// The design that it is a row of, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub design: Option<Name>,
    /// Its profiles, strongest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<Name>,
    /// Its device type; without it, the one that its vendor and model fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardware_profile: Option<Name>,
    /// What it is.
    #[serde(default)]
    pub machine_type: MachineType,
    /// The host name that it gets, where that is not its own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The address that it is provisioned with, where no lease or reservation of ours says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub address: Option<IpAddr>,
    /// Words that it can be found by.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// Stages that are switched on or off for it, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stages: BTreeMap<String, bool>,
    /// Parameters of this machine alone.
    #[serde(default, skip_serializing_if = "Params::is_empty")]
    #[schema(value_type = Object)]
    pub params: Params,
    /// Secret parameters of this machine alone.
    #[serde(default, skip_serializing_if = "Secrets::is_empty")]
    #[schema(value_type = Object)]
    pub secrets: Secrets,
    /// A free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl MachineSpec {
    pub(crate) fn reveal(&self) -> serde_json::Result<Value> {
        let mut revealed = serde_json::to_value(self)?;
        reveal_secrets(&mut revealed, &self.secrets);
        Ok(revealed)
    }
}

/// What a machine is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MachineType {
    /// A physical server.
    #[default]
    Physical,
    /// A physical server that runs virtual machines.
    Hypervisor,
    /// A virtual machine.
    Virtual,
}

/// What Slipway knows of a machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MachineStatus {
    /// Where in its life the machine is.
    #[serde(default)]
    pub state: MachineState,
    /// What it should boot the next time it asks, if a run has said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted_env: Option<Name>,
    /// The run that owns it, while there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_run: Option<RunId>,
    /// How its firmware boots, as last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<Firmware>,
    /// Its hardware, as the agent last saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inventory: Option<Inventory>,
    /// The agent that runs on it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentPresence>,
    /// What the installer of its operating system last reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installation: Option<Installation>,
    /// When its installed system last called home, and with which kernel boot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called_home: Option<CalledHome>,
}

/// Where in its life a machine is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MachineState {
    /// Known, and nothing has been done with it.
    #[default]
    Known,
    /// A run is working on it.
    Provisioning,
    /// Its own operating system runs; it boots from its disk.
    Deployed,
    /// The last run failed; an operator decides what comes next.
    Failed,
}

/// How a machine's firmware boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Firmware {
    /// PC BIOS.
    Bios,
    /// UEFI.
    Uefi,
}

/// What UEFI firmware of x86 is given to load. PC BIOS has no Secure Boot and always gets iPXE.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Loader {
    /// iPXE, which is not signed: Secure Boot must be off.
    #[default]
    Ipxe,
    /// The distribution's shim and GRUB, which firmware with Secure Boot takes.
    GrubSigned,
}

/// Processor architecture, in the kernel's words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Arch {
    /// 64-bit x86.
    #[default]
    X86_64,
    /// 64-bit ARM.
    Aarch64,
}

/// An agent that has registered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgentPresence {
    /// The kernel's boot id: another one means that the machine was restarted.
    pub boot_id: Uuid,
    /// The boot environment it came up in.
    pub env: Name,
    /// When it registered.
    pub since: Timestamp,
}

/// An installer's own word on how its work ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Installation {
    /// The run that it worked for.
    pub run: RunId,
    /// When it reported.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: InstallOutcome,
    /// What it said about that.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub report: String,
}

/// How an installation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InstallOutcome {
    /// The operating system is on the disk.
    Built,
    /// It is not.
    Failed,
}

/// The installed system's word that it is up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CalledHome {
    /// The run that installed it.
    pub run: RunId,
    /// When.
    pub at: Timestamp,
    /// The kernel's boot id.
    pub boot_id: Uuid,
    /// The host name it runs under.
    pub hostname: String,
}
