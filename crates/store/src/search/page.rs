//! A part of the machines for which an expression holds, in the order of their names.

use super::ask::estimate;
use super::facts;
use super::set::Estimate;
use crate::column::parse;
use crate::kinds::Machines;
use crate::object_row::{ObjectRow, find_row};
use crate::seal::Sealer;
use crate::signals::Signals;
use crate::sql::{Connection, query, query_as, query_scalar};
use crate::{Machine, StoreError};
use search::Expression;
use std::sync::Arc;
use types::object::Kind;
use types::{MachineId, Name, Timestamp};

/// So few are sorted by themselves; with more, it takes less to go through all names until enough are found.
const FEW: usize = 1500;
/// How many names are read at once on the way through all of them.
const STRIDE: usize = 500;

/// What is asked.
pub(super) struct Question {
    pub(super) expression: Expression,
    /// Machines whose names come after this one.
    pub(super) after: String,
    /// At most so many.
    pub(super) limit: usize,
    pub(super) now: Timestamp,
    pub(super) signals: Arc<Signals>,
}

/// A machine's number, name and id.
type Candidate = (u32, String, String);

impl Question {
    /// The machines themselves.
    pub(super) fn machines(&self, connection: &mut Connection, sealer: &Sealer) -> Result<Vec<Machine>, StoreError> {
        self.find(connection, |connection, (_, _, id), certain| {
            let Some(row) = row(connection, id)? else { return Ok(None) };
            let holds = certain || self.holds(connection, &row)?;
            if holds { row.into_object::<Machines>(sealer).map(Some) } else { Ok(None) }
        })
    }

    /// Only what they are called.
    pub(super) fn names(&self, connection: &mut Connection) -> Result<Vec<(MachineId, Name)>, StoreError> {
        self.find(connection, |connection, (_, name, id), certain| {
            let holds = certain || row(connection, id)?.map_or(Ok(false), |row| self.holds(connection, &row))?;
            let what = || format!("machine {name} ({id})");
            if holds { Ok(Some((parse(id, what)?, parse(name, what)?))) } else { Ok(None) }
        })
    }

    /// Whether it holds for a machine of which the index does not know.
    fn holds(&self, connection: &mut Connection, row: &ObjectRow) -> Result<bool, StoreError> {
        let machine = super::entry::machine(row)?;
        Ok(self.expression.matches(&facts::of_machine(connection, &machine, self.now)?, self.now))
    }

    /// What `take` makes of the machines for which the expression holds; it is told for which that is certain.
    fn find<T>(
        &self,
        connection: &mut Connection,
        mut take: impl FnMut(&mut Connection, &Candidate, bool) -> Result<Option<T>, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let known = estimate(connection, &self.signals.words, &self.expression, self.now)?;
        let mut candidates = Candidates::new(connection, &known, &self.after)?;
        let mut found = Vec::new();
        while found.len() < self.limit {
            let Some(candidate) = candidates.next(connection, &known)? else { break };
            found.extend(take(connection, &candidate, known.must.contains(candidate.0))?);
        }
        Ok(found)
    }
}

fn row(connection: &mut Connection, id: &str) -> Result<Option<ObjectRow>, StoreError> {
    find_row(connection, Kind::Machine, &parse::<types::ObjectId>(id, || format!("machine {id}"))?.into())
}

/// Machines for which an expression may hold, in the order of their names.
struct Candidates {
    /// The next ones, last first.
    waiting: Vec<Candidate>,
    /// How far all names have been gone through; none when what waits is all.
    cursor: Option<String>,
}

impl Candidates {
    fn new(connection: &mut Connection, known: &Estimate, after: &str) -> Result<Self, StoreError> {
        if known.may.count_up_to(FEW) >= FEW {
            return Ok(Self { waiting: Vec::new(), cursor: Some(after.to_owned()) });
        }
        let mut waiting: Vec<Candidate> = Vec::new();
        for number in known.may.iter() {
            let row: Option<(String, String)> = query_as("SELECT name, id FROM machine_numbers WHERE number = ?1")
                .bind(i64::from(number))
                .fetch_optional(&mut *connection)?;
            waiting.extend(row.filter(|(name, _)| name.as_str() > after).map(|(name, id)| (number, name, id)));
        }
        waiting.sort_by(|(_, a, _), (_, b, _)| b.cmp(a));
        Ok(Self { waiting, cursor: None })
    }

    fn next(&mut self, connection: &mut Connection, known: &Estimate) -> Result<Option<Candidate>, StoreError> {
        while self.waiting.is_empty() && self.go_on(connection, known)? {}
        Ok(self.waiting.pop())
    }

    /// Goes on through all names; false at their end.
    fn go_on(&mut self, connection: &mut Connection, known: &Estimate) -> Result<bool, StoreError> {
        let Some(cursor) = &mut self.cursor else { return Ok(false) };
        let mut seen = 0;
        let mut numbers: Vec<(u32, String)> = Vec::new();
        query("SELECT number, name FROM machine_numbers WHERE name > ?1 ORDER BY name LIMIT ?2")
            .bind(cursor.clone())
            .bind(i64::try_from(STRIDE).unwrap_or(i64::MAX))
            .visit(&mut *connection, |row| {
                seen += 1;
                let number = row.get(0)?;
                if known.may.contains(number) {
                    numbers.push((number, row.get(1)?));
                } else if seen == STRIDE {
                    *cursor = row.get(1)?;
                }
                Ok(())
            })?;
        if let Some((_, last)) = numbers.last()
            && last > cursor
        {
            cursor.clone_from(last);
        }
        for (number, name) in numbers.into_iter().rev() {
            let id: String = query_scalar("SELECT id FROM machine_numbers WHERE number = ?1")
                .bind(i64::from(number))
                .fetch_one(&mut *connection)?;
            self.waiting.push((number, name, id));
        }
        Ok(seen == STRIDE)
    }
}
