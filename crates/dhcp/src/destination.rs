//! Where an answer goes (RFC 2131 §4.1).

use crate::{Reply, ReplyKind, Request};
use std::net::SocketAddrV4;
use types::MacAddr;

/// The port that servers and relays listen on.
pub const SERVER_PORT: u16 = 67;
/// The port that clients listen on.
pub const CLIENT_PORT: u16 = 68;

/// The port that PXE firmware asks boot servers on (PXE 2.1 §2.2.5).
pub const BOOT_SERVER_PORT: u16 = 4011;

/// Where an answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// To a host that answers ARP: a relay, or a client that has its address.
    Unicast(SocketAddrV4),
    /// To a client that has no address yet, and takes frames for its hardware address. Who cannot send such
    /// a frame broadcasts.
    Hardware {
        /// The address it is being given.
        address: SocketAddrV4,
        /// Its card.
        mac: MacAddr,
    },
    /// To everybody on the link.
    Broadcast(u16),
}

/// Where `reply` to `request` goes, when the request came from `source`.
pub fn destination(request: &Request, reply: &Reply, source: SocketAddrV4) -> Destination {
    if let Some(relay) = request.giaddr {
        let port = if request.relay_source_port { source.port() } else { SERVER_PORT };
        return Destination::Unicast(SocketAddrV4::new(relay, port));
    }
    if reply.kind == ReplyKind::Nak {
        return Destination::Broadcast(CLIENT_PORT);
    }
    if let Some(client) = request.ciaddr {
        return Destination::Unicast(SocketAddrV4::new(client, CLIENT_PORT));
    }
    match reply.address {
        Some(address) if !request.wants_broadcast() => {
            Destination::Hardware { address: SocketAddrV4::new(address, CLIENT_PORT), mac: request.mac }
        }
        _ => Destination::Broadcast(CLIENT_PORT),
    }
}
