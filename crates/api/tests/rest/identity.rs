//! Who is not the machine that it says it is, or not any more: refused, and in the machine's history.

use crate::rig::{Rig, mac, refusal, registration};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use store::{EventFilter, Grant};
use types::agent::{Registered, Registration};
use types::{Secret, TaskId};
use uuid::Uuid;

fn boot(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

async fn token(rig: &Rig, number: u8) -> Secret {
    rig.token_for(Grant::Registration { mac: mac(number) }).await
}

fn register(rig: &Rig, number: u8, boot_id: Uuid, token: &Secret) -> RequestBuilder {
    let call = rig.bare(Method::POST, "/agent/v1/register").bearer_auth(token.expose());
    call.json(&registration(number, boot_id))
}

/// The agent sends a line for the log, which shows that it is alive.
fn speak(rig: &Rig, agent: &Registered) -> RequestBuilder {
    rig.bare(Method::POST, "/agent/v1/log").bearer_auth(agent.token.expose()).json(&json!({"lines": []}))
}

/// What the history of machine `m` says of refusals, in order: machine and data.
async fn refusals(rig: &Rig) -> Vec<(bool, Value)> {
    // What is recorded without waiting is written with the next write at the latest.
    token(rig, 99).await;
    let filter = EventFilter { kinds: vec!["agent.refused".to_owned()], ..EventFilter::default() };
    let events = rig.app.store.events(&filter, 100).await.unwrap();
    events.into_iter().map(|event| (event.machine.is_some(), event.data)).collect()
}

async fn reasons(rig: &Rig) -> Vec<String> {
    refusals(rig).await.into_iter().map(|(_, data)| data["reason"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn second_agent_of_a_machine_is_sent_away_while_the_first_is_at_work() {
    let rig = Rig::start().await;
    let first = rig.register(1, boot(1)).await;
    let stolen = token(&rig, 1).await;
    assert_eq!(speak(&rig, &first).send().await.unwrap().status(), 204);
    assert_eq!(refusal(register(&rig, 1, boot(2), &stolen)).await, (409, "identity_in_use".to_owned()));
    assert_eq!(speak(&rig, &first).send().await.unwrap().status(), 204, "the first stays");
    assert_eq!(reasons(&rig).await, ["another agent is at work with this machine's identity"]);
}

#[tokio::test]
async fn machine_that_restarted_registers_and_its_earlier_boot_is_not_heard_any_more() {
    let rig = Rig::start().await;
    let before = rig.register(1, boot(1)).await;
    assert_eq!(speak(&rig, &before).send().await.unwrap().status(), 204);
    let now = rig.register(1, boot(2)).await;
    assert_eq!(refusal(speak(&rig, &before)).await, (401, "unauthenticated".to_owned()));
    assert_eq!(speak(&rig, &now).send().await.unwrap().status(), 204);
    assert_eq!(reasons(&rig).await, ["its boot is over: another has registered since"]);
}

#[tokio::test]
async fn boot_whose_registration_was_cut_short_registers_after_all() {
    let rig = Rig::start().await;
    rig.register(1, boot(1)).await;
    let token = token(&rig, 1).await;
    assert!(rig.app.store.tie_registration(token.expose(), boot(2)).await.unwrap());
    assert_eq!(register(&rig, 1, boot(2), &token).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn boot_that_is_over_does_not_register_again() {
    let rig = Rig::start().await;
    let earlier = token(&rig, 1).await;
    assert_eq!(register(&rig, 1, boot(1), &earlier).send().await.unwrap().status(), 200);
    rig.register(1, boot(2)).await;
    assert_eq!(refusal(register(&rig, 1, boot(1), &earlier)).await, (409, "identity_in_use".to_owned()));
}

#[tokio::test]
async fn registration_token_is_good_for_one_boot() {
    let rig = Rig::start().await;
    let token = token(&rig, 1).await;
    for _ in 0..2 {
        assert_eq!(register(&rig, 1, boot(1), &token).send().await.unwrap().status(), 200, "and again for that boot");
    }
    assert_eq!(refusal(register(&rig, 1, boot(2), &token)).await, (403, "forbidden".to_owned()));
    let told = refusals(&rig).await;
    assert_eq!((told.len(), told[0].0, &told[0].1["mac"]), (1, true, &json!(mac(1))));
    assert_eq!(told[0].1["reason"], "the token was used by another boot");
    assert!(!told[0].1.to_string().contains(token.expose()));
}

#[tokio::test]
async fn expired_and_foreign_tokens_are_on_record_once_a_minute() {
    let rig = Rig::start().await;
    let agent = rig.register(1, boot(1)).await;
    let expired = rig.app.store.issue_token(Grant::Registration { mac: mac(1) }, Some(rig.app.clock.now())).await;
    let expired = expired.unwrap();
    for _ in 0..20 {
        assert_eq!(refusal(register(&rig, 1, boot(3), &expired)).await, (401, "unauthenticated".to_owned()));
        let foreign = rig.bare(Method::GET, "/api/v1/machines").bearer_auth(agent.token.expose());
        assert_eq!(refusal(foreign).await, (403, "forbidden".to_owned()));
        let stranger = rig.bare(Method::GET, "/agent/v1/tasks/next").bearer_auth("x".repeat(43));
        assert_eq!(refusal(stranger).await, (401, "unauthenticated".to_owned()));
    }
    assert_eq!(reasons(&rig).await, ["its token has expired", "the token is not good for this"]);
}

#[tokio::test]
async fn report_on_another_machines_task_is_on_record() {
    let rig = Rig::start().await;
    let run = rig.run().await;
    let agent = rig.register(1, boot(1)).await;
    let path = format!("/agent/v1/tasks/{}/result", TaskId::derived(run.id, "none"));
    let body = json!({"outcome": "done", "how": "changed", "outputs": {}});
    let call = rig.bare(Method::POST, &path).bearer_auth(agent.token.expose()).json(&body);
    assert_eq!(refusal(call).await, (403, "forbidden".to_owned()));
    assert_eq!(reasons(&rig).await, ["the task is not this machine's"]);
}

#[tokio::test]
async fn installed_system_with_a_void_token_is_told_to_stop() {
    let rig = Rig::start().await;
    let run = rig.run().await;
    let token = rig.token_for(Grant::CallHome { machine: run.machine, run: run.id }).await;
    rig.app.store.revoke_tokens(run.machine, |_| true).await.unwrap();
    let call = rig.bare(Method::POST, "/agent/v1/call-home").bearer_auth(token.expose());
    let call = call.json(&json!({"boot_id": boot(7), "hostname": "m1"}));
    assert_eq!(refusal(call).await, (410, "gone".to_owned()));
    assert_eq!(reasons(&rig).await, ["its run is over"]);
}

#[tokio::test]
async fn void_call_home_token_is_known_again_after_a_restart() {
    let mut rig = Rig::start().await;
    let run = rig.run().await;
    let token = rig.token_for(Grant::CallHome { machine: run.machine, run: run.id }).await;
    rig.app.store.revoke_tokens(run.machine, |_| true).await.unwrap();
    rig.restart().await;
    let call = rig.bare(Method::POST, "/agent/v1/call-home").bearer_auth(token.expose());
    let call = call.json(&json!({"boot_id": boot(7), "hostname": "m1"}));
    assert_eq!(refusal(call).await, (410, "gone".to_owned()));
    assert_eq!(reasons(&rig).await, ["its run is over"]);
}

/// What the machine of the card `number` says, with an SMBIOS UUID and a serial number.
fn with_uuid(number: u8, uuid: u128, serial: &str) -> Registration {
    let mut registration = registration(number, boot(u128::from(number)));
    registration.inventory.system.uuid = Some(Uuid::from_u128(uuid));
    registration.inventory.system.serial = Some(serial.to_owned());
    registration
}

async fn register_as(rig: &Rig, number: u8, registration: &Registration) -> reqwest::Response {
    let token = token(rig, number).await;
    let call = rig.bare(Method::POST, "/agent/v1/register").bearer_auth(token.expose());
    call.json(registration).send().await.unwrap()
}

#[tokio::test]
async fn machine_with_anothers_uuid_is_not_taken_for_it() {
    let rig = Rig::start().await;
    let first: Registered = register_as(&rig, 1, &with_uuid(1, 7, "S-1")).await.json().await.unwrap();
    // The first is silent: switched off, or in its own system.
    assert_eq!(register_as(&rig, 2, &with_uuid(2, 7, "S-2")).await.status(), 409);
    let told = refusals(&rig).await;
    assert_eq!((told.len(), told[0].0, &told[0].1["mac"]), (1, true, &json!(mac(2))));
    assert_eq!(told[0].1["reason"], "a machine with another serial number has this machine's SMBIOS UUID");
    let machine = rig.app.store.machine_by_mac(mac(1)).await.unwrap().unwrap();
    assert_eq!(types::MachineId::from(machine.id), first.machine);
    assert_eq!(machine.status.agent.unwrap().boot_id, boot(1));
    assert!(rig.app.store.machine_by_mac(mac(2)).await.unwrap().is_none());
}

#[tokio::test]
async fn machine_that_an_operator_declares_by_its_card_is_kept_apart_from_the_one_with_its_uuid() {
    let rig = Rig::start().await;
    let first: Registered = register_as(&rig, 1, &with_uuid(1, 7, "S-1")).await.json().await.unwrap();
    rig.apply("kind: Machine\nname: m2\nmacs: ['52:54:00:00:00:02']\n").await;
    let second: Registered = register_as(&rig, 2, &with_uuid(2, 7, "S-2")).await.json().await.unwrap();
    assert_ne!(first.machine, second.machine);
    assert!(rig.app.store.is_uuid_ambiguous(Uuid::from_u128(7)).await.unwrap());
    assert!(!rig.app.store.is_uuid_ambiguous(Uuid::from_u128(8)).await.unwrap());
}

#[tokio::test]
async fn machine_whose_card_was_replaced_is_the_machine_that_it_was() {
    let rig = Rig::start().await;
    let before: Registered = register_as(&rig, 1, &with_uuid(1, 7, "S-1")).await.json().await.unwrap();
    let now: Registered = register_as(&rig, 2, &with_uuid(2, 7, "S-1 ")).await.json().await.unwrap();
    assert_eq!(before.machine, now.machine);
    assert!(reasons(&rig).await.is_empty());
}
