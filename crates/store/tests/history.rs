//! The history: one order, filtered, bounded, announced.

#![expect(clippy::unwrap_used, reason = "what the arrangement of a test cannot do fails it")]

mod rig;

use rig::Rig;
use serde_json::json;
use store::{EventFilter, StoreError};
use types::MachineId;
use types::event::NewEvent;

async fn seqs(rig: &Rig, filter: EventFilter, limit: usize) -> Vec<u64> {
    rig.store().events(&filter, limit).await.unwrap().into_iter().map(|event| event.seq).collect()
}

#[tokio::test]
async fn entries_come_in_order_and_can_be_resumed() {
    let rig = Rig::start().await;
    let machine = MachineId::new();
    for _ in 0..5 {
        rig.happen(machine, "agent.log").await;
    }
    let all = EventFilter::default();
    assert_eq!(seqs(&rig, all.clone(), 100).await, [1, 2, 3, 4, 5]);
    assert_eq!(seqs(&rig, EventFilter { after: Some(2), ..all.clone() }, 2).await, [3, 4]);
    assert_eq!(seqs(&rig, EventFilter { before: Some(5), ..all.clone() }, 2).await, [3, 4], "the newest before");
    assert_eq!(seqs(&rig, EventFilter { before: Some(u64::MAX), ..all.clone() }, 2).await, [4, 5], "the tail");
    assert_eq!(seqs(&rig, EventFilter { after: Some(1), before: Some(4), ..all }, 100).await, [2, 3]);
}

#[tokio::test]
async fn entries_are_filtered_by_machine_and_kind() {
    let rig = Rig::start().await;
    let (one, two) = (MachineId::new(), MachineId::new());
    rig.happen(one, "boot.dhcp").await;
    rig.happen(one, "boot.tftp").await;
    rig.happen(two, "boot.dhcp").await;
    rig.happen(one, "agent.log").await;
    let of_one = EventFilter { machine: Some(one), ..EventFilter::default() };
    assert_eq!(seqs(&rig, of_one.clone(), 10).await, [1, 2, 4]);
    assert_eq!(seqs(&rig, EventFilter { kinds: vec!["boot.".to_owned()], ..of_one }, 10).await, [1, 2]);
    let either = EventFilter { kinds: vec!["boot.dhcp".to_owned(), "agent".to_owned()], ..EventFilter::default() };
    assert_eq!(seqs(&rig, either, 10).await, [1, 3, 4]);
}

#[tokio::test]
async fn what_names_only_a_card_belongs_to_the_machine_of_the_card() {
    let rig = Rig::start().await;
    let machine: MachineId = rig.machine("node-1", 1).await.id.into();
    let sent = |octet| {
        let data = json!({ "path": "snponly.efi", "mac": rig::mac(octet) });
        NewEvent { machine: None, data, ..rig.event(machine, "boot.tftp") }
    };
    rig.store().append(vec![sent(1), sent(2)]).await.unwrap();
    let machines: Vec<_> = rig.history().await.into_iter().rev().take(2).map(|event| event.machine).collect();
    assert_eq!(machines, [None, Some(machine)]);
}

#[tokio::test]
async fn a_place_is_never_used_twice() {
    let mut rig = Rig::start().await;
    rig.happen(MachineId::new(), "agent.log").await;
    rig.meddle("DELETE FROM events").await;
    assert_eq!(rig.happen(MachineId::new(), "agent.log").await, 2);
    assert_eq!(*rig.store().last_seq().borrow(), 2);
}

#[tokio::test]
async fn an_event_too_large_is_refused_with_all_that_came_with_it() {
    let rig = Rig::start().await;
    let small = rig.event(MachineId::new(), "agent.log");
    let mut large = small.clone();
    large.data = json!({ "text": "x".repeat(64 << 10) });
    let refused = rig.store().append(vec![small.clone(), large.clone()]).await.unwrap_err();
    assert!(matches!(refused, StoreError::TooLarge { what: "an event", .. }));
    assert!(rig.history().await.is_empty());
    rig.store().record(large);
    rig.store().append(vec![small]).await.unwrap();
    assert_eq!(rig.kinds().await, ["history.dropped", "agent.log"], "what is dropped is on record");
}

#[tokio::test]
async fn recorded_events_are_written_in_order_and_before_what_follows_them() {
    let rig = Rig::start().await;
    let machine = MachineId::new();
    let mut seq = rig.store().last_seq();
    for kind in ["boot.dhcp", "boot.tftp", "boot.http"] {
        rig.store().record(rig.event(machine, kind));
    }
    seq.wait_for(|seq| *seq >= 3).await.unwrap();
    rig.store().record(rig.event(machine, "agent.log"));
    rig.happen(machine, "agent.registered").await;
    assert_eq!(rig.kinds().await, ["boot.dhcp", "boot.tftp", "boot.http", "agent.log", "agent.registered"]);
}

#[tokio::test]
async fn a_recorded_event_wakes_the_run_that_waits_for_it() {
    let rig = Rig::start().await;
    let run = rig.run().await;
    let mut claimed = rig.claim().await;
    rig.wait_for(&mut claimed, &["boot.dhcp"]).await;
    let mut seq = rig.store().last_seq();
    let before = *seq.borrow();
    rig.store().record(rig.event(run.machine, "boot.dhcp"));
    seq.wait_for(|seq| *seq > before).await.unwrap();
    assert!(rig.claim().await.event_woke);
}

#[tokio::test]
async fn more_events_than_the_queue_holds_are_counted_and_nobody_waits() {
    let rig = Rig::start().await;
    let machine = MachineId::new();
    for _ in 0..20_000 {
        rig.store().record(rig.event(machine, "boot.dhcp"));
    }
    let mut seq = rig.store().last_seq();
    let lost = loop {
        seq.changed().await.unwrap();
        let events = rig.history().await;
        let lost = events.iter().filter(|event| event.kind == "history.dropped");
        let lost: u64 = lost.map(|event| event.data["count"].as_u64().unwrap()).sum();
        let written = events.iter().filter(|event| event.kind == "boot.dhcp").count();
        if u64::try_from(written).unwrap() + lost == 20_000 {
            break lost;
        }
    };
    assert!(lost > 0);
}

#[tokio::test]
async fn what_was_recorded_is_written_before_the_store_closes() {
    let mut rig = Rig::start().await;
    for _ in 0..2500 {
        rig.store().record(rig.event(MachineId::new(), "boot.dhcp"));
    }
    rig.close().await;
    rig.crash().await;
    assert_eq!(rig.history().await.len(), 2500);
}
