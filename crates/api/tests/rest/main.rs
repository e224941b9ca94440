//! The API as its clients see it: on loopback, over a real store in a temporary folder.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]

mod agents;
mod authorization;
mod change;
mod designs;
mod events;
mod files;
mod identity;
mod images;
mod objects;
mod rig;
mod runs;
mod search;
