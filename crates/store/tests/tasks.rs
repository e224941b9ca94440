//! Orders to agents: one at a time, repeatable, void once nobody wants them.

#![expect(clippy::unwrap_used, reason = "what the arrangement of a test cannot do fails it")]

mod rig;

use rig::Rig;
use serde_json::json;
use store::{StoreError, TaskState};
use types::agent::{HealthLimits, PlatformSetup, Registration, TaskOrder, TaskProgress, TaskResult, Work};
use types::inventory::Inventory;
use types::machine::Firmware;
use types::{ErrorClass, How, MachineId, RunId, Secret, TaskId};
use uuid::Uuid;
use workflow::ports::{Lease, Then};
use workflow::{Ending, Run, RunEvent};

const BOOT: Uuid = Uuid::from_u128(1);
const NEXT_BOOT: Uuid = Uuid::from_u128(2);

fn order(run: RunId, name: &str) -> TaskOrder {
    TaskOrder { id: TaskId::derived(run, name), work: Work::HealthCheck(HealthLimits::default()) }
}

fn progress(done: u64) -> TaskProgress {
    TaskProgress { done, total: 100, unit: "bytes".to_owned(), message: "writing".to_owned() }
}

fn done() -> TaskResult {
    TaskResult::Done { how: How::Changed, outputs: json!({ "disk": "vda" }) }
}

fn failed() -> TaskResult {
    let (class, reason) = (ErrorClass::Hardware, "the disk is too small".to_owned());
    TaskResult::Failed { class, reason, evidence: json!({}) }
}

async fn count(rig: &Rig, kind: &str) -> usize {
    rig.kinds().await.iter().filter(|each| *each == kind).count()
}

/// An agent comes up on the machine.
async fn registers(rig: &Rig, machine: MachineId, boot_id: Uuid) {
    let (env, firmware, inventory) = ("discovery".parse().unwrap(), Firmware::Uefi, Inventory::default());
    let agent_version = "0.1.0".to_owned();
    let registration = Registration { boot_id, env, firmware, agent_version, inventory, boot_mac: None };
    rig.store().agent_registered(machine, registration).await.unwrap();
}

/// A run that this server holds, with one order to the agent that is up.
async fn with_order(rig: &Rig) -> (Run, Lease, TaskOrder) {
    rig.run().await;
    let claimed = rig.claim().await;
    registers(rig, claimed.run.machine, BOOT).await;
    let order = order(claimed.run.id, "check");
    rig.store().give_task(claimed.lease, claimed.run.machine, order.clone()).await.unwrap();
    (claimed.run, claimed.lease, order)
}

#[tokio::test]
async fn an_order_reaches_the_agent_and_its_result_wakes_the_run() {
    let rig = Rig::start().await;
    rig.run().await;
    let mut claimed = rig.claim().await;
    let machine = claimed.run.machine;
    registers(&rig, machine, BOOT).await;
    let order = order(claimed.run.id, "check");
    assert!(rig.store().next_task(machine, BOOT).await.unwrap().is_none());
    let mut changed = rig.store().task_changed(machine);
    changed.mark_unchanged();
    let given = rig.store().give_task(claimed.lease, machine, order.clone()).await.unwrap();
    assert_eq!((given.state, given.given), (TaskState::Given, rig.now()));
    assert!(changed.has_changed().unwrap(), "an agent that waits for an order is told");
    rig.wait_for(&mut claimed, &["task.finished"]).await;

    assert_eq!(rig.store().next_task(machine, BOOT).await.unwrap(), Some(order.clone()));
    rig.advance(3);
    rig.store().finish_task(order.id, BOOT, done()).await.unwrap();
    let row = rig.store().task(order.id).await.unwrap().unwrap();
    assert_eq!((row.state, row.finished), (TaskState::Finished(done()), Some(rig.now())));
    assert!(rig.claim().await.event_woke);
    let told = rig.history().await.pop().unwrap();
    assert_eq!((told.kind.as_str(), told.run), ("task.finished", Some(row.run)));
    assert_eq!(told.data, json!({ "task": order.id, "outcome": "done", "how": "changed" }));
    assert!(rig.store().next_task(machine, BOOT).await.unwrap().is_none());
}

#[tokio::test]
async fn the_same_order_given_or_fetched_twice_is_one_order() {
    let rig = Rig::start().await;
    let (run, lease, order) = with_order(&rig).await;
    for _ in 0..2 {
        assert_eq!(rig.store().next_task(run.machine, BOOT).await.unwrap(), Some(order.clone()));
    }
    let again = rig.store().give_task(lease, run.machine, order.clone()).await.unwrap();
    assert_eq!((again.state, again.withdrawn), (TaskState::Started { boot_id: BOOT }, false));
    assert_eq!(count(&rig, "task.started").await, 1);
}

#[tokio::test]
async fn the_first_result_counts() {
    let rig = Rig::start().await;
    let (run, lease, order) = with_order(&rig).await;
    rig.store().next_task(run.machine, BOOT).await.unwrap();
    rig.store().finish_task(order.id, BOOT, failed()).await.unwrap();
    rig.store().finish_task(order.id, BOOT, done()).await.unwrap();
    let row = rig.store().give_task(lease, run.machine, order.clone()).await.unwrap();
    assert_eq!(row.state, TaskState::Finished(failed()));
    assert_eq!(count(&rig, "task.finished").await, 1);
    let unknown = rig.store().finish_task(TaskId::new(), BOOT, done()).await.unwrap_err();
    assert!(matches!(unknown, StoreError::NotFound { what: "task", .. }));
}

