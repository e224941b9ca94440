//! What the agent and the server say to each other, as JSON over HTTP under `/agent/v1`.
//!
//! The agent speaks first, always. It repeats any message that got no answer; the server answers a repeated
//! message as it answered the first.

use crate::disk::{DiskProtection, DiskSelector};
use crate::image::ImageFormat;
use crate::inventory::Inventory;
use crate::machine::Firmware;
use crate::{Digest, ErrorClass, How, MacAddr, MachineId, Name, Secret, TaskId};
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;
use uuid::Uuid;

/// Where the agent finds its configuration in the maintenance OS: the boot script adds it as an initrd of its own.
pub const CONFIG_PATH: &str = "/etc/slipway/agent.json";
/// Where the installed system's caller finds its configuration.
pub const CALL_HOME_PATH: &str = "/etc/slipway/call-home.json";

/// The agent's configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentConfig {
    /// The server's base URL as seen from the boot network.
    pub server: Url,
    /// Allows one registration, from the machine it was made for.
    #[serde(serialize_with = "Secret::serialize_exposed")]
    pub token: Secret,
    /// The boot environment this is.
    pub env: Name,
}

/// `POST /agent/v1/register`, with the token of the configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Registration {
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot_id: Uuid,
    /// The boot environment.
    pub env: Name,
    /// How the firmware booted.
    pub firmware: Firmware,
    /// The agent's version.
    pub agent_version: String,
    /// The hardware.
    pub inventory: Inventory,
    /// The card it booted from, where the firmware said so.
    pub boot_mac: Option<MacAddr>,
}

/// The answer to a registration.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Registered {
    /// The machine this is.
    pub machine: MachineId,
    /// Its name.
    pub name: Name,
    /// Good for this machine during this boot.
    #[serde(serialize_with = "Secret::serialize_exposed")]
    #[schema(value_type = String)]
    pub token: Secret,
}

/// `GET /agent/v1/tasks/next`: 200 with an order, or 204 when there is none for now. It waits up to
/// [`LONG_POLL_SECONDS`] for one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskOrder {
    /// The same order has the same id, however often it is given.
    pub id: TaskId,
    /// What to do.
    pub work: Work,
}

/// How long the server holds a request for the next task: shorter than the usual idle limits (60 s) of what may stand between.
pub const LONG_POLL_SECONDS: u64 = 25;

/// What an agent can be told to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "use", rename_all = "snake_case")]
pub enum Work {
    /// Check that the hardware is fit.
    HealthCheck(HealthLimits),
    /// Write an image onto a disk.
    WriteImage(WriteImage),
    /// Empty disks, and prove it.
    Wipe(WipeDisks),
    /// Put names, users and files into the installed system.
    Configure(PlatformSetup),
}

/// What a machine must have to pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthLimits {
    /// Logical processors at least.
    #[serde(default = "one")]
    pub min_cpu_threads: u32,
    /// Memory at least, as the kernel sees it.
    #[serde(default)]
    pub min_memory_bytes: u64,
    /// Disks at least.
    #[serde(default = "one")]
    pub min_disks: u32,
    /// The largest disk at least.
    #[serde(default)]
    pub min_disk_bytes: u64,
    /// Ports with a link at least.
    #[serde(default = "one")]
    pub min_links: u32,
    /// How much memory is written and read back.
    #[serde(default = "memory_test_bytes")]
    pub memory_test_bytes: u64,
}

fn one() -> u32 {
    1
}

/// Enough to touch every bank of a small machine, little enough to take under a second on a slow one.
fn memory_test_bytes() -> u64 {
    64 << 20
}

impl Default for HealthLimits {
    fn default() -> Self {
        Self {
            min_cpu_threads: one(),
            min_memory_bytes: 0,
            min_disks: one(),
            min_disk_bytes: 0,
            min_links: one(),
            memory_test_bytes: memory_test_bytes(),
        }
    }
}

/// Which image goes where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WriteImage {
    /// Path on the server, fetched with the machine's token; supports ranges.
    pub path: String,
    /// Of the file as sent.
    pub digest: Digest,
    /// Of the file as sent.
    pub file_size_bytes: u64,
    /// How the disk's bytes are packed.
    pub format: ImageFormat,
    /// Of the disk, unpacked.
    pub disk_size_bytes: u64,
    /// Which disk.
    pub disk: DiskSelector,
    /// Which disks it must never be.
    #[serde(default)]
    pub protect: DiskProtection,
    /// Grow the last partition and its filesystem to the disk's end.
    pub grow: bool,
    /// A connection on which less comes, over a minute, is given up for another.
    #[serde(default = "min_bytes_per_second")]
    pub min_bytes_per_second: u64,
}

