//! The parts of a server that need no socket: what it keeps, what it answers, and what it does about its runs.
//!
//! [`crate::Server`] puts sockets in front of them. A simulation calls them itself, in a time of its own.

use crate::attendance::attend;
use crate::boot_backend::StoredBoot;
use crate::clock::{SteadyClock, SystemChance};
use crate::config::Config;
use crate::pools;
use crate::rendering::Renderer;
use crate::server::StartError;
use crate::site::{BootPaths, Site};
use api::App;
use artifact::{ImageFolder, MediaFolder};
use axum::Router;
use bmc::{BmcPool, Connect, Limits};
use jiff::SignedDuration;
use lifecycle::LoaderFiles;
use netboot::Netboot;
use render::Sites;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use steps::StepCatalogue;
use store::{EncryptionKey, NoProbe, Probe, Store, StoreOptions};
use tokio_util::sync::CancellationToken;
use url::Url;
use workflow::ports::{Catalogue, Chance, Clock, RunStore};
use workflow::{Engine, EngineOptions};

/// The shim's name among the boot files.
const SHIM_NAME: &str = "shimx64.efi";
/// The name that the shim asks for.
const GRUB_NAME: &str = "grubx64.efi";
/// The largest image that may be uploaded: a disk of 1 TiB, unpacked.
const IMAGE_LIMIT_BYTES: u64 = 1 << 40;

/// What a server finds around it; a test brings its own.
pub struct Surroundings {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub chance: Arc<dyn Chance>,
    /// How BMCs are reached.
    pub bmcs: Arc<dyn Connect>,
    /// Sees every commit.
    pub probe: Arc<dyn Probe>,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            clock: Arc::new(SteadyClock::start()),
            chance: Arc::new(SystemChance),
            bmcs: Arc::new(Limits::default()),
            probe: Arc::new(NoProbe),
        }
    }
}

/// The parts of a server that need no socket.
pub struct Core {
    pub(crate) store: Store,
    pub(crate) site: Arc<Site>,
    sites: Sites,
    images: Arc<ImageFolder>,
    media: Arc<MediaFolder>,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    bmcs: Arc<dyn Connect>,
}

impl Core {
    /// Opens the store and reads the site.
    pub async fn open(config: &Config, surroundings: Surroundings) -> Result<Self, StartError> {
        let Surroundings { clock, chance, bmcs, probe } = surroundings;
        let data = folder(config.data.clone())?;
        let key = EncryptionKey::load_or_create(&data.join("secret.key"))?;
        let path = data.join("slipway.db");
        let store = Store::open_probed(StoreOptions { path, key, clock: Arc::clone(&clock) }, probe).await?;
        api::set_builtin(&store).await?;
        let images_path = folder(data.join("images"))?;
        let images = ImageFolder::open(&images_path)
            .map_err(|source| StartError::Folder { path: images_path, source: io::Error::other(source) })?;
        let media_path = folder(data.join("media"))?;
        let media = MediaFolder::open(&media_path)
            .map_err(|source| StartError::Folder { path: media_path, source: io::Error::other(source) })?;
        let sites = Sites::new(store.clone());
        let server_address = config.dhcp.as_ref().map_or_else(|| ipv4(config.listen), |dhcp| dhcp.address);
        let server_ipv6 = config.dhcp6.as_ref().map(|dhcp6| dhcp6.address);
        let site = Arc::new(Site::load(store.clone(), server_address, server_ipv6, boot_paths(config)).await?);
        Ok(Self { store, site, images: Arc::new(images), media: Arc::new(media), sites, clock, chance, bmcs })
    }

    /// What is stored.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Time, as the server tells it.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// The boot services. `http_port` is where their files are fetched.
    pub async fn netboot(&self, http_port: u16) -> Result<Netboot, StartError> {
        let (store, site, clock) = (self.store.clone(), Arc::clone(&self.site), Arc::clone(&self.clock));
        let renderer = Renderer { store: store.clone(), sites: self.sites.clone(), clock: Arc::clone(&clock) };
        let backend = StoredBoot { store, site, clock, media: Arc::clone(&self.media), renderer };
        let clock = Arc::clone(&self.clock);
        let clock = netboot::Clock::new(move || clock.now());
        let loaders = LoaderFiles {
            shim_x64: self.site.files().find(SHIM_NAME).is_some().then(|| SHIM_NAME.to_owned()),
            ..LoaderFiles::default()
        };
        let config = netboot::Config { http_port, loaders, clock, ..netboot::Config::default() };
        Ok(Netboot::start(Arc::new(backend), config).await?)
    }

