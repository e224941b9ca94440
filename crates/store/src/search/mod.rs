//! Searching machines: an index that is kept with them, and the way from an expression to a part of the list.
//!
//! The index has a row for each value that machines have under a field, with the numbers of those machines
//! ([`set`]); a comparison comes down to some of these rows, and `and`, `or` and `not` to the sets that they make.
//! What changes too often to be indexed (leases, active runs) is looked up where it is kept, and what is looked through
//! from end to end is in memory ([`words`]). What an expression means
//! is the crate `search`'s: where the index does not know for certain, the machine's own facts decide.

mod active;
mod addresses;
mod ask;
mod entry;
mod facts;
mod groups;
mod index;
mod page;
mod rebuild;
mod set;
mod words;

use crate::{Machine, Store, StoreError};
use page::Question;
use search::{Expression, Facts};
use std::sync::Arc;
use types::{MachineId, Name};

pub(crate) use rebuild::rebuild_if_needed;
pub(crate) use words::{WordChange, WordIndex, load as load_words};

impl Store {
    /// Machines for which the expression holds, in the order of their names, after the one named `after`.
    pub async fn search_machines(
        &self,
        expression: &Expression,
        after: Option<&Name>,
        limit: usize,
    ) -> Result<Vec<Machine>, StoreError> {
        let question = self.question(expression, after, limit);
        let sealer = Arc::clone(&self.inner.sealer);
        self.readers().read_at_length(move |connection| question.machines(connection, &sealer)).await
    }

    /// The same by id and name only: who acts on many machines needs no more of them.
    pub async fn search_machine_names(
        &self,
        expression: &Expression,
        after: Option<&Name>,
        limit: usize,
    ) -> Result<Vec<(MachineId, Name)>, StoreError> {
        let question = self.question(expression, after, limit);
        self.readers().read_at_length(move |connection| question.names(connection)).await
    }

    /// What searches see of a machine, to decide expressions about it alone.
    pub async fn machine_facts(&self, machine: &Machine) -> Result<Facts, StoreError> {
        let now = self.inner.clock.now();
        self.reader().at_one_moment(|connection| facts::of_machine(connection, machine, now))
    }

    fn question(&self, expression: &Expression, after: Option<&Name>, limit: usize) -> Question {
        let after = after.map_or(String::new(), Name::to_string);
        let signals = Arc::clone(&self.inner.signals);
        Question { expression: expression.clone(), after, limit, now: self.inner.clock.now(), signals }
    }
}
