//! `kill -9` at every commit of every built-in workflow, and again during the recovery: the run ends as it would
//! have, and nothing that must not be repeated is repeated.

#![expect(clippy::unwrap_used, reason = "what a rig cannot do fails its test")]

mod rig;

use futures_util::StreamExt;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use rig::{Crash, Outcome, Rig, Setup, built_in_workflows};
use types::Params;
use types::machine::MachineState;
use wire::StartRun;
use workflow::RunState;

/// Servers at a time: more only wait for each other on two cores.
const SIDE_BY_SIDE: usize = 8;
/// A second crash comes within so many commits of the first: a recovery is over by then.
const RECOVERY: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_machine_becomes_deployed_by_one_run() {
    let rig = Rig::start(Crash::Never).await;
    rig.power_on().await;
    let run = rig.ended().await;
    assert_eq!(run.state, RunState::Succeeded, "{run:#?}");
    assert_eq!(rig.machine().await.status.state, MachineState::Deployed);
    let deeds = rig.deeds();
    assert_eq!((deeds.power_ons, deeds.resets, deeds.images_written.len()), (1, 2, 1));
    assert_eq!(rig.bmc().bios_attributes()["SriovGlobalEnable"], "Enabled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deployed_machine_is_installed_again_only_when_asked() {
    let rig = Rig::start(Crash::Never).await;
    rig.power_on().await;
    rig.ended().await;
    let machine = rig.machine().await.name.to_string();
    let params = Params::from([("image".to_owned(), "disk".into())]);
    let start = StartRun { params, ..StartRun::default() };
    let again = rig.client().start_run(&machine, &start, None).await.unwrap();
    let run = rig.client().wait_for_run(again.id).await.unwrap();
    assert_eq!(run.state, RunState::Succeeded, "{run:#?}");
    let deeds = rig.deeds();
    assert_eq!((deeds.power_ons, deeds.resets, deeds.images_written.len()), (1, 4, 2));
    assert_eq!(rig.machine().await.status.called_home.unwrap().run, again.id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wiped_machine_is_known_and_was_wiped_once() {
    let rig = Rig::set_up(Setup { workflow: "wipe".to_owned(), ..Setup::default() }).await;
    rig.power_on().await;
    let run = rig.ended().await;
    assert_eq!((run.state, rig.deeds().wipes), (RunState::Succeeded, 1), "{run:#?}");
    assert_eq!(rig.machine().await.status.state, MachineState::Known);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn machine_that_an_installer_installs_is_deployed_and_was_installed_once() {
    let rig = Rig::set_up(Setup { workflow: "install".to_owned(), ..Setup::default() }).await;
    rig.power_on().await;
    let run = rig.ended().await;
    assert_eq!(run.state, RunState::Succeeded, "{run:#?}");
    assert_eq!(rig.machine().await.status.state, MachineState::Deployed);
    let deeds = rig.deeds();
    assert_eq!((deeds.installations, deeds.images_written.len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crash_at_any_commit_of_any_workflow_changes_nothing_of_the_outcome() {
    let at_any = |number| vec![[Crash::Before(number), Crash::Never], [Crash::After(number), Crash::Never]];
    each_crash(at_any).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn second_crash_during_the_recovery_changes_nothing_of_the_outcome() {
    let seed = rand::random();
    println!("second crashes are drawn from seed {seed}");
    let mut lot = StdRng::seed_from_u64(seed);
    each_crash(|first| {
        let second = first + lot.random_range(1..=RECOVERY);
        vec![[first, second].map(|number| if lot.random() { Crash::Before(number) } else { Crash::After(number) })]
    })
    .await;
}

/// Takes a machine through every built-in workflow, with each of the pairs of crashes that `crashes` gives for the
/// number of a commit.
async fn each_crash(mut crashes: impl FnMut(usize) -> Vec<[Crash; 2]>) {
    let mut failures: Vec<String> = Vec::new();
    for workflow in built_in_workflows().keys() {
        let (commits, expected) = undisturbed(workflow.as_str()).await;
        let pairs = (0..commits).flat_map(&mut crashes);
        let runs = pairs.map(|crashes| crash_and_recover(workflow.as_str(), crashes, &expected));
        let failed = futures_util::stream::iter(runs).buffer_unordered(SIDE_BY_SIDE);
        failures.extend(failed.filter_map(async |failure| failure).collect::<Vec<_>>().await);
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// How many commits the workflow takes, and how it ends.
async fn undisturbed(workflow: &str) -> (usize, Outcome) {
    let rig = Rig::set_up(Setup { workflow: workflow.to_owned(), ..Setup::default() }).await;
    rig.power_on().await;
    let outcome = rig.outcome().await;
    assert_eq!(outcome.run, RunState::Succeeded, "{workflow}: {:#?}", rig.ended().await);
    let commits = rig.commits();
    assert!(commits > 5, "a run has many commits, but {commits} were counted");
    (commits, outcome)
}

/// What differs from an undisturbed run, if anything does.
async fn crash_and_recover(workflow: &str, crashes: [Crash; 2], expected: &Outcome) -> Option<String> {
    let [first, second] = crashes;
    let mut rig = Rig::set_up(Setup { workflow: workflow.to_owned(), crash: first, ..Setup::default() }).await;
    rig.power_on().await;
    if rig.crashed_or_ended().await {
        rig.restart(second).await;
        if rig.crashed_or_ended().await {
            rig.restart(Crash::Never).await;
        }
    }
    let outcome = rig.outcome().await;
    if outcome == *expected {
        return None;
    }
    let run = rig.ended().await;
    let (stage, step, failure) = (run.stage, run.step, run.failure);
    Some(format!("{workflow} with {crashes:?}: {outcome:?}, at {stage:?} {step:?}: {:?} {failure:?}", run.reason))
}
