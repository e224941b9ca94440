//! The simulation finds nothing wrong, and would if there were something.

#![expect(clippy::unwrap_used, reason = "what a simulation cannot do fails its test")]

use simulation::{Rules, Sabotage, simulate, sweep};

/// What 200 seeds must have come to at least: fewer runs would mean that the simulation has stopped simulating.
const RUNS: u64 = 300;

#[test]
fn two_hundred_seeds_break_no_invariant() {
    let swept = sweep(0, 200, Rules::default());
    let failures: Vec<_> = swept.failures.into_iter().map(|(_, failure)| failure).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let figures = swept.figures;
    assert!(figures.runs > RUNS && figures.succeeded > RUNS / 2 && figures.lives > 400, "{figures:?}");
}

#[test]
fn the_same_seed_gives_the_same_story() {
    for seed in [3, 11, 20, 77] {
        let (one, two) = (simulate(seed, Rules::default()).unwrap(), simulate(seed, Rules::default()).unwrap());
        let differing = one.trace.iter().zip(&two.trace).find(|(one, two)| one != two);
        assert_eq!(differing, None, "seed {seed}");
        assert_eq!(one, two, "seed {seed}");
    }
}

#[test]
fn a_store_that_ignores_epochs_is_noticed() {
    assert_notices(Sabotage::EpochsIgnored, "under epoch");
}

#[test]
fn an_agent_that_does_its_orders_twice_is_noticed() {
    assert_notices(Sabotage::OrdersRepeated, "once more");
}

#[test]
fn notes_that_are_not_durable_are_noticed() {
    assert_notices(Sabotage::NotesForgotten, "its history replays to");
}

#[test]
fn leases_that_a_restart_forgets_are_noticed() {
    assert_notices(Sabotage::LeasesForgotten, "both have");
}

/// With the rule broken, some seed breaks the invariant that the rule is there for.
fn assert_notices(sabotage: Sabotage, violation: &str) {
    let found = (0..40).any(|seed| {
        let outcome = simulate(seed, Rules { sabotage: Some(sabotage) }).unwrap();
        outcome.violations.iter().any(|found| found.contains(violation))
    });
    assert!(found, "{sabotage:?} goes unnoticed");
}
