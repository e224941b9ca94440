//! What the boot services need from the rest of the server.

use crate::{BootFiles, FileSource};
use async_trait::async_trait;
use dhcp::{Lease, Subnet, v6};
use lifecycle::{BootEnvFiles, BootFacts};
use std::sync::Arc;
use types::agent::AgentConfig;
use types::event::NewEvent;
use types::{MacAddr, Name};

/// The rest of the server, as the boot services see it.
///
/// Everything here is on the way of a machine that boots: answer from memory where possible. Only
/// [`Self::commit_leases`] may wait for a disk.
#[async_trait]
pub trait BootBackend: Send + Sync + 'static {
    /// The subnets with their reservations, as they are now. Asked for at each packet.
    fn subnets(&self) -> Arc<[Subnet]>;

    /// The files that can be fetched, as they are now. Asked for at each request.
    fn files(&self) -> Arc<BootFiles>;

    /// What is known of a card that is no machine's, without reading anything; `None` when it may be one's, and
    /// [`Self::boot_facts`] must be asked.
    fn facts_of_stranger(&self, _mac: MacAddr, _subnet: &Subnet) -> Option<BootFacts> {
        None
    }

    /// What is known of the machine with this card; `subnet` is where it was heard, which decides what an
    /// unknown machine gets.
    async fn boot_facts(&self, mac: MacAddr, subnet: Option<&Name>) -> Result<BootFacts, BackendError>;

    /// What makes up an environment for this machine; `None` when there is no such environment.
    async fn boot_env(&self, boot: MachineBoot<'_>) -> Result<Option<BootEnvFiles>, BackendError>;

    /// The text that the environment has at `path` for this machine, made now; `None` when it has none there.
    async fn rendered(&self, _boot: MachineBoot<'_>, _path: &str) -> Result<Option<String>, BackendError> {
        Ok(None)
    }

    /// A file of a tree of this server, by the tree's name and the path in it.
    async fn tree_file(&self, _path: &str) -> Result<Option<FileSource>, BackendError> {
        Ok(None)
    }

    /// The configuration for an agent that is about to start, with a token of its own; `None` when it may not.
    async fn agent_config(&self, boot: MachineBoot<'_>) -> Result<Option<AgentConfig>, BackendError>;

    /// Every stored lease. Asked for once, at start.
    async fn load_leases(&self) -> Result<Vec<Lease>, BackendError>;

    /// Stores rows, one per address, replacing what was there; of two for one address the later counts.
    /// They are durable when it returns. It is called by one task, with all that came while it was busy.
    async fn commit_leases(&self, leases: &[Lease]) -> Result<(), BackendError>;

    /// The IPv6 side of the site, where it has one.
    fn ipv6(&self) -> Option<&dyn Ipv6Backend> {
        None
    }

    /// Puts an event into the history. It is queued: this returns at once, and may drop when overloaded.
    /// An event without a machine has the card in `data.mac` where it is known.
    fn record(&self, event: NewEvent);
}

/// The IPv6 side of the site. The rules are those of [`BootBackend`].
#[async_trait]
pub trait Ipv6Backend: Send + Sync {
    /// The subnets with an IPv6 side, as they are now. Asked for at each packet.
    fn subnets(&self) -> Arc<[v6::Subnet]>;

    /// The server's own identifier, the same at every start. Asked for once.
    async fn duid(&self) -> Result<v6::Duid, BackendError>;

    /// Every stored lease. Asked for once, at start.
    async fn load_leases(&self) -> Result<Vec<v6::Lease>, BackendError>;

    /// Stores rows, one per address, replacing what was there; of two for one address the later counts.
    /// They are durable when it returns.
    async fn commit_leases(&self, leases: &[v6::Lease]) -> Result<(), BackendError>;
}

/// A machine that is about to boot an environment.
#[derive(Debug, Clone, Copy)]
pub struct MachineBoot<'a> {
    /// The card it boots from.
    pub mac: MacAddr,
    /// The environment it boots.
    pub env: &'a Name,
    /// Our base URL as seen from its network, without a slash at its end.
    pub server_url: &'a str,
}

/// The rest of the server failed.
#[derive(Debug, thiserror::Error)]
#[error("{operation}")]
pub struct BackendError {
    /// What was being done: `reading the leases`.
    pub operation: &'static str,
    /// Why it failed.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl BackendError {
    /// An error of `operation`.
    pub fn new(operation: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { operation, source: source.into() }
    }
}