/// A third of what each of ten thousand machines has of a gigabit that they share.
pub fn min_bytes_per_second() -> u64 {
    4096
}

/// Which disks are emptied, and how it is proved. Nothing on them can be had back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WipeDisks {
    /// Which disk; every disk that is not protected, when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<DiskSelector>,
    /// What must not be touched.
    #[serde(default)]
    pub protect: DiskProtection,
    /// How.
    #[serde(default)]
    pub method: WipeMethod,
    /// How much is read back.
    #[serde(default)]
    pub read_back: ReadBack,
}

/// How a disk is emptied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WipeMethod {
    /// The drive's own erasure where it has one, else zeroes.
    #[default]
    Best,
    /// The drive's own erasure (NVMe Sanitize or Format, ATA Security Erase), which reaches what the drive keeps
    /// out of sight too. A drive without one fails.
    Drive,
    /// Zeroes over every byte that can be addressed.
    Zeroes,
}

/// How much of a wiped disk is read back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReadBack {
    /// The places of partition tables and filesystem headers, and samples over all of the disk.
    #[default]
    Sampled,
    /// Every byte.
    Full,
}

/// What an installed system is told of itself. A template of kind `platform` renders to this, as YAML.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlatformSetup {
    /// Which disk holds the system; the one that was written, by kernel name.
    #[serde(default)]
    pub disk: String,
    /// Host name.
    pub hostname: String,
    /// Users to create or to bring to this shape.
    #[serde(default)]
    pub users: Vec<UserAccount>,
    /// Files to write.
    #[serde(default)]
    pub files: Vec<FileContent>,
    /// What the installed system's caller needs. Filled in by the server, not by templates.
    #[serde(default)]
    pub call_home: Option<CallHomeConfig>,
}

/// A user of the installed system. Nobody gets a password; keys only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserAccount {
    /// Login name.
    pub name: String,
    /// Public keys that may log in.
    #[serde(default)]
    pub ssh_authorized_keys: Vec<String>,
    /// May become root without a password.
    #[serde(default)]
    pub sudo: bool,
    /// Login shell.
    #[serde(default = "default_shell")]
    pub shell: String,
}

fn default_shell() -> String {
    "/bin/bash".to_owned()
}

/// A file of the installed system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FileContent {
    /// Absolute path in the installed system.
    pub path: String,
    /// Text.
    pub content: String,
    /// Octal permissions, such as "0644".
    #[serde(default = "default_mode")]
    pub mode: String,
}

fn default_mode() -> String {
    "0644".to_owned()
}

/// How the installed system says that it is up: `POST {server}/agent/v1/call-home` with [`CallHome`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CallHomeConfig {
    /// The server's base URL.
    #[schema(value_type = String)]
    pub server: Url,
    /// Good for calling home, and nothing else, for this machine and run.
    #[serde(serialize_with = "Secret::serialize_exposed")]
    #[schema(value_type = String)]
    pub token: Secret,
}

/// `POST /agent/v1/call-home`, with the token of [`CallHomeConfig`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CallHome {
    /// The kernel's boot id.
    pub boot_id: Uuid,
    /// The name it runs under.
    pub hostname: String,
}

/// `POST /agent/v1/tasks/{id}/progress`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskProgress {
    /// Done so far.
    pub done: u64,
    /// Of this much.
    pub total: u64,
    /// Of what: `bytes`, `checks`.
    pub unit: String,
    /// What is being done.
    pub message: String,
}

/// The answer to a progress report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProgressAnswer {
    /// Stop at the next safe point: the run was cancelled.
    pub cancelled: bool,
}

/// `POST /agent/v1/tasks/{id}/result`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum TaskResult {
    /// It is so.
    Done {
        /// Whether anything had to be done for it.
        how: How,
        /// What later steps may want to know.
        #[schema(value_type = Object)]
        outputs: serde_json::Value,
    },
    /// It is not so.
    Failed {
        /// What kind of failure.
        class: ErrorClass,
        /// What failed, in the operator's words.
        reason: String,
        /// What was seen.
        #[schema(value_type = Object)]
        evidence: serde_json::Value,
    },
}

/// `POST /agent/v1/log`: what the agent would write on a console nobody looks at.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgentLog {
    /// In the order they were written.
    pub lines: Vec<AgentLogLine>,
}

/// One line of the agent's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgentLogLine {
    /// Counts up during one boot, so that a repeated message adds nothing.
    pub seq: u64,
    /// How much it matters.
    pub level: AgentLogLevel,
    /// The line.
    pub message: String,
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgentLogLevel {
    /// As it should go, retries included.
    Info,
    /// Given up on.
    Warn,
    /// A promise of ours is broken.
    Error,
}
