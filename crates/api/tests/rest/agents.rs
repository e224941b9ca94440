//! The agent's protocol: repeats are harmless, strangers are refused.

use crate::rig::{Rig, mac, nobody, refusal, registration};
use client::EventQuery;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use store::{EventFilter, Grant};
use types::agent::{PlatformSetup, ProgressAnswer, Registered, TaskOrder, Work};
use types::event::kind;
use types::machine::MachineSpec;
use types::{TaskId, Timestamp};
use uuid::Uuid;
use wire::RunView;
use workflow::{RunEvent, StepRef};

fn boot(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// What the agent says about a task.
fn say(rig: &Rig, agent: &Registered, task: TaskId, what: &str, body: &Value) -> RequestBuilder {
    let path = format!("/agent/v1/tasks/{task}/{what}");
    rig.bare(Method::POST, &path).bearer_auth(agent.token.expose()).json(body)
}

fn progress(done: u64) -> Value {
    json!({"done": done, "total": 10, "unit": "checks", "message": "checking"})
}

fn done() -> Value {
    json!({"outcome": "done", "how": "already_so", "outputs": {"threads": 2}})
}

async fn count(rig: &Rig, kind: &str) -> usize {
    let filter = EventFilter { kinds: vec![kind.to_owned()], ..EventFilter::default() };
    rig.app.store.events(&filter, 1000).await.unwrap().len()
}

#[tokio::test]
async fn a_new_machine_registers_and_registering_again_is_harmless() {
    let rig = Rig::start().await;
    let first = rig.register(1, boot(1)).await;
    let again = rig.register(1, boot(1)).await;
    assert_eq!((first.machine, first.name.as_str()), (again.machine, "m-525400000001"));
    assert_eq!(count(&rig, kind::AGENT_REGISTERED).await, 1);
    let machine = rig.client.find::<MachineSpec>("m-525400000001").await.unwrap();
    assert_eq!(machine.status.agent.unwrap().boot_id, boot(1));
}

#[tokio::test]
async fn a_declared_machine_is_known_by_its_card() {
    let rig = Rig::start().await;
    rig.apply("kind: Machine\nname: m1\nmacs: ['52:54:00:00:00:01']\n").await;
    assert_eq!(rig.register(1, boot(1)).await.name.as_str(), "m1");
    assert_eq!(rig.client.list_all::<MachineSpec>().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_token_is_good_for_the_card_that_it_was_made_for() {
    let rig = Rig::start().await;
    let token = rig.token_for(Grant::Registration { mac: mac(1) }).await;
    let request = rig.bare(Method::POST, "/agent/v1/register").bearer_auth(token.expose());
    assert_eq!(refusal(request.json(&registration(2, boot(1)))).await, (403, "forbidden".to_owned()));
    assert!(rig.client.list_all::<MachineSpec>().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_restart_makes_the_older_token_void() {
    let rig = Rig::start().await;
    let old = rig.register(1, boot(1)).await;
    let new = rig.register(1, boot(2)).await;
    let log = |agent: &Registered| {
        let request = rig.bare(Method::POST, "/agent/v1/log").bearer_auth(agent.token.expose());
        request.json(&json!({"lines": [{"seq": 0, "level": "info", "message": "hello\u{1b}[2J"}]}))
    };
    assert_eq!(refusal(log(&old)).await.0, 401);
    assert_eq!(log(&new).send().await.unwrap().status(), 204);
}

#[tokio::test]
async fn a_log_line_that_comes_twice_is_kept_once() {
    let rig = Rig::start().await;
    let first_boot = rig.register(1, boot(1)).await;
    let send = async |agent: &Registered, numbers: &[u64]| {
        let line = |number: &u64| json!({"seq": number, "level": "warn", "message": format!("line {number}\u{1b}[2J")});
        let body = json!({"lines": numbers.iter().map(line).collect::<Vec<_>>()});
        let request = rig.bare(Method::POST, "/agent/v1/log").bearer_auth(agent.token.expose()).json(&body);
        assert_eq!(request.send().await.unwrap().status(), 204);
    };
    send(&first_boot, &[0, 1]).await;
    send(&first_boot, &[0, 1, 2]).await;
    assert_eq!(count(&rig, kind::AGENT_LOG).await, 3);
    let second_boot = rig.register(1, boot(2)).await;
    send(&second_boot, &[0]).await;
    let query = EventQuery { kind: Some(kind::AGENT_LOG.to_owned()), limit: Some(1), ..EventQuery::default() };
    let last = rig.client.events(&query).await.unwrap().items.pop().unwrap();
    assert_eq!((&last.data["message"], &last.data["level"]), (&json!("line 0[2J"), &json!("warn")));
    assert_eq!(count(&rig, kind::AGENT_LOG).await, 4, "a restarted agent counts from the start");
}

#[tokio::test]
async fn a_machine_that_is_deleted_loses_its_tokens() {
    let rig = Rig::start().await;
    let agent = rig.register(1, boot(1)).await;
    rig.client.delete::<MachineSpec>(agent.name.as_str(), None).await.unwrap();
    let poll = rig.bare(Method::GET, "/agent/v1/tasks/next").bearer_auth(agent.token.expose());
    assert_eq!(refusal(poll).await.0, 401);
}

/// A run whose machine's agent has an order.
async fn ordered() -> (Rig, RunView, Registered, TaskId) {
    let rig = Rig::start().await;
    let run = rig.run().await;
    let agent = rig.register(1, boot(1)).await;
    assert_eq!(agent.machine, run.machine);
    let claimed = rig.claim().await;
    let task = rig.order(&claimed, "check").await;
    (rig, run, agent, task)
}

async fn next(rig: &Rig, agent: &Registered) -> TaskOrder {
    let request = rig.bare(Method::GET, "/agent/v1/tasks/next").bearer_auth(agent.token.expose());
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn an_order_reaches_an_agent_that_was_already_waiting() {
    let rig = Rig::start().await;
    rig.run().await;
    let agent = rig.register(1, boot(1)).await;
    let claimed = rig.claim().await;
    let (order, task) = tokio::join!(next(&rig, &agent), async {
        // The poll is under way or not: the order must come either way.
        tokio::task::yield_now().await;
        rig.order(&claimed, "check").await
    });
    assert_eq!(order.id, task);
}

#[tokio::test]
async fn an_order_can_be_fetched_again_until_it_is_done() {
    let (rig, _, agent, task) = ordered().await;
    assert_eq!(next(&rig, &agent).await.id, task);
    assert_eq!(next(&rig, &agent).await.id, task);
    assert_eq!(count(&rig, kind::TASK_STARTED).await, 1);
    for _ in 0..2 {
        assert_eq!(say(&rig, &agent, task, "result", &done()).send().await.unwrap().status(), 204);
    }
    let failed = json!({"outcome": "failed", "class": "hardware", "reason": "late", "evidence": {}});
    assert_eq!(say(&rig, &agent, task, "result", &failed).send().await.unwrap().status(), 204);
    assert_eq!(count(&rig, kind::TASK_FINISHED).await, 1, "the first result counts");
    rig.app.shutdown.cancel();
    let idle = rig.bare(Method::GET, "/agent/v1/tasks/next").bearer_auth(agent.token.expose()).send().await.unwrap();
    assert_eq!(idle.status(), 204);
}

#[tokio::test]
async fn progress_is_shown_and_says_when_to_stop() {
    let (rig, run, agent, task) = ordered().await;
    next(&rig, &agent).await;
    let answer = say(&rig, &agent, task, "progress", &progress(4)).send().await.unwrap();
    assert!(!answer.json::<ProgressAnswer>().await.unwrap().cancelled);
    let row = rig.app.store.task(task).await.unwrap().unwrap();
    assert_eq!((row.run, row.progress.unwrap().done), (run.id, 4));
    say(&rig, &agent, task, "result", &done()).send().await.unwrap();
    let late = say(&rig, &agent, task, "progress", &progress(9)).send().await.unwrap();
    assert_eq!(late.status(), 200, "a late report is taken and changes nothing");
}

#[tokio::test]
async fn an_operator_sees_how_far_the_agent_is() {
    let (rig, run, agent) = {
        let rig = Rig::start().await;
        let run = rig.run().await;
        let agent = rig.register(1, boot(1)).await;
        (rig, run, agent)
    };
    let mut claimed = rig.claim().await;
    let at = StepRef { stage: Some(0), step: 0 };
    let deadline = Timestamp::now().checked_add(jiff::SignedDuration::from_hours(1)).unwrap();
    let events = [
        RunEvent::StageStarted { stage: 0, attempt: 1, deadline },
        RunEvent::StepStarted { at, attempt: 1, deadline },
        RunEvent::StepWaits { at, reason: "the agent does its task".to_owned(), wake_on: Vec::new(), until: deadline },
    ];
    rig.advance(&mut claimed, &events, false).await;
    let task = rig.order(&claimed, "check").await;
    let before = rig.client.run(run.id).await.unwrap();
    assert_eq!(
        (before.step.as_deref(), before.reason.as_deref()),
        (Some("test.step"), Some("the agent does its task"))
    );
    assert_eq!(before.current_step().unwrap().task, None, "nobody has taken the order up");
    next(&rig, &agent).await;
    say(&rig, &agent, task, "progress", &progress(4)).send().await.unwrap();
    let view = rig.client.run(run.id).await.unwrap().current_step().unwrap().task.clone().unwrap();
    assert_eq!((view.id, view.progress.unwrap().done), (task, 4));
    say(&rig, &agent, task, "result", &done()).send().await.unwrap();
    assert_eq!(rig.client.run(run.id).await.unwrap().current_step().unwrap().task, None);
}

#[tokio::test]
async fn another_machines_task_is_refused_and_so_is_no_task() {
    let (rig, _, _, task) = ordered().await;
    let stranger = rig.register(2, boot(3)).await;
    for task in [task, TaskId::derived(nobody(), "none")] {
        for (what, body) in [("progress", &progress(1)), ("result", &done())] {
            assert_eq!(refusal(say(&rig, &stranger, task, what, body)).await, (403, "forbidden".to_owned()));
        }
    }
}

#[tokio::test]
async fn the_installed_system_calls_home_again_and_again() {
    let rig = Rig::start().await;
    let run = rig.run().await;
    let token = rig.token_for(Grant::CallHome { machine: run.machine, run: run.id }).await;
    for _ in 0..2 {
        let request = rig.bare(Method::POST, "/agent/v1/call-home").bearer_auth(token.expose());
        let answer = request.json(&json!({"boot_id": boot(7), "hostname": "m1"})).send().await.unwrap();
        assert_eq!(answer.status(), 204);
    }
    assert_eq!(count(&rig, kind::HOST_CALLED_HOME).await, 1);
    let machine = rig.client.find::<MachineSpec>("m1").await.unwrap();
    assert_eq!(machine.status.called_home.unwrap().hostname, "m1");
}

#[tokio::test]
async fn an_order_to_configure_brings_what_the_installed_system_calls_home_with() {
    let rig = Rig::start().await;
    rig.run().await;
    let agent = rig.register(1, boot(1)).await;
    let claimed = rig.claim().await;
    let setup = PlatformSetup { hostname: "m1".to_owned(), ..PlatformSetup::default() };
    let task = rig.order_work(&claimed, "configure", Work::Configure(setup.clone())).await;
    let Work::Configure(given) = next(&rig, &agent).await.work else { panic!("another order") };
    let call_home = given.call_home.unwrap();
    assert_eq!(call_home.server, rig.app.machine_url);
    let request = rig.bare(Method::POST, "/agent/v1/call-home").bearer_auth(call_home.token.expose());
    let answer = request.json(&json!({"boot_id": boot(7), "hostname": "m1"})).send().await.unwrap();
    assert_eq!(answer.status(), 204);
    let stored = rig.app.store.task(task).await.unwrap().unwrap();
    assert_eq!(stored.work, Work::Configure(setup), "the token is not stored with the order");
}

const DISCOVERING: &str = "\
kind: Workflow
name: found
stages:
  - {name: A, steps: [{use: test.step}]}
---
kind: Subnet
name: loopback
cidr: 127.0.0.0/8
unknown: discover
discovery_workflow: found
params: {zone: b}
";

#[tokio::test]
async fn a_discovered_machine_starts_its_subnets_workflow_once() {
    let rig = Rig::start().await;
    rig.apply(DISCOVERING).await;
    let agent = rig.register(1, boot(1)).await;
    rig.register(1, boot(1)).await;
    rig.register(1, boot(2)).await;
    let runs = rig.client.list_runs(&client::RunQuery::default()).await.unwrap().items;
    assert_eq!(runs.len(), 1);
    assert_eq!((runs[0].machine, runs[0].by.as_str()), (agent.machine, "subnet loopback"));
    assert_eq!(runs[0].params["zone"], "b");
}

#[tokio::test]
async fn a_workflow_that_cannot_start_does_not_keep_the_agent_out() {
    let rig = Rig::start().await;
    rig.apply(&DISCOVERING.replace("test.step", "agent.write_image")).await;
    rig.register(1, boot(1)).await;
    let query = EventQuery { kind: Some("run.refused".to_owned()), ..EventQuery::default() };
    let mut refusals = rig.client.follow(EventQuery { after: Some(0), ..query });
    let event = refusals.next().await.unwrap();
    assert_eq!(event.data["reason"], "no image is named: set parameter \"image\"");
    assert!(event.machine.is_some());
}
