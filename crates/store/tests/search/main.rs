//! Searches by the index: they find what the machines' own facts say, whatever was written in whatever order.

#[path = "../rig/mod.rs"]
mod rig;
mod site;

use rig::{FIRST, Rig, mac, name, new_run};
use search::Expression;
use serde_json::{Value, json};
use store::{Groups, Machine, Machines};
use types::ErrorClass;
use types::group::GroupSpec;
use types::inventory::Inventory;
use types::machine::MachineSpec;
use types::object::Source;
use workflow::{Ending, RunEvent};

fn expression(text: &str) -> Expression {
    text.parse().expect("as the test means it")
}

async fn found(rig: &Rig, text: &str) -> Vec<String> {
    let machines = rig.store().search_machines(&expression(text), None, 1000).await.expect("as the test means it");
    machines.into_iter().map(|machine| machine.name.to_string()).collect()
}

async fn make(rig: &Rig, named: &str, spec: Value) -> Machine {
    let spec: MachineSpec = serde_json::from_value(spec).expect("as the test means it");
    rig.store().create::<Machines>(name(named), spec, Source::Api, "user:ada").await.expect("as the test means it")
}

fn inventory(serial: &str, threads: u32) -> Inventory {
    serde_json::from_value(json!({
        "system": {"manufacturer": "Example Corp.", "product": "X1", "serial": serial, "uuid": null},
        "board": {"manufacturer": null, "product": null, "serial": null, "firmware_vendor": null, "firmware_version": null},
        "cpu": {"model": "Example 9000", "sockets": 1, "threads": threads},
        "memory": {"total_bytes": u64::from(threads) << 32, "modules": []},
        "disks": [],
        "nics": [],
    }))
    .expect("as the test means it")
}

#[tokio::test]
async fn a_search_follows_every_change_of_a_machine() {
    let rig = Rig::start().await;
    let machine = make(&rig, "m1", json!({"params": {"rack": "A1"}})).await;
    assert_eq!(found(&rig, "params.rack = A1 and name = m1 and state = known").await, ["m1"]);

    let spec: MachineSpec = serde_json::from_value(json!({"params": {"rack": "B1"}})).unwrap();
    let machine = rig.store().update::<Machines>(machine.id, machine.version, spec, "user:ada").await.unwrap();
    assert_eq!(found(&rig, "params.rack = A1").await, [""; 0]);
    assert_eq!(found(&rig, "params.rack = B1").await, ["m1"]);

    let machine = rig.store().rename::<Machines>(machine.id, machine.version, name("m2"), "user:ada").await.unwrap();
    assert_eq!(found(&rig, "m1 or name = m1").await, [""; 0]);
    assert_eq!(found(&rig, "m2 and name = m2").await, ["m2"]);

    let seen = inventory("SN-1", 64);
    rig.store().update_status::<Machines>(machine.id, |status| status.inventory = Some(seen)).await.unwrap();
    assert_eq!(found(&rig, "cpus = 64 and fact.cpu.sockets = 1 and sn-1").await, ["m2"]);

    rig.store().delete::<Machines>(machine.id, machine.version, "user:ada").await.unwrap();
    assert_eq!(found(&rig, "").await, [""; 0]);
    assert_eq!(found(&rig, "not name = x").await, [""; 0]);
}

#[tokio::test]
async fn a_refused_write_leaves_no_trace_in_the_index() {
    let rig = Rig::start().await;
    make(&rig, "m1", json!({"macs": [mac(1)], "params": {"rack": "A1"}})).await;
    let spec: MachineSpec = serde_json::from_value(json!({"macs": [mac(1)], "params": {"rack": "C1"}})).unwrap();
    rig.store().create::<Machines>(name("m2"), spec, Source::Api, "user:ada").await.unwrap_err();
    assert_eq!(found(&rig, "params.rack = C1 or m2").await, [""; 0]);
    assert_eq!(found(&rig, "has params.rack").await, ["m1"]);
}

#[tokio::test]
async fn runs_are_found_while_they_are_active_and_after() {
    let rig = Rig::start().await;
    let machine = rig.run().await.machine;
    assert_eq!(found(&rig, "run = queued and workflow = test and state = provisioning").await, ["node-1"]);

    let mut claimed = rig.claim().await;
    let started = [
        RunEvent::StageStarted { stage: 0, attempt: 1, deadline: rig.after(600) },
        RunEvent::StepStarted { at: FIRST, attempt: 1, deadline: rig.after(600) },
    ];
    rig.commit(claimed.lease, &mut claimed.run, &started, rig.keep()).await.unwrap();
    assert_eq!(found(&rig, "run = running and stage = ONLY and not has failure").await, ["node-1"]);

    let (class, reason) = (ErrorClass::Hardware, "a disk is gone".to_owned());
    let ended = [
        RunEvent::StepFailed { at: FIRST, class, reason, evidence: Value::Null },
        RunEvent::StageFailed { stage: 0 },
        RunEvent::Ended { ending: Ending::Failed },
    ];
    rig.commit(claimed.lease, &mut claimed.run, &ended, rig.keep()).await.unwrap();
    assert_eq!(
        found(&rig, "run = failed and stage = ONLY and failure = hardware and state = failed").await,
        ["node-1"]
    );

    rig.store().start_run(new_run(machine)).await.unwrap();
    assert_eq!(found(&rig, "run = queued and not has failure and run != failed").await, ["node-1"]);
}

