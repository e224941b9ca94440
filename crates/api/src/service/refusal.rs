//! Agents that are not who they say they are, or not any more: each is refused, and the machine's history says so.
//!
//! Only a token that was once ours names a machine, so a stranger writes nothing into any history. Who has such a
//! token can knock as often as he likes: a machine's history gets one entry a minute for each reason.

use crate::App;
use serde_json::json;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use store::Grant;
use types::event::NewEvent;
use types::{MacAddr, MachineId, Timestamp};

/// Somebody was refused who used a machine's identity. Data: reason, peer, more; mac when only that is known.
const AGENT_REFUSED: &str = "agent.refused";
/// One entry for a machine and reason in this time.
const EVERY: jiff::SignedDuration = jiff::SignedDuration::from_mins(1);
/// Machines and reasons that are remembered; beyond them nothing is put on record until some are forgotten.
const MOST: usize = 4096;

/// Whose identity was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    Machine(MachineId),
    Card(MacAddr),
    /// A machine's, by one that booted with a card of its own.
    Twin {
        machine: MachineId,
        mac: MacAddr,
    },
}

impl Subject {
    /// Whom a token was made for. People are no machines.
    pub(crate) fn of(grant: &Grant) -> Option<Self> {
        match grant {
            Grant::User { .. } => None,
            Grant::Registration { mac } | Grant::Registered { mac, .. } => Some(Self::Card(*mac)),
            Grant::Agent { machine, .. } | Grant::CallHome { machine, .. } | Grant::Installer { machine, .. } => {
                Some(Self::Machine(*machine))
            }
        }
    }
}

/// What was put on record lately.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<HashMap<(Subject, &'static str), Told>>);

#[derive(Debug)]
struct Told {
    at: Timestamp,
    /// Refusals since then.
    more: u64,
}

impl Refusals {
    /// Puts a refusal on record, unless the same was lately.
    pub(crate) fn record(&self, app: &App, subject: Subject, reason: &'static str, peer: Option<IpAddr>) {
        let now = app.now();
        let Some(more) = self.count(subject, reason, now) else { return };
        let mut data = json!({ "reason": reason, "peer": peer, "more": more });
        let machine = match subject {
            Subject::Machine(machine) => Some(machine),
            Subject::Twin { machine, mac } => {
                data["mac"] = json!(mac);
                Some(machine)
            }
            Subject::Card(mac) => {
                data["mac"] = json!(mac);
                None
            }
        };
        tracing::warn!(?subject, reason, ?peer, "An agent is refused: {reason}");
        let (kind, actor) = (AGENT_REFUSED.to_owned(), "agent".to_owned());
        app.store.record(NewEvent { at: now, kind, machine, run: None, actor, data });
    }

    /// How many were not put on record since the last that was. None when this one is not either.
    fn count(&self, subject: Subject, reason: &'static str, now: Timestamp) -> Option<u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = |told: &Told| now.duration_since(told.at).abs() >= EVERY;
        if let Some(told) = all.get_mut(&(subject, reason)) {
            if !is_old(told) {
                told.more += 1;
                return None;
            }
            let more = told.more;
            *told = Told { at: now, more: 0 };
            return Some(more);
        }
        if all.len() >= MOST {
            all.retain(|_, told| !is_old(told));
        }
        if all.len() >= MOST {
            return None;
        }
        all.insert((subject, reason), Told { at: now, more: 0 });
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_entry_a_minute_and_the_next_says_how_many_there_were() {
        let refusals = Refusals::default();
        let (one, other) = (Subject::Card(MacAddr([2, 0, 0, 0, 0, 1])), Subject::Card(MacAddr([2, 0, 0, 0, 0, 2])));
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(refusals.count(one, "late", at(0)), Some(0));
        for second in 1..60 {
            assert_eq!(refusals.count(one, "late", at(second)), None);
        }
        assert_eq!(refusals.count(other, "late", at(59)), Some(0));
        assert_eq!(refusals.count(one, "false", at(59)), Some(0));
        assert_eq!(refusals.count(one, "late", at(60)), Some(59));
    }

    #[test]
    fn there_is_an_end_to_what_is_remembered() {
        let refusals = Refusals::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        for _ in 0..MOST {
            assert_eq!(refusals.count(Subject::Machine(MachineId::new()), "late", at(0)), Some(0));
        }
        assert_eq!(refusals.count(Subject::Machine(MachineId::new()), "late", at(1)), None);
        assert_eq!(refusals.count(Subject::Machine(MachineId::new()), "late", at(60)), Some(0));
    }
}
