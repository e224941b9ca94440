//! From an expression to the machines for which it holds, by the index.

use super::active::ActiveRuns;
use super::addresses;
use super::entry::{field_number, tag_of};
use super::groups;
use super::rebuild::is_current;
use super::set::{Estimate, MachineSet};
use super::words::WordIndex;
use crate::StoreError;
use crate::sql::{self, Connection, Value as Column, query, query_scalar};
use search::{Condition, Expression, FREE_TEXT, Leaf, Matcher, Node, Value};
use std::ops::Bound;
use types::Timestamp;

/// With so few machines left it is cheaper to look at each than to look through a field of all of them.
const FEW: usize = 200;

/// What the index says of an expression.
pub(super) fn estimate(
    connection: &mut Connection,
    words: &WordIndex,
    expression: &Expression,
    now: Timestamp,
) -> Result<Estimate, StoreError> {
    if !is_current(connection)? {
        return Err(StoreError::Unavailable("machines cannot be searched: their index was not made".to_owned()));
    }
    let last: Option<i64> = query_scalar("SELECT max(number) FROM machine_numbers").fetch_one(&mut *connection)?;
    let end = last.map_or(0, |last| u32::try_from(last).unwrap_or(u32::MAX - 1) + 1);
    let mut asker = Asker { connection, words, now, end, active: None };
    match expression.root() {
        None => Ok(Estimate::exactly(MachineSet::all(end))),
        Some(root) => asker.node(root),
    }
}

struct Asker<'c> {
    connection: &'c mut Connection,
    words: &'c WordIndex,
    now: Timestamp,
    /// One more than the largest number of a machine.
    end: u32,
    active: Option<ActiveRuns>,
}

/// Whether the node can only be answered by looking at every value of a field.
fn looks_through(node: &Node, now: Timestamp) -> bool {
    match node {
        Node::All(nodes) | Node::Any(nodes) => nodes.iter().any(|node| looks_through(node, now)),
        Node::Not(node) => looks_through(node, now),
        leaf => match leaf.leaf(now) {
            Some(Leaf::Meets { any_of, .. }) => any_of.iter().any(|condition| matches!(condition, Condition::Looks(_))),
            Some(Leaf::Has(_)) | None => false,
        },
    }
}

