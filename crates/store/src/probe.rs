//! Where a simulation looks into the store: at every commit, and whether it is at work.
//!
//! A server dies between any two instructions, but what is left of it changes at its commits only. So whoever
//! can stop a server for ever right before and right after each of them can show every crash there is.

use crate::Store;
use async_trait::async_trait;
use std::time::Duration;

/// While a rack boots, entries come by the thousand in a second. A commit for each is half of what its boot script costs;
/// this makes it 200 commits a second at most, and nobody sees that an entry is that much late.
const GATHERING: Duration = Duration::from_millis(5);

/// A moment of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// All of it is written and none of it is durable.
    BeforeCommit,
    /// It is durable, and nobody has been told.
    AfterCommit,
}

/// Is told of every transaction, and may hold it there.
#[async_trait]
pub trait Probe: Send + Sync {
    /// The transaction has come to `moment`, and goes on when this returns.
    async fn reached(&self, moment: Moment);

    /// Whether it may hold a transaction. What nobody holds is written and made durable in one go.
    fn holds(&self) -> bool {
        true
    }

    /// How long an entry of the history that nobody waits for may wait for others. Who waits for rest, as
    /// [`Store::is_idle`] shows it, wants none of that.
    fn gathering(&self) -> Duration {
        GATHERING
    }
}

/// Holds nothing.
pub struct NoProbe;

#[async_trait]
impl Probe for NoProbe {
    async fn reached(&self, _: Moment) {}

    fn holds(&self) -> bool {
        false
    }
}

impl Store {
    /// Whether nothing is being read or written, and nothing waits to be: then only time or a message brings the
    /// next change.
    pub fn is_idle(&self) -> bool {
        !self.reader().are_reading() && self.inner.writer.is_idle() && self.inner.recorder.is_empty()
    }
}
