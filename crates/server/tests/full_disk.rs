//! A server whose disk is full: machines boot, new work waits outside, and everything goes on when there is room.

#![expect(clippy::unwrap_used, reason = "what a rig cannot do fails its test")]

mod rig;

use client::{Client, ClientError};
use lab::small_disk::{fill, on_a_small_disk};
use rig::{Crash, Rig};
use server::Surroundings;
use std::path::Path;
use std::time::Duration;
use store::{Condition, EncryptionKey, Store, StoreOptions};
use types::machine::MachineState;
use types::{Digest, Params};
use wire::{ApplyFile, Health, HealthStatus, StartRun, code};
use workflow::RunState;

/// Far longer than the server takes to notice.
const LIMIT: Duration = Duration::from_secs(30);

fn refused<T: std::fmt::Debug>(result: Result<T, ClientError>) -> (u16, String) {
    match result {
        Err(ClientError::Refused(problem)) => (problem.status, problem.code),
        other => panic!("{other:?}"),
    }
}

async fn becomes(client: &Client, status: HealthStatus) -> Health {
    let looking = async {
        loop {
            let health = client.health().await.unwrap();
            if health.status == status {
                return health;
            }
        }
    };
    tokio::time::timeout(LIMIT, looking).await.unwrap()
}

/// Fills the disk and what the server then gives up of it.
async fn fill_to_the_brim(client: &Client, filler: &Path) {
    fill(filler);
    let health = becomes(client, HealthStatus::Degraded).await;
    assert_eq!(health.troubles[0].code, code::DISK_FULL);
    fill(filler);
}

fn subnet() -> Vec<ApplyFile> {
    let text = "kind: Subnet\nname: other\ncidr: 10.9.0.0/24\nunknown: ignore\n".to_owned();
    vec![ApplyFile { file: "other.yaml".to_owned(), text }]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn machine_boots_on_a_full_disk_and_is_installed_when_there_is_room() {
    let itself = "machine_boots_on_a_full_disk_and_is_installed_when_there_is_room";
    let Some(disk) = on_a_small_disk(itself) else { return };
    let rig = Rig::start(Crash::Never).await;
    let client = rig.client();
    let filler = disk.join("filler");
    fill_to_the_brim(&client, &filler).await;

    assert_eq!(refused(client.apply(subnet(), false).await), (503, code::DISK_FULL.to_owned()));
    let content = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    assert_eq!(refused(client.upload_image("disk", content, |_| {}).await), (503, code::DISK_FULL.to_owned()));
    for file in ["script.ipxe", "agent.cpio"] {
        assert_eq!(rig.status_without_token("GET", &format!("/boot/52-54-00-00-00-01/{file}")).await, 200);
    }
    rig.power_on().await;

    std::fs::remove_file(&filler).unwrap();
    let run = rig.ended().await;
    assert_eq!(run.state, RunState::Succeeded, "{:?}", run.failure);
    assert_eq!(rig.deeds().images_written.len(), 1);
    assert_eq!(rig.machine().await.status.state, MachineState::Deployed);
    becomes(&client, HealthStatus::Ok).await;
    client.apply(subnet(), false).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_under_way_comes_to_its_end_on_a_full_disk() {
    let itself = "run_under_way_comes_to_its_end_on_a_full_disk";
    let Some(disk) = on_a_small_disk(itself) else { return };
    let rig = Rig::start(Crash::Never).await;
    let client = rig.client();
    rig.power_on().await;
    rig.ended().await;
    let name = rig.machine().await.name;
    let params = Params::from([("image".to_owned(), "disk".into())]);
    let start = StartRun { params, ..StartRun::default() };
    let run = client.start_run(name.as_str(), &start, None).await.unwrap();
    fill(&disk.join("filler"));

    let ended = rig.run_ended(run.id).await;
    assert_eq!(ended.state, RunState::Succeeded, "{:?}", ended.failure);
    assert_eq!(becomes(&client, HealthStatus::Degraded).await.troubles[0].code, code::DISK_FULL);
    let again = client.start_run(name.as_str(), &start, None).await;
    assert_eq!(refused(again), (503, code::DISK_FULL.to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn image_that_does_not_fit_is_refused_and_leaves_nothing() {
    let itself = "image_that_does_not_fit_is_refused_and_leaves_nothing";
    let Some(disk) = on_a_small_disk(itself) else { return };
    let rig = Rig::start(Crash::Never).await;
    let client = rig.client();
    let digest = Digest::of(b"some other bytes");
    let text = format!("kind: Image\nname: large\ndigest: {digest}\nformat: raw\ndisk_size_bytes: 1000\n");
    client.apply(vec![ApplyFile { file: "large.yaml".to_owned(), text }], false).await.unwrap();
    let large = disk.join("large");
    std::fs::File::create(&large).unwrap().set_len(100 << 20).unwrap();

    assert_eq!(refused(client.upload_image("large", &large, |_| {}).await), (503, code::DISK_FULL.to_owned()));
    becomes(&client, HealthStatus::Ok).await;
    client.apply(subnet(), false).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn start_without_any_room_says_that_the_disk_is_full() {
    let Some(disk) = on_a_small_disk("start_without_any_room_says_that_the_disk_is_full") else { return };
    let options = StoreOptions {
        path: disk.join("slipway.db"),
        key: EncryptionKey::from_bytes([7; 32]),
        clock: Surroundings::default().clock,
    };
    let store = Store::open(options.clone()).await.unwrap();
    fill(&disk.join("filler"));
    assert!(matches!(*store.condition().borrow(), Condition::Full { .. }));
    store.close().await;
    fill(&disk.join("filler"));

    let refused = Store::open(options).await.err().unwrap();
    assert!(refused.to_string().ends_with("is full: make room, then start again"), "{refused:?}");
}
