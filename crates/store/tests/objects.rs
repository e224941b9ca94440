//! Objects: one change at a time, secrets sealed, documents all or nothing.

#![expect(clippy::unwrap_used, reason = "what the arrangement of a test cannot do fails it")]

mod rig;

use rig::{Rig, mac, name};
use serde_json::{Value, json};
use store::{
    Applied, ApplyError, Bmcs, Change, Document, Images, Machines, Reservations, Selector, StoreError, Subnets,
    Templates, Workflows,
};
use types::bmc::BmcSpec;
use types::machine::MachineSpec;
use types::object::{Kind, Source};
use types::{ObjectId, Secret};

fn machine_spec(last_octets: &[u8]) -> MachineSpec {
    MachineSpec { macs: last_octets.iter().map(|octet| mac(*octet)).collect(), ..MachineSpec::default() }
}

fn bmc_spec(password: &str) -> BmcSpec {
    BmcSpec {
        url: "https://10.0.0.5".parse().unwrap(),
        username: "admin".to_owned(),
        password: Secret::new(password),
        certificate: None,
    }
}

fn document(kind: Kind, name_of_it: &str, spec: Value) -> Document {
    Document { kind, name: name(name_of_it), spec }
}

fn template(name_of_it: &str, text: &str) -> Document {
    document(Kind::Template, name_of_it, json!({ "output": "snippet", "text": text }))
}

async fn apply(rig: &Rig, documents: Vec<Document>) -> Result<Vec<Change>, ApplyError> {
    let applied = rig.store().apply(documents, Source::File, "user:ada", false).await?;
    Ok(applied.into_iter().map(|applied| applied.change).collect())
}

#[tokio::test]
async fn an_object_is_found_by_id_and_by_name() {
    let rig = Rig::start().await;
    let made = rig.machine("node-1", 1).await;
    for selector in [made.id.to_string(), "node-1".to_owned()] {
        let selector: Selector = selector.parse().unwrap();
        assert_eq!(rig.store().find::<Machines>(&selector).await.unwrap().as_ref(), Some(&made));
    }
    assert_eq!((made.version, made.source, made.created), (1, Source::Api, rig.now()));
    assert!(rig.store().find::<Bmcs>(&made.id.into()).await.unwrap().is_none(), "kinds do not mix");
    assert!(rig.store().find::<Machines>(&"Not a name!".parse().unwrap()).await.unwrap().is_none());
}

