//! What is particular to machines: they are found by their network cards, and report about themselves.

use crate::{Machine, Store, StoreError};
use types::agent::{CallHome, Registration};
use types::{MacAddr, MachineId, Name, RunId};
use uuid::Uuid;
use workflow::ports::Lease;

/// A machine that has shown up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMachine {
    /// Its network cards.
    pub macs: Vec<MacAddr>,
    /// Its SMBIOS system UUID.
    pub uuid: Option<Uuid>,
    /// The name it gets if it is new; a number is added when another machine has it.
    pub name: Name,
}

impl Store {
    /// The machine that the card belongs to: by its spec, or else by its inventory.
    pub async fn machine_by_mac(&self, _mac: MacAddr) -> Result<Option<Machine>, StoreError> {
        unimplemented!()
    }

    /// The machine with the SMBIOS system UUID.
    pub async fn machine_by_uuid(&self, _uuid: Uuid) -> Result<Option<Machine>, StoreError> {
        unimplemented!()
    }

    /// The machine that has shown up, and whether it is new: known by a card or else by its UUID, or made now.
    pub async fn discover(&self, _new: NewMachine, _actor: &str) -> Result<(Machine, bool), StoreError> {
        unimplemented!()
    }

    /// An agent came up on the machine. A repeated registration of the same boot changes nothing.
    pub async fn agent_registered(
        &self,
        _machine: MachineId,
        _registration: Registration,
    ) -> Result<Machine, StoreError> {
        unimplemented!()
    }

    /// The installed system of `run` came up. A repeated call of the same boot changes nothing.
    pub async fn called_home(&self, _machine: MachineId, _run: RunId, _call: CallHome) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// What the machine boots the next time it asks. Fenced by `lease`.
    pub async fn set_wanted_env(
        &self,
        _lease: Lease,
        _machine: MachineId,
        _env: Option<Name>,
    ) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// Ties a BMC to the machine. Fenced by `lease`.
    pub async fn set_machine_bmc(&self, _lease: Lease, _machine: MachineId, _bmc: Name) -> Result<(), StoreError> {
        unimplemented!()
    }
}
