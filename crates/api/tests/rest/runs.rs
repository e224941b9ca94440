//! Runs over REST. The engine is played by the rig.

use crate::rig::{Rig, code, image_yaml, nobody, refusal, start};
use futures_util::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};
use types::{ErrorClass, How, Timestamp};
use wire::StartRun;
use workflow::{Command, Ending, RunEvent, RunState, StageState, StepRef};

fn far() -> Timestamp {
    Timestamp::now().checked_add(jiff::SignedDuration::from_hours(1)).unwrap()
}

fn at(stage: usize) -> StepRef {
    StepRef { stage: Some(stage), step: 0 }
}

/// The events of a run whose second stage fails.
fn second_stage_fails() -> Vec<RunEvent> {
    vec![
        RunEvent::StageStarted { stage: 0, attempt: 1, deadline: far() },
        RunEvent::StepStarted { at: at(0), attempt: 1, deadline: far() },
        RunEvent::StepDone { at: at(0), how: How::Changed, outputs: json!({"disk": "vda"}) },
        RunEvent::StageSucceeded { stage: 0 },
        RunEvent::StageStarted { stage: 1, attempt: 1, deadline: far() },
        RunEvent::StepStarted { at: at(1), attempt: 1, deadline: far() },
        RunEvent::StepFailed {
            at: at(1),
            class: ErrorClass::Hardware,
            reason: "too little memory".to_owned(),
            evidence: json!({"memory_bytes": 1}),
        },
        RunEvent::StageFailed { stage: 1 },
        RunEvent::FinallyStarted { ending: Ending::Failed, deadline: far() },
        RunEvent::Ended { ending: Ending::Failed },
    ]
}

#[tokio::test]
async fn a_started_run_is_accepted_and_shown_with_its_stages() {
    let rig = Rig::start().await;
    let run = rig.run().await;
    assert_eq!(run.state, RunState::Queued);
    assert_eq!(run.machine_name.as_ref().unwrap().as_str(), "m1");
    let stages: Vec<(&str, Option<f64>)> =
        run.stages.iter().map(|stage| (stage.name.as_str(), stage.expected_s)).collect();
    assert_eq!(stages, [("FIRST", Some(30.0)), ("SECOND", None)]);
    assert_eq!(rig.client.run(run.id).await.unwrap().id, run.id);
    assert_eq!(run.by, "user:admin");
}

#[tokio::test]
async fn a_machine_has_one_run_at_a_time() {
    let rig = Rig::start().await;
    rig.run().await;
    assert_eq!(code(rig.client.start_run("m1", &start("two-steps"), None).await), "machine_busy");
    assert_eq!(code(rig.client.start_run("m7", &start("two-steps"), None).await), "not_found");
    assert_eq!(code(rig.client.start_run("m1", &start("nothing"), None).await), "not_found");
    assert_eq!(code(rig.client.delete::<types::machine::MachineSpec>("m1", None).await), "machine_busy");
}

#[tokio::test]
async fn the_same_idempotency_key_is_the_same_run() {
    let rig = Rig::start().await;
    rig.apply(crate::rig::TWO_STEPS).await;
    rig.apply("kind: Workflow\nname: other\nstages:\n  - {name: A, steps: [{use: test.step}]}\n").await;
    let first = rig.client.start_run("m1", &start("two-steps"), Some("k1")).await.unwrap();
    let again = rig.client.start_run("m1", &start("two-steps"), Some("k1")).await.unwrap();
    assert_eq!(first.id, again.id);
    assert_eq!(code(rig.client.start_run("m1", &start("other"), Some("k1")).await), "key_reused");
    assert_eq!(code(rig.client.start_run("m1", &start("two-steps"), Some("k2")).await), "machine_busy");
}

#[tokio::test]
async fn what_a_run_would_miss_is_told_before_it_starts() {
    let rig = Rig::start().await;
    let workflow = "kind: Workflow\nname: install\nstages:\n  - name: A\n    steps:\n      - {use: boot.into, with: {env: nowhere}}\n      - {use: agent.write_image}\n      - {use: agent.configure, with: {template: none}}\n";
    rig.apply(&format!("{}---\n{workflow}---\n{}", "kind: Machine\nname: m1\nbmc: gone\n", image_yaml("debian", b"x")))
        .await;
    let detail = async |params: Value| {
        let body = json!({"workflow": "install", "params": params});
        let answer = rig.request(Method::POST, "/api/v1/machines/m1/runs").json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 409);
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["code"], "unavailable");
        problem["detail"].as_str().unwrap().to_owned()
    };
    insta::assert_snapshot!(detail(json!({})).await, @r#"machine m1 names BMC gone, which is not there; there is no boot environment nowhere; no image is named: set parameter "image"; there is no template none"#);
    assert!(
        detail(json!({"image": "debian"})).await.contains("image debian is declared, but its content was not uploaded")
    );
    assert!(detail(json!({"image": "arch"})).await.contains("there is no image arch"));
}

