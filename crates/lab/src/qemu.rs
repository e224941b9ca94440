//! Machines in QEMU, with real firmware, emulated without KVM.
//!
//! A machine is a directory with its disk, its firmware's variables and its serial console's log; a power-on is a
//! QEMU process, which cannot outlive this one. What it boots is said by the plan it is started with.

mod arguments;
mod disk;
mod machine;
mod monitor;
mod power_log;
mod process;

pub use arguments::{FirmwareFiles, MachineSpec, NetworkBoot};
pub use disk::{DiskBus, DiskFault, DiskSpec, FaultyIo};
pub use machine::{QemuError, QemuMachine};
pub use power_log::PowerCounts;
