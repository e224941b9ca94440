//! Which network cards are a machine's, in memory.
//!
//! Most of what asks for an address is no machine of ours, and each packet asks. A card stays here when its
//! machine goes: the database has the last word on those that are here, and none on those that are not.

use crate::column::parse;
use crate::sql::{Connection, query_scalar};
use crate::{Store, StoreError};
use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};
use types::MacAddr;

/// Every card that is, or was since the store was opened, a machine's.
pub(crate) struct CardIndex(RwLock<HashSet<MacAddr>>);

impl CardIndex {
    /// Takes over what has become durable.
    pub(crate) fn take_over(&self, cards: Vec<MacAddr>) {
        if !cards.is_empty() {
            self.0.write().unwrap_or_else(PoisonError::into_inner).extend(cards);
        }
    }
}

/// The cards that the database knows.
pub(crate) fn load(connection: &mut Connection) -> Result<CardIndex, StoreError> {
    let rows: Vec<String> = query_scalar("SELECT mac FROM machine_macs").fetch_all(connection)?;
    let cards = rows.iter().map(|mac| parse(mac, || format!("the machine of {mac}")));
    Ok(CardIndex(RwLock::new(cards.collect::<Result<_, _>>()?)))
}

impl Store {
    /// Whether [`Store::machine_by_mac`] can find anything: never false when it can, rarely true when it cannot.
    pub fn may_know_card(&self, mac: MacAddr) -> bool {
        self.inner.signals.cards.0.read().unwrap_or_else(PoisonError::into_inner).contains(&mac)
    }
}
