//! The parts of a server, from open to stop.

use crate::attendance::attend;
use crate::boot_backend::StoredBoot;
use crate::clock::{SteadyClock, SystemChance};
use crate::config::Config;
use crate::first_start::first_token;
use crate::http::{self, Patience};
use crate::site::{Site, SiteError};
use api::App;
use artifact::ImageFolder;
use bmc::{BmcPool, Limits};
use jiff::SignedDuration;
use netboot::{BackendError, DhcpListener, ListenDhcp, Netboot, SolicitationListener, TftpListener};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use steps::StepCatalogue;
use store::{EncryptionKey, KeyError, OpenError, Store, StoreError, StoreOptions};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;
use types::{Secret, chain};
use url::Url;
use workflow::ports::{Clock, RunStore};
use workflow::{Engine, EngineOptions};

/// The largest image that may be uploaded: a disk of 1 TiB, unpacked.
const IMAGE_LIMIT_BYTES: u64 = 1 << 40;

/// What a server finds around it; a test brings its own.
pub struct Surroundings {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The limits kept with each BMC.
    pub bmc_limits: Limits,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self { clock: Arc::new(SteadyClock::start()), bmc_limits: Limits::default() }
    }
}

/// A running server.
pub struct Server {
    http: SocketAddr,
    tftp: Option<SocketAddr>,
    first_token: Option<Secret>,
    store: Store,
    stop: CancellationToken,
    tasks: JoinSet<io::Result<()>>,
}

