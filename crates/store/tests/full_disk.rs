//! On a full disk what was taken stays, what is under way goes on, and new work waits outside.
//!
//! The disk is a small tmpfs in a mount namespace of the test's own.

#![expect(clippy::unwrap_used, reason = "what the arrangement of a test cannot do fails it")]

mod rig;

use lab::small_disk::{fill, on_a_small_disk};
use rig::{Rig, mac, name, new_run};
use std::time::Duration;
use store::{Condition, Document, Machines, StartRunError, Store, StoreError};
use types::object::{Kind, Source};
use workflow::ports::{CommitError, RunStore as _};

/// Longer than the store takes to notice that there is room.
const LIMIT: Duration = Duration::from_secs(30);

fn lease(last: u8, rig: &Rig) -> dhcp::Lease {
    let row = serde_json::json!({
        "address": format!("10.77.0.{last}"), "mac": mac(last), "state": "bound", "since": rig.now(), "expires": rig.after(60),
    });
    serde_json::from_value(row).unwrap()
}

async fn becomes(store: &Store, wanted: impl Fn(&Condition) -> bool) {
    let mut condition = store.condition();
    tokio::time::timeout(LIMIT, condition.wait_for(|condition| wanted(condition))).await.unwrap().unwrap();
}

fn is_full(condition: &Condition) -> bool {
    matches!(condition, Condition::Full { .. })
}

fn integrity(rig: &Rig) -> String {
    let connection = rusqlite::Connection::open(rig.path()).unwrap();
    connection.pragma_query_value(None, "integrity_check", |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn with_the_reserve_what_is_under_way_goes_on_and_new_work_is_refused() {
    let Some(disk) = on_a_small_disk("with_the_reserve_what_is_under_way_goes_on_and_new_work_is_refused") else {
        return;
    };
    let rig = Rig::start().await;
    let run = rig.run().await;
    let mut claimed = rig.claim().await;
    let other = rig.machine("node-2", 2).await;
    let filler = disk.join("filler");
    fill(&filler);

    rig.wait_for(&mut claimed, &["task.finished"]).await;
    assert!(is_full(&rig.store().condition().borrow()));
    rig.happen(run.machine, "task.finished").await;
    rig.store().commit_leases(&[lease(9, &rig)]).await.unwrap();
    let refused = rig.store().start_run(new_run(other.id.into())).await;
    assert_eq!(refused, Err(StartRunError::Store(StoreError::Full)));
    let created = rig.store().create::<Machines>(name("node-3"), other.spec.clone(), Source::Api, "user:ada").await;
    assert_eq!(created, Err(StoreError::Full));
    let document = Document { kind: Kind::Machine, name: name("node-4"), spec: serde_json::json!({}) };
    let applied = rig.store().apply(vec![document.clone()], Source::File, "user:ada", false).await;
    assert_eq!(applied, Err(store::ApplyError::Store(StoreError::Full)));
    let forecast = rig.store().apply(vec![document], Source::File, "user:ada", true).await;
    assert!(forecast.is_ok(), "what would be done can still be asked");

    std::fs::remove_file(filler).unwrap();
    becomes(rig.store(), |condition| *condition == Condition::Well).await;
    rig.store().start_run(new_run(other.id.into())).await.unwrap();
}

#[tokio::test]
async fn without_the_reserve_nothing_is_lost_and_all_goes_on_when_there_is_room() {
    let Some(disk) = on_a_small_disk("without_the_reserve_nothing_is_lost_and_all_goes_on_when_there_is_room") else {
        return;
    };
    let mut rig = Rig::start().await;
    let run = rig.run().await;
    let filler = disk.join("filler");
    fill(&filler);
    rig.happen(run.machine, "agent.log").await;
    becomes(rig.store(), is_full).await;
    fill(&filler);

    let mut taken = 1;
    let full = loop {
        match rig.store().append(vec![rig.event(run.machine, "agent.log")]).await {
            Ok(_) => taken += 1,
            Err(full) => break full,
        }
    };
    assert_eq!(full, StoreError::Full);
    let claimed = rig.store().claim_due(rig.now(), rig.after(60), 1).await;
    assert!(matches!(claimed, Err(CommitError::Unavailable(reason)) if reason.contains("full")));
    assert_eq!(rig.store().commit_leases(&[lease(9, &rig)]).await, Err(StoreError::Full));
    assert_eq!(rig.store().machine_by_mac(mac(1)).await.unwrap().unwrap().id, run.machine.into(), "it can be read");

    rig.crash().await;
    assert_eq!(rig.store().run(run.id).await.unwrap().unwrap(), run, "a server starts on a full disk");
    let logged = rig.kinds().await.into_iter().filter(|kind| kind == "agent.log").count();
    assert_eq!(logged, taken, "what was acknowledged, and no more");

    std::fs::remove_file(filler).unwrap();
    becomes(rig.store(), |condition| *condition == Condition::Well).await;
    let mut claimed = rig.claim().await;
    rig.wait_for(&mut claimed, &["task.finished"]).await;
    rig.store().commit_leases(&[lease(9, &rig)]).await.unwrap();
    rig.close().await;
    assert_eq!(integrity(&rig), "ok");
}
