//! What a path stands for, over TFTP and HTTP alike.
//!
//! `NAME` is a boot file and `media/TREE/NAME` one of a tree. `MAC/script.ipxe`, `MAC/grub.cfg`, `MAC/pxelinux.cfg` and
//! `MAC/agent.cpio` are made for the machine when they are asked for, and so is `MAC/NAME` for whatever else its boot
//! environment has templates for; the names that loaders look for by themselves ([`by_client`]) stand for the same.

use crate::book::find_subnet;
use crate::by_client::{self, Client, Loader};
use crate::cpio::agent_config_archive;
use crate::{BackendError, FileSource, Inner, MachineBoot, ipv6};
use bytes::Bytes;
use lifecycle::{
    BootDecision, BootEnvFiles, BootTarget, GRUB_START, GRUB_START_NAME, ScriptError, boot_script, decide_boot,
    grub_config, grub_local_config, grub_wait_config, no_boot_script, pxelinux_config, pxelinux_local_config,
    pxelinux_wait_config, wait_script,
};
use std::net::IpAddr;
use types::{MacAddr, MachineId, Name};

/// What a path stands for, and whose it is.
pub(crate) struct Found {
    pub(crate) source: FileSource,
    pub(crate) mac: Option<MacAddr>,
    pub(crate) machine: Option<MachineId>,
}

/// How the paths of this server's trees begin.
pub(crate) const TREES: &str = "media/";

/// What a loader is told.
enum Made {
    Text(String),
    Files(BootEnvFiles),
    /// The environment is not there.
    Nothing,
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
pub(crate) enum PerMachine<'a> {
    Script,
    GrubConfig,
    PxelinuxConfig,
    AgentConfig,
    /// What the environment has a template for.
    Rendered(&'a str),
}

impl<'a> PerMachine<'a> {
    pub(crate) fn from_name(name: &'a str) -> Self {
        match name {
            "script.ipxe" => Self::Script,
            "grub.cfg" => Self::GrubConfig,
            "pxelinux.cfg" => Self::PxelinuxConfig,
            "agent.cpio" => Self::AgentConfig,
            other => Self::Rendered(other),
        }
    }

