//! Keeping the index: what is written with a machine, in the same transaction.

use super::entry::{Entry, Terms, machine, terms};
use super::set::{CHUNK, changed};
use crate::StoreError;
use crate::column::{from_json, to_json};
use crate::object_row::ObjectRow;
use crate::sql::{Value, query, query_as, query_scalar};
use crate::writer::Tx;
use search::{Facts, RunFacts};
use types::ObjectId;
use types::machine::MachineStatus;
use types::object::Kind;

/// Where a machine is in the index.
struct Place {
    number: u32,
    last_run: Option<RunFacts>,
}

impl Tx {
    /// Takes a machine into the index.
    pub(crate) fn index_new(&mut self, row: &ObjectRow) -> Result<(), StoreError> {
        if row.kind != Kind::Machine {
            return Ok(());
        }
        let entry = Entry::of(&machine(row)?, None);
        let number = query("INSERT INTO machine_numbers (id, name) VALUES (?1, ?2)")
            .bind(row.id.to_string())
            .bind(entry.name)
            .insert(&mut self.connection)?;
        let number = number_of(number, row.id)?;
        self.save_words(number, entry.words)?;
        self.change_terms(number, &Terms::new(), &entry.terms)
    }

    /// Brings the index from what a machine's row was to what it is.
    pub(crate) fn index_changed(&mut self, before: &ObjectRow, after: &ObjectRow) -> Result<(), StoreError> {
        if after.kind != Kind::Machine {
            return Ok(());
        }
        let Some(Place { number, last_run }) = self.place(after.id)? else { return Ok(()) };
        let (old, new) =
            (Entry::of(&machine(before)?, last_run.as_ref()), Entry::of(&machine(after)?, last_run.as_ref()));
        if old.name != new.name {
            query("UPDATE machine_numbers SET name = ?2 WHERE number = ?1")
                .bind(i64::from(number))
                .bind(new.name)
                .execute(&mut self.connection)?;
        }
        if old.words != new.words {
            self.save_words(number, new.words)?;
        }
        self.change_terms(number, &old.terms, &new.terms)
    }

    /// Brings the index from what was known of a machine to what is. Most changes are small, and looked at alone.
    pub(crate) fn index_status(
        &mut self,
        row: &ObjectRow,
        before: String,
        old: &MachineStatus,
        new: &MachineStatus,
    ) -> Result<(), StoreError> {
        let hostname = |status: &MachineStatus| status.called_home.as_ref().map(|home| home.hostname.clone());
        if old.inventory != new.inventory || hostname(old) != hostname(new) {
            return self.index_changed(&ObjectRow { status: before, ..row.clone() }, row);
        }
        let (old, new) = (Facts::of_standing(old), Facts::of_standing(new));
        if old == new {
            return Ok(());
        }
        match self.place(row.id)? {
            Some(place) => self.change_terms(place.number, &terms(&old), &terms(&new)),
            None => Ok(()),
        }
    }

    /// Takes a machine out of the index.
    pub(crate) fn index_gone(&mut self, row: &ObjectRow) -> Result<(), StoreError> {
        if row.kind != Kind::Machine {
            return Ok(());
        }
        let Some(Place { number, last_run }) = self.place(row.id)? else { return Ok(()) };
        let entry = Entry::of(&machine(row)?, last_run.as_ref());
        self.change_terms(number, &entry.terms, &Terms::new())?;
        query("DELETE FROM machine_numbers WHERE number = ?1").bind(i64::from(number)).execute(&mut self.connection)?;
        self.effects.words.push((number, None));
        Ok(())
    }

    /// What the machine's last run came to; nothing once another has begun, which is looked up where runs are.
    pub(crate) fn index_last_run(&mut self, machine: ObjectId, run: Option<&RunFacts>) -> Result<(), StoreError> {
        let Some(Place { number, last_run }) = self.place(machine)? else { return Ok(()) };
        if last_run.as_ref() == run {
            return Ok(());
        }
        query("UPDATE machine_numbers SET last_run = ?2 WHERE number = ?1")
            .bind(i64::from(number))
            .bind(run.map(to_json))
            .execute(&mut self.connection)?;
        let of = |run: Option<&RunFacts>| run.map(|run| terms(&Facts::of_run(run))).unwrap_or_default();
        self.change_terms(number, &of(last_run.as_ref()), &of(run))
    }

    /// Where the machine is; nowhere while the index could not be made.
    fn place(&mut self, machine: ObjectId) -> Result<Option<Place>, StoreError> {
        let row: Option<(i64, Option<String>)> = query_as("SELECT number, last_run FROM machine_numbers WHERE id = ?1")
            .bind(machine.to_string())
            .fetch_optional(&mut self.connection)?;
        let Some((number, last_run)) = row else { return Ok(None) };
        let last_run =
            last_run.map(|run| from_json(&run, || format!("the last run of machine {machine}"))).transpose()?;
        Ok(Some(Place { number: number_of(number, machine)?, last_run }))
    }

    fn save_words(&mut self, number: u32, words: String) -> Result<(), StoreError> {
        self.effects.words.push((number, Some(words.as_str().into())));
        query("INSERT OR REPLACE INTO machine_words (number, words) VALUES (?1, ?2)")
            .bind(i64::from(number))
            .bind(words)
            .execute(&mut self.connection)?;
        Ok(())
    }

    fn change_terms(&mut self, number: u32, old: &Terms, new: &Terms) -> Result<(), StoreError> {
        for (key, value) in old.iter().filter(|(key, _)| !new.contains_key(*key)) {
            self.change_row(key.0, value.clone(), number, false)?;
        }
        for (key, value) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
            self.change_row(key.0, value.clone(), number, true)?;
        }
        Ok(())
    }

    /// One machine more or less that has a value.
    fn change_row(&mut self, field: i64, value: Value, number: u32, present: bool) -> Result<(), StoreError> {
        let chunk = i64::from(number / CHUNK);
        let member = u16::try_from(number % CHUNK).expect("a row has fewer members than that");
        let members: Option<Vec<u8>> =
            query_scalar("SELECT members FROM machine_index WHERE field = ?1 AND value = ?2 AND chunk = ?3")
                .bind(field)
                .bind(value.clone())
                .bind(chunk)
                .fetch_optional(&mut self.connection)?;
        let members = changed(&members.unwrap_or_default(), member, present);
        let write = match members.is_empty() {
            true => query("DELETE FROM machine_index WHERE field = ?1 AND value = ?2 AND chunk = ?3"),
            false => {
                query("INSERT OR REPLACE INTO machine_index (field, value, chunk, members) VALUES (?1, ?2, ?3, ?4)")
            }
        };
        let write = write.bind(field).bind(value).bind(chunk);
        let write = if members.is_empty() { write } else { write.bind(members) };
        write.execute(&mut self.connection)?;
        Ok(())
    }
}

fn number_of(number: i64, machine: ObjectId) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|_| StoreError::Corrupt { what: format!("the number of machine {machine}") })
}
