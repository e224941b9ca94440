//! Sets of machines, by their numbers in the index.

/// Machines in one row of the index: large enough that a word that all have takes few rows, small enough that one
/// machine more or less writes one page.
pub(super) const CHUNK: u32 = 8192;
/// A row's members as a bit each.
const BITMAP_BYTES: usize = CHUNK as usize / 8;
const WORD: u32 = u64::BITS;

/// A set of machines. Numbers beyond its end are not in it, or all are when it is the rest of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MachineSet {
    words: Vec<u64>,
}

impl MachineSet {
    /// No machine of those below `end`.
    pub(super) fn none(end: u32) -> Self {
        Self { words: vec![0; end.div_ceil(WORD) as usize] }
    }

    /// Every machine of those below `end`, and those that were.
    pub(super) fn all(end: u32) -> Self {
        Self { words: vec![u64::MAX; end.div_ceil(WORD) as usize] }
    }

    pub(super) fn insert(&mut self, number: u32) {
        if let Some(word) = self.words.get_mut((number / WORD) as usize) {
            *word |= 1 << (number % WORD);
        }
    }

    pub(super) fn contains(&self, number: u32) -> bool {
        self.words.get((number / WORD) as usize).is_some_and(|word| word >> (number % WORD) & 1 == 1)
    }

    /// Those of a row of the index too.
    pub(super) fn insert_row(&mut self, chunk: u32, members: &[u8]) {
        let first = chunk.saturating_mul(CHUNK);
        each_member(members, |member| self.insert(first + u32::from(member)));
    }

    /// Those of the other set too.
    pub(super) fn add(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word |= other);
    }

    /// Only those that are in the other set too.
    pub(super) fn keep(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= other);
    }

    /// All that are not in it.
    pub(super) fn invert(&mut self) {
        self.words.iter_mut().for_each(|word| *word = !*word);
    }

    /// Members, or `limit` if there are more.
    pub(super) fn count_up_to(&self, limit: usize) -> usize {
        let mut count = 0;
        for word in &self.words {
            count += word.count_ones() as usize;
            if count >= limit {
                return limit;
            }
        }
        count
    }

    /// Members in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        self.words.iter().zip(0_u32..).flat_map(|(word, index)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = rest.checked_ilog2().map(|_| rest.trailing_zeros())?;
                rest &= rest - 1;
                Some(index * WORD + bit)
            })
        })
    }
}

/// Two bytes a member, in order, while that is shorter than a bit for each that could be one.
fn each_member(members: &[u8], mut visit: impl FnMut(u16)) {
    if members.len() < BITMAP_BYTES {
        members.chunks_exact(2).for_each(|pair| visit(u16::from_le_bytes([pair[0], pair[1]])));
        return;
    }
    for (byte, base) in members.iter().zip((0_u16..).step_by(8)) {
        let mut rest = *byte;
        while rest != 0 {
            let bit = u16::try_from(rest.trailing_zeros()).unwrap_or(0);
            visit(base + bit);
            rest &= rest - 1;
        }
    }
}

/// A row's members from their numbers, which are below [`CHUNK`], in order and each once.
pub(super) fn encode(members: &[u16]) -> Vec<u8> {
    if members.len() * 2 < BITMAP_BYTES {
        return members.iter().flat_map(|member| member.to_le_bytes()).collect();
    }
    let mut bitmap = vec![0; BITMAP_BYTES];
    for member in members {
        bitmap[usize::from(member / 8)] |= 1 << (member % 8);
    }
    bitmap
}

/// The row with one member more or less.
pub(super) fn changed(members: &[u8], member: u16, present: bool) -> Vec<u8> {
    if members.len() == BITMAP_BYTES {
        let mut bitmap = members.to_owned();
        let byte = &mut bitmap[usize::from(member / 8)];
        let bit = 1 << (member % 8);
        *byte = if present { *byte | bit } else { *byte & !bit };
        // It stays a bitmap until little is left, so that one machine to and fro does not turn it over and over.
        let left: u32 = bitmap.iter().map(|byte| byte.count_ones()).sum();
        if left as usize * 8 > BITMAP_BYTES {
            return bitmap;
        }
        let mut numbers = Vec::new();
        each_member(&bitmap, |member| numbers.push(member));
        return encode(&numbers);
    }
    let mut numbers = Vec::with_capacity(members.len() / 2 + 1);
    each_member(members, |member| numbers.push(member));
    match (numbers.binary_search(&member), present) {
        (Err(at), true) => numbers.insert(at, member),
        (Ok(at), false) => {
            numbers.remove(at);
        }
        (Ok(_), true) | (Err(_), false) => {}
    }
    encode(&numbers)
}

/// What is known of a search before machines are looked at one by one.
#[derive(Debug, Clone)]
pub(super) struct Estimate {
    /// Machines for which it holds for certain.
    pub(super) must: MachineSet,
    /// Machines for which it may hold.
    pub(super) may: MachineSet,
}

impl Estimate {
    /// It holds for exactly these.
    pub(super) fn exactly(set: MachineSet) -> Self {
        Self { must: set.clone(), may: set }
    }

    /// Nothing is known.
    pub(super) fn unknown(end: u32) -> Self {
        Self { must: MachineSet::none(end), may: MachineSet::all(end) }
    }

    /// What is known of both holding.
    pub(super) fn and(&mut self, other: &Self) {
        self.must.keep(&other.must);
        self.may.keep(&other.may);
    }

    /// What is known of one of the two holding.
    pub(super) fn or(&mut self, other: &Self) {
        self.must.add(&other.must);
        self.may.add(&other.may);
    }

    /// What is known of it not holding.
    pub(super) fn not(mut self) -> Self {
        self.must.invert();
        self.may.invert();
        Self { must: self.may, may: self.must }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn a_row_holds_what_was_put_into_it_and_not_taken_out(
            changes in proptest::collection::vec((0_u16..2000, any::<bool>()), 0..1500),
        ) {
            let (mut row, mut expected) = (Vec::new(), BTreeSet::new());
            for (member, present) in changes {
                row = changed(&row, member, present);
                if present { expected.insert(u32::from(member)); } else { expected.remove(&u32::from(member)); }
            }
            let mut set = MachineSet::none(3 * CHUNK);
            set.insert_row(1, &row);
            let found: BTreeSet<u32> = set.iter().map(|number| number - CHUNK).collect();
            prop_assert_eq!(row.is_empty(), expected.is_empty());
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn estimates_keep_what_is_certain_inside_what_is_possible(
            a in proptest::collection::btree_set(0_u32..200, 0..50), b in proptest::collection::btree_set(0_u32..200, 0..50),
        ) {
            let set = |members: &BTreeSet<u32>| {
                let mut set = MachineSet::none(200);
                members.iter().for_each(|member| set.insert(*member));
                set
            };
            let mut both = Estimate::exactly(set(&a));
            both.and(&Estimate::unknown(200));
            prop_assert_eq!(both.must.count_up_to(1), 0);
            prop_assert_eq!(both.may.iter().collect::<Vec<_>>(), a.iter().copied().collect::<Vec<_>>());
            let neither = { let mut either = Estimate::exactly(set(&a)); either.or(&Estimate::exactly(set(&b))); either.not() };
            for number in 0..200 {
                prop_assert_eq!(neither.must.contains(number), !a.contains(&number) && !b.contains(&number));
            }
        }
    }
}
