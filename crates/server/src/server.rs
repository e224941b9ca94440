//! The parts of a server, from open to stop.

use crate::config::Config;
use crate::core::{Core, Surroundings};
use crate::first_start::first_token;
use crate::http::{self, Patience};
use crate::open_files;
use crate::optional;
use crate::site::SiteError;
use netboot::{
    BackendError, Dhcp6Listener, DhcpListener, ListenDhcp, ListenDhcp6, ProbeSocket, SolicitationListener, TftpListener,
};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use steps::StepCatalogue;
use store::{KeyError, OpenError, Store, StoreError};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use types::{Secret, chain};
use workflow::ports::{Catalogue, RunStore};

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
        Self::start_with(config, Surroundings::default(), |store| store, |steps| steps).await
    }

    /// As [`Server::start`], in other surroundings, and with the engine's view of the store and of the steps
    /// wrapped: a test crashes it there, or makes a step fail.
    pub async fn start_with<S: RunStore, C: Catalogue>(
        config: Config,
        surroundings: Surroundings,
        wrap_store: impl FnOnce(Store) -> S,
        wrap_steps: impl FnOnce(Arc<StepCatalogue>) -> C,
    ) -> Result<Self, StartError> {
        let core = Core::open(&config, surroundings).await?;
        let listener = http::listen(config.listen).map_err(listening("HTTP", &config.listen))?;
        let http = listener.local_addr().map_err(listening("HTTP", &config.listen))?;
        let netboot = core.netboot(http.port()).await?;

        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        if let Some(dhcp) = &config.dhcp {
            let listen = ListenDhcp { interface: Some(dhcp.interface.clone()), address: dhcp.address, port: dhcp.port };
            let listener = DhcpListener::bind(&listen).map_err(listening("DHCP", &dhcp.interface))?;
            let (netboot, stop) = (netboot.clone(), stop.clone());
            tasks.spawn(async move { netboot.serve_dhcp(listener, stop).await });
        }
        if config.dhcp.is_some() {
            match ProbeSocket::open() {
                Ok(socket) => {
                    let (netboot, stop) = (netboot.clone(), stop.clone());
                    tasks.spawn(optional::serve(
                        "Addresses are offered without asking for them",
                        stop.clone(),
                        async move { netboot.serve_probes(socket, stop).await },
                    ));
                }
                Err(error) => warn!(%error, "Addresses are offered without asking for them: there is no ICMP socket"),
            }
        }
        // PXE has no other port for it, so that there is none to be told either.
        if let Some(dhcp) = config.dhcp.as_ref().filter(|dhcp| dhcp.port == dhcp::SERVER_PORT) {
            let (interface, port) = (Some(dhcp.interface.clone()), dhcp::BOOT_SERVER_PORT);
            let listener = DhcpListener::bind(&ListenDhcp { interface, address: dhcp.address, port });
            let listener = listener.map_err(listening("PXE's boot server", &dhcp.interface))?;
            let (netboot, stop) = (netboot.clone(), stop.clone());
            tasks.spawn(async move { netboot.serve_boot_server(listener, stop).await });
        }
        if let Some(dhcp) = config.dhcp.as_ref().filter(|dhcp| dhcp.no_ipv6_router) {
            let listener = SolicitationListener::bind(&dhcp.interface);
            let listener = listener.map_err(listening("router solicitations", &dhcp.interface))?;
            let (netboot, stop) = (netboot.clone(), stop.clone());
            tasks.spawn(async move { netboot.serve_solicitations(listener, stop).await });
        }
        if let Some(dhcp6) = &config.dhcp6 {
            let listen = ListenDhcp6 { port: dhcp6.port, ..ListenDhcp6::on(&dhcp6.interface, dhcp6.address) };
            let listener = Dhcp6Listener::bind(listen).map_err(listening("DHCPv6", &dhcp6.interface))?;
            let (netboot, stop) = (netboot.clone(), stop.clone());
            tasks.spawn(async move { netboot.serve_dhcp6(listener, stop).await });
        }
        if let Some(dhcp6) = config.dhcp6.as_ref().filter(|dhcp6| dhcp6.advertise) {
            let listener = SolicitationListener::bind(&dhcp6.interface);
            let listener = listener.map_err(listening("router solicitations", &dhcp6.interface))?;
            let (netboot, stop) = (netboot.clone(), stop.clone());
            tasks.spawn(async move { netboot.advertise_dhcp6(listener, stop).await });
        }
        let mut tftp = None;
        if let Some(address) = config.tftp {
            let listener = TftpListener::bind(address).await.map_err(listening("TFTP", &address))?;
            tftp = Some(listener.local_addr().map_err(listening("TFTP", &address))?);
            let (netboot, stop) = (netboot.clone(), stop.clone());
            tasks.spawn(async move { netboot.serve_tftp(listener, stop).await });
        }
        // By its own address, as with IPv4: firmware takes no answers from another.
        let over_ipv6 = config.dhcp6.as_ref().zip(config.tftp.filter(SocketAddr::is_ipv4));
        if let Some((dhcp6, tftp)) = over_ipv6 {
            let address = SocketAddr::from((dhcp6.address, tftp.port()));
            let listener = TftpListener::bind(address).await.map_err(listening("TFTP", &address))?;
            let (netboot, stop) = (netboot.clone(), stop.clone());
            tasks.spawn(async move { netboot.serve_tftp(listener, stop).await });
        }
        let router = core.router(&config, http.port(), &netboot, stop.clone()).await?;
        let (http_stop, room) = (stop.clone(), open_files::raise());
        tasks.spawn(async move {
            http::serve(listener, router, Patience::default(), room, http_stop).await;
            Ok(())
        });

        tasks.spawn(core.attend(stop.clone()));
        let (engine, catalogue) = core.engine_over(&config, wrap_store, wrap_steps);
        let engine_stop = stop.clone();
        tasks.spawn(async move {
            engine.run(engine_stop).await;
            catalogue.close().await;
            Ok(())
        });
        let deploying = core.deploy(&config, http.port(), &netboot, stop.clone());
        tasks.spawn(async move {
            deploying.await;
            Ok(())
        });
        let Core { store, site, .. } = core;
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
