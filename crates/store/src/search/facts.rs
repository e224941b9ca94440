//! All that is known of one machine, for who asks about it alone.

use super::{active, addresses, entry, groups};
use crate::column::from_json;
use crate::sql::{Connection, query_scalar};
use crate::{Machine, StoreError};
use search::{Facts, RunFacts};
use types::{MachineId, Timestamp};

/// The machine's facts at a time.
pub(super) fn of_machine(connection: &mut Connection, machine: &Machine, now: Timestamp) -> Result<Facts, StoreError> {
    let id = MachineId::from(machine.id);
    let spec = &machine.spec;
    let run = match active::of_machine(connection, id)? {
        Some(run) => Some(run),
        None => last_run(connection, id)?,
    };
    let groups = spec.group.as_ref().map(|group| groups::above(connection, group)).transpose()?;
    let mut addresses = addresses::of_machine(connection, id, now)?;
    addresses.extend(spec.address);
    Ok(entry::facts(machine, &groups.unwrap_or_default(), &addresses, run.as_ref()))
}

fn last_run(connection: &mut Connection, machine: MachineId) -> Result<Option<RunFacts>, StoreError> {
    let run: Option<Option<String>> = query_scalar("SELECT last_run FROM machine_numbers WHERE id = ?1")
        .bind(machine.to_string())
        .fetch_optional(connection)?;
    run.flatten().map(|run| from_json(&run, || format!("the last run of machine {machine}"))).transpose()
}
