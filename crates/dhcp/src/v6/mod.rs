//! DHCP for IPv6 (RFC 8415): packet in, decision out.
//!
//! As with IPv4, no socket, clock or store is here. Addresses are given for IA_NA; temporary addresses and
//! prefixes are refused by status, as RFC 8415 wants it. Clients are told apart by DUID and IAID, which a machine's
//! firmware, loader and system each choose for themselves, so they have an address each; what ties them to the
//! machine is the network card, see [`Request::mac`].

pub mod client;
mod decide;
mod duid;
mod encode;
mod lease;
mod option;
mod reply;
mod request;
mod subnet;

pub use decide::{Boot, Decision, Facts, Held, Silence, decide};
pub use duid::{Duid, ParseDuidError};
pub use lease::{Binding, Claim, Lease, Leases};
pub use option::Options;
pub use reply::{Reply, ReplyKind};
pub use request::{Association, AssociationKind, MessageType, ParseRequestError, Relay, Request};
pub use subnet::Subnet;

/// The port of servers and relays (RFC 8415 §7.2).
pub const SERVER_PORT: u16 = 547;
/// The port of clients (RFC 8415 §7.2).
pub const CLIENT_PORT: u16 = 546;
/// All_DHCP_Relay_Agents_and_Servers (RFC 8415 §7.1).
pub const ALL_SERVERS: std::net::Ipv6Addr = std::net::Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
