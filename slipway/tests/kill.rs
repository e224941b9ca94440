//! `kill -9` of the server's process at random moments of a run: the run ends as it would have, and nothing that
//! must not be repeated is repeated.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use client::{Client, EventQuery};
use lab::power::{BootPlan, BootSource, PowerBackend as _};
use lab::small_disk::{fill, on_a_small_disk};
use lab::solo::{self, Solo};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use types::Secret;
use types::event::Event;
use wire::{HealthStatus, RunView};
use workflow::RunState;

/// Far longer than any of it takes.
const LIMIT: Duration = Duration::from_secs(60);
/// Times that the server is killed, each in a run of its own.
const KILLS: u64 = 20;
/// Runs side by side: more only wait for each other on two cores.
const SIDE_BY_SIDE: u64 = 4;
/// After one of these a run changes no more.
const ENDED: [&str; 3] = ["run.succeeded", "run.failed", "run.cancelled"];

/// A server's process, which is killed when dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Starts the server and waits until it serves. At its first start it tells the token.
fn start_server(folder: &Path) -> (Server, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slipway"));
    command.args(["serve", "--announce", "json", "--config"]).arg(folder.join("slipway.yaml"));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (Server(child), serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}")))
}

/// The first event of one of these kinds, whenever it was. It outlives servers: the stream of events is resumed.
async fn first(client: &Client, kinds: &[&str]) -> Event {
    let mut events = client.follow(EventQuery { after: Some(0), ..EventQuery::default() });
    loop {
        let event = events.next().await.unwrap();
        if kinds.contains(&event.kind.as_str()) {
            return event;
        }
    }
}

/// The machine's only run, once it has ended.
async fn ended(client: &Client) -> RunView {
    let event = first(client, &ENDED).await;
    client.run(event.run.unwrap()).await.unwrap()
}

/// A server with a site of one machine, which has been switched on.
struct Site {
    server: Server,
    client: Client,
    solo: Solo,
}

impl Site {
    /// Everything that the server writes is in `folder`.
    async fn start(folder: &Path) -> Self {
        let boot = folder.join("boot");
        solo::write_boot_files(&boot).unwrap();
        let address = solo::free_address().unwrap();
        let config = json!({
            "data": folder.join("data"), "listen": address, "boot": {"loaders": boot, "maintenance_os": boot},
            "engine": {"lease": "10s"},
        });
        std::fs::write(folder.join("slipway.yaml"), config.to_string()).unwrap();
        let (server, announced) = start_server(folder);
        let token = Secret::new(announced["token"].as_str().unwrap());
        let client = Client::new(announced["url"].as_str().unwrap().parse().unwrap(), &token).unwrap();
        let solo = Solo::start(format!("http://{address}/").parse().unwrap()).await.unwrap();
        solo.declare(&client, folder, "default").await.unwrap();
        // The boot path reads a changed site within milliseconds, which is later than at once.
        let script = format!("http://{address}/boot/{}/script.ipxe", solo::MAC.dashed());
        while !reqwest::get(&script).await.unwrap().text().await.unwrap().contains("kernel ") {}
        solo.machine.power_on(BootPlan { source: BootSource::Network, cd: None }).await.unwrap();
        Self { server, client, solo }
    }

    /// What differs from an undisturbed run, if anything, once the run has ended.
    async fn difference(&self) -> Option<String> {
        let run = tokio::time::timeout(LIMIT, ended(&self.client)).await.ok();
        let deeds = self.solo.machine.deeds();
        let succeeded = run.as_ref().is_some_and(|run| run.state == RunState::Succeeded);
        let once = (deeds.power_ons, deeds.resets, deeds.images_written.len()) == (1, 2, 1);
        (!(succeeded && once)).then(|| format!("{deeds:?}, {run:#?}"))
    }
}

/// Kills the server `pause` after the machine was switched on. What differs from an undisturbed run, if anything.
async fn kill_after(pause: Duration) -> Option<String> {
    let folder = TempDir::new().unwrap();
    let mut site = Site::start(folder.path()).await;
    // The moment has come when the pause is over, or with the run's end.
    tokio::time::timeout(pause, ended(&site.client)).await.ok();
    drop(site.server);
    (site.server, _) = start_server(folder.path());
    site.difference().await.map(|difference| format!("killed after {pause:?}: {difference}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_goes_on_with_its_runs() {
    rustls::crypto::ring::default_provider().install_default().ok();
    // A whole run takes about a second; the moments are spread over it and a little beyond.
    let moment = |number: u64| Duration::from_millis(number * 60 + rand::random_range(0..60));
    let mut failures = Vec::new();
    for first in (0..KILLS).step_by(usize::try_from(SIDE_BY_SIDE).unwrap()) {
        let kills = (first..first + SIDE_BY_SIDE).map(|number| kill_after(moment(number)));
        failures.extend(futures_util::future::join_all(kills).await.into_iter().flatten());
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

async fn becomes(client: &Client, status: HealthStatus) {
    let looking = async { while client.health().await.unwrap().status != status {} };
    tokio::time::timeout(LIMIT, looking).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_on_a_full_disk_starts_there_and_goes_on() {
    let itself = "a_server_that_is_killed_on_a_full_disk_starts_there_and_goes_on";
    let Some(disk) = on_a_small_disk(itself) else { return };
    rustls::crypto::ring::default_provider().install_default().ok();
    let mut site = Site::start(&disk).await;
    first(&site.client, &["run.created"]).await;
    let filler = disk.join("filler");
    fill(&filler);
    becomes(&site.client, HealthStatus::Degraded).await;
    // What it gave up for the run under way is filled too.
    fill(&filler);
    drop(site.server);

    (site.server, _) = start_server(&disk);
    becomes(&site.client, HealthStatus::Degraded).await;
    std::fs::remove_file(&filler).unwrap();
    assert_eq!(site.difference().await, None);
    becomes(&site.client, HealthStatus::Ok).await;
}
