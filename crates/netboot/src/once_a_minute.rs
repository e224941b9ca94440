//! When to say of a subnet what happens at every message: once a minute, with how often it happened.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use types::{Name, Timestamp};

/// Pause between two words about one subnet: clients repeat themselves every few seconds, and one word is enough.
const PAUSE: Duration = Duration::from_secs(60);

/// What is to be said, by subnet.
#[derive(Debug, Default)]
pub(crate) struct OnceAMinute(Mutex<HashMap<Name, Told>>);

#[derive(Debug)]
struct Told {
    at: Timestamp,
    since: u64,
}

impl OnceAMinute {
    /// Counts one more. Says how many there were since it last said so, when it is time to say it again.
    pub(crate) fn count(&self, subnet: &Name, now: Timestamp) -> Option<u64> {
        let mut subnets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(told) = subnets.get_mut(subnet) else {
            subnets.insert(subnet.clone(), Told { at: now, since: 0 });
            return Some(1);
        };
        told.since += 1;
        let again = told.at.checked_add(PAUSE).unwrap_or(Timestamp::MAX);
        // A clock that was set back must not silence it.
        if told.at <= now && now < again {
            return None;
        }
        let count = told.since;
        *told = Told { at: now, since: 0 };
        Some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_spoken_of_at_once_and_then_once_a_minute_with_what_was_missed() {
        let refused = OnceAMinute::default();
        let (lab, other): (Name, Name) = ("lab".parse().unwrap(), "other".parse().unwrap());
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(refused.count(&lab, at(0)), Some(1));
        assert_eq!(refused.count(&lab, at(1)), None);
        assert_eq!(refused.count(&other, at(1)), Some(1));
        assert_eq!(refused.count(&lab, at(59)), None);
        assert_eq!(refused.count(&lab, at(60)), Some(3));
        assert_eq!(refused.count(&lab, at(30)), Some(1), "the clock was set back");
    }
}
