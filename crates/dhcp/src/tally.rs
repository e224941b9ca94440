//! How many rows of a pool are in which state, counted as they come, go and expire.
//!
//! To count them when somebody asks would hold the lock over all leases while clients wait.

use crate::{Lease, LeaseState};
use std::collections::{BTreeSet, HashMap};
use std::net::Ipv4Addr;
use std::ops::Bound::{Excluded, Included, Unbounded};
use types::Timestamp;
use types::subnet::Pool;

/// Rows that have not expired, by their state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) bound: usize,
    pub(crate) offered: usize,
    pub(crate) declined: usize,
}

impl Counts {
    fn of(&mut self, state: LeaseState) -> Option<&mut usize> {
        match state {
            LeaseState::Bound => Some(&mut self.bound),
            LeaseState::Probing | LeaseState::Offered => Some(&mut self.offered),
            LeaseState::Declined => Some(&mut self.declined),
            LeaseState::Released => None,
        }
    }

    fn add(&mut self, state: LeaseState) {
        self.of(state).into_iter().for_each(|count| *count += 1);
    }

    /// Counts one row less.
    pub(crate) fn remove(&mut self, state: LeaseState) {
        self.of(state).into_iter().for_each(|count| *count = count.saturating_sub(1));
    }
}

/// The counts of one pool at one time. Until somebody asks, nothing is counted.
#[derive(Debug, Default)]
pub(crate) struct Tally(Option<Taken>);

#[derive(Debug)]
struct Taken {
    pool: Pool,
    at: Timestamp,
    counts: Counts,
}

impl Taken {
    fn counts(&self, row: &Lease) -> bool {
        (self.pool.first..=self.pool.last).contains(&row.address)
    }
}

impl Tally {
    /// A row has come.
    pub(crate) fn add(&mut self, row: &Lease) {
        if let Some(taken) = self.0.as_mut().filter(|taken| taken.counts(row) && row.expires > taken.at) {
            taken.counts.add(row.state);
        }
    }

    /// A row has gone.
    pub(crate) fn remove(&mut self, row: &Lease) {
        if let Some(taken) = self.0.as_mut().filter(|taken| taken.counts(row) && row.expires > taken.at) {
            taken.counts.remove(row.state);
        }
    }

    /// The counts of `pool` now. Looked at are the rows that have expired since they were last asked for; all, when
    /// they are asked for the first time of this pool.
    pub(crate) fn count(
        &mut self,
        pool: Pool,
        now: Timestamp,
        by_expiry: &BTreeSet<(Timestamp, Ipv4Addr)>,
        rows: &HashMap<Ipv4Addr, Lease>,
    ) -> Counts {
        let after = |time| Excluded((time, Ipv4Addr::BROADCAST));
        let until = |time| Included((time, Ipv4Addr::BROADCAST));
        let same = self.0.take().filter(|taken| taken.pool == pool);
        let is_new = same.is_none();
        let mut taken = same.unwrap_or(Taken { pool, at: now, counts: Counts::default() });
        let (range, is_later) = match taken.at {
            _ if is_new => ((after(now), Unbounded), false),
            at if at <= now => ((after(at), until(now)), true),
            // The clock was set back, or another thread read it later and was here first.
            at => ((after(now), until(at)), false),
        };
        for row in by_expiry.range(range).filter_map(|(_, address)| rows.get(address)) {
            match (taken.counts(row), is_later) {
                (true, true) => taken.counts.remove(row.state),
                (true, false) => taken.counts.add(row.state),
                (false, _) => {}
            }
        }
        taken.at = now;
        let counts = taken.counts;
        self.0 = Some(taken);
        counts
    }
}
