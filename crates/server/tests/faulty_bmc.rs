//! The whole `default` workflow over BMCs that lie, stutter and forget: the machine ends deployed, and what must
//! happen once happens once.

#![expect(clippy::unwrap_used, reason = "what a rig cannot do fails its test")]

mod rig;

use lab::redfish::{Chance, Dice, Faults};
use rig::{Pace, Rig, Setup};
use std::time::Duration;
use types::machine::MachineState;
use wire::RunView;
use workflow::RunState;

/// Resets that a run needs: into the maintenance OS after the BIOS changed, and into the disk.
const NEEDED_RESETS: u32 = 2;

/// Tries of steps that restart the machine beyond the first: each may have restarted it once more.
fn repeated_tries(run: &RunView) -> u32 {
    let steps = run.stages.iter().flat_map(|stage| &stage.steps);
    steps.map(|step| step.attempts.saturating_sub(1)).sum()
}

/// Takes a machine through the workflow while its BMC has these faults. Where they are too much for the tries that
/// the workflow has, the run says so, and goes on when the BMC is mended.
async fn deploys_with(faults: Faults) {
    let rig = Rig::set_up(Setup { pace: Pace::Fast, ..Setup::default() }).await;
    rig.power_on().await;
    let told = format!("{faults:?}");
    rig.bmc().set_faults(|levers| *levers = faults);
    let mut run = rig.ended().await;
    let mut explained = NEEDED_RESETS + repeated_tries(&run);
    if run.state == RunState::Failed {
        let failure = run.failure.as_ref().unwrap();
        assert!(failure.class.is_worth_retrying() && !failure.reason.is_empty(), "{told}: {failure:?}");
        rig.bmc().set_faults(|levers| *levers = Faults::default());
        run = rig.run_ended(rig.client().continue_run(run.id, None).await.unwrap().id).await;
        explained += 1;
    }
    assert_eq!(run.state, RunState::Succeeded, "{told}: {:?}\n{run:#?}", run.failure);
    assert_eq!(rig.machine().await.status.state, MachineState::Deployed, "{told}");
    let deeds = rig.deeds();
    assert_eq!((deeds.power_ons, deeds.images_written.len()), (1, 1), "{told}: {deeds:?}");
    let resets = NEEDED_RESETS..=explained;
    assert!(resets.contains(&deeds.resets), "{told}: {} resets, explained are {resets:?}\n{run:#?}", deeds.resets);
    assert_eq!(rig.bmc().bios_attributes()["SriovGlobalEnable"], "Enabled", "{told}");
}

fn dice(seed: u64) -> Faults {
    Faults { dice: Dice::seeded(seed), ..Faults::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bmc_that_forgets_what_it_promised_is_asked_again() {
    deploys_with(Faults { forgets: Chance::next(1), ..dice(1) }).await;
    deploys_with(Faults { forgets: Chance::probability(0.3), ..dice(2) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bmc_that_drops_connections_and_loses_answers_is_survived() {
    for seed in 1..=3 {
        deploys_with(Faults { drops_connection: Chance::probability(0.3), ..dice(seed) }).await;
        deploys_with(Faults { loses_answer: Chance::probability(0.3), ..dice(seed) }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bmc_that_answers_nonsense_is_survived() {
    for seed in 1..=2 {
        deploys_with(Faults { server_error: Chance::probability(0.3), ..dice(seed) }).await;
        deploys_with(Faults { unauthorized: Chance::probability(0.3), ..dice(seed) }).await;
        deploys_with(Faults { garbage: Chance::probability(0.3), ..dice(seed) }).await;
        deploys_with(Faults { truncated: Chance::probability(0.3), ..dice(seed) }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_bmc_is_waited_for() {
    deploys_with(Faults { delay: Duration::from_millis(300), ..dice(1) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bmc_that_shows_old_news_is_looked_at_again() {
    deploys_with(Faults { stale_power_looks: 3, late_override_looks: 3, tasks_take_looks: Some(2), ..dice(1) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_whose_bmc_ignores_the_boot_override_boots_what_the_network_says() {
    deploys_with(Faults { ignores_once_override: true, ..dice(1) }).await;
}
