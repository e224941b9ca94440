//! What can be done with any object, and what a machine is told of its parameters.

use crate::rig::{Rig, code, refusal, start};
use reqwest::Method;
use serde_json::{Value, json};
use types::group::GroupSpec;
use types::machine::MachineSpec;
use types::object::Kind;
use types::template::TemplateSpec;
use wire::{CloneObject, RenderPreview, Revert, StartRun};

const SITE: &str = "\
kind: Param
name: size
type: integer
default: 1
---
kind: Param
name: root_password
secret: true
type: string
---
kind: Profile
name: everywhere
layer: global
params: {timezone: UTC, size: 2}
---
kind: Template
name: motd
output: script
text: |
  #!/bin/sh
  echo {{ params.size }} {{ params.timezone | shell }} {{ params.root_password | shell }}
---
kind: Group
name: all
params: {size: 3}
secrets: {root_password: hunter2}
---
kind: Group
name: compute
parent: all
---
kind: Machine
name: m1
group: compute
macs: ['52:54:00:00:00:01']
";

async fn site() -> Rig {
    let rig = Rig::start().await;
    rig.apply(SITE).await;
    rig
}

#[tokio::test]
async fn a_patch_changes_parts_and_its_tests_guard_them() {
    let rig = site().await;
    let patch = |operations: Value| {
        let request = rig.request(Method::PATCH, "/api/v1/groups/all");
        request.header("content-type", "application/json-patch+json").body(operations.to_string())
    };
    let changes = json!([
        {"op": "test", "path": "/version", "value": 1},
        {"op": "replace", "path": "/spec/params/size", "value": 4},
        {"op": "add", "path": "/spec/domain", "value": "example.net"},
    ]);
    assert_eq!(patch(changes.clone()).send().await.unwrap().status(), 200);
    let group = rig.client.find::<GroupSpec>("all").await.unwrap();
    assert_eq!((&group.spec.params["size"], group.spec.domain.as_deref()), (&json!(4), Some("example.net")));

    assert_eq!(refusal(patch(changes)).await, (422, "invalid".to_owned()), "the version has moved on");
    let renamed = json!([{"op": "replace", "path": "/name", "value": "others"}]);
    assert_eq!(refusal(patch(renamed)).await, (422, "invalid".to_owned()));
    let wrong = json!([{"op": "replace", "path": "/spec/params/size", "value": "big"}]);
    assert_eq!(refusal(patch(wrong)).await, (422, "invalid".to_owned()));
    assert_eq!(rig.client.find::<GroupSpec>("all").await.unwrap(), group);
}

