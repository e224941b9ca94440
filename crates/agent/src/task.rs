//! One order under way: how it reports, and how it can end.

use crate::clock::Clock;
use crate::journal::Journal;
use crate::server::{ProgressReply, Server};
use serde_json::{Value, json};
use std::cell::Cell;
use std::time::Duration;
use types::agent::{TaskProgress, TaskResult};
use types::{ErrorClass, How, TaskId, chain};

/// A report a second shows movement and costs nothing, even from a thousand machines.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// How a task went well.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// Whether anything had to be done.
    pub how: How,
    /// What later steps may want to know.
    pub outputs: Value,
}

/// Why a task ended early.
#[derive(Debug, Clone, PartialEq)]
pub enum Stop {
    /// It failed.
    Failed {
        /// What kind of failure.
        class: ErrorClass,
        /// What failed, in the operator's words.
        reason: String,
        /// What was seen.
        evidence: Value,
    },
    /// The run was cancelled.
    Cancelled,
    /// The server no longer knows the order.
    Dropped,
}

impl Stop {
    /// A failure with nothing to show but its reason.
    pub fn failed(class: ErrorClass, reason: impl Into<String>) -> Self {
        Self::Failed { class, reason: reason.into(), evidence: json!({}) }
    }
}

/// What to tell the server about a task's end. None when it does not want to know.
pub fn result_of(outcome: Result<Done, Stop>) -> Option<TaskResult> {
    match outcome {
        Ok(Done { how, outputs }) => Some(TaskResult::Done { how, outputs }),
        Err(Stop::Failed { class, reason, evidence }) => Some(TaskResult::Failed { class, reason, evidence }),
        Err(Stop::Cancelled) => Some(TaskResult::Failed {
            class: ErrorClass::Transient,
            reason: "stopped because the run was cancelled".to_owned(),
            evidence: json!({ "cancelled": true }),
        }),
        Err(Stop::Dropped) => None,
    }
}

/// What a task needs of the world besides the machine.
pub struct TaskContext<'a> {
    /// Which order.
    pub id: TaskId,
    /// Who gave it.
    pub server: &'a Server<'a>,
    /// Where it says what it does.
    pub journal: &'a Journal,
    /// What it waits by.
    pub clock: &'a dyn Clock,
    last_report: Cell<Option<Duration>>,
}

impl<'a> TaskContext<'a> {
    /// The context of order `id`.
    pub fn new(id: TaskId, server: &'a Server<'a>) -> Self {
        Self { id, server, journal: server.journal(), clock: server.clock(), last_report: Cell::new(None) }
    }

    /// Says how far the task is, once a second at most. A server that does not answer changes nothing.
    ///
    /// # Errors
    /// When the server says that the task should stop.
    pub fn progress(&self, done: u64, total: u64, unit: &str, message: &str) -> Result<(), Stop> {
        let now = self.clock.now();
        if self.last_report.get().is_some_and(|last| now < last + REPORT_INTERVAL) {
            return Ok(());
        }
        let report = TaskProgress { done, total, unit: unit.to_owned(), message: message.to_owned() };
        let reply = self.server.report_progress(self.id, &report);
        self.server.send_journal();
        // Counted from the answer, so that a server that is away costs little of the time.
        self.last_report.set(Some(self.clock.now()));
        obey(reply)
    }

    /// Waits until the server says that the task is to go on: before what cannot be undone, silence is no consent. A
    /// server that is away is asked until it is back.
    ///
    /// # Errors
    /// When the server says that the task should stop.
    pub fn confirm(&self, total: u64, unit: &str, message: &str) -> Result<(), Stop> {
        let report = TaskProgress { done: 0, total, unit: unit.to_owned(), message: message.to_owned() };
        let mut backoff = self.server.backoff();
        loop {
            match self.server.ask_to_go_on(self.id, &report) {
                Ok(reply) => {
                    self.last_report.set(Some(self.clock.now()));
                    return obey(reply);
                }
                Err(error) => {
                    let error = chain(&error);
                    self.journal.info(&format!("{message}, and waiting for the server's word on it: {error}"));
                    self.clock.pause(backoff.next_pause());
                }
            }
        }
    }
}

fn obey(reply: ProgressReply) -> Result<(), Stop> {
    match reply {
        ProgressReply::GoOn => Ok(()),
        ProgressReply::Cancelled => Err(Stop::Cancelled),
        ProgressReply::Gone => Err(Stop::Dropped),
    }
}
