//! What machines are known by, in memory: names, cards, serial numbers and declared addresses.
//!
//! A word is looked for in all of it, from end to end, which memory does in milliseconds for a hundred thousand
//! machines and SQLite does not. Some 120 bytes a machine.

use super::set::MachineSet;
use crate::StoreError;
use crate::sql::{Connection, query};
use memchr::memmem::Finder;
use std::sync::{Arc, PoisonError, RwLock};

/// Machines whose words lie together: few enough that one machine's can be exchanged by writing all anew, enough that
/// a search goes through long texts.
const BLOCK: u32 = 64;

/// A machine's words as they have become, by its number; none when it is gone.
pub(crate) type WordChange = (u32, Option<Arc<str>>);

/// The words of all machines.
pub(crate) struct WordIndex(RwLock<Vec<Block>>);

/// The words of [`BLOCK`] machines one after the other, and where those of each end.
#[derive(Default)]
struct Block {
    text: String,
    ends: Vec<usize>,
}

impl Block {
    fn of(&self, place: usize) -> &str {
        let begin = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[begin..self.ends[place]]
    }

    /// Exchanges the words of one machine.
    fn set(&mut self, place: usize, words: &str) {
        let mut changed = Self { text: String::with_capacity(self.text.len() + words.len()), ends: Vec::new() };
        for other in 0..self.ends.len().max(place + 1) {
            let kept = if other < self.ends.len() { self.of(other) } else { "" };
            changed.text.push_str(if other == place { words } else { kept });
            changed.ends.push(changed.text.len());
        }
        *self = changed;
    }

    /// The places whose words contain the part.
    fn containing(&self, part: &Finder<'_>) -> impl Iterator<Item = usize> {
        let mut from = 0;
        std::iter::from_fn(move || {
            let at = from + part.find(self.text.as_bytes().get(from..)?)?;
            let place = self.ends.partition_point(|end| *end <= at);
            from = *self.ends.get(place)?;
            Some(place)
        })
    }
}

impl WordIndex {
    /// Takes over what has become durable.
    pub(crate) fn take_over(&self, changes: Vec<WordChange>) {
        if changes.is_empty() {
            return;
        }
        let mut blocks = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (number, words) in changes {
            let block = (number / BLOCK) as usize;
            if blocks.len() <= block {
                blocks.resize_with(block + 1, Block::default);
            }
            blocks[block].set((number % BLOCK) as usize, words.as_deref().unwrap_or_default());
        }
    }

    /// Adds the machines whose words are as `wanted`. All of those contain one of `parts`, when there are any.
    pub(super) fn find(&self, parts: Option<&[String]>, wanted: impl Fn(&str) -> bool, set: &mut MachineSet) {
        let finders: Option<Vec<Finder<'_>>> = parts.map(|parts| parts.iter().map(Finder::new).collect());
        let blocks = self.0.read().unwrap_or_else(PoisonError::into_inner);
        for (block, first) in blocks.iter().zip((0_u32..).step_by(BLOCK as usize)) {
            let mut look = |place: usize| {
                if wanted(block.of(place)) {
                    set.insert(first + u32::try_from(place).unwrap_or(0));
                }
            };
            match &finders {
                Some(finders) => finders.iter().for_each(|part| block.containing(part).for_each(&mut look)),
                None => (0..block.ends.len()).for_each(look),
            }
        }
    }
}

/// The words that the database knows.
pub(crate) fn load(connection: &mut Connection) -> Result<WordIndex, StoreError> {
    let mut blocks: Vec<Block> = Vec::new();
    query("SELECT number, words FROM machine_words ORDER BY number").visit(connection, |row| {
        let number: u32 = row.get(0)?;
        let (index, place) = ((number / BLOCK) as usize, (number % BLOCK) as usize);
        if blocks.len() <= index {
            blocks.resize_with(index + 1, Block::default);
        }
        let block = &mut blocks[index];
        block.ends.resize(place, block.text.len());
        block.text.push_str(row.get_ref(1)?.as_str()?);
        block.ends.push(block.text.len());
        Ok(())
    })?;
    Ok(WordIndex(RwLock::new(blocks)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn words_are_found_as_they_were_last_set(
            changes in proptest::collection::vec((0_u32..200, proptest::option::of("[ab]{0,6}")), 0..120),
            part in "[ab]{1,3}",
        ) {
            let index = WordIndex(RwLock::default());
            let mut expected = BTreeMap::new();
            for (number, words) in changes {
                index.take_over(vec![(number, words.clone().map(Into::into))]);
                expected.insert(number, words.unwrap_or_default());
            }
            for parts in [None, Some([part.clone()])] {
                let mut found = MachineSet::none(256);
                index.find(parts.as_ref().map(|parts| &parts[..]), |words| words.contains(&part), &mut found);
                let holding = expected.iter().filter(|(_, words)| words.contains(&part));
                prop_assert_eq!(found.iter().collect::<Vec<_>>(), holding.map(|(number, _)| *number).collect::<Vec<_>>());
            }
        }
    }
}
