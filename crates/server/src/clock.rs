//! The real time and real chance.

use async_trait::async_trait;
use std::time::Instant;
use types::Timestamp;
use workflow::ports::{Chance, Clock};

/// A clock that nobody can set: it reads the operating system's once, and goes on from there by itself.
///
/// Leases, deadlines and pauses are told by it, so that none of them ends early or late because somebody, or a time
/// server, sets the machine's clock. A clock that was set counts from the next start of the server on.
pub(crate) struct SteadyClock {
    began: Timestamp,
    since: Instant,
}

impl SteadyClock {
    /// A clock that shows what the operating system's shows now.
    pub(crate) fn start() -> Self {
        Self { began: Timestamp::now(), since: Instant::now() }
    }
}

#[async_trait]
impl Clock for SteadyClock {
    fn now(&self) -> Timestamp {
        self.began.checked_add(self.since.elapsed()).unwrap_or(Timestamp::MAX)
    }

    async fn sleep_until(&self, at: Timestamp) {
        let wait = at.duration_since(self.now());
        tokio::time::sleep(std::time::Duration::try_from(wait).unwrap_or_default()).await;
    }
}

/// The operating system's randomness.
pub(crate) struct SystemChance;

impl Chance for SystemChance {
    fn fraction(&self) -> f64 {
        rand::random()
    }
}
