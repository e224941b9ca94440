//! Orders to agents.
//!
//! A machine's agent does one thing at a time: of a run's orders only the newest counts. An order is sealed at
//! rest, because what an installed system is told of itself includes a token.

use crate::column::{from_json, nanos, parse, to_json};
use crate::history::check_size;
use crate::run_row::optional_time;
use crate::seal::Sealer;
use crate::sql::{Executor, Row, query};
use crate::writer::Tx;
use crate::{Store, StoreError};
use serde_json::json;
use std::time::Duration;
use tokio::sync::watch;
use types::agent::{TaskOrder, TaskProgress, TaskResult, Work};
use types::event::kind;
use types::{MachineId, RunId, TaskId, Timestamp};
use uuid::Uuid;
use workflow::ports::Lease;

/// Progress of a task is put on record once in this time at most. Agents report more often, and a person who
/// watches sees no more.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

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
    pub async fn give_task(&self, lease: Lease, machine: MachineId, order: TaskOrder) -> Result<TaskRow, StoreError> {
        self.write(move |tx| tx.give_task(lease, machine, order)).await
    }

    /// The task, if there is one.
    pub async fn task(&self, id: TaskId) -> Result<Option<TaskRow>, StoreError> {
        find_task(self.reader(), &self.inner.sealer, id)
    }

    /// What the machine's agent is to do now: the order of the machine's active run that is not finished. It
    /// counts as started by the agent of `boot_id`, which must be the one that registered last: the server may
    /// still hold a poll of a boot that ended without a word.
    pub async fn next_task(&self, machine: MachineId, boot_id: Uuid) -> Result<Option<TaskOrder>, StoreError> {
        let Some(row) = find_next_task(self.reader(), &self.inner.sealer, machine, boot_id)? else {
            return Ok(None);
        };
        if row.state == (TaskState::Started { boot_id }) {
            return Ok(Some(TaskOrder { id: row.id, work: row.work }));
        }
        self.write(move |tx| tx.start_next_task(machine, boot_id)).await
    }

    /// How far the agent has come. Gives whether it is to stop: the order no longer counts, or is another boot's.
    pub async fn report_progress(&self, id: TaskId, boot_id: Uuid, progress: TaskProgress) -> Result<bool, StoreError> {
        let standing = find_standing(self.reader(), id)?;
        let now = self.inner.clock.now();
        if standing.is_void(boot_id) || standing.was_told_lately(now) {
            return Ok(standing.is_void(boot_id));
        }
        self.write(move |tx| tx.report_progress(id, boot_id, progress)).await
    }

    /// The task ended. The first result counts; later ones, and those of a boot that no longer has the task,
    /// change nothing.
    pub async fn finish_task(&self, id: TaskId, boot_id: Uuid, result: TaskResult) -> Result<(), StoreError> {
        self.write(move |tx| tx.finish_task(id, boot_id, &result)).await
    }

    /// Changes when there may be something for the machine's agent. Level triggered: subscribe, look, then
    /// wait for a change.
    pub fn task_changed(&self, machine: MachineId) -> watch::Receiver<()> {
        self.inner.signals.task_changed(machine)
    }
}

/// What decides whether an agent is to go on with its task.
struct Standing {
    machine: MachineId,
    run: RunId,
    boot_id: Option<Uuid>,
    finished: bool,
    /// Withdrawn, or its run no longer wants it.
    unwanted: bool,
    told: Option<Timestamp>,
}

impl Standing {
    fn is_void(&self, boot_id: Uuid) -> bool {
        self.finished || self.unwanted || self.boot_id.is_some_and(|started_by| started_by != boot_id)
    }

    fn was_told_lately(&self, now: Timestamp) -> bool {
        self.told.is_some_and(|told| told <= now && now < told.checked_add(PROGRESS_EVERY).unwrap_or(told))
    }
}

