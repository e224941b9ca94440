//! The real time and real chance.

use async_trait::async_trait;
use types::Timestamp;
use workflow::ports::{Chance, Clock};

/// The operating system's clock.
pub(crate) struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
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
