//! Runs as operators see them: started, listed, commanded.

use crate::{PushCommandError, StartRunError, Store, StoreError};
use types::{MachineId, RunId};
use workflow::{Command, NewRun, Run, RunState};

/// Which runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Of this machine.
    pub machine: Option<MachineId>,
    /// Whether it has not ended.
    pub active: Option<bool>,
    /// In this state.
    pub state: Option<RunState>,
}

impl Store {
    /// Starts a run. The same id again gives the same run.
    pub async fn start_run(&self, _new: NewRun) -> Result<Run, StartRunError> {
        unimplemented!()
    }

    /// The run, if there is one.
    pub async fn run(&self, _id: RunId) -> Result<Option<Run>, StoreError> {
        unimplemented!()
    }

    /// Runs, newest first, after (that is, older than) `after`. Runs of a newer format are left out.
    pub async fn list_runs(
        &self,
        _filter: &RunFilter,
        _after: Option<RunId>,
        _limit: usize,
    ) -> Result<Vec<Run>, StoreError> {
        unimplemented!()
    }

    /// Gives a command to a run, if it means something to the run as it stands, and wakes it.
    pub async fn push_command(&self, _run: RunId, _command: Command, _by: &str) -> Result<(), PushCommandError> {
        unimplemented!()
    }
}
