//! Waiting without falling asleep, where that is worth it.
//!
//! Waking a thread up takes longer than answering a packet: tens of microseconds where the processor had gone to rest.
//! A client that answers faster than that would be served at half its speed. So the thread looks again and again for
//! a moment, but only while the answers have come within such a moment: over a slower network it sleeps at once.

use std::time::Duration;

/// How long is looked. What a wake-up takes, so that looking in vain costs no more than it could save.
pub(super) const MOMENT: Duration = Duration::from_micros(50);
/// How many answers in a row without success end the looking.
const MOST_TRUST: u8 = 16;

/// Whether the next packet is likely to come within a [`MOMENT`].
#[derive(Debug, Default)]
pub(super) struct Vigil {
    trust: u8,
}

impl Vigil {
    pub(super) fn is_worth_it(&self) -> bool {
        self.trust > 0
    }

    /// Learns from a wait, whether spent looking or asleep.
    pub(super) fn learn(&mut self, waited: Duration) {
        // Asleep, the wake-up is part of the wait.
        let limit = if self.is_worth_it() { MOMENT } else { 2 * MOMENT };
        self.trust = if waited <= limit { (self.trust + 1).min(MOST_TRUST) } else { self.trust.saturating_sub(1) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_answers_are_looked_for_and_slow_ones_slept_for() {
        let mut vigil = Vigil::default();
        assert!(!vigil.is_worth_it());
        vigil.learn(MOMENT);
        assert!(vigil.is_worth_it());
        (0..100).for_each(|_| vigil.learn(MOMENT / 10));
        (0..MOST_TRUST).for_each(|_| vigil.learn(4 * MOMENT));
        assert!(!vigil.is_worth_it());
    }
}
