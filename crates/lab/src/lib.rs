//! A virtual rack: machines in QEMU or in memory, each with a simulated BMC that can be told to misbehave.
//!
//! Only tests, `xtask` and the `slipway lab` command use it.

pub mod demo;
pub mod fleet;
pub mod host;
pub mod namespace;
pub mod network;
pub mod own_network;
pub mod power;
pub mod qemu;
pub mod rack;
pub mod redfish;
pub mod simulated;
pub mod small_disk;
pub mod solo;
