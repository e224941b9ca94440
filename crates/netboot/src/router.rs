//! Says "there is no IPv6 router here" to who asks (RFC 4861 §6.2).
//!
//! iPXE configures IPv4 and IPv6 side by side and goes on only when both have come to an end. Where no router
//! answers, its solicitations take 16 s to do so, at every boot (measured with Debian's build of 2019). An
//! advertisement with a lifetime of zero and no prefix ends them at once and gives nobody a route or an address.
//! On a network with IPv6 routers, leave this off.

use crate::dhcp_server::is_peer_error;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

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
const NO_ROUTER_HERE: [u8; 16] = [134, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

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

/// Answers until `stop`.
pub(crate) async fn serve(listener: SolicitationListener, stop: CancellationToken) -> io::Result<()> {
    let mut buffer = [0; 1500];
    while let Some(received) = stop.run_until_cancelled(listener.socket.recv_from(&mut buffer)).await {
        let source = match received {
            Ok((length, SocketAddr::V6(source))) if is_solicitation(&buffer[..length]) => *source.ip(),
            Ok(_) => continue,
            Err(error) if is_peer_error(&error) => continue,
            Err(error) => return Err(error),
        };
        // Only who asks is answered, if it has an address.
        let to = if source.is_unspecified() { ALL_NODES } else { source };
        let to = SocketAddrV6::new(to, 0, 0, listener.scope);
        if let Err(error) = listener.socket.send_to(&NO_ROUTER_HERE, SocketAddr::V6(to)).await {
            tracing::debug!(peer = %to, error = &error as &dyn std::error::Error, "{to} was not told that there is no router");
        }
    }
    Ok(())
}

fn is_solicitation(packet: &[u8]) -> bool {
    matches!(packet, [ROUTER_SOLICITATION, 0, ..])
}