impl Asker<'_> {
    fn node(&mut self, node: &Node) -> Result<Estimate, StoreError> {
        match node {
            Node::All(nodes) => self.all(nodes),
            Node::Any(nodes) => {
                let mut any = Estimate::exactly(MachineSet::none(self.end));
                for node in nodes {
                    any.or(&self.node(node)?);
                }
                Ok(any)
            }
            Node::Not(node) => Ok(self.node(node)?.not()),
            leaf => match leaf.leaf(self.now) {
                Some(leaf) => self.leaf(&leaf).map(Estimate::exactly),
                None => Ok(Estimate::unknown(self.end)),
            },
        }
    }

    /// What costs little first: it may leave so few that the rest need not be asked.
    fn all(&mut self, nodes: &[Node]) -> Result<Estimate, StoreError> {
        let (costly, cheap): (Vec<_>, Vec<_>) = nodes.iter().partition(|node| looks_through(node, self.now));
        let mut all = Estimate::exactly(MachineSet::all(self.end));
        for node in cheap {
            all.and(&self.node(node)?);
        }
        for node in costly {
            if all.may.count_up_to(FEW) < FEW {
                all.and(&Estimate::unknown(self.end));
            } else {
                all.and(&self.node(node)?);
            }
        }
        Ok(all)
    }

    fn leaf(&mut self, leaf: &Leaf) -> Result<MachineSet, StoreError> {
        match leaf {
            Leaf::Has(key) => self.has(key),
            Leaf::Meets { keys, negated, any_of } => {
                let mut set = MachineSet::none(self.end);
                if keys.iter().eq(FREE_TEXT) {
                    self.known_as(None, any_of, &mut set);
                    self.addresses(any_of, &mut set)?;
                } else {
                    for key in keys {
                        self.meeting(key, any_of, &mut set)?;
                    }
                }
                if *negated {
                    set.invert();
                }
                Ok(set)
            }
        }
    }

    /// Machines that have a value under a field.
    fn has(&mut self, key: &str) -> Result<MachineSet, StoreError> {
        if matches!(key, "name" | "id") {
            return Ok(MachineSet::all(self.end));
        }
        let mut set = MachineSet::none(self.end);
        query("SELECT chunk, members FROM machine_index WHERE field = ?1").bind(field_number(key)).visit(
            &mut *self.connection,
            |row| {
                set.insert_row(row.get(0)?, row.get_ref(1)?.as_blob()?);
                Ok(())
            },
        )?;
        match key {
            "ip" => addresses::of_all(self.connection, self.now, &mut set)?,
            _ => self.active_runs(key, &|_| true, &mut set)?,
        }
        Ok(set)
    }

    /// Machines of which a value under the field meets one of the conditions.
    fn meeting(&mut self, key: &str, any_of: &[Condition], set: &mut MachineSet) -> Result<(), StoreError> {
        match key {
            "name" | "id" => return self.column(key, any_of, set),
            "ip" => self.addresses(any_of, set)?,
            "group" => {
                for group in groups::below(self.connection, &|name| meets(any_of, name))? {
                    self.row_of(key, Column::Text(group), set)?;
                }
            }
            _ => {}
        }
        for condition in any_of {
            match condition {
                Condition::Text(text) => self.row_of(key, Column::Text(text.clone()), set)?,
                Condition::Range(from, to) => self.rows_between(key, *from, *to, set)?,
                Condition::Looks(_) => {}
            }
        }
        if any_of.iter().any(|condition| matches!(condition, Condition::Looks(_))) {
            match tag_of(key).filter(|_| key == "mac" || any_of.iter().all(ignores_case)) {
                Some(tag) => self.known_as(Some(tag), any_of, set),
                None => self.look_through(key, any_of, set)?,
            }
        }
        self.active_runs(key, &|text| meets(any_of, text), set)
    }

    /// The machines with exactly that value.
    fn row_of(&mut self, key: &str, value: Column, set: &mut MachineSet) -> Result<(), StoreError> {
        let query = query("SELECT chunk, members FROM machine_index WHERE field = ?1 AND value = ?2");
        query.bind(field_number(key)).bind(value).visit(&mut *self.connection, |row| {
            set.insert_row(row.get(0)?, row.get_ref(1)?.as_blob()?);
            Ok(())
        })?;
        Ok(())
    }

    /// The machines with a number in between. Texts come after all numbers.
    fn rows_between(
        &mut self,
        key: &str,
        from: Bound<f64>,
        to: Bound<f64>,
        set: &mut MachineSet,
    ) -> Result<(), StoreError> {
        let (above, from) = match from {
            Bound::Included(from) => (">=", from),
            Bound::Excluded(from) => (">", from),
            Bound::Unbounded => (">=", f64::NEG_INFINITY),
        };
        let (below, to) = match to {
            Bound::Included(to) => ("<=", to),
            Bound::Excluded(to) => ("<", to),
            Bound::Unbounded => ("<=", f64::INFINITY),
        };
        let between = format!(
            "SELECT chunk, members FROM machine_index WHERE field = ?1 AND value {above} ?2 AND value {below} ?3"
        );
        query(between).bind(field_number(key)).bind(from).bind(to).visit(&mut *self.connection, |row| {
            set.insert_row(row.get(0)?, row.get_ref(1)?.as_blob()?);
            Ok(())
        })?;
        Ok(())
    }

    /// Looks at every value of the field, each once.
    fn look_through(&mut self, key: &str, any_of: &[Condition], set: &mut MachineSet) -> Result<(), StoreError> {
        let (mut last, mut wanted) = (None, false);
        let query = query("SELECT value, chunk, members FROM machine_index WHERE field = ?1 ORDER BY value, chunk");
        query.bind(field_number(key)).visit(&mut *self.connection, |row| {
            let value = match row.get_ref(0)? {
                sql::ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
                sql::ValueRef::Real(number) => Value::Number(number),
                _ => return Ok(()),
            };
            if last.as_ref() != Some(&value) {
                wanted = any_of.iter().any(|condition| condition.holds(&value));
                last = Some(value);
            }
            if wanted {
                set.insert_row(row.get(1)?, row.get_ref(2)?.as_blob()?);
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Machines whose name or id meets one of the conditions.
    fn column(&mut self, key: &str, any_of: &[Condition], set: &mut MachineSet) -> Result<(), StoreError> {
        let mut look = false;
        for condition in any_of {
            let Condition::Text(text) = condition else {
                look = true;
                continue;
            };
            let sql = if key == "name" {
                "SELECT number FROM machine_numbers WHERE name = ?1"
            } else {
                "SELECT number FROM machine_numbers WHERE id = ?1"
            };
            let found: Vec<i64> = query_scalar(sql).bind(text.clone()).fetch_all(&mut *self.connection)?;
            found.into_iter().filter_map(|number| u32::try_from(number).ok()).for_each(|number| set.insert(number));
        }
        match tag_of(key) {
            // Names have small letters only.
            Some(tag) if look => self.known_as(Some(tag), any_of, set),
            None if look => self.look_at_ids(any_of, set)?,
            _ => {}
        }
        Ok(())
    }

    /// Machines of which one of the words by which they are known meets one of the conditions: those of a field, or
    /// any.
    fn known_as(&mut self, tag: Option<char>, any_of: &[Condition], set: &mut MachineSet) {
        let parts = parts_of_all(any_of);
        let fits = |words: &str| {
            for line in words.lines() {
                let mut text = line.chars();
                let of = text.next();
                match tag {
                    // They are in the order of their fields.
                    Some(_) if of > tag => return false,
                    Some(_) if of < tag => {}
                    _ if meets(any_of, text.as_str()) => return true,
                    _ => {}
                }
            }
            false
        };
        self.words.find(parts.as_deref(), fits, set);
    }

    fn look_at_ids(&mut self, any_of: &[Condition], set: &mut MachineSet) -> Result<(), StoreError> {
        query("SELECT id, number FROM machine_numbers ORDER BY id").visit(&mut *self.connection, |row| {
            if meets(any_of, row.get_ref(0)?.as_str()?) {
                set.insert(row.get(1)?);
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Machines whose cards have such an address by a lease.
    fn addresses(&mut self, any_of: &[Condition], set: &mut MachineSet) -> Result<(), StoreError> {
        // Most words that are looked for can be in no address, and to look through all takes a while.
        let is_possible = |condition: &Condition| match condition {
            Condition::Looks(Matcher::Pattern(pattern)) => pattern.literal().is_none_or(addresses::is_part_of_one),
            _ => true,
        };
        let possible: Vec<Condition> = any_of.iter().filter(|condition| is_possible(condition)).cloned().collect();
        match possible.iter().all(|condition| matches!(condition, Condition::Text(_))) {
            true => possible.iter().try_for_each(|condition| match condition {
                Condition::Text(text) => addresses::of_one(self.connection, self.now, text, set),
                _ => Ok(()),
            }),
            false => addresses::of_some(self.connection, self.now, &|text| meets(&possible, text), set),
        }
    }

    /// Machines whose active run is so. What ended is in the index.
    fn active_runs(
        &mut self,
        key: &str,
        wanted: &dyn Fn(&str) -> bool,
        set: &mut MachineSet,
    ) -> Result<(), StoreError> {
        if !ActiveRuns::FIELDS.contains(&key) {
            return Ok(());
        }
        if self.active.is_none() {
            self.active = Some(ActiveRuns::load(self.connection)?);
        }
        if let Some(active) = &self.active {
            active.find(key, wanted, set);
        }
        Ok(())
    }
}

/// What words in small letters contain that meet one of the conditions: one of these. None when that cannot be said.
fn parts_of_all(any_of: &[Condition]) -> Option<Vec<String>> {
    let part = |condition: &Condition| match condition {
        Condition::Looks(Matcher::Pattern(pattern)) => pattern.literal().map(str::to_lowercase),
        Condition::Text(text) => Some(text.to_lowercase()),
        Condition::Looks(Matcher::Network(_)) | Condition::Range(..) => None,
    };
    // Beyond ASCII there are letters that a pattern takes for others.
    any_of.iter().map(|condition| part(condition).filter(|part| part.is_ascii())).collect()
}

/// Whether it is the same to the condition if letters are small or large.
fn ignores_case(condition: &Condition) -> bool {
    matches!(condition, Condition::Looks(Matcher::Pattern(pattern)) if pattern.literal().is_some())
}

/// Whether a text meets one of the conditions.
fn meets(any_of: &[Condition], text: &str) -> bool {
    any_of.iter().any(|condition| match condition {
        Condition::Text(wanted) => wanted == text,
        Condition::Looks(matcher) => matcher.fits(text),
        Condition::Range(..) => false,
    })
}