#[tokio::test]
async fn objects_are_listed_by_name_page_by_page() {
    let rig = Rig::start().await;
    for (octet, name) in [(3, "c"), (1, "a"), (2, "b")] {
        rig.machine(name, octet).await;
    }
    let page = rig.store().list::<Machines>(None, 2).await.unwrap();
    assert_eq!(page.iter().map(|machine| machine.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let rest = rig.store().list::<Machines>(Some(&page[1].name), 2).await.unwrap();
    assert_eq!(rest.iter().map(|machine| machine.name.as_str()).collect::<Vec<_>>(), ["c"]);
}

#[tokio::test]
async fn a_name_is_given_once_per_kind() {
    let rig = Rig::start().await;
    rig.machine("node-1", 1).await;
    let again = rig.store().create::<Machines>(name("node-1"), machine_spec(&[]), Source::Api, "user:ada").await;
    assert_eq!(again.unwrap_err(), StoreError::NameTaken { kind: Kind::Machine, name: name("node-1") });
    rig.store().create::<Bmcs>(name("node-1"), bmc_spec("x"), Source::Api, "user:ada").await.unwrap();
}

#[tokio::test]
async fn a_change_of_what_somebody_else_has_changed_is_refused() {
    let rig = Rig::start().await;
    let machine = rig.machine("node-1", 1).await;
    let changed = rig.store().update::<Machines>(machine.id, 1, machine_spec(&[1, 2]), "user:ada").await.unwrap();
    assert_eq!(changed.version, 2);
    let stale = StoreError::Stale { current: 2 };
    let update = rig.store().update::<Machines>(machine.id, 1, machine_spec(&[3]), "user:bob").await;
    assert_eq!(update.unwrap_err(), stale);
    let rename = rig.store().rename::<Machines>(machine.id, 1, name("node-2"), "user:bob").await;
    assert_eq!(rename.unwrap_err(), stale);
    assert_eq!(rig.store().delete::<Machines>(machine.id, 1, "user:bob").await.unwrap_err(), stale);
    let now = rig.store().find::<Machines>(&machine.id.into()).await.unwrap().unwrap();
    assert_eq!(now.spec.macs, [mac(1), mac(2)]);
}

#[tokio::test]
async fn an_update_to_what_is_so_already_changes_nothing() {
    let rig = Rig::start().await;
    let machine = rig.machine("node-1", 1).await;
    rig.advance(1);
    let same = rig.store().update::<Machines>(machine.id, 1, machine_spec(&[1]), "user:ada").await.unwrap();
    assert_eq!(same, machine);
    assert_eq!(rig.history().await.len(), 1);
}

#[tokio::test]
async fn a_machine_can_be_renamed_and_removed_but_not_under_its_run() {
    let rig = Rig::start().await;
    let run = rig.run().await;
    let id = ObjectId::from(run.machine);
    let busy = rig.store().delete::<Machines>(id, 1, "user:ada").await.unwrap_err();
    assert_eq!(busy, StoreError::MachineBusy { run: run.id });
    let renamed = rig.store().rename::<Machines>(id, 1, name("web-1"), "user:ada").await.unwrap();
    assert_eq!((renamed.name.as_str(), renamed.version), ("web-1", 2));
    let other = rig.machine("node-2", 2).await;
    rig.store().delete::<Machines>(other.id, 1, "user:ada").await.unwrap();
    assert!(rig.store().machine_by_mac(mac(2)).await.unwrap().is_none());
    let missing = rig.store().delete::<Machines>(other.id, 1, "user:ada").await.unwrap_err();
    assert_eq!(missing, StoreError::NotFound { what: "Machine", id: other.id.to_string() });
    let taken = rig.store().rename::<Machines>(id, 2, name("web-1"), "user:ada").await.unwrap();
    assert_eq!(taken.version, 2, "its own name is not taken");
}

#[tokio::test]
async fn what_is_known_changes_without_a_new_version() {
    let rig = Rig::start().await;
    let spec = serde_json::from_value(json!({
        "digest": types::Digest::of(b"disk"), "format": "raw-zst", "disk_size_bytes": 4096,
    }));
    let image = rig.store().create::<Images>(name("debian"), spec.unwrap(), Source::Api, "user:ada").await.unwrap();
    let known = rig.store().update_status::<Images>(image.id, |status| status.file_size_bytes = Some(77)).await;
    assert_eq!(known.unwrap().version, 1);
    let stored = rig.store().find::<Images>(&image.id.into()).await.unwrap().unwrap();
    assert_eq!(stored.status.file_size_bytes, Some(77));
    let missing = rig.store().update_status::<Images>(ObjectId::new(), |_| ()).await;
    assert!(matches!(missing, Err(StoreError::NotFound { .. })));
}

#[tokio::test]
async fn every_change_by_a_person_is_on_record_without_the_spec() {
    let rig = Rig::start().await;
    let bmc = rig.store().create::<Bmcs>(name("bmc-1"), bmc_spec("hunter2"), Source::Api, "user:ada").await.unwrap();
    rig.store().update::<Bmcs>(bmc.id, 1, bmc_spec("hunter3"), "user:bob").await.unwrap();
    rig.store().delete::<Bmcs>(bmc.id, 2, "user:eve").await.unwrap();
    let told: Vec<(String, Value)> =
        rig.history().await.into_iter().map(|event| (event.actor, event.data["action"].clone())).collect();
    assert_eq!(
        told,
        [
            ("user:ada".to_owned(), json!("create")),
            ("user:bob".to_owned(), json!("update")),
            ("user:eve".to_owned(), json!("delete")),
        ]
    );
    assert!(rig.history().await.iter().all(|event| event.data.get("spec").is_none()));
}

#[tokio::test]
async fn a_password_comes_back_and_is_nowhere_in_the_files() {
    let mut rig = Rig::start().await;
    let secret = "correct-horse-battery-staple";
    let bmc = rig.store().create::<Bmcs>(name("bmc-1"), bmc_spec(secret), Source::Api, "user:ada").await.unwrap();
    assert_eq!(bmc.spec.password.expose(), secret);
    let contains = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(contains(&rig.bytes(), "bmc-1") && !contains(&rig.bytes(), secret), "in the log of writes");
    rig.close().await;
    assert!(contains(&rig.bytes(), "bmc-1") && !contains(&rig.bytes(), secret), "in the database");
    rig.crash().await;
    let bmc = rig.store().find::<Bmcs>(&bmc.id.into()).await.unwrap().unwrap();
    assert_eq!(bmc.spec.password.expose(), secret);
}

#[tokio::test]
async fn a_secret_that_was_only_shown_is_kept_when_it_comes_back() {
    let rig = Rig::start().await;
    let bmc = rig.store().create::<Bmcs>(name("bmc-1"), bmc_spec("hunter2"), Source::Api, "user:ada").await.unwrap();
    let shown = serde_json::to_value(&bmc.spec).unwrap();
    assert_eq!(shown["password"], "[secret]");
    let same = apply(&rig, vec![document(Kind::Bmc, "bmc-1", shown.clone())]).await.unwrap();
    assert_eq!(same, [Change::Unchanged]);
    let spec = BmcSpec { username: "root".to_owned(), ..bmc_spec("[secret]") };
    let changed = rig.store().update::<Bmcs>(bmc.id, 1, spec, "user:ada").await.unwrap();
    assert_eq!((changed.spec.username.as_str(), changed.spec.password.expose()), ("root", "hunter2"));
    let new = rig.store().create::<Bmcs>(name("bmc-2"), bmc_spec("[secret]"), Source::Api, "user:ada").await;
    assert_eq!(new.unwrap_err(), StoreError::SecretNotGiven { path: "/password".to_owned() });
}

#[tokio::test]
async fn applying_twice_changes_nothing_the_second_time() {
    let rig = Rig::start().await;
    let documents = vec![
        template("motd", "hello"),
        document(Kind::Subnet, "boot", json!({ "cidr": "10.77.0.0/24" })),
        document(Kind::Reservation, "gw", json!({ "mac": mac(9), "address": "10.77.0.9" })),
        document(Kind::Workflow, "flow", json!({ "stages": [{ "name": "A", "steps": [{ "use": "a" }] }] })),
        document(Kind::BootEnv, "local", json!({})),
        document(Kind::Bmc, "bmc-1", json!({ "url": "https://10.0.0.5", "username": "a", "password": "b" })),
        document(Kind::Machine, "node-1", json!({ "macs": [mac(1)], "bmc": "bmc-1" })),
    ];
    let first = apply(&rig, documents.clone()).await.unwrap();
    assert!(first.iter().all(|change| *change == Change::Created));
    let history = rig.history().await.len();
    let second = apply(&rig, documents).await.unwrap();
    assert!(second.iter().all(|change| *change == Change::Unchanged), "{second:?}");
    assert_eq!(rig.history().await.len(), history);
    assert!(rig.store().find::<Subnets>(&(&name("boot")).into()).await.unwrap().is_some());
    assert!(rig.store().find::<Reservations>(&(&name("gw")).into()).await.unwrap().is_some());
    assert!(rig.store().find::<Workflows>(&(&name("flow")).into()).await.unwrap().is_some());
    let machine = rig.store().machine_by_mac(mac(1)).await.unwrap().unwrap();
    assert_eq!((machine.version, machine.source), (1, Source::File));
}

#[tokio::test]
async fn documents_are_applied_all_or_none() {
    let rig = Rig::start().await;
    rig.machine("node-1", 1).await;
    let documents = vec![
        template("motd", "hello"),
        document(Kind::Machine, "node-1", json!({ "macs": [mac(1), mac(2)] })),
        document(Kind::Machine, "node-2", json!({ "macs": [mac(2)] })),
    ];
    let before = rig.history().await;
    let error = apply(&rig, documents).await.unwrap_err();
    let source = StoreError::MacTaken { mac: mac(2), machine: name("node-1") };
    assert_eq!(error, ApplyError::Document { document: 2, source });
    assert!(rig.store().list::<Templates>(None, 10).await.unwrap().is_empty());
    assert_eq!(rig.store().list::<Machines>(None, 10).await.unwrap().len(), 1);
    assert!(rig.store().machine_by_mac(mac(2)).await.unwrap().is_none());
    assert!(rig.store().machine_by_mac(mac(1)).await.unwrap().is_some());
    assert_eq!(rig.history().await, before);
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let rig = Rig::start().await;
    apply(&rig, vec![template("a", "1"), template("b", "1")]).await.unwrap();
    let documents = vec![template("a", "1"), template("b", "2"), template("c", "1")];
    let applied = rig.store().apply(documents, Source::File, "user:ada", true).await.unwrap();
    let changes: Vec<(&str, Change)> =
        applied.iter().map(|Applied { name, change, .. }| (name.as_str(), *change)).collect();
    assert_eq!(changes, [("a", Change::Unchanged), ("b", Change::Updated), ("c", Change::Created)]);
    let stored = rig.store().list::<Templates>(None, 10).await.unwrap();
    assert_eq!(stored.iter().map(|template| template.spec.text.as_str()).collect::<Vec<_>>(), ["1", "1"]);
    assert_eq!(rig.history().await.len(), 2);
}

#[tokio::test]
async fn machines_can_exchange_their_cards_in_one_apply() {
    let rig = Rig::start().await;
    rig.machine("node-1", 1).await;
    rig.machine("node-2", 2).await;
    let documents = vec![
        document(Kind::Machine, "node-1", json!({ "macs": [mac(2)] })),
        document(Kind::Machine, "node-2", json!({ "macs": [mac(1)] })),
    ];
    assert_eq!(apply(&rig, documents).await.unwrap(), [Change::Updated, Change::Updated]);
    assert_eq!(rig.store().machine_by_mac(mac(1)).await.unwrap().unwrap().name, name("node-2"));
    assert_eq!(rig.store().machine_by_mac(mac(2)).await.unwrap().unwrap().name, name("node-1"));
}

#[tokio::test]
async fn a_document_given_twice_or_misshapen_is_named() {
    let rig = Rig::start().await;
    let twice = apply(&rig, vec![template("a", "1"), template("a", "2")]).await.unwrap_err();
    let source = StoreError::NameTaken { kind: Kind::Template, name: name("a") };
    assert_eq!(twice, ApplyError::Document { document: 1, source });
    let misshapen = apply(&rig, vec![document(Kind::Machine, "x", json!({ "color": "red" }))]).await.unwrap_err();
    let named = |error: &ApplyError| {
        matches!(error, ApplyError::Document { document: 0, source: StoreError::Malformed { .. } })
    };
    assert!(named(&misshapen), "{misshapen:?}");
}

#[tokio::test]
async fn built_in_objects_follow_the_program_and_are_read_only() {
    let rig = Rig::start().await;
    apply(&rig, vec![template("mine", "1")]).await.unwrap();
    let hidden = rig.store().set_builtin(vec![template("a", "1"), template("b", "1"), template("mine", "2")]).await;
    assert_eq!(hidden.unwrap(), [(Kind::Template, name("mine"))], "the user's stays");
    rig.store().set_builtin(vec![template("b", "2"), template("c", "1")]).await.unwrap();
    let stored = rig.store().list::<Templates>(None, 10).await.unwrap();
    let shape: Vec<(&str, &str, u64)> =
        stored.iter().map(|object| (object.name.as_str(), object.spec.text.as_str(), object.version)).collect();
    assert_eq!(shape, [("b", "2", 2), ("c", "1", 1), ("mine", "1", 1)]);
    let read_only = StoreError::ReadOnly { kind: Kind::Template, name: name("c") };
    let error = apply(&rig, vec![template("c", "mine")]).await.unwrap_err();
    assert_eq!(error, ApplyError::Document { document: 0, source: read_only.clone() });
    let deleted = rig.store().delete::<Templates>(stored[1].id, 1, "user:ada").await.unwrap_err();
    assert_eq!(deleted, read_only);
}

#[tokio::test]
async fn an_unreadable_object_is_named() {
    let mut rig = Rig::start().await;
    let machine = rig.machine("node-1", 1).await;
    rig.meddle("UPDATE objects SET spec = '{\"color\": \"red\"}'").await;
    let error = rig.store().find::<Machines>(&machine.id.into()).await.unwrap_err();
    assert_eq!(error, StoreError::Corrupt { what: format!("Machine node-1 ({})", machine.id) });
}
