//! A sheet of machines that nobody has seen is imported and deployed, by the whole server and simulated machines.

#![expect(clippy::unwrap_used, reason = "what a rig cannot do fails its test")]

mod rig;

use client::RunQuery;
use rig::Rack;
use types::design::{DeploymentSpec, DeploymentState};
use types::machine::MachineSpec;
use types::object::Spec;
use types::subnet::ReservationSpec;
use wire::{Deployment, DeploymentCommand};

const SITE: &str = "\
kind: Subnet
name: rack
cidr: 127.0.0.0/8
unknown: ignore
---
kind: Workflow
name: check
stages:
  - name: REGISTERING
    expected: 5s
    steps: [{use: bmc.attach}, {use: boot.into, with: {env: discovery}}, {use: machine.register}]
  - name: HEALTH_CHECK
    expected: 2s
    steps: [{use: agent.health_check}]
  - name: MUCH_MEMORY
    when: params.database
    steps: [{use: agent.health_check, with: {limits: {min_memory_bytes: 1099511627776}}}]
finally: [{use: bmc.release}]
---
kind: Group
name: compute
workflow: check
params: {redfish_username: admin, database: false}
secrets: {redfish_password: bmc-password}
---
kind: Group
name: elsewhere
parent: compute
workflow: nowhere
";

fn ended(deployment: &Deployment) -> bool {
    deployment.status.ended.is_some()
}

fn spec(more: &serde_json::Value) -> DeploymentSpec {
    let mut spec = serde_json::json!({"design": "rack"});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(spec).unwrap()
}

async fn all<S: Spec>(rack: &Rack) -> usize {
    rack.client().list_all::<S>().await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sheet_is_deployed_in_waves_and_the_report_says_what_failed() {
    let rack = Rack::start(6, SITE).await;
    // The fourth has less memory than a database wants; the sixth has a group whose workflow is not there.
    let more = |number: usize| match number {
        4 => "true,,hunter2".to_owned(),
        6 => ",elsewhere,hunter2".to_owned(),
        _ => ",,hunter2".to_owned(),
    };
    rack.import("rack", &rack.sheet("database (boolean),group,root_password", more)).await;
    let client = rack.client();
    let waves = serde_json::json!({"waves": {"sizes": [1, 3]}, "parallel": 2});
    client.create("go".parse().unwrap(), spec(&waves)).await.unwrap();
    let deployment = rack.deployment("go", ended).await;

    let status = &deployment.status;
    let counts = status.counts;
    assert_eq!((status.state, counts.completed, counts.failed), (DeploymentState::Failed, 4, 2), "{status:#?}");
    assert_eq!(status.reason.as_deref(), Some("2 of 6 machines failed"));
    let machine = |name: &str| &status.machines[&name.parse().unwrap()];
    let reason = machine("node-4").reason.as_deref().unwrap();
    assert!(reason.starts_with("MUCH_MEMORY: memory size: found 8589934592 bytes"), "{reason}");
    assert_eq!(machine("node-6").reason.as_deref(), Some("there is no workflow nowhere"));
    assert!(machine("node-2").started >= machine("node-1").ended, "{status:#?}");
    assert!(rack.deeds()[..5].iter().all(|deeds| deeds.power_ons == 1), "{:?}", rack.deeds());
    assert_eq!((all::<MachineSpec>(&rack).await, all::<ReservationSpec>(&rack).await), (6, 6));

    let report = client.report("go").await.unwrap();
    let stages: Vec<_> =
        report.stages.iter().map(|stage| (stage.name.as_str(), stage.succeeded, stage.failed)).collect();
    assert_eq!(stages, [("REGISTERING", 5, 0), ("HEALTH_CHECK", 5, 0), ("MUCH_MEMORY", 0, 1)]);
    let registering = &report.stages[0];
    assert_eq!(registering.expected_s, Some(5.0));
    assert!(registering.p50_s <= registering.p95_s && registering.p95_s <= registering.max_s, "{registering:?}");
    let page = String::from_utf8(client.report_page("go").await.unwrap().to_vec()).unwrap();
    assert!(page.contains("there is no workflow nowhere") && page.contains("MUCH_MEMORY"), "{page}");
    assert!(!page.contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_machines_are_tried_again_after_the_sheet_was_corrected() {
    let rack = Rack::start(2, SITE).await;
    let database =
        |wanted: &'static str| move |number: usize| if number == 2 { wanted.to_owned() } else { String::new() };
    rack.import("rack", &rack.sheet("database (boolean)", database("true"))).await;
    let client = rack.client();
    client.create("go".parse().unwrap(), spec(&serde_json::json!({}))).await.unwrap();
    assert_eq!(rack.deployment("go", ended).await.status.counts.failed, 1);
    rack.import("rack", &rack.sheet("database (boolean)", database("false"))).await;
    client.command_deployment("go", DeploymentCommand::RetryFailed).await.unwrap();
    let deployment = rack.deployment("go", ended).await;
    assert_eq!((deployment.status.state, deployment.status.counts.completed), (DeploymentState::Completed, 2));
    // The same design again needs no deletion of machines.
    client.create("again".parse().unwrap(), spec(&serde_json::json!({}))).await.unwrap();
    let again = rack.deployment("again", ended).await;
    assert_eq!(again.status.state, DeploymentState::Completed, "{again:#?}");
    assert_eq!(all::<MachineSpec>(&rack).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_goes_on_where_it_was_when_the_server_was_killed() {
    let mut rack = Rack::start(4, SITE).await;
    rack.import("rack", &rack.sheet("test", |number| number.to_string())).await;
    let waves = serde_json::json!({"waves": {"sizes": [2]}});
    rack.client().create("go".parse().unwrap(), spec(&waves)).await.unwrap();
    rack.deployment("go", |deployment| deployment.status.counts.processing > 0).await;
    rack.restart().await;
    rack.deployment("go", |deployment| deployment.status.counts.completed >= 2).await;
    rack.restart().await;
    let deployment = rack.deployment("go", ended).await;
    assert_eq!(deployment.status.state, DeploymentState::Completed, "{deployment:#?}");
    let runs = rack.client().list_runs(&RunQuery::default()).await.unwrap();
    assert_eq!(runs.items.len(), 4);
    assert!(rack.deeds().iter().all(|deeds| (deeds.power_ons, deeds.resets) == (1, 0)), "{:?}", rack.deeds());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_is_paused_resumed_and_cancelled() {
    let rack = Rack::start(2, SITE).await;
    rack.import("rack", &rack.sheet("test", |number| number.to_string())).await;
    let client = rack.client();
    let mut held = spec(&serde_json::json!({"parallel": 1}));
    held.paused = true;
    client.create("go".parse().unwrap(), held).await.unwrap();
    let waits = rack.deployment("go", |deployment| deployment.status.reason.is_some()).await;
    assert_eq!(waits.status.reason.as_deref(), Some("it is paused"));
    client.command_deployment("go", DeploymentCommand::Resume).await.unwrap();
    rack.deployment("go", |deployment| deployment.status.counts.processing == 1).await;
    client.command_deployment("go", DeploymentCommand::Cancel).await.unwrap();
    let over = rack.deployment("go", ended).await;
    assert_eq!((over.status.state, over.status.reason.as_deref()), (DeploymentState::Failed, Some("it was cancelled")));
    let refused = client.command_deployment("go", DeploymentCommand::Pause).await.unwrap_err();
    assert_eq!(refused.code(), Some(wire::code::NOT_NOW));
}
