//! `kill -9` at every commit of the `default` workflow: the run ends as it would have, and nothing that must not
//! be repeated is repeated.

#![expect(clippy::unwrap_used, reason = "what a rig cannot do fails its test")]

mod rig;

use futures_util::StreamExt;
use lab::simulated::Deeds;
use rig::{Crash, Rig};
use types::Params;
use types::machine::MachineState;
use wire::StartRun;
use workflow::RunState;

/// Servers at a time: more only wait for each other on two cores.
const SIDE_BY_SIDE: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_machine_becomes_deployed_by_one_run() {
    let rig = Rig::start(Crash::Never).await;
    rig.power_on().await;
    let run = rig.ended().await;
    assert_eq!(run.state, RunState::Succeeded, "{run:#?}");
    assert_eq!(rig.machine().await.status.state, MachineState::Deployed);
    let deeds = rig.deeds();
    assert_eq!((deeds.power_ons, deeds.resets, deeds.images_written.len()), (1, 2, 1));
    assert_eq!(rig.bmc.bios_attributes()["SriovGlobalEnable"], "Enabled");
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
async fn crash_at_any_commit_changes_nothing_of_the_outcome() {
    let undisturbed = Rig::start(Crash::Never).await;
    undisturbed.power_on().await;
    undisturbed.ended().await;
    let (commits, deeds) = (undisturbed.commits(), undisturbed.deeds());
    assert!(commits > 20, "a run has many commits, but {commits} were counted");
    drop(undisturbed);

    let points = (0..commits).flat_map(|number| [Crash::Before(number), Crash::After(number)]);
    let crashes = futures_util::stream::iter(points).map(|crash| crash_and_recover(crash, &deeds));
    let failures: Vec<String> =
        crashes.buffer_unordered(SIDE_BY_SIDE).filter_map(async |failure| failure).collect().await;
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// What differs from an undisturbed run, if anything does.
async fn crash_and_recover(crash: Crash, expected: &Deeds) -> Option<String> {
    let mut rig = Rig::start(crash).await;
    rig.power_on().await;
    if rig.crashed_or_ended().await {
        rig.restart(Crash::Never).await;
    }
    let run = rig.ended().await;
    let (state, deeds) = (rig.machine().await.status.state, rig.deeds());
    let as_expected = run.state == RunState::Succeeded && state == MachineState::Deployed && deeds == *expected;
    (!as_expected).then(|| {
        format!(
            "{crash:?}: machine is {state:?}, {deeds:?}, run is {:?} {:?} {:?}: {:?} {:?}",
            run.state, run.stage, run.step, run.reason, run.failure
        )
    })
}
