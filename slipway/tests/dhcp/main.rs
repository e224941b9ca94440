//! `slipway serve` on a link with other computers: DHCP servers, clients, and hosts that nobody told us of.
//!
//! Each test has a network of its own, in which the computers are namespaces; what is no client of the test's own is
//! the program that operators have.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod client;
mod in_use;
mod ipv6;
mod proxy;
mod rig;
mod udhcpc;
