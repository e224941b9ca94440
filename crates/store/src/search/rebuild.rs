//! Making the index anew: for a database that had none, or one that was made by other rules.

use super::entry::{Entry, Term, machine};
use super::set::{CHUNK, encode};
use crate::StoreError;
use crate::object_row::ObjectRow;
use crate::sql::{Connection, Value, execute_each, query, query_scalar};
use std::collections::BTreeMap;

/// Rises with every change of what the index holds of a machine.
const RULES: &str = "2";
const RULES_KEY: &str = "search_rules";

/// Values by field, and the members of one row of the index.
type Rows = BTreeMap<(i64, Term), (Value, Vec<u16>)>;

/// Makes the index anew if it was made by other rules than today's. It is there whole, or as it was before.
pub(crate) fn rebuild_if_needed(connection: &mut Connection) -> Result<(), StoreError> {
    if is_current(connection)? { Ok(()) } else { connection.in_transaction(rebuild) }
}

/// Whether the index is there, and made by today's rules.
pub(super) fn is_current(connection: &mut Connection) -> Result<bool, StoreError> {
    let rules: Option<String> =
        query_scalar("SELECT value FROM meta WHERE key = ?1").bind(RULES_KEY.to_owned()).fetch_optional(connection)?;
    Ok(rules.as_deref() == Some(RULES))
}

fn rebuild(connection: &mut Connection) -> Result<(), StoreError> {
    // What is known of a last run is nowhere else in one place; it stays with the number.
    for sql in [
        "DELETE FROM machine_index",
        "DELETE FROM machine_words",
        "DELETE FROM machine_numbers WHERE id NOT IN (SELECT id FROM objects WHERE kind = 'Machine')",
        "INSERT INTO machine_numbers (id, name)
         SELECT id, name FROM objects WHERE kind = 'Machine' AND id NOT IN (SELECT id FROM machine_numbers)
         ORDER BY name",
    ] {
        query(sql).execute(&mut *connection)?;
    }
    let last: Option<i64> = query_scalar("SELECT max(number) FROM machine_numbers").fetch_one(&mut *connection)?;
    for chunk in 0..=last.unwrap_or(0) / i64::from(CHUNK) {
        fill(connection, chunk)?;
    }
    query("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)")
        .bind(RULES_KEY.to_owned())
        .bind(RULES.to_owned())
        .execute(connection)?;
    Ok(())
}

/// Makes the rows of some thousand machines.
fn fill(connection: &mut Connection, chunk: i64) -> Result<(), StoreError> {
    let first = chunk * i64::from(CHUNK);
    let machines = query(
        "SELECT o.*, n.number, n.last_run FROM machine_numbers n JOIN objects o USING (id)
         WHERE number >= ?1 AND number < ?2 ORDER BY number",
    )
    .bind(first)
    .bind(first + i64::from(CHUNK))
    .fetch_all(&mut *connection)?;
    let mut rows = Rows::new();
    let (mut names, mut words) = (Vec::with_capacity(machines.len()), Vec::with_capacity(machines.len()));
    for row in machines {
        let number: i64 = row.get("number")?;
        let last_run: Option<String> = row.get("last_run")?;
        let last_run = last_run.and_then(|run| serde_json::from_str(&run).ok());
        let entry = match machine(&ObjectRow::read(&row)?) {
            Ok(machine) => Entry::of(&machine, last_run.as_ref()),
            // It cannot be shown either. Other machines can.
            Err(StoreError::Corrupt { .. }) => continue,
            Err(error) => return Err(error),
        };
        let member = u16::try_from(number - first).unwrap_or(0);
        for (key, value) in entry.terms {
            rows.entry(key).or_insert_with(|| (value, Vec::new())).1.push(member);
        }
        names.push([number.into(), entry.name.into()]);
        words.push([number.into(), entry.words.into()]);
    }
    let rows = rows
        .into_iter()
        .map(|((field, _), (value, members))| [field.into(), value, chunk.into(), Value::Blob(encode(&members))]);
    execute_each(
        "INSERT INTO machine_index (field, value, chunk, members) VALUES (?1, ?2, ?3, ?4)",
        rows.collect(),
        &mut *connection,
    )?;
    execute_each("UPDATE machine_numbers SET name = ?2 WHERE number = ?1", names, &mut *connection)?;
    execute_each("INSERT INTO machine_words (number, words) VALUES (?1, ?2)", words, connection)?;
    Ok(())
}
