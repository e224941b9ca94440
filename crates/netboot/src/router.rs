//! Answers who asks for an IPv6 router (RFC 4861 §6.2), as one that routes nothing.
//!
//! Where addresses come by DHCPv6, it says so, and which addresses are on the link: without that word neither iPXE nor
//! Linux ask for one, and DHCPv6 itself has no way to tell where the link ends. Elsewhere it says that there is no
//! router: iPXE configures IPv4 and IPv6 side by side and goes on only when both have come to an end. Where no router
//! answers, its solicitations take 16 s to do so, at every boot (measured with Debian's build of 2019). An
//! advertisement with a lifetime of zero and no prefix ends them at once and gives nobody a route or an address.
//! On a network with IPv6 routers, leave both off.

use crate::dhcp_server::is_peer_error;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;
use types::ipv6::Cidr6;

/// A raw ICMPv6 socket on one interface.
#[derive(Debug)]
pub struct SolicitationListener {
    /// Tokio has no raw sockets; sending and receiving are the same calls.
    socket: UdpSocket,
    scope: u32,
}

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
const ROUTER_SOLICITATION: u8 = 133;
/// Type 134; the checksum is the kernel's to fill in (RFC 3542 §3.1). Hop limit, flags, lifetime and timers are
/// all zero: unspecified, no DHCPv6, not a default router.
pub(crate) const NO_ROUTER_HERE: [u8; 16] = [134, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

impl SolicitationListener {
    /// Opens the socket, which needs the privilege for raw sockets.
    ///
    /// # Errors
    /// When the privilege or the interface is missing, or IPv6 is switched off.
    pub fn bind(interface: &str) -> io::Result<Self> {
        let scope = nix::net::if_::if_nametoindex(interface)?;
        let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6))?;
        socket.set_nonblocking(true)?;
        socket.bind_device(Some(interface.as_bytes()))?;
        socket.join_multicast_v6(&ALL_ROUTERS, scope)?;
        socket.set_multicast_if_v6(scope)?;
        socket.set_multicast_loop_v6(false)?;
        // RFC 4861 §6.1.2: from a router that is not a neighbour it would be invalid.
        socket.set_multicast_hops_v6(255)?;
        socket.set_unicast_hops_v6(255)?;
        Ok(Self { socket: UdpSocket::from_std(socket.into())?, scope })
    }
}

/// Managed addresses and other configuration: both by DHCPv6 (RFC 4861 §4.2).
const BY_DHCP6: u8 = 0b1100_0000;
/// On the link, and not for hosts to make addresses of (RFC 4861 §4.6.2).
const ON_LINK: u8 = 0b1000_0000;
/// How long a host believes it: long enough to live through a server that is away for a night.
const ON_LINK_SECONDS: u32 = 24 * 60 * 60;
/// Pause between advertisements that nobody asked for: MaxRtrAdvInterval's default (RFC 4861 §6.2.1).
const REPEAT: Duration = Duration::from_secs(600);

/// An advertisement that sends hosts to DHCPv6, and says that `networks` are on the link.
pub(crate) fn addresses_by_dhcp6(networks: &[Cidr6]) -> Vec<u8> {
    let mut packet = NO_ROUTER_HERE.to_vec();
    packet[5] = BY_DHCP6;
    for network in networks {
        packet.extend([3, 4, network.prefix(), ON_LINK]);
        packet.extend(ON_LINK_SECONDS.to_be_bytes());
        packet.extend(ON_LINK_SECONDS.to_be_bytes());
        packet.extend([0; 4]);
        packet.extend(network.network().octets());
    }
    packet
}

/// Answers with what `advertisement` gives until `stop`, and says it to all at the start and now and then.
pub(crate) async fn serve(
    listener: SolicitationListener,
    advertisement: impl Fn() -> Vec<u8>,
    stop: CancellationToken,
) -> io::Result<()> {
    let mut buffer = [0; 1500];
    let mut repeat = tokio::time::interval(REPEAT);
    loop {
        let to = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = repeat.tick() => ALL_NODES,
            received = listener.socket.recv_from(&mut buffer) => match received {
                // Only who asks is answered, if it has an address.
                Ok((length, SocketAddr::V6(source))) if is_solicitation(&buffer[..length]) => {
                    if source.ip().is_unspecified() { ALL_NODES } else { *source.ip() }
                }
                Ok(_) => continue,
                Err(error) if is_peer_error(&error) => continue,
                Err(error) => return Err(error),
            },
        };
        let to = SocketAddrV6::new(to, 0, 0, listener.scope);
        if let Err(error) = listener.socket.send_to(&advertisement(), SocketAddr::V6(to)).await {
            tracing::debug!(peer = %to, error = &error as &dyn std::error::Error, "{to} was not told about routers");
        }
    }
}

fn is_solicitation(packet: &[u8]) -> bool {
    matches!(packet, [ROUTER_SOLICITATION, 0, ..])
}