    /// What the API works with, at `port`. Streams and long polls end with `stop`.
    fn app(&self, config: &Config, port: u16, netboot: &Netboot, stop: CancellationToken) -> App {
        let served = netboot.clone();
        App {
            store: self.store.clone(),
            sites: self.sites.clone(),
            images: Arc::clone(&self.images),
            media: Arc::clone(&self.media),
            image_limit_bytes: IMAGE_LIMIT_BYTES,
            check_step: Arc::new(StepCatalogue::check_step),
            pools: Arc::new(move || pools::view(&served)),
            machine_url: public_url(&config.public_url, port),
            clock: Arc::clone(&self.clock),
            shutdown: stop,
            secure_cookies: false,
        }
    }

    /// Everything that is answered over HTTP, at `port`. Streams and long polls end with `stop`.
    pub async fn router(
        &self,
        config: &Config,
        port: u16,
        netboot: &Netboot,
        stop: CancellationToken,
    ) -> Result<Router, StartError> {
        let app = self.app(config, port, netboot, stop);
        api::refresh_image_statuses(&app).await?;
        Ok(api::router(app).merge(web::router()).merge(netboot.http_routes()))
    }

    /// Carries deployments out, until `stop`.
    pub fn deploy(
        &self,
        config: &Config,
        port: u16,
        netboot: &Netboot,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + Send + use<> {
        api::run_deployments(self.app(config, port, netboot, stop.clone()), stop)
    }

    /// Says again and again that this server is there, until `stop`: time without a server does not count.
    pub fn attend(&self, stop: CancellationToken) -> impl Future<Output = io::Result<()>> + use<> {
        attend(self.store.clone(), self.clock(), stop)
    }

    fn step_catalogue(&self) -> StepCatalogue {
        let bmcs = BmcPool::over(Arc::clone(&self.bmcs));
        StepCatalogue::new(self.store.clone(), self.sites.clone(), bmcs, Arc::clone(&self.media))
    }

    /// The engine, with its view of the store wrapped by `wrap`, and the steps that it takes.
    pub fn engine<S: RunStore>(
        &self,
        config: &Config,
        wrap: impl FnOnce(Store) -> S,
    ) -> (Engine<S, Arc<StepCatalogue>>, Arc<StepCatalogue>) {
        self.engine_over(config, wrap, |steps| steps)
    }

    /// The same, with its view of the steps wrapped too.
    pub fn engine_over<S: RunStore, C: Catalogue>(
        &self,
        config: &Config,
        wrap_store: impl FnOnce(Store) -> S,
        wrap_steps: impl FnOnce(Arc<StepCatalogue>) -> C,
    ) -> (Engine<S, C>, Arc<StepCatalogue>) {
        let catalogue = Arc::new(self.step_catalogue());
        let options = EngineOptions {
            lease: SignedDuration::try_from(config.engine_lease.0).unwrap_or(SignedDuration::MAX),
            slots: config.engine_slots,
            ..EngineOptions::default()
        };
        let (clock, chance) = (Arc::clone(&self.clock), Arc::clone(&self.chance));
        let store = Arc::new(wrap_store(self.store.clone()));
        let steps = Arc::new(wrap_steps(Arc::clone(&catalogue)));
        let engine = Engine::new(store, steps, clock, chance, options);
        (engine, catalogue)
    }
}

/// Without GRUB beside it the shim would lead nowhere.
fn boot_paths(config: &Config) -> BootPaths {
    let signed = config.shim.is_file() && config.grub.is_file();
    let files = vec![(SHIM_NAME, config.shim.clone()), (GRUB_NAME, config.grub.clone())];
    BootPaths {
        folders: [config.loaders.clone(), config.maintenance_os.clone()],
        files: if signed { files } else { Vec::new() },
    }
}

fn folder(path: PathBuf) -> Result<PathBuf, StartError> {
    std::fs::create_dir_all(&path).map_err(|source| StartError::Folder { path: path.clone(), source })?;
    Ok(path)
}

fn ipv4(address: SocketAddr) -> Ipv4Addr {
    match address.ip() {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    }
}

/// The URL with the port that was really taken, where the configuration left the choice open.
fn public_url(configured: &Url, port: u16) -> Url {
    let mut url = configured.clone();
    if url.port() == Some(0) {
        url.set_port(Some(port)).expect("a URL with a port can have another");
    }
    url
}
