//! Ends the maintenance OS, for a person at the console. Orders never do: the server owns the power.

use rustix::system::{RebootCommand, reboot};
use std::io;

/// What comes after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The machine starts again.
    Restart,
    /// The machine is off.
    Off,
}

/// Writes everything to the disks and ends. Does not return when it succeeds.
///
/// # Errors
/// When the kernel refuses, as it does for others than root.
pub fn end(then: Then) -> io::Result<()> {
    rustix::fs::sync();
    let command = match then {
        Then::Restart => RebootCommand::Restart,
        Then::Off => RebootCommand::PowerOff,
    };
    Ok(reboot(command)?)
}
