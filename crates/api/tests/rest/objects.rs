//! Objects over REST.

use crate::rig::{Rig, code, mac, refusal, start};
use reqwest::Method;
use serde_json::{Value, json};
use types::machine::MachineSpec;
use types::subnet::SubnetSpec;
use types::template::TemplateSpec;

fn machine(number: u8) -> MachineSpec {
    MachineSpec { macs: vec![mac(number)], ..MachineSpec::default() }
}

#[tokio::test]
async fn an_object_is_found_by_id_and_by_name_until_it_is_deleted() {
    let rig = Rig::start().await;
    let made = rig.client.create("m1".parse().unwrap(), machine(1)).await.unwrap();
    for named in ["m1".to_owned(), made.id.to_string()] {
        assert_eq!(rig.client.find::<MachineSpec>(&named).await.unwrap(), made);
    }
    rig.client.delete::<MachineSpec>("m1", None).await.unwrap();
    assert_eq!(code(rig.client.find::<MachineSpec>("m1").await), "not_found");
    assert_eq!(code(rig.client.delete::<MachineSpec>("m1", None).await), "not_found");
}

#[tokio::test]
async fn a_stale_change_is_a_conflict_and_a_blind_one_is_refused() {
    let rig = Rig::start().await;
    let made = rig.client.create("m1".parse().unwrap(), machine(1)).await.unwrap();
    let described = |text: &str| MachineSpec { description: Some(text.to_owned()), ..machine(1) };
    let updated = rig.client.update("m1", made.version, described("first")).await.unwrap();
    assert!(updated.version > made.version);
    assert_eq!(code(rig.client.update("m1", made.version, described("second")).await), "stale");
    assert_eq!(code(rig.client.delete::<MachineSpec>("m1", Some(made.version)).await), "stale");
    let blind = rig.request(Method::PUT, "/api/v1/machines/m1").json(&json!({"spec": {}}));
    assert_eq!(refusal(blind).await, (428, "version_required".to_owned()));
    assert_eq!(rig.client.find::<MachineSpec>("m1").await.unwrap().spec, described("first"));
}

#[tokio::test]
async fn the_entity_tag_is_the_version_that_if_match_takes() {
    let rig = Rig::start().await;
    rig.client.create("m1".parse().unwrap(), machine(1)).await.unwrap();
    let answer = rig.request(Method::GET, "/api/v1/machines/m1").send().await.unwrap();
    let tag = answer.headers()["etag"].clone();
    let put =
        || rig.request(Method::PUT, "/api/v1/machines/m1").header("if-match", tag.clone()).json(&json!({"spec": {}}));
    assert_eq!(put().send().await.unwrap().status(), 200);
    assert_eq!(refusal(put()).await, (409, "stale".to_owned()));
}

#[tokio::test]
async fn a_name_and_a_card_belong_to_one_machine() {
    let rig = Rig::start().await;
    rig.client.create("m1".parse().unwrap(), machine(1)).await.unwrap();
    assert_eq!(code(rig.client.create("m1".parse().unwrap(), machine(2)).await), "name_taken");
    assert_eq!(code(rig.client.create("m2".parse().unwrap(), machine(1)).await), "mac_taken");
}