    /// Whether what is made may hold a token or a password.
    fn is_confidential(self) -> bool {
        matches!(self, Self::AgentConfig | Self::Rendered(_))
    }
}

impl From<Loader> for PerMachine<'_> {
    fn from(loader: Loader) -> Self {
        match loader {
            Loader::Ipxe => Self::Script,
            Loader::Grub => Self::GrubConfig,
            Loader::Pxelinux => Self::PxelinuxConfig,
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
            .and_then(|(mac, name)| Some((mac.parse::<MacAddr>().ok()?, PerMachine::from_name(name))));
        match per_machine {
            Some((mac, file)) => self.find_per_machine(mac, file, Some(peer)).await,
            None => self.find_file(path, Some(peer)).await,
        }
    }

    /// What a path stands for that names no machine in its first part.
    pub(crate) async fn find_file(&self, name: &str, peer: Option<IpAddr>) -> Result<Found, FindError> {
        let ours = (name == GRUB_START_NAME).then(|| FileSource::Bytes(Bytes::from_static(GRUB_START.as_bytes())));
        let source = match ours.or_else(|| self.backend.files().find(name).cloned()) {
            Some(source) => source,
            None => match name.strip_prefix(TREES) {
                Some(path) => self.backend.tree_file(path).await?.ok_or(FindError::NotFound)?,
                None => return self.find_by_client(name, peer).await,
            },
        };
        Ok(Found { source, mac: peer.and_then(|peer| self.mac_of(peer)), machine: None })
    }

    /// What a loader is meant to find under a name of its own.
    async fn find_by_client(&self, name: &str, peer: Option<IpAddr>) -> Result<Found, FindError> {
        let (loader, client) = by_client::parse(name).ok_or(FindError::NotFound)?;
        let mac = match client {
            Client::Card(mac) => Some(mac),
            Client::Address(address) => self.mac_of(address.into()),
            Client::Peer => peer.and_then(|peer| self.mac_of(peer)),
        };
        let mac = mac.ok_or(FindError::NotFound)?;
        let mut found = self.find_per_machine(mac, loader.into(), peer).await?;
        if loader == Loader::Grub {
            // Read in place of GRUB's own start, so it has to ask again by itself.
            let text = GRUB_START.replace("$net_default_mac", &mac.dashed());
            found.source = FileSource::Bytes(text.into());
        }
        Ok(found)
    }

    pub(crate) async fn find_per_machine(
        &self,
        mac: MacAddr,
        file: PerMachine<'_>,
        peer: Option<IpAddr>,
    ) -> Result<Found, FindError> {
        if file.is_confidential() && self.leases_under_another_card(peer, mac) {
            return Err(FindError::NotFound);
        }
        let (subnet, address) = self.network_of(peer).ok_or(FindError::NoSubnet)?;
        let url = self.config.boot_server(address).url;
        let facts = self.backend.boot_facts(mac, subnet.as_ref()).await?;
        let decision = decide_boot(&facts);
        let bytes = match file {
            PerMachine::Script => Bytes::from(self.script(&decision, mac, &url).await?),
            PerMachine::GrubConfig => Bytes::from(self.grub_config(&decision, mac, &url).await?),
            PerMachine::PxelinuxConfig => Bytes::from(self.pxelinux_config(&decision, mac, &url).await?),
            PerMachine::Rendered(path) => Bytes::from(self.rendered(&decision, mac, &url, path).await?),
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
            BootTarget::Env(env) => match self.made_of(MachineBoot { mac, env, server_url: url }, "script.ipxe").await?
            {
                Made::Text(text) => Ok(text),
                Made::Files(files) => Ok(boot_script(&files, mac, url)?),
                Made::Nothing => Ok(wait_script(env, mac, url)?),
            },
        }
    }

    async fn grub_config(&self, decision: &BootDecision, mac: MacAddr, url: &str) -> Result<String, FindError> {
        match &decision.target {
            BootTarget::Deny => Err(FindError::NotFound),
            BootTarget::Ignore | BootTarget::LocalDisk => Ok(grub_local_config(decision.reason)),
            BootTarget::Env(env) => match self.made_of(MachineBoot { mac, env, server_url: url }, "grub.cfg").await? {
                Made::Text(text) => Ok(text),
                Made::Files(files) => Ok(grub_config(&files, mac)?),
                Made::Nothing => Ok(grub_wait_config(env)),
            },
        }
    }

    async fn pxelinux_config(&self, decision: &BootDecision, mac: MacAddr, url: &str) -> Result<String, FindError> {
        match &decision.target {
            BootTarget::Deny => Err(FindError::NotFound),
            BootTarget::Ignore | BootTarget::LocalDisk => Ok(pxelinux_local_config(decision.reason)),
            BootTarget::Env(env) => {
                match self.made_of(MachineBoot { mac, env, server_url: url }, "pxelinux.cfg").await? {
                    Made::Text(text) => Ok(text),
                    Made::Files(files) => Ok(pxelinux_config(&files, mac)?),
                    Made::Nothing => Ok(pxelinux_wait_config(env, mac)),
                }
            }
        }
    }

    /// What a loader is told of an environment: its own text for `path` where it has one, else its files.
    async fn made_of(&self, boot: MachineBoot<'_>, path: &str) -> Result<Made, FindError> {
        if let Some(text) = self.backend.rendered(boot, path).await? {
            return Ok(Made::Text(text));
        }
        Ok(self.backend.boot_env(boot).await?.map_or(Made::Nothing, Made::Files))
    }

    /// Only a machine that is to boot an environment gets what the environment has for it.
    async fn rendered(
        &self,
        decision: &BootDecision,
        mac: MacAddr,
        url: &str,
        path: &str,
    ) -> Result<String, FindError> {
        let BootTarget::Env(env) = &decision.target else { return Err(FindError::NotFound) };
        let rendered = self.backend.rendered(MachineBoot { mac, env, server_url: url }, path).await?;
        rendered.ok_or(FindError::NotFound)
    }

    /// Only a machine that is to boot an environment with an agent gets a token.
    async fn agent_config(&self, decision: &BootDecision, mac: MacAddr, url: &str) -> Result<Bytes, FindError> {
        let BootTarget::Env(env) = &decision.target else {
            return Err(FindError::NotFound);
        };
        let boot = MachineBoot { mac, env, server_url: url };
        let files = self.backend.boot_env(boot).await?.ok_or(FindError::NotFound)?;
        if !files.agent_config {
            return Err(FindError::NotFound);
        }
        let config = self.backend.agent_config(boot).await?;
        Ok(agent_config_archive(&config.ok_or(FindError::NotFound)?).into())
    }
}
