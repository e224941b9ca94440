//! Time, as far as the agent needs it: how long something took, and waiting before trying again.

use std::time::{Duration, Instant};

/// Measures and waits.
pub trait Clock {
    /// Time since some fixed moment; it never goes back.
    fn now(&self) -> Duration;
    /// Returns after `length`.
    fn pause(&self, length: Duration);
}

/// The machine's clock. A maintenance OS may boot with any wall-clock time; this one does not care.
#[derive(Debug)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "the agent has one thread and no runtime to block")]
    fn pause(&self, length: Duration) {
        std::thread::sleep(length);
    }
}

/// Growing pauses between attempts, of slightly different length on each machine, so that a rack whose server
/// was away does not come back all at once.
#[derive(Debug, Clone)]
pub struct Backoff {
    seed: u64,
    attempt: u32,
    cap: Duration,
}

const FIRST_PAUSE: Duration = Duration::from_millis(500);

impl Backoff {
    /// Pauses of half a second at first and `cap` at most. `seed` differs between machines.
    pub fn new(seed: u64, cap: Duration) -> Self {
        Self { seed, attempt: 0, cap }
    }

    /// The next pause.
    pub fn next_pause(&mut self) -> Duration {
        let full = FIRST_PAUSE.saturating_mul(1 << self.attempt.min(16)).min(self.cap);
        self.attempt = self.attempt.saturating_add(1);
        self.seed = mixed(self.seed);
        full.mul_f64(0.75 + (self.seed % 1000) as f64 / 2000.0)
    }

    /// The last attempt went well.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }
}

/// One round of SplitMix64.
fn mixed(seed: u64) -> u64 {
    let seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let seed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let seed = (seed ^ (seed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    seed ^ (seed >> 31)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::cell::Cell;

    /// A clock whose pauses take no time.
    #[derive(Default)]
    pub(crate) struct TestClock {
        now: Cell<Duration>,
        /// So many looks at it take a minute each, as if everything were slow.
        pub(crate) slow_looks: Cell<u32>,
    }

    impl Clock for TestClock {
        fn now(&self) -> Duration {
            if let Some(left) = self.slow_looks.get().checked_sub(1) {
                self.slow_looks.set(left);
                self.pause(Duration::from_mins(1));
            }
            self.now.get()
        }

        fn pause(&self, length: Duration) {
            self.now.set(self.now.get() + length);
        }
    }

    #[test]
    fn pauses_grow_to_the_cap_and_differ_between_machines() {
        let pauses = |seed| {
            let mut backoff = Backoff::new(seed, Duration::from_secs(15));
            (0..40).map(|_| backoff.next_pause()).collect::<Vec<_>>()
        };
        assert!(pauses(1)[0] < Duration::from_secs(1) && pauses(1)[9] > Duration::from_secs(10));
        assert!(pauses(1).iter().all(|pause| *pause < Duration::from_secs(19)));
        assert_ne!(pauses(1), pauses(2));
    }
}
