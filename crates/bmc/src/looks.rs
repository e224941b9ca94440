//! Looking again and again until something shows or its time is over.

use std::time::Duration;
use tokio::time::Instant;

/// A series of looks.
pub(crate) struct Looks {
    until: Instant,
    every: Duration,
}

impl Looks {
    pub(crate) fn new(limit: Duration, every: Duration) -> Self {
        Self { until: Instant::now() + limit, every }
    }

    /// Waits for the next look; false when there is no time for one.
    pub(crate) async fn another(&self) -> bool {
        if Instant::now() + self.every > self.until {
            return false;
        }
        tokio::time::sleep(self.every).await;
        true
    }
}