#[tokio::test]
async fn a_runs_parameters_are_stronger_than_its_machines_and_secrets_are_hidden() {
    let rig = Rig::start().await;
    rig.apply(crate::rig::TWO_STEPS).await;
    rig.apply("kind: Machine\nname: m1\nparams: {role: storage, zone: a, root_password: hunter2}\n").await;
    let params = serde_json::from_value(json!({"role": "compute"})).unwrap();
    let run = rig.client.start_run("m1", &StartRun { params, ..start("two-steps") }, None).await.unwrap();
    let shown = serde_json::to_value(&run.params).unwrap();
    assert_eq!(shown, json!({"role": "compute", "zone": "a", "root_password": "[secret]"}));
    let stored = rig.app.store.run(run.id).await.unwrap().unwrap();
    assert_eq!(stored.params["root_password"], "hunter2");
    let history = rig.request(Method::GET, "/api/v1/events?after=0").send().await.unwrap().text().await.unwrap();
    assert!(history.contains("run.created") && !history.contains("hunter2"), "{history}");
    let stream = rig.request(Method::GET, "/api/v1/events/stream?after=0&kind=run.created").send().await.unwrap();
    let told = stream.bytes_stream().next().await.unwrap().unwrap();
    let told = String::from_utf8_lossy(&told);
    assert!(told.contains("[secret]") && !told.contains("hunter2"), "{told}");
}

#[tokio::test]
async fn parameters_of_the_subnet_that_a_machine_is_in_are_weaker_than_its_own() {
    let rig = Rig::start().await;
    rig.apply(crate::rig::TWO_STEPS).await;
    rig.apply("kind: Subnet\nname: rack\ncidr: 10.7.0.0/24\nparams: {image: debian, zone: b}\n").await;
    rig.apply("kind: Machine\nname: m1\nmacs: ['52:54:00:00:00:01']\nparams: {zone: a}\n").await;
    rig.app.store.commit_leases(&[lease("52:54:00:00:00:01", "10.7.0.9")]).await.unwrap();
    let run = rig.client.start_run("m1", &start("two-steps"), None).await.unwrap();
    assert_eq!(serde_json::to_value(&run.params).unwrap(), json!({"image": "debian", "zone": "a"}));
}

fn lease(mac: &str, address: &str) -> dhcp::Lease {
    let (mac, address, state) = (mac.parse().unwrap(), address.parse().unwrap(), dhcp::LeaseState::Bound);
    dhcp::Lease { address, mac, client_id: None, state, since: Timestamp::now(), expires: far(), hostname: None }
}

#[tokio::test]
async fn a_command_that_means_nothing_is_a_conflict_with_the_reason() {
    let rig = Rig::start().await;
    let run = rig.run().await;
    let command = async |command: Command| rig.client.command(run.id, &command).await;
    assert_eq!(code(command(Command::Resume).await), "not_now");
    assert_eq!(code(command(Command::Retry).await), "not_now");
    assert_eq!(code(command(Command::Skip { reason: " ".to_owned() }).await), "invalid");
    command(Command::Pause).await.unwrap();
    command(Command::Cancel { reason: "wrong machine".to_owned() }).await.unwrap();
    assert_eq!(code(rig.client.command(nobody(), &Command::Pause).await), "not_found");
    let nonsense =
        rig.request(Method::POST, &format!("/api/v1/runs/{}/commands", run.id)).json(&json!({"command": "explode"}));
    assert_eq!(refusal(nonsense).await, (422, "invalid".to_owned()));
}

#[tokio::test]
async fn a_failed_run_says_why_and_another_goes_on_from_there() {
    let rig = Rig::start().await;
    let run = rig.run().await;
    assert_eq!(code(rig.client.continue_run(run.id, None).await), "not_now");
    let mut claimed = rig.claim().await;
    rig.advance(&mut claimed, &second_stage_fails(), true).await;

    let failed = rig.client.wait_for_run(run.id).await.unwrap();
    assert_eq!((failed.state, failed.reason.as_deref()), (RunState::Failed, Some("too little memory")));
    assert_eq!(failed.failure.as_ref().unwrap().stage, "SECOND");
    assert_eq!(failed.stages[0].steps[0].how, Some(How::Changed));
    assert!(failed.stages[1].actual_s.is_some());
    assert_eq!(code(rig.client.command(run.id, &Command::Pause).await), "not_now");

    let next = rig.client.continue_run(run.id, Some("once")).await.unwrap();
    assert_eq!(next.continues, Some(run.id));
    assert_eq!(next.stages[0].state, StageState::Skipped);
    assert_eq!(next.outputs["test.step"]["disk"], "vda");
    assert_eq!(rig.client.continue_run(run.id, Some("once")).await.unwrap().id, next.id);
}

#[tokio::test]
async fn runs_are_listed_newest_first_by_machine_and_state() {
    let rig = Rig::start().await;
    let first = rig.run().await;
    let mut claimed = rig.claim().await;
    rig.advance(&mut claimed, &second_stage_fails(), true).await;
    let second = rig.client.start_run("m1", &start("two-steps"), None).await.unwrap();
    let ids = async |query: &str| -> Vec<Value> {
        let page: Value =
            rig.request(Method::GET, &format!("/api/v1/runs?{query}")).send().await.unwrap().json().await.unwrap();
        page["items"].as_array().unwrap().iter().map(|run| run["id"].clone()).collect()
    };
    let (first, second) = (json!(first.id), json!(second.id));
    assert_eq!(ids("machine=m1").await, [second.clone(), first.clone()]);
    assert_eq!(ids("active=true").await, std::slice::from_ref(&second));
    assert_eq!(ids("state=failed").await, std::slice::from_ref(&first));
    assert_eq!(ids("limit=1").await, std::slice::from_ref(&second));
    assert_eq!(ids(&format!("after={}", second.as_str().unwrap())).await, [first]);
}
