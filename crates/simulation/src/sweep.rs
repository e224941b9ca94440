//! Many seeds, side by side.

use crate::{Figures, Rules, simulate};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What came of many seeds.
#[derive(Debug, Default)]
pub struct Swept {
    /// Seeds that broke something, with what they broke and how to see it again.
    pub failures: Vec<(u64, String)>,
    /// All that was done.
    pub figures: Figures,
}

/// Simulates what follows from each of `seeds` seeds from `first` on, on all processors.
pub fn sweep(first: u64, seeds: u64, rules: Rules) -> Swept {
    let next = AtomicU64::new(first);
    let swept = Mutex::new(Swept::default());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first.saturating_add(seeds) {
                        return;
                    }
                    let simulated = simulate(seed, rules);
                    let mut swept = swept.lock().unwrap_or_else(PoisonError::into_inner);
                    let broken = match simulated {
                        Ok(outcome) => {
                            swept.figures.add(&outcome.figures);
                            outcome.violations.join("\n  ")
                        }
                        Err(error) => format!("{error:#}"),
                    };
                    if !broken.is_empty() {
                        let replay = format!("cargo xtask simulate --seed {seed}");
                        swept.failures.push((seed, format!("seed {seed} breaks:\n  {broken}\n  replay: {replay}")));
                    }
                }
            });
        }
    });
    let mut swept = swept.into_inner().unwrap_or_else(PoisonError::into_inner);
    swept.failures.sort();
    swept
}

impl Figures {
    fn add(&mut self, other: &Self) {
        let Self { lives, runs, succeeded, commits, images, time } = other;
        self.lives += lives;
        self.runs += runs;
        self.succeeded += succeeded;
        self.commits += commits;
        self.images += images;
        self.time += *time;
    }

    /// Simulated hours.
    pub fn hours(&self) -> u64 {
        self.time.as_secs() / Duration::from_secs(3600).as_secs()
    }
}