fn find_standing(executor: impl Executor, id: TaskId) -> Result<Standing, StoreError> {
    let row = query(
        "SELECT t.machine, t.run, t.boot_id, t.finished IS NOT NULL AS finished, t.progressed,
                t.withdrawn OR r.ended IS NOT NULL OR (r.settled AND NOT t.at_end) AS unwanted
         FROM tasks t JOIN runs r ON r.id = t.run WHERE t.id = ?1",
    )
    .bind(id.to_string())
    .fetch_optional(executor)?
    .ok_or_else(|| StoreError::NotFound { what: "task", id: id.to_string() })?;
    let what = || format!("task {id}");
    let boot_id: Option<String> = row.get("boot_id")?;
    Ok(Standing {
        machine: parse(row.text("machine")?, what)?,
        run: parse(row.text("run")?, what)?,
        boot_id: boot_id.map(|boot| parse(&boot, what)).transpose()?,
        finished: row.get("finished")?,
        unwanted: row.get("unwanted")?,
        told: optional_time(&row, "progressed")?,
    })
}

fn place(id: TaskId) -> String {
    format!("task/{id}")
}

fn read_task(row: &Row, sealer: &Sealer) -> Result<TaskRow, StoreError> {
    let text: String = row.get("id")?;
    let what = || format!("task {text}");
    let id: TaskId = parse(&text, what)?;
    let work = sealer.open(row.text("work")?, &place(id))?;
    let boot_id: Option<String> = row.get("boot_id")?;
    let result: Option<String> = row.get("result")?;
    let progress: Option<String> = row.get("progress")?;
    let state = match (result, boot_id) {
        (Some(result), _) => TaskState::Finished(from_json(&result, what)?),
        (None, Some(boot)) => TaskState::Started { boot_id: parse(&boot, what)? },
        (None, None) => TaskState::Given,
    };
    Ok(TaskRow {
        id,
        machine: parse(row.text("machine")?, what)?,
        run: parse(row.text("run")?, what)?,
        work: from_json(&work, what)?,
        state,
        progress: progress.map(|progress| from_json(&progress, what)).transpose()?,
        withdrawn: row.get("withdrawn")?,
        given: optional_time(row, "given")?.ok_or_else(|| StoreError::Corrupt { what: what() })?,
        started: optional_time(row, "started")?,
        finished: optional_time(row, "finished")?,
    })
}

fn find_task(executor: impl Executor, sealer: &Sealer, id: TaskId) -> Result<Option<TaskRow>, StoreError> {
    let query = query("SELECT * FROM tasks WHERE id = ?1").bind(id.to_string());
    query.fetch_optional(executor)?.map(|row| read_task(&row, sealer)).transpose()
}

/// The order that counts for the machine's agent. Once a run's outcome is decided, only what was ordered since. One
/// that an earlier boot took up is not given out again: how far it came is known to nobody, and its step has it
/// tried anew under another id.
fn find_next_task(
    executor: impl Executor,
    sealer: &Sealer,
    machine: MachineId,
    boot_id: Uuid,
) -> Result<Option<TaskRow>, StoreError> {
    let query = query(
        "SELECT t.* FROM runs r JOIN tasks t ON t.run = r.id
         JOIN objects m ON m.id = r.machine AND json_extract(m.status, '$.agent.boot_id') = ?2
         WHERE r.machine = ?1 AND r.ended IS NULL AND t.finished IS NULL AND t.withdrawn = 0
           AND (t.at_end OR NOT r.settled) AND ifnull(t.boot_id, ?2) = ?2
         ORDER BY t.seq LIMIT 1",
    );
    let row = query.bind(machine.to_string()).bind(boot_id.to_string()).fetch_optional(executor)?;
    row.map(|row| read_task(&row, sealer)).transpose()
}

fn name_of(work: &Work) -> &'static str {
    match work {
        Work::HealthCheck(_) => "health_check",
        Work::WriteImage(_) => "write_image",
        Work::Wipe(_) => "wipe",
        Work::Configure(_) => "configure",
    }
}

