//! A machine that is not fit: its run fails where it is found out, says why, and leaves the machine as it was.

#![expect(clippy::unwrap_used, reason = "what a rig cannot do fails its test")]

mod rig;

use rig::{Crash, Rig};
use types::machine::MachineState;
use types::{ErrorClass, Params};
use wire::{ApplyFile, StartRun};
use workflow::{RunState, StageState};

/// More memory than the simulated machine has.
const WORKFLOW: &str = "
kind: Workflow
name: picky
stages:
  - name: HEALTH_CHECK
    attempts: 3
    steps:
      - use: boot.into
        with: {env: discovery}
      - use: agent.health_check
        with: {limits: {min_memory_bytes: 1099511627776}}
  - name: OS_INSTALL
    steps:
      - use: agent.write_image
finally:
  - use: bmc.release
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn machine_with_too_little_memory_is_not_installed() {
    let rig = Rig::start(Crash::Never).await;
    rig.power_on().await;
    rig.ended().await;
    let before = rig.deeds();
    let client = rig.client();
    client.apply(vec![ApplyFile { file: "picky.yaml".to_owned(), text: WORKFLOW.to_owned() }], false).await.unwrap();
    let params = Params::from([("image".to_owned(), "disk".into())]);
    let start = StartRun { workflow: "picky".parse().ok(), params, ..StartRun::default() };
    let run = client.start_run(rig.machine().await.name.as_str(), &start, None).await.unwrap();
    let run = client.wait_for_run(run.id).await.unwrap();

    assert_eq!(run.state, RunState::Failed);
    let failure = run.failure.unwrap();
    assert_eq!((failure.stage.as_str(), failure.step.as_str()), ("HEALTH_CHECK", "agent.health_check"));
    assert_eq!(failure.class, ErrorClass::Hardware);
    assert!(failure.reason.contains("wanted 1099511627776"), "{}", failure.reason);
    assert_eq!(failure.evidence["checks"][0]["ok"], false);
    assert_eq!(run.stages[0].steps[1].attempts, 1, "what the hardware lacks is not tried again");
    assert_eq!(run.stages[1].state, StageState::Pending);
    assert_eq!(run.finally.state, StageState::Succeeded);
    assert_eq!(rig.machine().await.status.state, MachineState::Failed);
    assert_eq!(rig.deeds().images_written, before.images_written);
}
