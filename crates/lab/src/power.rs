//! What a simulated BMC drives: the power of a machine and what the machine boots when it comes on.
//!
//! The BMC decides (override, once, inserted image) and hands over a finished plan, so a backend only has
//! to start and stop something. QEMU is one backend; [`MemoryMachine`] is one for tests without QEMU.

use async_trait::async_trait;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a machine tries to boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BootSource {
    /// The firmware's own order: the network, then the disk.
    #[default]
    DefaultOrder,
    /// The network only (PXE or UEFI HTTP boot).
    Network,
    /// The first disk.
    Disk,
    /// The virtual CD.
    Cd,
}

/// How one power-on goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BootPlan {
    /// What to boot.
    pub source: BootSource,
    /// The image in the virtual CD drive. It is attached whatever the source is.
    pub cd: Option<PathBuf>,
}

/// A machine could not be started or stopped.
#[derive(Debug, thiserror::Error)]
#[error("{operation} the machine")]
pub struct PowerError {
    /// What was tried, such as `starting`.
    pub operation: &'static str,
    /// Why it did not work.
    #[source]
    pub source: std::io::Error,
}

/// The power of one machine.
#[async_trait]
pub trait PowerBackend: Send + Sync + 'static {
    /// Turns the machine on. Does nothing when it is on.
    async fn power_on(&self, boot: BootPlan) -> Result<(), PowerError>;
    /// Cuts the power. Does nothing when it is off.
    async fn power_off(&self) -> Result<(), PowerError>;
    /// Restarts a running machine at once, with a new plan.
    async fn reset(&self, boot: BootPlan) -> Result<(), PowerError>;
    /// Whether the machine has power now.
    async fn is_on(&self) -> bool;
    /// Presses the power button: the operating system may shut down, later, or not at all.
    async fn graceful_shutdown(&self) -> Result<(), PowerError>;
}

/// A machine that exists only as a record of what was done to it.
#[derive(Debug, Default)]
pub struct MemoryMachine {
    state: Mutex<MemoryState>,
}

#[derive(Debug, Default)]
struct MemoryState {
    on: bool,
    boots: Vec<BootPlan>,
}

impl MemoryMachine {
    /// The plan of every boot so far, oldest first. A reset counts as a boot.
    pub fn boots(&self) -> Vec<BootPlan> {
        self.lock().boots.clone()
    }

    fn lock(&self) -> MutexGuard<'_, MemoryState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl PowerBackend for MemoryMachine {
    async fn power_on(&self, boot: BootPlan) -> Result<(), PowerError> {
        let mut state = self.lock();
        if !state.on {
            state.on = true;
            state.boots.push(boot);
        }
        Ok(())
    }

    async fn power_off(&self) -> Result<(), PowerError> {
        self.lock().on = false;
        Ok(())
    }

    async fn reset(&self, boot: BootPlan) -> Result<(), PowerError> {
        let mut state = self.lock();
        if state.on {
            state.boots.push(boot);
        }
        Ok(())
    }

    async fn is_on(&self) -> bool {
        self.lock().on
    }

    async fn graceful_shutdown(&self) -> Result<(), PowerError> {
        self.lock().on = false;
        Ok(())
    }
}
