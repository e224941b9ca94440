//! How fast a server's time goes.

use async_trait::async_trait;
use bmc::Limits;
use server::Surroundings;
use std::sync::Arc;
use std::time::{Duration, Instant};
use types::Timestamp;
use workflow::ports::Clock;

/// How fast a server's time goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As ours.
    #[default]
    Real,
    /// [`SPEED`] times ours: pauses between tries, and what is granted to a BMC, are over sooner.
    Fast,
}

const SPEED: u32 = 20;

/// A clock that goes [`SPEED`] times as fast, from now on.
struct FastClock {
    began: Timestamp,
    since: Instant,
}

#[async_trait]
impl Clock for FastClock {
    fn now(&self) -> Timestamp {
        self.began + self.since.elapsed() * SPEED
    }

    async fn sleep_until(&self, at: Timestamp) {
        let wait = Duration::try_from(at.duration_since(self.now())).unwrap_or_default();
        tokio::time::sleep(wait / SPEED).await;
    }
}

impl Pace {
    pub(crate) fn surroundings(self) -> Surroundings {
        if self == Self::Real {
            return Surroundings::default();
        }
        let usual = Limits::default();
        let requests = redfish::Options {
            first_backoff: usual.requests.first_backoff / SPEED,
            max_backoff: usual.requests.max_backoff / SPEED,
            task_poll: usual.requests.task_poll / SPEED,
            ..usual.requests
        };
        let bmc_limits = Limits {
            settle: usual.settle / SPEED,
            look_every: usual.look_every / SPEED,
            first_rest: usual.first_rest / SPEED,
            longest_rest: usual.longest_rest / SPEED,
            requests,
            ..usual
        };
        let clock = Arc::new(FastClock { began: Timestamp::now(), since: Instant::now() });
        Surroundings { clock, bmcs: Arc::new(bmc_limits), ..Surroundings::default() }
    }
}