#[tokio::test]
async fn a_patched_object_keeps_its_secrets() {
    let rig = site().await;
    let patch = json!([{"op": "add", "path": "/spec/params/x", "value": 1}]);
    let request = rig.request(Method::PATCH, "/api/v1/groups/all").json(&patch);
    assert_eq!(request.send().await.unwrap().status(), 200);
    let stored = rig.app.store.find::<store::Groups>(&"all".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(stored.spec.secrets["root_password"].expose(), "hunter2");
}

#[tokio::test]
async fn an_earlier_version_can_be_looked_at_and_gone_back_to() {
    let rig = site().await;
    let motd = rig.client.find::<TemplateSpec>("motd").await.unwrap();
    let spec = TemplateSpec { text: "echo new\n".to_owned(), ..motd.spec.clone() };
    rig.client.update("motd", 1, spec).await.unwrap();
    let versions = rig.client.versions(Kind::Template, "motd").await.unwrap();
    let told: Vec<_> = versions.iter().map(|version| (version.version, version.actor.as_str())).collect();
    assert_eq!(told, [(2, "user:admin"), (1, "user:admin")]);

    rig.client.revert(Kind::Template, "motd", &Revert { to: 1, version: Some(2) }).await.unwrap();
    let back = rig.client.find::<TemplateSpec>("motd").await.unwrap();
    assert_eq!((back.version, back.spec), (3, motd.spec));
    let missing = rig.client.revert(Kind::Template, "motd", &Revert { to: 9, version: None }).await;
    assert_eq!(code(missing), "not_found");
}

#[tokio::test]
async fn a_copy_has_a_name_of_its_own_and_can_be_changed() {
    let rig = site().await;
    let mut names = Vec::new();
    for wanted in [None, None, Some("mine".parse().unwrap())] {
        let copy = rig.client.clone_object(Kind::Template, "motd", &CloneObject { name: wanted }).await.unwrap();
        names.push(copy["name"].as_str().unwrap().to_owned());
    }
    assert_eq!(names, ["motd-clone", "motd-clone-2", "mine"]);
}

#[tokio::test]
async fn a_locked_template_stays_as_it_is_until_it_is_unlocked() {
    let rig = site().await;
    let motd = rig.client.find::<TemplateSpec>("motd").await.unwrap();
    let locked = TemplateSpec { locked: true, ..motd.spec.clone() };
    rig.client.update("motd", 1, locked.clone()).await.unwrap();
    let changed = TemplateSpec { text: "echo\n".to_owned(), ..locked };
    assert_eq!(code(rig.client.update("motd", 2, changed.clone()).await), "locked");
    assert_eq!(code(rig.client.delete::<TemplateSpec>("motd", None).await), "locked");
    let copy = rig.client.clone_object(Kind::Template, "motd", &CloneObject::default()).await.unwrap();
    assert_eq!(copy["spec"]["locked"], Value::Null, "a copy is not locked");
    rig.client.update("motd", 2, TemplateSpec { locked: false, ..changed }).await.unwrap();
}

#[tokio::test]
async fn who_names_an_object_is_told_and_keeps_it_from_being_deleted() {
    let rig = site().await;
    let uses = rig.client.uses(Kind::Group, "all").await.unwrap();
    assert_eq!((uses.uses.len(), uses.uses[0].name.as_str(), uses.uses[0].pointer.as_str()), (1, "compute", "/parent"));
    assert_eq!((uses.machines_total, uses.machines[0].as_str()), (1, "m1"));
    assert_eq!(code(rig.client.delete::<GroupSpec>("all", None).await), "in_use");
    rig.client.delete::<MachineSpec>("m1", None).await.unwrap();
    rig.client.delete::<GroupSpec>("compute", None).await.unwrap();
    rig.client.delete::<GroupSpec>("all", None).await.unwrap();
}

#[tokio::test]
async fn every_parameter_says_where_it_comes_from_and_secrets_are_not_shown() {
    let rig = site().await;
    let found = rig.client.explain_params("m1").await.unwrap();
    let told: Vec<_> = found
        .params
        .iter()
        .map(|param| (param.key.as_str(), param.value.clone(), param.source.as_str(), param.overrides.join(" < ")))
        .collect();
    let expected = [
        ("root_password", json!("[secret]"), "group all", String::new()),
        ("size", json!(3), "group all", "default < global everywhere".to_owned()),
        ("timezone", json!("UTC"), "global everywhere", String::new()),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_template_is_previewed_as_it_will_be_without_its_secrets() {
    let rig = site().await;
    let wanted =
        |text: Option<&str>| RenderPreview { template: "motd".to_owned(), text: text.map(str::to_owned), params: None };
    let rendered = rig.client.render("m1", &wanted(None)).await.unwrap();
    assert_eq!(rendered.text, "#!/bin/sh\necho 3 'UTC' '[secret]'\n");
    let edited = rig.client.render("m1", &wanted(Some("#!/bin/sh\nif true\n"))).await.unwrap();
    assert_eq!(edited.text, "#!/bin/sh\nif true\n");
    let wrong = rig.client.render("m1", &wanted(Some("{{ params.nothing }}"))).await;
    assert_eq!(code(wrong), "invalid");
}

#[tokio::test]
async fn an_edit_is_seen_by_the_next_render() {
    let rig = site().await;
    let wanted = RenderPreview { template: "motd".to_owned(), ..RenderPreview::default() };
    rig.client.render("m1", &wanted).await.unwrap();
    let patch = json!([{"op": "replace", "path": "/spec/params/size", "value": 99}]);
    rig.request(Method::PATCH, "/api/v1/groups/all").json(&patch).send().await.unwrap();
    assert!(rig.client.render("m1", &wanted).await.unwrap().text.contains("echo 99 "));
}

#[tokio::test]
async fn a_value_that_its_declaration_refuses_is_told_with_its_place() {
    let rig = site().await;
    let problems = rig.apply_wrong("kind: Group\nname: g\nparams:\n  size: big\n").await;
    assert_eq!((problems[0].line, problems[0].pointer.as_str()), (4, "/params/size"));
    assert_eq!(problems[0].message, "expected integer, got a text");
    let problems = rig.apply_wrong("kind: Machine\nname: m2\nparams: {root_password: x}\n").await;
    assert!(problems[0].message.contains("set it under `secrets`"), "{problems:?}");
    let circle = "kind: Group\nname: all\nparent: compute\n";
    assert_eq!(rig.apply_wrong(circle).await[0].message, "a group cannot be part of itself: all → compute → all");
}

#[tokio::test]
async fn a_run_keeps_what_its_groups_say_and_no_secret() {
    let rig = site().await;
    rig.apply("kind: Workflow\nname: w\nstages: [{name: A, steps: [{use: test.step}]}, {name: B, steps: [{use: test.step}]}]\n")
        .await;
    let wanted = StartRun { stages: [("B".to_owned(), false)].into(), ..start("w") };
    let run = rig.client.start_run("m1", &wanted, None).await.unwrap();
    let stored = rig.app.store.run(run.id).await.unwrap().unwrap();
    assert_eq!(serde_json::to_value(&stored.params).unwrap(), json!({"size": 3, "timezone": "UTC"}));
    assert!(!stored.definition.stages[1].enabled);
}

#[tokio::test]
async fn a_switched_stage_that_is_not_there_starts_no_run() {
    let rig = site().await;
    rig.apply("kind: Workflow\nname: w\nstages: [{name: A, steps: [{use: test.step}]}]\n").await;
    let wanted = StartRun { stages: [("HEALTHCHECK".to_owned(), false)].into(), ..start("w") };
    assert_eq!(code(rig.client.start_run("m1", &wanted, None).await), "unavailable");
}

#[tokio::test]
async fn an_object_that_lacks_something_says_what_until_it_is_there() {
    let rig = site().await;
    let os = "kind: OperatingSystem\nname: debian-12\ntitle: Debian\nfamily: debian\nmajor: '12'\nmedium: mirror\n\
              templates: {provision: motd}\n";
    rig.apply(os).await;
    let lacks = async || {
        let object = rig.client.object(Kind::OperatingSystem, "debian-12").await.unwrap();
        serde_json::from_value::<Vec<String>>(object["unavailable"].clone()).unwrap_or_default()
    };
    let wrong_kind = "/templates/provision: template motd is a script, not a provision";
    assert_eq!(lacks().await, ["/medium: there is no medium mirror", wrong_kind]);
    rig.apply("kind: Medium\nname: mirror\nurl: http://mirror.example.net/debian\n").await;
    assert_eq!(lacks().await, [wrong_kind]);
    let listed = rig.client.objects(Kind::OperatingSystem).await.unwrap();
    assert!(listed.iter().any(|object| object["name"] == "debian-12" && object["unavailable"][0] == wrong_kind));
}

#[tokio::test]
async fn a_run_does_not_start_without_what_its_boot_environment_needs() {
    let rig = site().await;
    rig.apply(
        "kind: BootEnv\nname: rescue\nkernel: vmlinuz\nrequired_params: [size, rack]\n---\n\
         kind: Workflow\nname: w\nstages: [{name: A, steps: [{use: boot.into, with: {env: rescue}}]}]\n",
    )
    .await;
    let refused = rig.client.start_run("m1", &start("w"), None).await.unwrap_err().to_string();
    assert!(refused.contains("boot environment rescue needs parameter rack"), "{refused}");
    assert!(!refused.contains("parameter size"), "{refused}");
}
