//! What a path stands for, over TFTP and HTTP alike.
//!
//! `NAME` is a boot file; `MAC/script.ipxe`, `MAC/grub.cfg` and `MAC/agent.cpio` are made for the machine when they
//! are asked for.

use crate::book::find_subnet;
use crate::cpio::agent_config_archive;
use crate::{AgentBoot, BackendError, FileSource, Inner, ipv6};
use bytes::Bytes;
use lifecycle::{
    BootDecision, BootTarget, GRUB_START, GRUB_START_NAME, ScriptError, boot_script, decide_boot, grub_config,
    grub_local_config, grub_wait_config, no_boot_script, wait_script,
};
use std::net::IpAddr;
use types::{MacAddr, MachineId, Name};

/// What a path stands for, and whose it is.
pub(crate) struct Found {
    pub(crate) source: FileSource,
    pub(crate) mac: Option<MacAddr>,
    pub(crate) machine: Option<MachineId>,
}

/// A path stands for nothing that this client gets.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FindError {
    #[error("there is no such boot file")]
    NotFound,
    #[error("no address of ours is known towards the client")]
    NoSubnet,
    #[error("asking the server")]
    Backend(#[from] BackendError),
    #[error("writing the boot script")]
    Script(#[from] ScriptError),
}

/// The parts of a path that are made for one machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PerMachine {
    Script,
    GrubConfig,
    AgentConfig,
}

impl PerMachine {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "script.ipxe" => Some(Self::Script),
            "grub.cfg" => Some(Self::GrubConfig),
            "agent.cpio" => Some(Self::AgentConfig),
            _ => None,
        }
    }
}

impl Inner {
    /// The card behind an address, by its lease.
    pub(crate) fn mac_of(&self, peer: IpAddr) -> Option<MacAddr> {
        match peer {
            IpAddr::V4(address) => self.book.find_mac(address, self.config.clock.now()),
            IpAddr::V6(address) => self.ipv6.as_ref()?.find_mac(address, self.config.clock.now()),
        }
    }

    /// What `path` stands for. It must be in the form of [`tftp::clean_path`].
    pub(crate) async fn find(&self, path: &str, peer: IpAddr) -> Result<Found, FindError> {
        let per_machine = path
            .split_once('/')
            .and_then(|(mac, name)| Some((mac.parse::<MacAddr>().ok()?, PerMachine::from_name(name)?)));
        match per_machine {
            Some((mac, file)) => self.find_per_machine(mac, file, Some(peer)).await,
            None => self.find_file(path, Some(peer)),
        }
    }

    pub(crate) fn find_file(&self, name: &str, peer: Option<IpAddr>) -> Result<Found, FindError> {
        let ours = (name == GRUB_START_NAME).then(|| FileSource::Bytes(Bytes::from_static(GRUB_START.as_bytes())));
        let source = ours.or_else(|| self.backend.files().find(name).cloned()).ok_or(FindError::NotFound)?;
        Ok(Found { source, mac: peer.and_then(|peer| self.mac_of(peer)), machine: None })
    }

    pub(crate) async fn find_per_machine(
        &self,
        mac: MacAddr,
        file: PerMachine,
        peer: Option<IpAddr>,
    ) -> Result<Found, FindError> {
        if file == PerMachine::AgentConfig && self.leases_under_another_card(peer, mac) {
            return Err(FindError::NotFound);
        }
        let (subnet, address) = self.network_of(peer).ok_or(FindError::NoSubnet)?;
        let url = self.config.boot_server(address).url;
        let facts = self.backend.boot_facts(mac, subnet.as_ref()).await?;
        let decision = decide_boot(&facts);
        let bytes = match file {
            PerMachine::Script => Bytes::from(self.script(&decision, mac, &url).await?),
            PerMachine::GrubConfig => Bytes::from(self.grub_config(&decision, mac).await?),
            PerMachine::AgentConfig => self.agent_config(&decision, mac, &url).await?,
        };
        let machine = facts.machine.map(|machine| machine.id);
        Ok(Found { source: FileSource::Bytes(bytes), mac: Some(mac), machine })
    }

    /// Whether the client has its address from us under another card than `mac`: then it asks for a token that
    /// is not its own. One with an address from elsewhere cannot be told apart.
    fn leases_under_another_card(&self, peer: Option<IpAddr>, mac: MacAddr) -> bool {
        peer.and_then(|peer| self.mac_of(peer)).is_some_and(|leased_by| leased_by != mac)
    }

    /// The subnet that the client is in, and our address towards it. A client from elsewhere is served under
    /// our first address.
    fn network_of(&self, peer: Option<IpAddr>) -> Option<(Option<Name>, IpAddr)> {
        if let Some(IpAddr::V6(address)) = peer {
            let subnets = self.backend.ipv6()?.subnets();
            return match ipv6::find_subnet(&subnets, address) {
                Some(subnet) => Some((Some(subnet.name.clone()), subnet.server.into())),
                None => subnets.first().map(|subnet| (None, subnet.server.into())),
            };
        }
        let subnets = self.backend.subnets();
        let own = match peer {
            Some(IpAddr::V4(address)) => find_subnet(&subnets, address),
            _ => None,
        };
        match own {
            Some(subnet) => Some((Some(subnet.name.clone()), subnet.server.into())),
            None => subnets.first().map(|subnet| (None, subnet.server.into())),
        }
    }

    async fn script(&self, decision: &BootDecision, mac: MacAddr, url: &str) -> Result<String, FindError> {
        match &decision.target {
            BootTarget::Deny => Err(FindError::NotFound),
            BootTarget::Ignore | BootTarget::LocalDisk => Ok(no_boot_script(decision.reason)),
            BootTarget::Env(env) => match self.backend.boot_env(env, mac).await? {
                Some(files) => Ok(boot_script(&files, mac, url)?),
                None => Ok(wait_script(env, mac, url)?),
            },
        }
    }

    async fn grub_config(&self, decision: &BootDecision, mac: MacAddr) -> Result<String, FindError> {
        match &decision.target {
            BootTarget::Deny => Err(FindError::NotFound),
            BootTarget::Ignore | BootTarget::LocalDisk => Ok(grub_local_config(decision.reason)),
            BootTarget::Env(env) => match self.backend.boot_env(env, mac).await? {
                Some(files) => Ok(grub_config(&files, mac)?),
                None => Ok(grub_wait_config(env)),
            },
        }
    }

    /// Only a machine that is to boot an environment with an agent gets a token.
    async fn agent_config(&self, decision: &BootDecision, mac: MacAddr, url: &str) -> Result<Bytes, FindError> {
        let BootTarget::Env(env) = &decision.target else {
            return Err(FindError::NotFound);
        };
        let files = self.backend.boot_env(env, mac).await?.ok_or(FindError::NotFound)?;
        if !files.agent_config {
            return Err(FindError::NotFound);
        }
        let config = self.backend.agent_config(AgentBoot { mac, env, server_url: url }).await?;
        Ok(agent_config_archive(&config.ok_or(FindError::NotFound)?).into())
    }
}