#[tokio::test]
async fn an_order_that_an_earlier_boot_took_up_is_not_given_out_again() {
    let rig = Rig::start().await;
    let (run, lease, first) = with_order(&rig).await;
    rig.store().next_task(run.machine, BOOT).await.unwrap();
    registers(&rig, run.machine, NEXT_BOOT).await;
    assert!(rig.store().next_task(run.machine, BOOT).await.unwrap().is_none(), "a poll that the old boot left behind");
    assert!(rig.store().next_task(run.machine, NEXT_BOOT).await.unwrap().is_none(), "half of it may be done");
    assert_eq!(count(&rig, "task.started").await, 1);
    let second = order(run.id, "check, second attempt");
    rig.store().give_task(lease, run.machine, second.clone()).await.unwrap();
    assert_eq!(rig.store().next_task(run.machine, NEXT_BOOT).await.unwrap(), Some(second.clone()));
    rig.store().finish_task(first.id, BOOT, failed()).await.unwrap();
    assert!(rig.store().report_progress(first.id, BOOT, progress(1)).await.unwrap(), "it is to stop");
    let row = rig.store().task(second.id).await.unwrap().unwrap();
    assert_eq!(row.state, TaskState::Started { boot_id: NEXT_BOOT });
    assert!(!rig.store().report_progress(second.id, NEXT_BOOT, progress(1)).await.unwrap());
}

#[tokio::test]
async fn progress_is_on_record_once_a_second() {
    let rig = Rig::start().await;
    let (run, _, order) = with_order(&rig).await;
    rig.store().next_task(run.machine, BOOT).await.unwrap();
    for _ in 0..5 {
        assert!(!rig.store().report_progress(order.id, BOOT, progress(10)).await.unwrap());
    }
    assert_eq!(count(&rig, "task.progress").await, 1);
    rig.advance(1);
    rig.store().report_progress(order.id, BOOT, progress(50)).await.unwrap();
    assert_eq!(count(&rig, "task.progress").await, 2);
    assert_eq!(rig.store().task(order.id).await.unwrap().unwrap().progress, Some(progress(50)));
}

#[tokio::test]
async fn a_new_order_of_the_run_takes_the_place_of_an_unfinished_one() {
    let rig = Rig::start().await;
    let (run, lease, first) = with_order(&rig).await;
    rig.store().next_task(run.machine, BOOT).await.unwrap();
    let second = order(run.id, "check, second attempt");
    rig.store().give_task(lease, run.machine, second.clone()).await.unwrap();
    assert!(rig.store().report_progress(first.id, BOOT, progress(1)).await.unwrap(), "the first is to stop");
    assert!(rig.store().task(first.id).await.unwrap().unwrap().withdrawn);
    assert_eq!(rig.store().next_task(run.machine, BOOT).await.unwrap(), Some(second));
}

#[tokio::test]
async fn an_order_is_void_once_the_outcome_is_decided_but_what_the_end_orders_is_not() {
    let rig = Rig::start().await;
    let (mut run, lease, first) = with_order(&rig).await;
    rig.store().next_task(run.machine, BOOT).await.unwrap();
    let cancelled = RunEvent::CancelRequested { by: "user:ada".to_owned(), reason: String::new() };
    rig.commit(lease, &mut run, &[cancelled], rig.keep()).await.unwrap();
    assert!(rig.store().next_task(run.machine, BOOT).await.unwrap().is_none());
    assert!(rig.store().report_progress(first.id, BOOT, progress(1)).await.unwrap());

    let last = order(run.id, "tidy up");
    rig.store().give_task(lease, run.machine, last.clone()).await.unwrap();
    assert_eq!(rig.store().next_task(run.machine, BOOT).await.unwrap(), Some(last.clone()));
    assert!(!rig.store().report_progress(last.id, BOOT, progress(1)).await.unwrap());

    let then = Then::Release { at: None, on: Vec::new(), seen: 0 };
    rig.commit(lease, &mut run, &[RunEvent::Ended { ending: Ending::Cancelled }], then).await.unwrap();
    assert!(rig.store().next_task(run.machine, BOOT).await.unwrap().is_none());
    assert!(rig.store().report_progress(last.id, BOOT, progress(1)).await.unwrap());
}

#[tokio::test]
async fn orders_survive_a_crash_and_their_secrets_are_sealed() {
    let mut rig = Rig::start().await;
    let (run, lease, _) = with_order(&rig).await;
    let secret = "call-home-token-that-nobody-may-see";
    let call_home =
        types::agent::CallHomeConfig { server: "http://10.77.0.1:8080".parse().unwrap(), token: Secret::new(secret) };
    let setup = PlatformSetup { hostname: "web-1".to_owned(), call_home: Some(call_home), ..PlatformSetup::default() };
    let order = TaskOrder { id: TaskId::derived(run.id, "configure"), work: Work::Configure(setup) };
    rig.store().give_task(lease, run.machine, order.clone()).await.unwrap();
    rig.store().next_task(run.machine, BOOT).await.unwrap();
    rig.crash().await;
    assert_eq!(rig.store().next_task(run.machine, BOOT).await.unwrap(), Some(order));
    let bytes = rig.bytes();
    assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
}

#[tokio::test]
async fn a_result_too_large_to_keep_is_refused() {
    let rig = Rig::start().await;
    let (run, _, order) = with_order(&rig).await;
    rig.store().next_task(run.machine, BOOT).await.unwrap();
    let outputs = json!({ "log": "x".repeat(100_000) });
    let refused = rig.store().finish_task(order.id, BOOT, TaskResult::Done { how: How::Changed, outputs }).await;
    assert!(matches!(refused, Err(StoreError::TooLarge { what: "a task's result", .. })));
    assert_eq!(rig.store().task(order.id).await.unwrap().unwrap().state, TaskState::Started { boot_id: BOOT });
}
