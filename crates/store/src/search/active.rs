//! Active runs: they change too often for the index, and there are never many beside all machines.

use super::set::MachineSet;
use crate::StoreError;
use crate::column::parse;
use crate::sql::{Connection, query_as};
use search::RunFacts;
use types::MachineId;

/// The active runs, with their machines' numbers.
pub(super) struct ActiveRuns(Vec<(i64, Row)>);

/// State, workflow, stage.
type Row = (String, String, Option<String>);

impl ActiveRuns {
    /// The fields that they have values for.
    pub(super) const FIELDS: [&'static str; 3] = ["run", "workflow", "stage"];

    pub(super) fn load(connection: &mut Connection) -> Result<Self, StoreError> {
        let rows: Vec<(i64, String, String, Option<String>)> = query_as(
            "SELECT number, state, workflow, stage FROM runs JOIN machine_numbers n ON n.id = machine
             WHERE ended IS NULL",
        )
        .fetch_all(connection)?;
        let rows = rows.into_iter().map(|(number, state, workflow, stage)| (number, (state, workflow, stage)));
        Ok(Self(rows.collect()))
    }

    /// Adds the machines whose run is as wanted.
    pub(super) fn find(&self, field: &str, wanted: &dyn Fn(&str) -> bool, set: &mut MachineSet) {
        for (number, (state, workflow, stage)) in &self.0 {
            let value = match field {
                "run" => Some(state),
                "workflow" => Some(workflow),
                _ => stage.as_ref(),
            };
            if let (Some(value), Ok(number)) = (value, u32::try_from(*number))
                && wanted(value)
            {
                set.insert(number);
            }
        }
    }
}

/// The machine's active run, if there is one.
pub(super) fn of_machine(connection: &mut Connection, machine: MachineId) -> Result<Option<RunFacts>, StoreError> {
    let row: Option<Row> = query_as("SELECT state, workflow, stage FROM runs WHERE machine = ?1 AND ended IS NULL")
        .bind(machine.to_string())
        .fetch_optional(connection)?;
    let Some((state, workflow, stage)) = row else { return Ok(None) };
    let workflow = parse(&workflow, || format!("the active run of machine {machine}"))?;
    Ok(Some(RunFacts { state, workflow, stage, failure: None }))
}
