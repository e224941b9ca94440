//! The sockets around DHCP, TFTP and HTTP boot.
//!
//! Decisions are made elsewhere: `dhcp` and `tftp` say what a packet is answered with, `lifecycle` says what a
//! machine boots. What is stored is behind [`BootBackend`]. Here is the waiting: nothing on the boot path waits
//! for a disk but the lease before its ACK, and no lock is held over a wait.

mod backend;
mod book;
mod by_client;
mod committer;
mod config;
mod cpio;
mod dhcp6_server;
mod dhcp_answer;
mod dhcp_server;
mod ear;
mod event;
mod files;
mod http_routes;
mod ipv6;
mod namespace;
mod once_a_minute;
mod pools;
mod prober;
mod router;
mod tftp_server;

pub use backend::{BackendError, BootBackend, Ipv6Backend, MachineBoot};
pub use book::LeaseBook;
pub use config::{Clock, Config};
pub use dhcp_server::{DhcpListener, ListenDhcp};
pub use dhcp6_server::{Dhcp6Listener, ListenDhcp6};
pub use files::{BootFiles, FolderError};
pub use http_routes::OPEN;
pub use pools::{Quarantined, SubnetUse};
pub use prober::ProbeSocket;
pub use ranged::FileSource;
pub use router::SolicitationListener;
pub use tftp_server::TftpListener;

use dhcp_server::Port;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::{Arc, OnceLock};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// The boot services over one backend.
#[derive(Clone)]
pub struct Netboot {
    inner: Arc<Inner>,
}

struct Inner {
    backend: Arc<dyn BootBackend>,
    config: Config,
    book: LeaseBook,
    committer: committer::Committer,
    /// Where the backend has an IPv6 side.
    ipv6: Option<ipv6::Ipv6>,
    /// Messages for which a pool had no address.
    exhaustion: once_a_minute::OnceAMinute,
    /// Answers from addresses that nobody was given.
    in_use: once_a_minute::OnceAMinute,
    /// Where addresses are asked for before they are offered.
    prober: OnceLock<prober::Prober>,
}

impl Netboot {
    /// Reads the leases and is ready to serve.
    ///
    /// # Errors
    /// When the leases cannot be read: without them addresses would be given twice.
    pub async fn start(backend: Arc<dyn BootBackend>, config: Config) -> Result<Self, BackendError> {
        let book = LeaseBook::load(&backend.subnets(), backend.load_leases().await?);
        let committer = committer::Committer::start(Arc::clone(&backend));
        let ipv6 = ipv6::Ipv6::start(&backend).await?;
        let (exhaustion, in_use, prober) = Default::default();
        Ok(Self { inner: Arc::new(Inner { backend, config, book, committer, ipv6, exhaustion, in_use, prober }) })
    }

    /// The leases as they are now.
    pub fn leases(&self) -> &LeaseBook {
        &self.inner.book
    }

    /// Answers DHCP until `stop`. One listener per interface.
    ///
    /// # Errors
    /// When the socket fails for good.
    pub async fn serve_dhcp(&self, listener: DhcpListener, stop: CancellationToken) -> std::io::Result<()> {
        dhcp_server::serve(Arc::clone(&self.inner), listener, Port::Server, stop).await
    }

    /// Tells PXE firmware what to boot that asks for it on a port of its own, until `stop`: it does so where its
    /// address comes from another server.
    ///
    /// # Errors
    /// When the socket fails for good.
    pub async fn serve_boot_server(&self, listener: DhcpListener, stop: CancellationToken) -> std::io::Result<()> {
        dhcp_server::serve(Arc::clone(&self.inner), listener, Port::BootServer, stop).await
    }

    /// Asks the network for addresses before they are offered for the first time, until `stop`. Without it they are
    /// offered unasked.
    ///
    /// # Errors
    /// When the socket fails for good.
    pub async fn serve_probes(&self, socket: ProbeSocket, stop: CancellationToken) -> std::io::Result<()> {
        let (prober, questions) = prober::Prober::new();
        // A second one would ask the same.
        if self.inner.prober.set(prober).is_err() {
            return Ok(());
        }
        prober::serve(socket, questions, stop).await
    }

    /// What a DHCP message is answered with that came from `source` to our `address`, once it is durable; for whoever
    /// has a network of their own.
    pub async fn answer_dhcp(&self, address: Ipv4Addr, message: &[u8], source: SocketAddrV4) -> Option<Vec<u8>> {
        let request = dhcp::Request::parse(message).ok()?;
        let heard = self.inner.hear(address, request, source)?;
        let facts = self.inner.facts(&heard).await?;
        let (sender, answer) = oneshot::channel();
        self.inner.answer(&heard, &facts, move |letter| {
            // The caller has given up, as a client that is switched off has.
            let _unheard = sender.send(letter);
        });
        answer.await.ok().flatten().map(|(bytes, _)| bytes)
    }

    /// Answers DHCPv6 until `stop`. One listener per interface.
    ///
    /// # Errors
    /// When the socket fails for good.
    pub async fn serve_dhcp6(&self, listener: Dhcp6Listener, stop: CancellationToken) -> std::io::Result<()> {
        dhcp6_server::serve(Arc::clone(&self.inner), listener, stop).await
    }

    /// Tells who looks for an IPv6 router that addresses come by DHCPv6 and which are on the link, until `stop`; for
    /// networks that have no router to say so.
    ///
    /// # Errors
    /// When the socket fails for good.
    pub async fn advertise_dhcp6(
        &self,
        listener: SolicitationListener,
        stop: CancellationToken,
    ) -> std::io::Result<()> {
        let inner = Arc::clone(&self.inner);
        router::serve(listener, move || router::addresses_by_dhcp6(&inner.on_link_networks()), stop).await
    }

    /// Answers TFTP until `stop`.
    ///
    /// # Errors
    /// When the socket fails for good.
    pub async fn serve_tftp(&self, listener: TftpListener, stop: CancellationToken) -> std::io::Result<()> {
        tftp_server::serve(Arc::clone(&self.inner), listener, stop).await
    }

    /// Tells who looks for an IPv6 router that there is none, until `stop`; iPXE then boots 16 s sooner.
    ///
    /// # Errors
    /// When the socket fails for good.
    pub async fn serve_solicitations(
        &self,
        listener: SolicitationListener,
        stop: CancellationToken,
    ) -> std::io::Result<()> {
        router::serve(listener, || router::NO_ROUTER_HERE.to_vec(), stop).await
    }

    /// The routes under `/boot`. Whoever serves them adds `axum::extract::ConnectInfo<SocketAddr>`, by which
    /// a file is attributed to the machine that fetched it.
    pub fn http_routes(&self) -> axum::Router {
        http_routes::routes(Arc::clone(&self.inner))
    }
}
