//! DHCP for IPv4 (RFC 2131, RFC 2132): packet in, decision out.
//!
//! Opens no socket, reads no clock and knows no store: time is passed in, and what must be durable before
//! an answer leaves is part of the [`Decision`]. The codec is our own because the answer's correctness rests
//! on option overload, split options and raw user classes, which the codec crates leave to their callers;
//! `dhcproto` is the second opinion in the tests.
//!
//! The story is [`decide`]; everything else feeds it or carries out what it says.

pub mod client;
mod decide;
mod destination;
pub mod echo;
mod encode;
mod in_use;
mod lease;
mod option;
mod packet;
mod reply;
mod request;
mod subnet;
mod tally;
mod unstored;
pub mod v6;

pub use decide::{Boot, BootFile, Decision, Facts, Silence, decide, decide_boot_server};
pub use destination::{BOOT_SERVER_PORT, CLIENT_PORT, Destination, SERVER_PORT, destination};
pub use in_use::{Found, Verdict};
pub use lease::{Claim, Client, Lease, LeaseChange, LeaseState, Leases, PoolExhausted, PoolUsage};
pub use option::Options;
pub use packet::{Message, ParsePacketError};
pub use reply::{Reply, ReplyKind};
pub use request::{MessageType, ParseRequestError, Request, VendorClass};
pub use subnet::Subnet;