#[tokio::test]
async fn leases_say_what_addresses_machines_have() {
    let rig = Rig::start().await;
    rig.machine("m1", 1).await;
    rig.machine("m2", 2).await;
    rig.store().commit_leases(&[lease(&rig, "10.0.4.17", 1), lease(&rig, "10.0.5.17", 2)]).await.unwrap();
    for (text, expected) in [
        ("ip = 10.0.4.17", vec!["m1"]),
        ("ip = 10.0.4.0/24 or ip in (10.9.9.9)", vec!["m1"]),
        ("ip ~ 10.0.", vec!["m1", "m2"]),
        ("10.0.5", vec!["m2"]),
        ("has ip", vec!["m1", "m2"]),
        ("ip != 10.0.4.17", vec!["m2"]),
    ] {
        assert_eq!(found(&rig, text).await, expected, "{text}");
    }
    rig.advance(7200);
    assert_eq!(found(&rig, "has ip").await, [""; 0], "they have run out");
}

fn lease(rig: &Rig, address: &str, card: u8) -> dhcp::Lease {
    dhcp::Lease {
        address: address.parse().expect("as the test means it"),
        mac: mac(card),
        client_id: None,
        state: dhcp::LeaseState::Bound,
        since: rig.now(),
        expires: rig.after(3600),
        hostname: None,
    }
}

#[tokio::test]
async fn a_machine_is_in_every_group_above_its_own() {
    let rig = Rig::start().await;
    for (group, parent) in [("all", None), ("europe", Some("all")), ("compute", Some("europe")), ("loop", Some("loop"))]
    {
        let spec: GroupSpec = serde_json::from_value(json!({ "parent": parent })).unwrap();
        rig.store().create::<Groups>(name(group), spec, Source::Api, "user:ada").await.unwrap();
    }
    for (machine, group) in [("m1", "compute"), ("m2", "europe"), ("m3", "loop"), ("m4", "gone")] {
        make(&rig, machine, json!({ "group": group })).await;
    }
    for (text, expected) in [
        ("group = all", vec!["m1", "m2"]),
        ("group = compute", vec!["m1"]),
        ("group ~ euro", vec!["m1", "m2"]),
        ("group != all", vec!["m3", "m4"]),
        ("group in (loop, gone)", vec!["m3", "m4"]),
    ] {
        assert_eq!(found(&rig, text).await, expected, "{text}");
    }
    let all = rig.store().find::<Groups>(&(&name("europe")).into()).await.unwrap().unwrap();
    let spec: GroupSpec = serde_json::from_value(json!({"parent": "loop"})).unwrap();
    rig.store().update::<Groups>(all.id, all.version, spec, "user:ada").await.unwrap();
    assert_eq!(found(&rig, "group = loop").await, ["m1", "m2", "m3"], "a group that moves takes its machines along");
}

#[tokio::test]
async fn nobody_finds_out_a_secret_by_searching() {
    let rig = Rig::start().await;
    make(&rig, "m1", json!({"params": {"root_password": "hunter2"}, "secrets": {"key": "hunter3"}})).await;
    assert_eq!(found(&rig, "has params.root_password and has params.key").await, ["m1"]);
    for text in ["params.root_password ~ h", "params.root_password = hunter2", "params.key =~ \"^h\"", "hunter"] {
        assert_eq!(found(&rig, text).await, [""; 0], "{text}");
    }
    let file = rusqlite::Connection::open(rig.path()).unwrap();
    let kept: i64 =
        file.query_row("SELECT count(*) FROM machine_index WHERE value LIKE '%hunter%'", (), |row| row.get(0)).unwrap();
    assert_eq!(kept, 0);
}

#[tokio::test]
async fn parts_of_a_list_are_in_the_order_of_names_and_leave_nothing_out() {
    let rig = Rig::start().await;
    for number in 0..30 {
        make(&rig, &format!("m{number:02}"), json!({"params": {"odd": number % 2 == 1}})).await;
    }
    let odd = expression("params.odd = true");
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let part = rig.store().search_machine_names(&odd, after.as_ref(), 4).await.unwrap();
        let Some((_, last)) = part.last() else { break };
        after = Some(last.clone());
        seen.extend(part.into_iter().map(|(_, name)| name.to_string()));
    }
    let expected: Vec<String> =
        (0..30).filter(|number| number % 2 == 1).map(|number| format!("m{number:02}")).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn an_index_that_is_gone_or_of_older_rules_is_made_anew() {
    let mut rig = Rig::start().await;
    let machine = make(&rig, "m1", json!({"params": {"rack": "A1"}})).await;
    make(&rig, "m2", json!({"params": {"rack": "A1"}})).await;
    let seen = inventory("SN-1", 64);
    rig.store().update_status::<Machines>(machine.id, |status| status.inventory = Some(seen)).await.unwrap();
    for meddle in [
        "DELETE FROM machine_index; DELETE FROM machine_numbers; DELETE FROM meta WHERE key = 'search_rules'",
        "UPDATE meta SET value = '0' WHERE key = 'search_rules'; UPDATE machine_numbers SET name = 'x'; DELETE FROM machine_words",
    ] {
        rig.meddle(meddle).await;
        assert_eq!(found(&rig, "params.rack = A1").await, ["m1", "m2"]);
        assert_eq!(found(&rig, "cpus >= 64 and SN-1").await, ["m1"]);
    }
}
