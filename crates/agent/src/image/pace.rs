//! A source that is too slow to be of use, told from one that is only slow.
//!
//! Only the time in which the source is waited for counts: a disk that takes its time says nothing about the network.
//! It is counted over breaks: a source that brings little and breaks is as slow as one that trickles.

use crate::clock::Clock;
use std::io::{self, Read};
use std::time::Duration;

/// Over so much waiting a source must keep up: longer than a switch takes to learn a new path, or a busy server to
/// come round.
pub(super) const WINDOW: Duration = Duration::from_secs(60);

/// Too little came.
#[derive(Debug, thiserror::Error)]
#[error("only {bytes} bytes came in {} s, at least {least} are wanted", waited.as_secs())]
pub(super) struct TooSlow {
    bytes: u64,
    waited: Duration,
    least: u64,
}

/// How fast a source is, whatever the number of its connections.
#[derive(Debug)]
pub(super) struct Pace {
    /// In each window.
    least: u64,
    /// What came in this window.
    bytes: u64,
    /// This much of the window is over.
    waited: Duration,
    /// Windows in a row in which too little came.
    slow: u32,
}

impl Pace {
    pub(super) fn new(min_bytes_per_second: u64) -> Self {
        let least = min_bytes_per_second.saturating_mul(WINDOW.as_secs());
        Self { least, bytes: 0, waited: Duration::ZERO, slow: 0 }
    }

    /// What comes from `source`, until it comes too slowly.
    pub(super) fn paced<'a, R: Read>(&'a mut self, source: R, clock: &'a dyn Clock) -> Paced<'a, R> {
        Paced { pace: self, source, clock }
    }

    /// Counts what came in so much waiting. As soon as it is enough, all is well.
    pub(super) fn count(&mut self, bytes: u64, waited: Duration) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.waited = self.waited.saturating_add(waited);
        if self.bytes >= self.least {
            (self.bytes, self.waited, self.slow) = (0, Duration::ZERO, 0);
        }
    }

    /// Ends the window if it is long enough and too little came in it. Tells how many such windows there were in a
    /// row, and of this one.
    pub(super) fn end_slow_window(&mut self) -> Option<(u32, TooSlow)> {
        let too_slow = self.too_slow()?;
        (self.bytes, self.waited, self.slow) = (0, Duration::ZERO, self.slow.saturating_add(1));
        Some((self.slow, too_slow))
    }

    fn too_slow(&self) -> Option<TooSlow> {
        let Self { least, bytes, waited, slow: _ } = *self;
        (waited >= WINDOW).then_some(TooSlow { bytes, waited, least })
    }
}

/// One connection to a source.
pub(super) struct Paced<'a, R> {
    pace: &'a mut Pace,
    source: R,
    clock: &'a dyn Clock,
}

impl<R: Read> Read for Paced<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(too_slow) = self.pace.too_slow() {
            return Err(io::Error::other(too_slow));
        }
        let began = self.clock.now();
        let read = self.source.read(buffer);
        let bytes = read.as_ref().map_or(0, |read| *read as u64);
        self.pace.count(bytes, self.clock.now().saturating_sub(began));
        read
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

    /// Gives nothing for a while, and then breaks.
    struct Stall<'a>(&'a TestClock, Duration);

    impl Read for Stall<'_> {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            self.0.pause(self.1);
            Err(io::ErrorKind::TimedOut.into())
        }
    }

    /// A connection that brings so many bytes, one each second.
    fn connect(pace: &mut Pace, clock: &TestClock, bytes: u64) -> io::Result<u64> {
        let source = pace.paced(Trickle(clock, Duration::from_secs(1)), clock);
        io::copy(&mut source.take(bytes), &mut io::sink())
    }

    #[test]
    fn a_byte_every_ten_seconds_is_too_slow_after_a_minute_and_ten_a_second_are_not() {
        let clock = TestClock::default();
        let mut pace = Pace::new(1);
        let mut slow = pace.paced(Trickle(&clock, Duration::from_secs(10)), &clock);
        let error = io::copy(&mut slow, &mut io::sink()).unwrap_err();
        assert_eq!(error.to_string(), "only 6 bytes came in 60 s, at least 60 are wanted");
        assert_eq!(clock.now(), WINDOW);
        let mut pace = Pace::new(10);
        let fast = pace.paced(Trickle(&clock, Duration::from_millis(100)), &clock);
        let hour = 36_000;
        assert_eq!(io::copy(&mut fast.take(hour), &mut io::sink()).unwrap(), hour);
        assert!(pace.end_slow_window().is_none());
    }

    #[test]
    fn time_between_reads_does_not_count() {
        let clock = TestClock::default();
        let mut pace = Pace::new(100);
        let mut source = pace.paced(Trickle(&clock, Duration::from_millis(1)), &clock);
        for _ in 0..100 {
            source.read_exact(&mut [0]).unwrap();
            clock.pause(WINDOW);
        }
    }

    #[test]
    fn connections_that_break_within_the_minute_are_slow_together() {
        let clock = TestClock::default();
        let mut pace = Pace::new(2);
        connect(&mut pace, &clock, 59).unwrap();
        assert!(pace.end_slow_window().is_none());
        let error = connect(&mut pace, &clock, 59).unwrap_err();
        assert_eq!(error.to_string(), "only 60 bytes came in 60 s, at least 120 are wanted");
        assert_eq!(pace.end_slow_window().unwrap().0, 1);
    }

    #[test]
    fn stalls_count() {
        let clock = TestClock::default();
        let mut pace = Pace::new(1);
        for _ in 0..2 {
            let stall = &mut Stall(&clock, Duration::from_secs(30));
            pace.paced(stall, &clock).read_exact(&mut [0]).unwrap_err();
        }
        assert_eq!(pace.end_slow_window().unwrap().0, 1);
    }

    #[test]
    fn slow_windows_are_in_a_row_until_enough_comes_even_within_a_minute() {
        let clock = TestClock::default();
        let mut pace = Pace::new(2);
        for slow in 1..=9 {
            connect(&mut pace, &clock, 61).unwrap_err();
            assert_eq!(pace.end_slow_window().unwrap().0, slow);
        }
        io::copy(&mut pace.paced(&[0; 120][..], &clock), &mut io::sink()).unwrap();
        connect(&mut pace, &clock, 61).unwrap_err();
        assert_eq!(pace.end_slow_window().unwrap().0, 1);
    }

    #[test]
    fn without_a_least_nothing_is_too_slow() {
        let clock = TestClock::default();
        let mut pace = Pace::new(0);
        pace.paced(Stall(&clock, 2 * WINDOW), &clock).read_exact(&mut [0]).unwrap_err();
        assert!(pace.end_slow_window().is_none());
    }
}