/// The server could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder.
    #[error("opening the folder {path}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The encryption key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// Something in the database.
    #[error("reading what is stored")]
    Stored(#[from] StoreError),
    /// The objects that are part of the program.
    #[error("bringing the built-in objects up to date")]
    Builtin(#[from] api::SetBuiltinError),
    /// Boot files or subnets.
    #[error("reading what machines boot from: {0}")]
    Site(String),
    /// DHCP leases.
    #[error("starting the boot services")]
    Netboot(#[from] BackendError),
    /// A socket.
    #[error("listening for {service} on {address}")]
    Listen {
        /// What for.
        service: &'static str,
        /// Where.
        address: String,
        /// Why.
        source: io::Error,
    },
}

impl From<SiteError> for StartError {
    fn from(error: SiteError) -> Self {
        Self::Site(chain(&error))
    }
}

impl Server {
    /// Opens the store and the sockets and starts every part.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        Self::start_with(config, Surroundings::default(), |store| store).await
    }

    /// As [`Server::start`], in other surroundings, and with the engine's view of the store wrapped: a test crashes
    /// it there.
    pub async fn start_with<S: RunStore>(
        config: Config,
        surroundings: Surroundings,
        wrap: impl FnOnce(Store) -> S,
    ) -> Result<Self, StartError> {
        let Surroundings { clock, bmc_limits } = surroundings;
        let folder = |path: PathBuf| {
            std::fs::create_dir_all(&path).map_err(|source| StartError::Folder { path: path.clone(), source })?;
            Ok::<_, StartError>(path)
        };
        let data = folder(config.data.clone())?;
        let key = EncryptionKey::load_or_create(&data.join("secret.key"))?;
        let path = data.join("slipway.db");
        let store = Store::open(StoreOptions { path, key, clock: Arc::clone(&clock) }).await?;
        api::set_builtin(&store).await?;
        let images_path = folder(data.join("images"))?;
        let images = ImageFolder::open(&images_path)
            .map_err(|source| StartError::Folder { path: images_path, source: io::Error::other(source) })?;

        let server_address = config.dhcp.as_ref().map_or_else(|| ipv4(config.listen), |dhcp| dhcp.address);
        let folders = [config.loaders.clone(), config.maintenance_os.clone()];
        let site = Arc::new(Site::load(store.clone(), server_address, folders).await?);
        let listener = TcpListener::bind(config.listen).await.map_err(listening("HTTP", &config.listen))?;
        let http = listener.local_addr().map_err(listening("HTTP", &config.listen))?;
        let backend = StoredBoot { store: store.clone(), site: Arc::clone(&site), clock: Arc::clone(&clock) };
        let netboot_config = netboot::Config { http_port: http.port(), ..netboot::Config::default() };
        let netboot = Netboot::start(Arc::new(backend), netboot_config).await?;

        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        if let Some(dhcp) = &config.dhcp {
            let listen = ListenDhcp { interface: Some(dhcp.interface.clone()), address: dhcp.address, port: dhcp.port };
            let listener = DhcpListener::bind(&listen).map_err(listening("DHCP", &dhcp.interface))?;
            let (netboot, stop) = (netboot.clone(), stop.clone());
            tasks.spawn(async move { netboot.serve_dhcp(listener, stop).await });
        }
        if let Some(dhcp) = config.dhcp.as_ref().filter(|dhcp| dhcp.no_ipv6_router) {
            let listener = SolicitationListener::bind(&dhcp.interface);
            let listener = listener.map_err(listening("router solicitations", &dhcp.interface))?;
            let (netboot, stop) = (netboot.clone(), stop.clone());
            tasks.spawn(async move { netboot.serve_solicitations(listener, stop).await });
        }
        let mut tftp = None;
        if let Some(address) = config.tftp {
            let listener = TftpListener::bind(address).await.map_err(listening("TFTP", &address))?;
            tftp = Some(listener.local_addr().map_err(listening("TFTP", &address))?);
            let (netboot, stop) = (netboot.clone(), stop.clone());
            tasks.spawn(async move { netboot.serve_tftp(listener, stop).await });
        }
        let app = App {
            store: store.clone(),
            images: Arc::new(images),
            image_limit_bytes: IMAGE_LIMIT_BYTES,
            check_step: Arc::new(StepCatalogue::check_step),
            machine_url: public_url(&config.public_url, http.port()),
            clock: Arc::clone(&clock),
            shutdown: stop.clone(),
            secure_cookies: false,
        };
        api::refresh_image_statuses(&app).await?;
        let router = api::router(app).merge(web::router()).merge(netboot.http_routes());
        let http_stop = stop.clone();
        tasks.spawn(async move {
            http::serve(listener, router, Patience::default(), http_stop).await;
            Ok(())
        });

        tasks.spawn(attend(store.clone(), Arc::clone(&clock), stop.clone()));
        let catalogue = Arc::new(StepCatalogue::new(store.clone(), BmcPool::new(bmc_limits)));
        let options = EngineOptions {
            lease: SignedDuration::try_from(config.engine_lease.0).unwrap_or(SignedDuration::MAX),
            slots: config.engine_slots,
            ..EngineOptions::default()
        };
        let run_store = Arc::new(wrap(store.clone()));
        let engine = Engine::new(run_store, Arc::clone(&catalogue), clock, Arc::new(SystemChance), options);
        let engine_stop = stop.clone();
        tasks.spawn(async move {
            engine.run(engine_stop).await;
            catalogue.close().await;
            Ok(())
        });
        let site_stop = stop.clone();
        tasks.spawn(async move {
            site.follow(site_stop).await;
            Ok(())
        });
        // Last: a start that fails must not use up the token that is shown once.
        let first_token = first_token(&store).await?;
        info!(%http, data = %config.data.display(), "Slipway serves on {http}");
        Ok(Self { http, tftp, first_token, store, stop, tasks })
    }

    /// Where HTTP is answered.
    pub fn http_address(&self) -> SocketAddr {
        self.http
    }

    /// Where TFTP is answered.
    pub fn tftp_address(&self) -> Option<SocketAddr> {
        self.tftp
    }

    /// The administrator's token, at the first start only.
    pub fn first_token(&self) -> Option<&Secret> {
        self.first_token.as_ref()
    }

    /// What is stored.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Serves until `stop` is called for or a part fails.
    pub async fn run_until(mut self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let store = self.store.clone();
        let ended = tokio::select! {
            () = stop => Ok(()),
            () = store.closed() => Err(io::Error::other("the store can no longer write")),
            Some(ended) = self.tasks.join_next() => ended.map_err(io::Error::other).and_then(|ended| ended),
        };
        let stopped = self.stop().await;
        ended.and(stopped)
    }

    /// Stops every part, the store last.
    pub async fn stop(mut self) -> io::Result<()> {
        self.stop.cancel();
        let mut result = Ok(());
        while let Some(ended) = self.tasks.join_next().await {
            result = result.and(ended.map_err(io::Error::other).and_then(|ended| ended));
        }
        self.store.close().await;
        result
    }
}

fn listening(service: &'static str, address: &impl ToString) -> impl FnOnce(io::Error) -> StartError {
    let address = address.to_string();
    move |source| StartError::Listen { service, address, source }
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
