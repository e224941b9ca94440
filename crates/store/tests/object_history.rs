//! What objects name of each other, what they were, and parameters that nobody sees.

#![expect(clippy::unwrap_used, reason = "what the arrangement of a test cannot do fails it")]

mod rig;

use rig::{Rig, name};
use serde_json::json;
use store::{Designs, Groups, Machines, Profiles, Templates, Use};
use types::design::DesignSpec;
use types::group::GroupSpec;
use types::machine::MachineSpec;
use types::object::{Kind, Source};
use types::param::{ProfileSpec, SecretValue, Secrets};
use types::template::TemplateSpec;

fn template(text: &str) -> TemplateSpec {
    serde_json::from_value(json!({"output": "script", "text": text})).unwrap()
}

fn user(kind: Kind, by: &str, pointer: &str) -> Use {
    Use { kind, name: name(by), pointer: pointer.to_owned() }
}

#[tokio::test]
async fn what_names_an_object_is_known_while_it_does() {
    let rig = Rig::start().await;
    let store = rig.store();
    let racks = store.create::<Groups>(name("racks"), GroupSpec::default(), Source::Api, "user:ada").await.unwrap();
    let part = GroupSpec { parent: Some(racks.name.clone()), ..GroupSpec::default() };
    store.create::<Groups>(name("a1"), part, Source::Api, "user:ada").await.unwrap();
    let member = MachineSpec { group: Some(racks.name.clone()), ..MachineSpec::default() };
    let machine = store.create::<Machines>(name("m1"), member, Source::Api, "user:ada").await.unwrap();
    let uses = store.uses_of(Kind::Group, &racks.name).await.unwrap();
    assert_eq!(uses, [user(Kind::Group, "a1", "/parent"), user(Kind::Machine, "m1", "/group")]);

    store.update::<Machines>(machine.id, 1, MachineSpec::default(), "user:ada").await.unwrap();
    assert_eq!(store.uses_of(Kind::Group, &racks.name).await.unwrap(), [user(Kind::Group, "a1", "/parent")]);
}

#[tokio::test]
async fn every_change_of_an_object_can_be_looked_at() {
    let rig = Rig::start().await;
    let store = rig.store();
    let made = store.create::<Templates>(name("t"), template("one"), Source::Api, "user:ada").await.unwrap();
    store.update::<Templates>(made.id, 1, template("two"), "user:eve").await.unwrap();
    let versions = store.versions::<Templates>(made.id).await.unwrap();
    let told: Vec<_> = versions.iter().map(|v| (v.version, v.actor.as_str(), v.spec.text.as_str())).collect();
    assert_eq!(told, [(2, "user:eve", "two"), (1, "user:ada", "one")]);
}

#[tokio::test]
async fn the_last_hundred_versions_are_kept() {
    let rig = Rig::start().await;
    let made = rig.store().create::<Templates>(name("t"), template("0"), Source::Api, "user:ada").await.unwrap();
    for version in 1..=120 {
        rig.store().update::<Templates>(made.id, version, template(&version.to_string()), "user:ada").await.unwrap();
    }
    let versions = rig.store().versions::<Templates>(made.id).await.unwrap();
    assert_eq!((versions.len(), versions[0].version, versions[99].version), (100, 121, 22));
}

#[tokio::test]
async fn secret_parameters_come_back_and_are_nowhere_in_the_files() {
    let mut rig = Rig::start().await;
    let secrets = Secrets::from([
        ("root/password".to_owned(), SecretValue::new("correct-horse")),
        ("keys".to_owned(), SecretValue::new(json!(["battery-staple"]))),
    ]);
    let spec = ProfileSpec { secrets, ..ProfileSpec::default() };
    let made = rig.store().create::<Profiles>(name("p"), spec.clone(), Source::Api, "user:ada").await.unwrap();
    let older = rig.store().versions::<Profiles>(made.id).await.unwrap();
    assert_eq!((&made.spec, &older[0].spec), (&spec, &spec));
    rig.close().await;
    let contains = |text: &str| rig.bytes().windows(text.len()).any(|window| window == text.as_bytes());
    assert!(contains("root/password") && !contains("correct-horse") && !contains("battery-staple"));
}

#[tokio::test]
async fn each_secret_that_was_only_shown_is_kept_and_another_is_replaced() {
    let rig = Rig::start().await;
    let spec: DesignSpec = serde_json::from_value(json!({
        "group": "compute",
        "secrets": {"root": "a"},
        "rows": {"n1": {"secrets": {"bmc": "b", "vnc": "c"}}},
    }))
    .unwrap();
    let made = rig.store().create::<Designs>(name("d"), spec, Source::Api, "user:ada").await.unwrap();
    let mut shown = serde_json::to_value(&made.spec).unwrap();
    assert_eq!(shown["rows"]["n1"]["secrets"], json!({"bmc": "[secret]", "vnc": "[secret]"}));
    shown["rows"]["n1"]["secrets"]["vnc"] = "new".into();
    let back = serde_json::from_value(shown).unwrap();
    let changed = rig.store().update::<Designs>(made.id, 1, back, "user:ada").await.unwrap();
    let row = &changed.spec.rows[&name("n1")];
    let texts = [&changed.spec.secrets["root"], &row.secrets["bmc"], &row.secrets["vnc"]];
    assert_eq!(texts.map(|secret| secret.expose().as_str().unwrap()), ["a", "b", "new"]);
}
