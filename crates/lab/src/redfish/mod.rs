//! The lab's BMC: a Redfish service with TLS, sessions and tasks, whose power really moves a machine, and
//! which can be told to misbehave ([`Faults`]).
//!
//! It claims only what it does: `redfish-protocol-validator` passes for the services in its root. Resources
//! are made from the state at each request ([`documents`]), so nothing shown can be out of date by accident.

mod accounts;
mod actions;
mod bios;
mod documents;
mod faults;
mod front;
mod media;
mod messages;
mod metadata;
mod patch;
mod reply;
mod simulator;
mod state;
mod tls;
pub mod tree;

pub use faults::{Calls, Chance, Dice, Faults, Hostile};
pub use simulator::{BmcOptions, BmcService, BmcSimulator, Firmware, StartError};
pub(crate) use tls::own_certificate;
