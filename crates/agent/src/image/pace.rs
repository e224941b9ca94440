//! A connection that is too slow to be of use, told from one that is only slow.
//!
//! Only the time in which the source is waited for counts: a disk that takes its time says nothing about the network.

use crate::clock::Clock;
use std::io::{self, Read};
use std::time::Duration;

/// Over so much waiting a connection must keep up: longer than a switch takes to learn a new path, or a busy server to
/// come round.
pub(super) const WINDOW: Duration = Duration::from_secs(60);

/// Too little came.
#[derive(Debug, thiserror::Error)]
#[error("only {bytes} bytes came in {} s, at least {least} are wanted", WINDOW.as_secs())]
pub(super) struct TooSlow {
    bytes: u64,
    least: u64,
}

/// What comes from `source`, until it comes too slowly.
pub(super) struct Paced<'a, R> {
    source: R,
    clock: &'a dyn Clock,
    /// In each window.
    least: u64,
    bytes: u64,
    waited: Duration,
    /// Whether a window was long enough and had enough in it.
    has_kept_up: bool,
}

impl<'a, R: Read> Paced<'a, R> {
    pub(super) fn new(source: R, clock: &'a dyn Clock, min_bytes_per_second: u64) -> Self {
        let least = min_bytes_per_second.saturating_mul(WINDOW.as_secs());
        Self { source, clock, least, bytes: 0, waited: Duration::ZERO, has_kept_up: false }
    }

    pub(super) fn has_kept_up(&self) -> bool {
        self.has_kept_up
    }
}

impl<R: Read> Read for Paced<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.waited >= WINDOW {
            if self.bytes < self.least {
                return Err(io::Error::other(TooSlow { bytes: self.bytes, least: self.least }));
            }
            (self.bytes, self.waited, self.has_kept_up) = (0, Duration::ZERO, true);
        }
        let began = self.clock.now();
        let read = self.source.read(buffer)?;
        self.waited += self.clock.now().saturating_sub(began);
        self.bytes += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::tests::TestClock;

    /// Gives a byte every so often.
    struct Trickle<'a>(&'a TestClock, Duration);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.pause(self.1);
            buffer[0] = 1;
            Ok(1)
        }
    }

    #[test]
    fn a_byte_every_ten_seconds_is_too_slow_after_a_minute_and_ten_a_second_are_not() {
        let clock = TestClock::default();
        let mut slow = Paced::new(Trickle(&clock, Duration::from_secs(10)), &clock, 1);
        let error = io::copy(&mut slow, &mut io::sink()).unwrap_err();
        assert_eq!(error.to_string(), "only 6 bytes came in 60 s, at least 60 are wanted");
        assert_eq!(clock.now(), WINDOW);
        let mut fast = Paced::new(Trickle(&clock, Duration::from_millis(100)), &clock, 10);
        let hour = 36_000;
        assert_eq!(io::copy(&mut fast.by_ref().take(hour), &mut io::sink()).unwrap(), hour);
        assert!(fast.has_kept_up());
    }

    #[test]
    fn time_between_reads_does_not_count() {
        let clock = TestClock::default();
        let mut source = Paced::new(Trickle(&clock, Duration::from_millis(1)), &clock, 100);
        for _ in 0..100 {
            source.read_exact(&mut [0]).unwrap();
            clock.pause(WINDOW);
        }
    }
}
