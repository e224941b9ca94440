//! Orders to agents.

use crate::{Store, StoreError};
use tokio::sync::watch;
use types::agent::{TaskOrder, TaskProgress, TaskResult, Work};
use types::{MachineId, RunId, TaskId, Timestamp};
use uuid::Uuid;
use workflow::ports::Lease;

/// An order to an agent, and how far it has come.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskRow {
    /// Its id.
    pub id: TaskId,
    /// The machine whose agent it is for.
    pub machine: MachineId,
    /// The run that gave it.
    pub run: RunId,
    /// What to do.
    pub work: Work,
    /// Where it stands.
    pub state: TaskState,
    /// How far the agent has come, as it last said.
    pub progress: Option<TaskProgress>,
    /// A later order of the same run has taken its place.
    pub withdrawn: bool,
    /// When it was given.
    pub given: Timestamp,
    /// When an agent first took it up.
    pub started: Option<Timestamp>,
    /// When its result came.
    pub finished: Option<Timestamp>,
}

/// Where a task stands.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskState {
    /// No agent has taken it up.
    Given,
    /// An agent is at it.
    Started {
        /// The boot of that agent.
        boot_id: Uuid,
    },
    /// It ended.
    Finished(TaskResult),
}

impl Store {
    /// Orders the machine's agent to do something. The same id again changes nothing; an unfinished order of
    /// the same run is withdrawn. Fenced by `lease`.
    pub async fn give_task(
        &self,
        _lease: Lease,
        _machine: MachineId,
        _order: TaskOrder,
    ) -> Result<TaskRow, StoreError> {
        unimplemented!()
    }

    /// The task, if there is one.
    pub async fn task(&self, _id: TaskId) -> Result<Option<TaskRow>, StoreError> {
        unimplemented!()
    }

    /// What the machine's agent is to do now: the order of the machine's active run that is not finished. It
    /// counts as started by the agent of `boot_id`.
    pub async fn next_task(&self, _machine: MachineId, _boot_id: Uuid) -> Result<Option<TaskOrder>, StoreError> {
        unimplemented!()
    }

    /// How far the agent has come. Gives whether it is to stop: the order no longer counts, or is another boot's.
    pub async fn report_progress(
        &self,
        _id: TaskId,
        _boot_id: Uuid,
        _progress: TaskProgress,
    ) -> Result<bool, StoreError> {
        unimplemented!()
    }

    /// The task ended. The first result counts; later ones change nothing.
    pub async fn finish_task(&self, _id: TaskId, _boot_id: Uuid, _result: TaskResult) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// Changes when there may be something for the machine's agent. Level triggered: subscribe, look, then
    /// wait for a change.
    pub fn task_changed(&self, _machine: MachineId) -> watch::Receiver<u64> {
        unimplemented!()
    }
}