#[tokio::test]
async fn a_list_comes_in_parts_in_the_order_of_names() {
    let rig = Rig::start().await;
    for number in [3, 1, 2, 5, 4] {
        rig.client.create(format!("m{number}").parse().unwrap(), machine(number)).await.unwrap();
    }
    let mut names = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = rig.client.list::<MachineSpec>(after.as_deref(), Some(2)).await.unwrap();
        assert!(page.items.len() <= 2);
        names.extend(page.items.iter().map(|machine| machine.name.to_string()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(names, ["m1", "m2", "m3", "m4", "m5"]);
    let filtered: Value =
        rig.request(Method::GET, "/api/v1/machines?name=4").send().await.unwrap().json().await.unwrap();
    assert_eq!(filtered["items"].as_array().unwrap().len(), 1);
    assert_eq!(rig.request(Method::GET, "/api/v1/machines?nmae=4").send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn what_is_wrong_with_a_body_is_named_by_its_pointer() {
    let rig = Rig::start().await;
    let subnet = |spec: Value| json!({"name": "lab", "spec": spec});
    for (body, status, code, pointer) in [
        (subnet(json!({"cidr": "10.0.0.1/24"})), 422, "invalid", "/spec/cidr"),
        (subnet(json!({"cidr": "10.0.0.0/24", "pol": {}})), 422, "invalid", "/spec/pol"),
        (subnet(json!({"cidr": "10.0.0.0/24", "gateway": "10.1.0.1"})), 422, "invalid", "/spec/gateway"),
        (json!({"name": "UPPER", "spec": {"cidr": "10.0.0.0/24"}}), 422, "invalid", "/name"),
    ] {
        let answer = rig.request(Method::POST, "/api/v1/subnets").json(&body).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(
            (&problem["status"], &problem["code"], &problem["pointer"]),
            (&json!(status), &json!(code), &json!(pointer)),
            "{problem}"
        );
    }
    assert!(rig.client.list_all::<SubnetSpec>().await.unwrap().is_empty());
}

#[tokio::test]
async fn bodies_of_the_wrong_size_shape_or_type_are_refused() {
    let rig = Rig::start().await;
    let post = || rig.request(Method::POST, "/api/v1/machines");
    let json = |text: String| post().header("content-type", "application/json").body(text);
    assert_eq!(refusal(json("{\"name\": ".to_owned())).await, (400, "malformed".to_owned()));
    assert_eq!(refusal(json("{} {}".to_owned())).await.0, 422);
    let deep = format!("{{\"name\":\"m\",\"spec\":{{\"params\":{{\"a\":{}{}}}}}}}", "[".repeat(5000), "]".repeat(5000));
    assert_eq!(refusal(json(deep)).await, (400, "malformed".to_owned()));
    assert_eq!(refusal(json(" ".repeat(3 << 20))).await, (413, "too_large".to_owned()));
    let text = post().header("content-type", "text/plain").body("{}");
    assert_eq!(refusal(text).await, (415, "media_type".to_owned()));
}

#[tokio::test]
async fn a_password_is_taken_and_never_given_back() {
    let rig = Rig::start().await;
    let spec = json!({"url": "https://10.0.0.5", "username": "root", "password": "hunter2"});
    let made =
        rig.request(Method::POST, "/api/v1/bmcs").json(&json!({"name": "b1", "spec": spec})).send().await.unwrap();
    assert_eq!(made.status(), 201);
    let location = made.headers()["location"].to_str().unwrap().to_owned();
    let mut shown = vec![made.text().await.unwrap()];
    for path in [location.as_str(), "/api/v1/bmcs", "/api/v1/export", "/api/v1/events"] {
        shown.push(rig.request(Method::GET, path).send().await.unwrap().text().await.unwrap());
    }
    for text in &shown {
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert!(shown[0].contains("[secret]"));

    let kept = json!({"version": 1, "spec": {"url": "https://10.0.0.6", "username": "root", "password": "[secret]"}});
    let answer = rig.request(Method::PUT, "/api/v1/bmcs/b1").json(&kept).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    let stored = rig.app.store.find::<store::Bmcs>(&"b1".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(stored.spec.password.expose(), "hunter2");
    let without =
        json!({"name": "b2", "spec": {"url": "https://10.0.0.7", "username": "root", "password": "[secret]"}});
    assert_eq!(refusal(rig.request(Method::POST, "/api/v1/bmcs").json(&without)).await, (422, "invalid".to_owned()));
}

#[tokio::test]
async fn built_in_objects_cannot_be_changed() {
    let rig = Rig::start().await;
    api::set_builtin(&rig.app.store).await.unwrap();
    let built_in = rig.client.find::<TemplateSpec>("platform-default").await.unwrap();
    let changed = rig.client.update("platform-default", built_in.version, built_in.spec.clone()).await;
    assert_eq!(code(changed), "read_only");
    assert_eq!(code(rig.client.delete::<TemplateSpec>("platform-default", None).await), "read_only");
}

#[tokio::test]
async fn every_refusal_is_a_problem() {
    let rig = Rig::start().await;
    for (method, path, status) in [
        (Method::GET, "/api/v1/runs?state=sideways", 400),
        (Method::GET, "/api/v1/runs?limit=-1", 400),
        (Method::GET, "/api/v1/events?limit=0", 400),
        (Method::GET, "/api/v1/machines?limit=1001", 400),
        (Method::GET, "/api/v1/runs?after=0192f0a5-0000-7000-8000-000000000000", 400),
        (Method::GET, "/api/v1/events?run=0192f0a5-0000-7000-8000-000000000000", 404),
        (Method::GET, "/api/v1/events?after=x", 400),
        (Method::GET, "/api/v1/machines/%ff", 404),
        (Method::GET, "/api/v1/runs/not-an-id", 404),
        (Method::DELETE, "/api/v1/runs", 405),
    ] {
        let answer = rig.request(method.clone(), path).send().await.unwrap();
        assert_eq!(answer.status(), status, "{method} {path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{method} {path}");
    }
}

#[tokio::test]
async fn a_subnet_that_overlaps_another_is_refused() {
    let rig = Rig::start().await;
    let subnet = |cidr: &str| serde_json::from_value::<SubnetSpec>(json!({"cidr": cidr})).unwrap();
    let made = rig.client.create("a".parse().unwrap(), subnet("10.0.0.0/16")).await.unwrap();
    assert_eq!(code(rig.client.create("b".parse().unwrap(), subnet("10.0.1.0/24")).await), "invalid");
    rig.client.update("a", made.version, subnet("10.0.0.0/17")).await.unwrap();
}

#[tokio::test]
async fn what_a_run_under_way_needs_cannot_be_deleted() {
    let rig = Rig::start().await;
    rig.apply(IN_USE).await;
    let run = rig.client.start_run("m1", &start("busy"), None).await.unwrap();
    for path in ["workflows/busy", "bootenvs/rescue", "templates/setup", "bmcs/m1-bmc"] {
        let answer = rig.request(Method::DELETE, &format!("/api/v1/{path}")).send().await.unwrap();
        assert_eq!(answer.status(), 409, "{path}");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["code"], "in_use", "{path}");
        assert!(problem["detail"].as_str().unwrap().contains(&run.id.to_string()), "{problem}");
    }
    let free = rig.request(Method::DELETE, "/api/v1/templates/other").send().await.unwrap();
    assert_eq!(free.status(), 204);
}

const IN_USE: &str = "\
kind: Machine
name: m1
macs: ['52:54:00:00:00:01']
bmc: m1-bmc
---
kind: Bmc
name: m1-bmc
url: https://127.0.0.1:1/
username: u
password: p
---
kind: Template
name: setup
output: platform
text: 'hostname: x'
---
kind: Template
name: other
output: platform
text: 'hostname: x'
---
kind: BootEnv
name: rescue
kernel: vmlinuz
---
kind: Workflow
name: busy
stages:
  - name: A
    steps:
      - {use: boot.into, with: {env: rescue}}
      - {use: agent.configure, with: {template: setup}}
";

#[tokio::test]
async fn names_that_lead_nowhere_are_told_and_not_refused() {
    let rig = Rig::start().await;
    let report = rig.apply("kind: Machine\nname: m1\nbmc: nowhere\n").await;
    assert_eq!(report.changes.len(), 1);
    let told: Vec<String> = report.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["rack.yaml:3:6: /bmc: there is no Bmc nowhere yet"]);
    let report = rig
        .apply(
            "kind: Machine\nname: m2\nbmc: b2\n---\nkind: Bmc\nname: b2\nurl: https://h/\nusername: u\npassword: p\n",
        )
        .await;
    assert_eq!(report.warnings, []);
}
