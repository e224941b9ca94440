//! What the agent does on a machine: it says what the machine is, asks for work, does it, and says how it went.
//!
//! Blocking, one thing at a time: a machine has one order at most. Everything that comes from the machine is
//! read below one folder ([`host::Host`]) and time comes from a [`clock::Clock`], so that tests run the same
//! code on a folder that looks like a machine.
//! Turning the machine off and on is the server's, through the BMC; [`power`] is for a person at the console.

pub mod call_home;
pub mod clock;
pub mod dhcp6;
pub mod disk;
pub mod health;
pub mod host;
pub mod image;
pub mod inventory;
pub mod journal;
pub mod platform;
pub mod power;
pub mod run;
pub mod server;
pub mod task;
pub mod wipe;

/// What this agent says it is.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

#[cfg(test)]
mod tests;
