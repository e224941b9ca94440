//! Kills of the server at moments drawn by lot: nothing may depend on its living on.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use std::time::Duration;

/// How long two machines take, about: the kills are spread over this.
const SPREAD: Duration = Duration::from_secs(75);
/// The server is down for at most so long.
const MAX_DOWN: Duration = Duration::from_secs(4);

/// How often the server is killed, and when.
#[derive(Debug, Clone, Copy)]
pub struct KillOptions {
    /// How often.
    pub count: u32,
    /// What the moments are drawn from: the same seed gives the same ones.
    pub seed: u64,
}

/// One kill to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kill {
    /// After the machines were switched on.
    pub(super) after: Duration,
    /// From the kill to the next start.
    pub(super) down: Duration,
}

/// One kill in each of as many equal parts of the demo, soonest first.
pub(super) fn draw(options: KillOptions) -> Vec<Kill> {
    let mut lot = StdRng::seed_from_u64(options.seed);
    let part = SPREAD / options.count.max(1);
    let kill = |number| Kill {
        after: part * number + part.mul_f64(lot.random()),
        down: MAX_DOWN.mul_f64(lot.random::<f64>().powi(2)),
    };
    (0..options.count).map(kill).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_gives_same_kills_in_order() {
        let options = KillOptions { count: 5, seed: 7 };
        let kills = draw(options);
        assert_eq!(kills, draw(options));
        assert_ne!(kills, draw(KillOptions { seed: 8, ..options }));
        assert!(kills.is_sorted_by_key(|kill| kill.after));
        assert!(kills.iter().all(|kill| kill.after <= SPREAD && kill.down <= MAX_DOWN));
    }
}
