//! The rack's switch: a bridge in this process's network namespace, with a tap for each machine.
//!
//! Made with `ip`, and never removed: the namespace goes with the process that made it, and the bridge with it.
//! The switch also answers router solicitations. iPXE waits up to 16 s for an IPv6 router before it uses the IPv4
//! address that it has long had (RFC 4861 §6.3.7; its retries end at 8 s); a router that offers nothing ends the wait.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{Ipv6Addr, SocketAddrV6};
use tokio::net::UdpSocket;
use tokio::process::Command;

/// The rack's bridge could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// `ip` could not be started.
    #[error("running ip {arguments}")]
    Run {
        /// What it was asked.
        arguments: String,
        /// Why.
        source: io::Error,
    },
    /// `ip` refused.
    #[error("ip {arguments} failed: {written}")]
    Refused {
        /// What it was asked.
        arguments: String,
        /// What it wrote.
        written: String,
    },
    /// Router solicitations cannot be answered.
    #[error("answering router solicitations on {bridge}")]
    RouterSocket {
        /// Where.
        bridge: String,
        /// Why.
        source: io::Error,
    },
}

/// A bridge that machines are plugged into.
#[derive(Debug)]
pub struct Network {
    bridge: String,
}

impl Network {
    /// Makes the bridge with an address such as `10.77.0.1/24`, and brings the loopback up, which a new namespace
    /// does not.
    pub async fn create(bridge: &str, address: &str) -> Result<Self, NetworkError> {
        ip(&["link", "set", "lo", "up"]).await?;
        // A bridge that listens before it forwards loses the machines' first packets.
        ip(&["link", "add", bridge, "type", "bridge", "stp_state", "0", "forward_delay", "0"]).await?;
        ip(&["address", "add", address, "dev", bridge]).await?;
        ip(&["link", "set", bridge, "up"]).await?;
        Ok(Self { bridge: bridge.to_owned() })
    }

    /// Adds another address to the bridge, such as a BMC's own.
    pub async fn add_address(&self, address: &str) -> Result<(), NetworkError> {
        ip(&["address", "add", address, "dev", &self.bridge]).await
    }

    /// Adds a tap for one machine.
    pub async fn add_tap(&self, tap: &str) -> Result<(), NetworkError> {
        ip(&["tuntap", "add", tap, "mode", "tap"]).await?;
        ip(&["link", "set", tap, "master", &self.bridge]).await?;
        ip(&["link", "set", tap, "up"]).await
    }

    /// Answers router solicitations until it is dropped: there is a router, and it offers nothing.
    pub async fn run_router(&self) -> Result<(), NetworkError> {
        let wrong = |source| NetworkError::RouterSocket { bridge: self.bridge.clone(), source };
        let router = Router::open(&self.bridge).map_err(wrong)?;
        loop {
            router.answer_next().await.map_err(wrong)?;
        }
    }
}

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
/// Receivers drop what came over a router (RFC 4861 §6.1.2).
const HOP_LIMIT: u32 = 255;

struct Router {
    /// A raw ICMPv6 socket: tokio's type only sends and receives, whatever the protocol is.
    socket: UdpSocket,
    all_nodes: SocketAddrV6,
}

impl Router {
    fn open(bridge: &str) -> io::Result<Self> {
        let index = nix::net::if_::if_nametoindex(bridge)?;
        let socket = Socket::new(Domain::IPV6, Type::RAW.nonblocking(), Some(Protocol::ICMPV6))?;
        socket.join_multicast_v6(&ALL_ROUTERS, index)?;
        socket.set_multicast_if_v6(index)?;
        socket.set_multicast_hops_v6(HOP_LIMIT)?;
        let all_nodes = SocketAddrV6::new(ALL_NODES, 0, 0, index);
        Ok(Self { socket: UdpSocket::from_std(socket.into())?, all_nodes })
    }

    async fn answer_next(&self) -> io::Result<()> {
        let mut packet = [0; 256];
        let length = self.socket.recv(&mut packet).await?;
        if length > 0 && packet[0] == ROUTER_SOLICITATION {
            // The bridge has no address for the first second of its life. iPXE asks again.
            if let Err(error) = self.socket.send_to(&empty_advertisement(), self.all_nodes).await {
                tracing::debug!(%error, "A router solicitation went unanswered");
            }
        }
        Ok(())
    }
}

/// RFC 4861 §4.2: hop limit 64, no DHCPv6, not a default router, no prefix. The kernel fills the checksum in.
fn empty_advertisement() -> [u8; 16] {
    let mut packet = [0; 16];
    packet[0] = ROUTER_ADVERTISEMENT;
    packet[4] = 64;
    packet
}

async fn ip(arguments: &[&str]) -> Result<(), NetworkError> {
    let line = || arguments.join(" ");
    let output = Command::new("ip")
        .args(arguments)
        .output()
        .await
        .map_err(|source| NetworkError::Run { arguments: line(), source })?;
    if output.status.success() {
        return Ok(());
    }
    let written = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(NetworkError::Refused { arguments: line(), written })
}
