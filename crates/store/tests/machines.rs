//! Machines: found by card and UUID, discovered once, and heard of.

#![expect(clippy::unwrap_used, reason = "what the arrangement of a test cannot do fails it")]

mod rig;

use rig::{FIRST, Rig, mac, name, new_run};
use serde_json::{Value, json};
use store::{Bmcs, Machine, Machines, NewMachine, StoreError};
use types::agent::{CallHome, Registration};
use types::inventory::{Inventory, System};
use types::machine::{Firmware, MachineSpec};
use types::object::Source;
use types::{ErrorClass, MacAddr, Name, RunId};
use uuid::Uuid;
use workflow::ports::Then;
use workflow::{Ending, NewRun, RunEvent};

fn registration(boot: u128, last_octets: &[u8]) -> Registration {
    let nic =
        |octet: &u8| json!({ "name": "eth0", "mac": mac(*octet), "speed_mbit": null, "link": true, "driver": null });
    let nics = last_octets.iter().map(|octet| serde_json::from_value(nic(octet)).unwrap()).collect();
    let system = System { uuid: Some(Uuid::from_u128(77)), ..System::default() };
    let inventory = Inventory { nics, system, ..Inventory::default() };
    Registration {
        boot_id: Uuid::from_u128(boot),
        env: name("discovery"),
        firmware: Firmware::Uefi,
        agent_version: "0.1.0".to_owned(),
        inventory,
        boot_mac: last_octets.first().map(|octet| mac(*octet)),
    }
}

async fn discover(rig: &Rig, last_octets: &[u8], uuid: Option<u128>) -> (Machine, bool) {
    let macs = last_octets.iter().map(|octet| mac(*octet)).collect();
    let new = NewMachine { macs, uuid: uuid.map(Uuid::from_u128), name: name("node") };
    rig.store().discover(new, "dhcp").await.unwrap()
}

async fn owner(rig: &Rig, last_octet: u8) -> Option<Name> {
    rig.store().machine_by_mac(mac(last_octet)).await.unwrap().map(|machine| machine.name)
}

#[tokio::test]
async fn a_machine_that_shows_up_twice_is_one_machine() {
    let rig = Rig::start().await;
    let (first, created) = discover(&rig, &[1, 2], Some(7)).await;
    assert!(created);
    assert_eq!((first.source, &first.spec.macs), (Source::Discovered, &vec![mac(1), mac(2)]));
    for (macs, uuid) in [(&[2][..], None), (&[1, 3][..], Some(7)), (&[9][..], Some(7))] {
        let (again, created) = discover(&rig, macs, uuid).await;
        assert_eq!((again.id, created), (first.id, false), "{macs:?} {uuid:?}");
    }
    assert_eq!(rig.kinds().await, ["machine.discovered"]);
    assert_eq!(owner(&rig, 9).await, Some(name("node")), "a card that was seen in it is its own from then on");
}

#[tokio::test]
async fn of_many_packets_of_a_new_machine_one_makes_it() {
    let rig = Rig::start().await;
    let seen = futures_util::future::join_all((0..50).map(|_| discover(&rig, &[1], None))).await;
    assert_eq!(seen.iter().filter(|(_, created)| *created).count(), 1);
    assert!(seen.iter().all(|(machine, _)| machine.id == seen[0].0.id));
}

#[tokio::test]
async fn a_taken_name_gets_a_number() {
    let rig = Rig::start().await;
    let long: Name = "a".repeat(63).parse().unwrap();
    for (octet, expected) in
        [(1, "a".repeat(63)), (2, format!("{}-2", "a".repeat(61))), (3, format!("{}-3", "a".repeat(61)))]
    {
        let new = NewMachine { macs: vec![mac(octet)], uuid: None, name: long.clone() };
        assert_eq!(rig.store().discover(new, "dhcp").await.unwrap().0.name.as_str(), expected);
    }
}

