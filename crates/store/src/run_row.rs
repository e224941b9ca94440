//! A run as it is stored.

use crate::column::{from_json, parse, signed, timestamp};
use crate::sql::{Executor, Row, query, query_as, query_scalar};
use crate::writer::Tx;
use crate::{StoreError, column};
use search::RunFacts;
use types::machine::{MachineState, MachineStatus};
use types::{MachineId, RunId, Timestamp};
use workflow::ports::Lease;
use workflow::{Ending, OperatorCommand, RUN_FORMAT, Run, RunEvent};

/// The beginning of a statement about runs `r` whose rows [`read_run`] reads. While a run is held its commits write
/// entries of the history only, and its document stays behind: what came after it is `since`.
pub(crate) const SELECT_RUNS: &str = "SELECT r.id, r.format, r.epoch, r.event_woke, d.doc, \
     CASE WHEN r.behind THEN (\
         SELECT json_group_array(json_array(e.at, e.data) ORDER BY e.seq) FROM events e \
         WHERE e.machine = r.machine AND e.seq > d.upto AND e.run = r.id \
         AND e.kind GLOB 'run.*' AND e.kind <> 'run.damaged'\
     ) END AS since \
     FROM runs r LEFT JOIN run_docs d ON d.run = r.seq";

/// Reads the run in a row of [`SELECT_RUNS`]. One of a newer format is refused, since what it would lose in reading
/// would be lost for good in the next write.
pub(crate) fn read_run(row: &Row) -> Result<Run, StoreError> {
    let id: String = row.get("id")?;
    let what = || format!("run {id}");
    let format: i64 = row.get("format")?;
    if format > i64::from(RUN_FORMAT) {
        let format = u32::try_from(format).unwrap_or(u32::MAX);
        return Err(StoreError::NewerFormat { run: parse(&id, what)?, format });
    }
    let damaged = || StoreError::Corrupt { what: what() };
    let mut run: Run = from_json(row.text("doc").map_err(|_| damaged())?, what)?;
    let since: Option<String> = row.get("since")?;
    let since: Vec<(i64, String)> = since.map_or_else(|| Ok(Vec::new()), |since| from_json(&since, what))?;
    for (at, event) in since {
        let event: RunEvent = from_json(&event, what)?;
        if !run.apply_stored(&event, timestamp(at)) {
            return Err(damaged());
        }
    }
    Ok(run)
}

/// The run, if there is one.
pub(crate) fn find_run(executor: impl Executor, id: RunId) -> Result<Option<Run>, StoreError> {
    let query = query(format!("{SELECT_RUNS} WHERE r.id = ?1")).bind(id.to_string());
    query.fetch_optional(executor)?.as_ref().map(read_run).transpose()
}

/// Commands to the run that have not been dealt with, in order.
pub(crate) fn unread_commands(executor: impl Executor, run: RunId) -> Result<Vec<OperatorCommand>, StoreError> {
    let rows: Vec<(i64, String, String)> =
        query_as("SELECT seq, by_whom, command FROM run_commands WHERE run = ?1 AND done = 0 ORDER BY seq")
            .bind(run.to_string())
            .fetch_all(executor)?;
    let read = |(seq, by, command): (i64, String, String)| {
        Ok(OperatorCommand { seq, by, command: from_json(&command, || format!("command {seq}"))? })
    };
    rows.into_iter().map(read).collect()
}

impl Tx {
    /// The run that works on the machine.
    pub(crate) fn active_run(&mut self, machine: MachineId) -> Result<Option<RunId>, StoreError> {
        let id: Option<String> = query_scalar("SELECT id FROM runs WHERE machine = ?1 AND ended IS NULL")
            .bind(machine.to_string())
            .fetch_optional(&mut self.connection)?;
        id.map(|id| parse(&id, || format!("the active run of machine {machine}"))).transpose()
    }

    /// The run that works on the machine, if it continues `run`, be it over others; else `run` itself.
    pub(crate) fn newest_of(&mut self, machine: MachineId, run: RunId) -> Result<RunId, StoreError> {
        let Some(active) = self.active_run(machine)? else { return Ok(run) };
        let mut link = Some(active);
        while let Some(id) = link.filter(|id| *id != run) {
            link = find_run(&mut self.connection, id)?.and_then(|run| run.continues);
        }
        Ok(if link.is_some() { active } else { run })
    }

    /// Refuses a write for the run by a server that no longer holds it: another has claimed it since, or it has
    /// been given back.
    pub(crate) fn check_lease(&mut self, lease: Lease, machine: MachineId) -> Result<(), StoreError> {
        let held: Option<i64> = query_scalar(
            "SELECT 1 FROM runs WHERE id = ?1 AND epoch = ?2 AND machine = ?3 AND lease_until IS NOT NULL",
        )
        .bind(lease.run.to_string())
        .bind(lease.epoch)
        .bind(machine.to_string())
        .fetch_optional(&mut self.connection)?;
        held.map(|_| ()).ok_or(StoreError::LeaseLost)
    }
}

/// The state of a machine whose run has begun. What its system said to the run that this one continues counts
/// for this one too: it says it once.
pub(crate) fn begin_on_machine(status: &mut MachineStatus, run: RunId, continued: Option<RunId>) {
    status.active_run = Some(run);
    status.state = MachineState::Provisioning;
    if let Some(home) = status.called_home.as_mut().filter(|home| Some(home.run) == continued) {
        home.run = run;
    }
}

/// The state of a machine whose run has ended. It counts as deployed only by its own word.
pub(crate) fn end_on_machine(status: &mut MachineStatus, run: RunId, ending: Ending) {
    status.active_run = None;
    let called_home = status.called_home.as_ref().is_some_and(|home| home.run == run);
    status.state = match ending {
        Ending::Succeeded if called_home => MachineState::Deployed,
        Ending::Succeeded | Ending::Cancelled => MachineState::Known,
        Ending::Failed => MachineState::Failed,
    };
}

/// A nullable time column.
pub(crate) fn optional_time(row: &Row, column: &str) -> Result<Option<Timestamp>, StoreError> {
    let nanos: Option<i64> = row.get(column)?;
    Ok(nanos.map(timestamp))
}

impl Tx {
    /// Writes the run as it is after the last entry of the history.
    pub(crate) fn save_run_doc(&mut self, run: RunId, doc: String) -> Result<(), StoreError> {
        let upto = self.last_seq()?;
        query("INSERT OR REPLACE INTO run_docs (run, upto, doc) VALUES ((SELECT seq FROM runs WHERE id = ?1), ?2, ?3)")
            .bind(run.to_string())
            .bind(signed(upto))
            .bind(doc)
            .execute(&mut self.connection)?;
        Ok(())
    }
}

/// What searches see of the run.
pub(crate) fn facts(run: &Run) -> RunFacts {
    let begun = || run.stages.iter().rev().find(|stage| stage.attempt > 0);
    let failed = run.failure.as_ref().map(|failure| &failure.stage);
    let stage = failed.or_else(|| run.current_stage().or_else(begun).map(|stage| &stage.name));
    RunFacts {
        state: state_word(run),
        workflow: run.workflow.clone(),
        stage: stage.cloned(),
        failure: run.failure.as_ref().map(|failure| failure.class),
    }
}

/// The run's state as its column has it.
pub(crate) fn state_word(run: &Run) -> String {
    column::word(run.state())
}
