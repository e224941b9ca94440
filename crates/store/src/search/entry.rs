//! What the index keeps of one machine.

use crate::column::{from_json, timestamp};
use crate::object_row::ObjectRow;
use crate::sql::Value as Column;
use crate::{Machine, StoreError};
use search::{FREE_TEXT, Facts, MachineFacts, RunFacts, Value};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::net::IpAddr;
use types::Name;
use types::object::Object;
use types::secret::is_secret_name;

/// Fields whose values are not among the terms: they are columns of `machine_numbers`.
const KEPT_ELSEWHERE: [&str; 2] = ["id", "name"];

/// What stands before a machine's words in [`Entry::words`], for each field in [`FREE_TEXT`].
const TAGS: std::ops::RangeFrom<char> = 'a'..;

/// What stands before words of the field; nothing when there are none.
pub(super) fn tag_of(key: &str) -> Option<char> {
    TAGS.zip(FREE_TEXT).find(|(_, other)| **other == key).map(|(tag, _)| tag)
}

/// A machine as the index has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Entry {
    pub(super) name: String,
    /// Every text by which a word alone finds it, in small letters: a line each, which begins with its field's tag.
    pub(super) words: String,
    /// Which values stand under which fields.
    pub(super) terms: Terms,
}

/// Values by the fields under which they stand, in the form of the index.
pub(super) type Terms = BTreeMap<(i64, Term), Column>;

/// A value as a key: what it is, and its text or the bits of its number.
pub(super) type Term = (u8, String);

/// Where the values under a field stand in the index.
pub(super) fn field_number(key: &str) -> i64 {
    let hash: [u8; 32] = Sha256::digest(key.as_bytes()).into();
    let [a, b, c, d, e, f, g, h, ..] = hash;
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// Values as the index has them.
pub(super) fn terms(facts: &Facts) -> Terms {
    let mut terms = Terms::new();
    for (key, value) in facts.iter() {
        let field = field_number(key);
        let (term, column) = match value {
            Value::Hidden => ((0, String::new()), Column::Blob(Vec::new())),
            Value::Number(number) => ((1, number.to_bits().to_string()), Column::Real(*number)),
            Value::Text(text) => ((2, text.clone()), Column::Text(text.clone())),
        };
        terms.insert((field, term), column);
        // A path says that there is something where it passes: `has params.net`.
        for (at, _) in key.match_indices('.').skip(1) {
            terms.entry((field_number(&key[..at]), (0, String::new()))).or_insert(Column::Blob(Vec::new()));
        }
    }
    terms
}

/// The machine in a row, its secrets left sealed.
pub(super) fn machine(row: &ObjectRow) -> Result<Machine, StoreError> {
    let what = || format!("machine {} ({})", row.name, row.id);
    Ok(Object {
        id: row.id,
        name: row.name.clone(),
        spec: from_json(&row.spec, what)?,
        status: from_json(&row.status, what)?,
        version: row.version,
        source: row.source,
        created: timestamp(row.created),
        updated: timestamp(row.updated),
    })
}

/// What the machine's object says, with what is known of it from elsewhere.
///
/// Here is where inherited values come in: parameters, profiles, hardware profile and operating system are the
/// machine's own so far, in the index and beside it alike. What a machine inherits is known above the store. Who gives
/// it here gives it in the index too, and brings the machines of a changed group or profile up to date (see
/// `Tx::index_changed`), or asks for the groups and profiles that say so when an expression comes, as
/// [`super::groups`] does.
pub(super) fn facts(machine: &Machine, groups: &[Name], addresses: &[IpAddr], run: Option<&RunFacts>) -> Facts {
    let spec = &machine.spec;
    let facts = MachineFacts {
        machine,
        params: &spec.params,
        groups,
        profiles: &spec.profiles,
        hardware_profile: spec.hardware_profile.as_ref(),
        operating_system: None,
        addresses,
        run,
        is_secret: &is_secret_name,
    };
    facts.collect()
}

impl Entry {
    /// Of a machine and its last run. The groups above its own, its leases and its active run are looked up when
    /// somebody asks.
    pub(super) fn of(machine: &Machine, last_run: Option<&RunFacts>) -> Self {
        let spec = &machine.spec;
        let facts = facts(machine, spec.group.as_slice(), spec.address.as_slice(), last_run);
        Self::from_facts(machine.name.to_string(), &facts)
    }

    fn from_facts(name: String, facts: &Facts) -> Self {
        let mut words = String::new();
        for (tag, key) in TAGS.zip(FREE_TEXT) {
            for text in facts.values(key).filter_map(Value::text) {
                words.push(tag);
                words.push_str(&text.to_lowercase().replace('\n', " "));
                words.push('\n');
            }
        }
        let mut terms = terms(facts);
        for key in KEPT_ELSEWHERE {
            let field = field_number(key);
            terms.retain(|(other, _), _| *other != field);
        }
        Self { name, words, terms }
    }
}