#[tokio::test]
async fn uuids_that_say_nothing_do_not_make_two_machines_one() {
    let rig = Rig::start().await;
    for (octet, uuid) in [(1, 0), (2, 0), (3, u128::MAX), (4, u128::MAX), (5, 0x03000200_0400_0500_0006_000700080009)] {
        assert!(discover(&rig, &[octet], Some(uuid)).await.1, "{octet}");
    }
    assert!(rig.store().machine_by_uuid(Uuid::nil()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_declared_card_is_its_machines_whatever_was_seen() {
    let rig = Rig::start().await;
    let (seen, _) = discover(&rig, &[1], None).await;
    rig.store().agent_registered(seen.id.into(), registration(1, &[1, 2])).await.unwrap();
    assert_eq!(owner(&rig, 2).await, Some(name("node")));
    rig.machine("declared", 2).await;
    assert_eq!(owner(&rig, 2).await, Some(name("declared")));
    rig.store().agent_registered(seen.id.into(), registration(2, &[1, 2])).await.unwrap();
    assert_eq!(owner(&rig, 2).await, Some(name("declared")));
    let spec = MachineSpec { macs: vec![mac(2)], ..MachineSpec::default() };
    let taken = rig.store().create::<Machines>(name("third"), spec, Source::Api, "user:ada").await.unwrap_err();
    assert_eq!(taken, StoreError::MacTaken { mac: mac(2), machine: name("declared") });
}

#[tokio::test]
async fn a_card_that_is_seen_in_another_machine_has_moved() {
    let rig = Rig::start().await;
    let (one, two) = (rig.machine("one", 1).await, rig.machine("two", 2).await);
    rig.store().agent_registered(one.id.into(), registration(1, &[1, 9])).await.unwrap();
    assert_eq!(owner(&rig, 9).await, Some(name("one")));
    rig.store().agent_registered(two.id.into(), registration(2, &[2, 9])).await.unwrap();
    assert_eq!(owner(&rig, 9).await, Some(name("two")));
    assert_eq!(owner(&rig, 1).await, Some(name("one")));
}

#[tokio::test]
async fn a_card_that_is_no_longer_declared_is_free() {
    let rig = Rig::start().await;
    let machine = rig.machine("node-1", 1).await;
    rig.store().update::<Machines>(machine.id, 1, MachineSpec::default(), "user:ada").await.unwrap();
    assert_eq!(owner(&rig, 1).await, None);
    rig.machine("node-2", 1).await;
}

#[tokio::test]
async fn group_addresses_are_nobodys() {
    let rig = Rig::start().await;
    let broadcast = MacAddr([0xff; 6]);
    let new = NewMachine { macs: vec![broadcast, mac(1)], uuid: None, name: name("node") };
    rig.store().discover(new, "dhcp").await.unwrap();
    assert!(rig.store().machine_by_mac(broadcast).await.unwrap().is_none());
}

#[tokio::test]
async fn an_agent_that_registers_is_known_with_its_inventory() {
    let rig = Rig::start().await;
    let run = rig.run().await;
    let known = rig.store().agent_registered(run.machine, registration(5, &[1])).await.unwrap();
    let agent = known.status.agent.clone().unwrap();
    assert_eq!((agent.boot_id, agent.env, agent.since), (Uuid::from_u128(5), name("discovery"), rig.now()));
    assert_eq!(known.status.firmware, Some(Firmware::Uefi));
    assert_eq!(known.status.inventory.as_ref().unwrap().nics.len(), 1);
    assert_eq!(rig.store().machine_by_uuid(Uuid::from_u128(77)).await.unwrap().unwrap(), known);
    assert_eq!(known.version, 1, "the spec is the operator's");
    let told = rig.history().await.pop().unwrap();
    assert_eq!((told.kind.as_str(), told.run, told.machine), ("agent.registered", Some(run.id), Some(run.machine)));

    rig.advance(5);
    let again = rig.store().agent_registered(run.machine, registration(5, &[1])).await.unwrap();
    assert_eq!(again, known, "a repeated message changes nothing");
    rig.store().agent_registered(run.machine, registration(6, &[1])).await.unwrap();
    assert_eq!(rig.kinds().await.iter().filter(|kind| *kind == "agent.registered").count(), 2);
}

#[tokio::test]
async fn a_registration_wakes_the_run_that_waits_for_it() {
    let rig = Rig::start().await;
    let run = rig.run().await;
    let mut claimed = rig.claim().await;
    rig.wait_for(&mut claimed, &["agent.registered"]).await;
    rig.store().agent_registered(run.machine, registration(5, &[1])).await.unwrap();
    assert!(rig.claim().await.event_woke);
}

#[tokio::test]
async fn system_of_a_failed_run_calls_home_to_the_run_that_continues_it() {
    for calls_before in [true, false] {
        let rig = Rig::start().await;
        let failed = rig.run().await;
        let call = || CallHome { boot_id: Uuid::from_u128(1), hostname: "web-1".to_owned() };
        if calls_before {
            rig.store().called_home(failed.machine, failed.id, call()).await.unwrap();
        }
        let first = fail_and_continue(&rig, failed.id).await;
        let second = fail_and_continue(&rig, first).await;
        if !calls_before {
            rig.store().called_home(failed.machine, failed.id, call()).await.unwrap();
        }
        let home = rig.store().machine_by_mac(mac(1)).await.unwrap().unwrap().status.called_home.unwrap();
        assert_eq!(home.run, second, "calls_before: {calls_before}");
    }
}

/// Lets the active run fail and a new one go on from there.
async fn fail_and_continue(rig: &Rig, run: RunId) -> RunId {
    let mut claimed = rig.claim().await;
    let at = FIRST;
    let events = [
        RunEvent::StageStarted { stage: 0, attempt: 1, deadline: rig.after(60) },
        RunEvent::StepStarted { at, attempt: 1, deadline: rig.after(60) },
        RunEvent::StepFailed { at, class: ErrorClass::Timeout, reason: "late".to_owned(), evidence: Value::Null },
        RunEvent::StageFailed { stage: 0 },
        RunEvent::Ended { ending: Ending::Failed },
    ];
    let then = Then::Release { at: None, on: Vec::new(), seen: claimed.seen };
    rig.commit(claimed.lease, &mut claimed.run, &events, then).await.unwrap();
    let failed = rig.store().run(run).await.unwrap().unwrap();
    let new = NewRun { continues: failed.continuation(), ..new_run(failed.machine) };
    rig.store().start_run(new).await.unwrap().id
}

#[tokio::test]
async fn the_installed_system_is_heard_once_per_boot() {
    let rig = Rig::start().await;
    let run = rig.run().await;
    let call = |boot: u128| CallHome { boot_id: Uuid::from_u128(boot), hostname: "web-1".to_owned() };
    rig.store().agent_registered(run.machine, registration(9, &[1])).await.unwrap();
    rig.store().called_home(run.machine, run.id, call(1)).await.unwrap();
    let machine = rig.store().machine_by_mac(mac(1)).await.unwrap().unwrap();
    assert_eq!(machine.status.agent, None, "the maintenance OS is gone");
    rig.store().called_home(run.machine, run.id, call(1)).await.unwrap();
    rig.store().called_home(run.machine, run.id, call(2)).await.unwrap();
    assert_eq!(rig.kinds().await.iter().filter(|kind| *kind == "host.called_home").count(), 2);
    let home = rig.store().machine_by_mac(mac(1)).await.unwrap().unwrap().status.called_home.unwrap();
    assert_eq!((home.run, home.boot_id, home.hostname.as_str()), (run.id, Uuid::from_u128(2), "web-1"));
    let other = rig.machine("node-2", 2).await;
    let error = rig.store().called_home(other.id.into(), run.id, call(1)).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound { .. }), "it is not that machine's run");
}

#[tokio::test]
async fn the_owner_of_the_run_says_what_its_machine_boots_and_which_bmc_it_has() {
    let rig = Rig::start().await;
    let run = rig.run().await;
    let lease = rig.claim().await.lease;
    let env = Some(name("discovery"));
    rig.store().set_wanted_env(lease, run.machine, env.clone()).await.unwrap();
    rig.store().set_wanted_env(lease, run.machine, env.clone()).await.unwrap();
    let missing = rig.store().set_machine_bmc(lease, run.machine, name("bmc-1")).await.unwrap_err();
    assert_eq!(missing, StoreError::NotFound { what: "Bmc", id: "bmc-1".to_owned() });
    let spec = serde_json::from_value(json!({ "url": "https://10.0.0.5", "username": "a", "password": "b" })).unwrap();
    rig.store().create::<Bmcs>(name("bmc-1"), spec, Source::Api, "user:ada").await.unwrap();
    rig.store().set_machine_bmc(lease, run.machine, name("bmc-1")).await.unwrap();
    rig.store().set_machine_bmc(lease, run.machine, name("bmc-1")).await.unwrap();
    let machine = rig.store().machine_by_mac(mac(1)).await.unwrap().unwrap();
    assert_eq!((machine.status.wanted_env, machine.spec.bmc), (env, Some(name("bmc-1"))));
    assert_eq!(machine.spec.macs, [mac(1)]);
    let count = |kinds: &[String], kind: &str| kinds.iter().filter(|each| *each == kind).count();
    let kinds = rig.kinds().await;
    assert_eq!((count(&kinds, "machine.wanted_env"), count(&kinds, "machine.bmc")), (1, 1));
    let other = rig.machine("node-2", 2).await;
    let foreign = rig.store().set_wanted_env(lease, other.id.into(), None).await.unwrap_err();
    assert_eq!(foreign, StoreError::LeaseLost, "a run's lease is for its own machine");
}