impl Tx {
    fn give_task(&mut self, lease: Lease, machine: MachineId, order: TaskOrder) -> Result<TaskRow, StoreError> {
        self.check_lease(lease, machine)?;
        if let Some(given) = find_task(&mut self.connection, &self.sealer, order.id)? {
            return Ok(given);
        }
        let TaskOrder { id, work } = order;
        query("UPDATE tasks SET withdrawn = 1 WHERE run = ?1 AND finished IS NULL AND withdrawn = 0")
            .bind(lease.run.to_string())
            .execute(&mut self.connection)?;
        let given = self.now();
        query(
            "INSERT INTO tasks (id, machine, run, work, at_end, given)
             VALUES (?1, ?2, ?3, ?4, (SELECT settled FROM runs WHERE id = ?3), ?5)",
        )
        .bind(id.to_string())
        .bind(machine.to_string())
        .bind(lease.run.to_string())
        .bind(self.sealer.seal(&to_json(&work), &place(id))?)
        .bind(nanos(given))
        .execute(&mut self.connection)?;
        self.effects.tasks.push(machine);
        let (run, state) = (lease.run, TaskState::Given);
        Ok(TaskRow {
            id,
            machine,
            run,
            work,
            state,
            progress: None,
            withdrawn: false,
            given,
            started: None,
            finished: None,
        })
    }

    fn start_next_task(&mut self, machine: MachineId, boot_id: Uuid) -> Result<Option<TaskOrder>, StoreError> {
        let Some(row) = find_next_task(&mut self.connection, &self.sealer, machine, boot_id)? else {
            return Ok(None);
        };
        let TaskRow { id, run, work, state, .. } = row;
        if state != (TaskState::Started { boot_id }) {
            query("UPDATE tasks SET boot_id = ?2, started = ifnull(started, ?3) WHERE id = ?1")
                .bind(id.to_string())
                .bind(boot_id.to_string())
                .bind(nanos(self.now()))
                .execute(&mut self.connection)?;
            let data = json!({ "task": id, "use": name_of(&work), "boot_id": boot_id });
            self.tell(machine, Some(run), kind::TASK_STARTED, "agent", data)?;
        }
        Ok(Some(TaskOrder { id, work }))
    }

    fn report_progress(&mut self, id: TaskId, boot_id: Uuid, progress: TaskProgress) -> Result<bool, StoreError> {
        let standing = find_standing(&mut self.connection, id)?;
        let now = self.now();
        if standing.is_void(boot_id) || standing.was_told_lately(now) {
            return Ok(standing.is_void(boot_id));
        }
        query("UPDATE tasks SET progress = ?2, progressed = ?3 WHERE id = ?1")
            .bind(id.to_string())
            .bind(to_json(&progress))
            .bind(nanos(now))
            .execute(&mut self.connection)?;
        let TaskProgress { done, total, unit, message } = progress;
        let data = json!({ "task": id, "done": done, "total": total, "unit": unit, "message": message });
        self.tell(standing.machine, Some(standing.run), kind::TASK_PROGRESS, "agent", data)?;
        Ok(false)
    }

    fn finish_task(&mut self, id: TaskId, boot_id: Uuid, result: &TaskResult) -> Result<(), StoreError> {
        let Standing { machine, run, boot_id: started_by, finished, .. } = find_standing(&mut self.connection, id)?;
        if finished || started_by.is_some_and(|started_by| started_by != boot_id) {
            return Ok(());
        }
        let stored = to_json(result);
        check_size("a task's result", &stored)?;
        query("UPDATE tasks SET result = ?2, finished = ?3, boot_id = ?4, started = ifnull(started, ?3) WHERE id = ?1")
            .bind(id.to_string())
            .bind(stored)
            .bind(nanos(self.now()))
            .bind(boot_id.to_string())
            .execute(&mut self.connection)?;
        let data = match result {
            TaskResult::Done { how, .. } => json!({ "task": id, "outcome": "done", "how": how }),
            TaskResult::Failed { class, reason, .. } => {
                json!({ "task": id, "outcome": "failed", "class": class, "reason": reason })
            }
        };
        self.effects.tasks.push(machine);
        self.tell(machine, Some(run), kind::TASK_FINISHED, "agent", data)
    }
}
