//! Runs as operators see them: started, listed, commanded.

use crate::column::{nanos, signed, to_json, word};
use crate::history::check_size;
use crate::kinds::Machines;
use crate::run_row::{SELECT_RUNS, begin_on_machine, find_run, read_run, state_word};
use crate::sql::{QueryBuilder, query};
use crate::writer::Tx;
use crate::{PushCommandError, StartRunError, Store, StoreError};
use types::event::NewEvent;
use types::machine::MachineStatus;
use types::object::Kind;
use types::{MachineId, ObjectId, RunId};
use workflow::{Command, NewRun, RUN_FORMAT, Run, RunState};

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
    pub async fn start_run(&self, new: NewRun) -> Result<Run, StartRunError> {
        self.write(move |tx| tx.start_run(new)).await
    }

    /// The run, if there is one.
    pub async fn run(&self, id: RunId) -> Result<Option<Run>, StoreError> {
        find_run(self.reader(), id)
    }

    /// Runs, newest first, after (that is, older than) `after`. Runs of a newer format are left out.
    pub async fn list_runs(
        &self,
        filter: &RunFilter,
        after: Option<RunId>,
        limit: usize,
    ) -> Result<Vec<Run>, StoreError> {
        let mut query = QueryBuilder::new(SELECT_RUNS);
        query.push(" WHERE r.format <= ");
        query.push_bind(i64::from(RUN_FORMAT));
        if let Some(machine) = filter.machine {
            query.push(" AND r.machine = ").push_bind(machine.to_string());
        }
        if let Some(active) = filter.active {
            query.push(if active { " AND r.ended IS NULL" } else { " AND r.ended IS NOT NULL" });
        }
        if let Some(state) = filter.state {
            query.push(" AND r.state = ").push_bind(word(state));
        }
        if let Some(after) = after {
            query.push(" AND r.seq < (SELECT seq FROM runs WHERE id = ").push_bind(after.to_string()).push(")");
        }
        query.push(" ORDER BY r.seq DESC LIMIT ").push_bind(i64::try_from(limit).unwrap_or(i64::MAX));
        query.build().fetch_at_length(self.readers(), |row| read_run(&row)).await
    }

    /// Gives a command to a run, if it means something to the run as it stands, and wakes it.
    pub async fn push_command(&self, run: RunId, command: Command, by: &str) -> Result<(), PushCommandError> {
        let by = by.to_owned();
        self.write(move |tx| tx.push_command(run, &command, by)).await
    }
}

impl Tx {
    fn start_run(&mut self, new: NewRun) -> Result<Run, StartRunError> {
        if let Some(known) = find_run(&mut self.connection, new.id)? {
            let same = known.machine == new.machine && known.workflow == new.workflow;
            return if same { Ok(known) } else { Err(StartRunError::IdTaken { run: new.id }) };
        }
        if let Some(run) = self.active_run(new.machine)? {
            return Err(StartRunError::MachineBusy { run });
        }
        let machine = ObjectId::from(new.machine);
        if self.find(Kind::Machine, &machine.into())?.is_none() {
            return Err(StartRunError::MachineNotFound { machine: new.machine });
        }
        self.check_room()?;
        let now = self.now();
        let (run, created) = Run::create(new, now);
        let data = to_json(&created);
        check_size("a run with its workflow and parameters", &data)?;
        let kind = created.kind().to_owned();
        let (machine, actor) = (Some(run.machine), run.by.clone());
        let event = NewEvent { at: now, kind, machine, run: Some(run.id), actor, data: serde_json::Value::Null };
        self.insert_event(&event, data)?;
        self.insert_run(&run)?;
        self.save_run_doc(run.id, to_json(&run))?;
        let (id, continued) = (run.id, run.continues);
        let begin = move |status: &mut MachineStatus| begin_on_machine(status, id, continued);
        self.change_status::<Machines>(run.machine.into(), begin)?;
        self.index_last_run(run.machine.into(), None)?;
        self.effects.due = true;
        Ok(run)
    }

    fn insert_run(&mut self, run: &Run) -> Result<(), StoreError> {
        let began_at = self.last_seq()?;
        query(
            "INSERT INTO runs (id, machine, workflow, state, format, began_at, settled, epoch, wake_at, created)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 0, ?7, ?7)",
        )
        .bind(run.id.to_string())
        .bind(run.machine.to_string())
        .bind(run.workflow.to_string())
        .bind(state_word(run))
        .bind(i64::from(run.format))
        .bind(signed(began_at))
        .bind(nanos(run.created))
        .execute(&mut self.connection)?;
        Ok(())
    }

    fn push_command(&mut self, id: RunId, command: &Command, by: String) -> Result<(), PushCommandError> {
        let run = find_run(&mut self.connection, id)?.ok_or(PushCommandError::NotFound { run: id })?;
        run.accept(command, &by)?;
        let now = nanos(self.now());
        self.insert_command(id, command, by, now)?;
        self.make_due(id, now)?;
        Ok(())
    }

    fn insert_command(&mut self, run: RunId, command: &Command, by: String, now: i64) -> Result<(), StoreError> {
        let seq = query("INSERT INTO run_commands (run, by_whom, command, at) VALUES (?1, ?2, ?3, ?4)")
            .bind(run.to_string())
            .bind(by)
            .bind(to_json(command))
            .bind(now)
            .insert(&mut self.connection)?;
        self.effects.command_seq = Some(seq);
        Ok(())
    }

    fn make_due(&mut self, run: RunId, now: i64) -> Result<(), StoreError> {
        query("UPDATE runs SET wake_at = ?2 WHERE id = ?1")
            .bind(run.to_string())
            .bind(now)
            .execute(&mut self.connection)?;
        self.effects.due = true;
        Ok(())
    }
}
