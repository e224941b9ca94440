//! What the boot services ask of the store.

use crate::rendering::Renderer;
use crate::site::Site;
use artifact::MediaFolder;
use async_trait::async_trait;
use dhcp::{Lease, Subnet, v6};
use jiff::SignedDuration;
use lifecycle::{BootEnvFiles, BootFacts, MachineFacts};
use netboot::{BackendError, BootBackend, BootFiles, FileSource, Ipv6Backend, MachineBoot};
use std::sync::Arc;
use store::{Grant, Machine, Store};
use types::agent::AgentConfig;
use types::event::NewEvent;
use types::object::Source;
use types::subnet::{SubnetSpec, UnknownPolicy};
use types::{MacAddr, Name, Timestamp};
use workflow::ports::Clock;

/// How long a registration token is good for: from the loader's request for it to the agent's start, on a slow
/// machine that loads 50 MB at 100 kB/s (8.5 min), and a little more.
const REGISTRATION_LIFETIME: SignedDuration = SignedDuration::from_mins(10);

pub(crate) struct StoredBoot {
    pub(crate) store: Store,
    pub(crate) site: Arc<Site>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) media: Arc<MediaFolder>,
    pub(crate) renderer: Renderer,
}

/// The environment in which machines are discovered.
fn discovery() -> Name {
    "discovery".parse().expect("the name is valid")
}

fn facts_of(machine: &Machine) -> MachineFacts {
    MachineFacts {
        id: machine.id.into(),
        name: machine.name.clone(),
        state: machine.status.state,
        wanted_env: machine.status.wanted_env.clone(),
        awaits_discovery: machine.source == Source::Discovered && machine.status.inventory.is_none(),
    }
}

#[async_trait]
impl BootBackend for StoredBoot {
    fn subnets(&self) -> Arc<[Subnet]> {
        self.site.subnets()
    }

    fn files(&self) -> Arc<BootFiles> {
        self.site.files()
    }

    fn facts_of_stranger(&self, mac: MacAddr, subnet: &Subnet) -> Option<BootFacts> {
        let SubnetSpec { unknown, loader, .. } = &subnet.spec;
        let facts = || BootFacts { machine: None, unknown: *unknown, discovery_env: discovery(), loader: *loader };
        (!self.store.may_know_card(mac)).then(facts)
    }

    async fn boot_facts(&self, mac: MacAddr, subnet: Option<&Name>) -> Result<BootFacts, BackendError> {
        // While a rack is being found, most of what asks is no machine's card yet.
        let machine = if self.store.may_know_card(mac) {
            let machine = self.store.machine_by_mac(mac).await;
            machine.map_err(|error| BackendError::new("reading the machine", error))?
        } else {
            None
        };
        let subnets = self.site.subnets();
        let own_loader = machine.as_ref().and_then(|machine| machine.spec.loader);
        let policy = subnet.and_then(|name| subnets.iter().find(|subnet| subnet.name == *name));
        Ok(BootFacts {
            machine: machine.as_ref().map(facts_of),
            unknown: policy.map_or(UnknownPolicy::Ignore, |subnet| subnet.spec.unknown),
            discovery_env: discovery(),
            loader: own_loader.or(policy.map(|subnet| subnet.spec.loader)).unwrap_or_default(),
        })
    }

    async fn boot_env(&self, boot: MachineBoot<'_>) -> Result<Option<BootEnvFiles>, BackendError> {
        self.renderer.boot_files(boot).await
    }

    async fn rendered(&self, boot: MachineBoot<'_>, path: &str) -> Result<Option<String>, BackendError> {
        self.renderer.text(boot, path).await
    }

    async fn tree_file(&self, path: &str) -> Result<Option<FileSource>, BackendError> {
        let (media, path) = (Arc::clone(&self.media), path.to_owned());
        let found = tokio::task::spawn_blocking(move || media.find(&path)).await;
        let failed = |error| BackendError::new("reading a medium", error);
        let found = found.map_err(|error| BackendError::new("reading a medium", error))?.map_err(failed)?;
        Ok(found.map(|place| match place.range {
            Some(range) => FileSource::Section { path: place.path, range },
            None => FileSource::Path(place.path),
        }))
    }

    async fn agent_config(&self, boot: MachineBoot<'_>) -> Result<Option<AgentConfig>, BackendError> {
        let server = boot.server_url.parse().map_err(|error| BackendError::new("reading our own URL", error))?;
        let expires = self.clock.now().saturating_add(REGISTRATION_LIFETIME).unwrap_or(Timestamp::MAX);
        // A machine boots although the disk is full: it registers as soon as there is room.
        let token = self.store.issue_fleeting_token(Grant::Registration { mac: boot.mac }, expires).await;
        let token = token.map_err(|error| BackendError::new("issuing the registration token", error))?;
        Ok(Some(AgentConfig { server, token, env: boot.env.clone() }))
    }

    async fn load_leases(&self) -> Result<Vec<Lease>, BackendError> {
        self.store.load_leases().await.map_err(|error| BackendError::new("reading the leases", error))
    }

    async fn commit_leases(&self, leases: &[Lease]) -> Result<(), BackendError> {
        let committed = self.store.commit_leases(leases).await;
        committed.map_err(|error| BackendError::new("writing the leases", error))
    }

    fn ipv6(&self) -> Option<&dyn Ipv6Backend> {
        self.site.ipv6_subnets().is_some().then_some(self as &dyn Ipv6Backend)
    }

    fn record(&self, event: NewEvent) {
        self.store.record(event);
    }
}

#[async_trait]
impl Ipv6Backend for StoredBoot {
    fn subnets(&self) -> Arc<[v6::Subnet]> {
        self.site.ipv6_subnets().unwrap_or_default()
    }

    async fn duid(&self) -> Result<v6::Duid, BackendError> {
        let duid = self.store.dhcp6_duid().await;
        duid.map_err(|error| BackendError::new("reading the server's DHCPv6 identifier", error))
    }

    async fn load_leases(&self) -> Result<Vec<v6::Lease>, BackendError> {
        self.store.load_ipv6_leases().await.map_err(|error| BackendError::new("reading the IPv6 leases", error))
    }

    async fn commit_leases(&self, leases: &[v6::Lease]) -> Result<(), BackendError> {
        let committed = self.store.commit_ipv6_leases(leases).await;
        committed.map_err(|error| BackendError::new("writing the IPv6 leases", error))
    }
}
