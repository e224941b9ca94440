//! A whole server in this process, with a simulated machine behind a simulated BMC, that can be killed between
//! any two commits of a run.

#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses its part of the rig")]

use async_trait::async_trait;
use bmc::{Bmc, Limits, PowerAction, RedfishBmc};
use client::{Client, EventQuery, RunQuery};
use lab::power::PowerBackend;
use lab::redfish::{BmcOptions, BmcSimulator, Firmware as BmcFirmware};
use lab::simulated::{Deeds, SimulatedMachine, SimulatedSpec};
use serde_json::json;
use server::{Config, Server, Surroundings};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use store::Store;
use tempfile::TempDir;
use tokio::sync::{Notify, oneshot, watch};
use types::bmc::BmcSpec;
use types::machine::{Firmware, MachineSpec};
use types::{Digest, MacAddr, RunId, Secret, Timestamp};
use url::Url;
use uuid::Uuid;
use wire::{ApplyFile, Machine, RunView};
use workflow::OperatorCommand;
use workflow::ports::{Claimed, Clock, Commit, CommitError, Lease, RunStore};

/// Far longer than any of it takes; a test that reaches it has hung.
const LIMIT: Duration = Duration::from_secs(60);
const MAC: MacAddr = MacAddr([0x52, 0x54, 0, 0, 0, 1]);
const BMC_PASSWORD: &str = "bmc-password";
/// What stands for a disk image.
const IMAGE: &[u8] = b"the bytes of a disk";

/// Where the server is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crash {
    Never,
    /// Right before the commit of this number reaches the store.
    Before(usize),
    /// Right after it, before anybody is told.
    After(usize),
}

/// How fast a server's time goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As ours.
    Real,
    /// [`SPEED`] times ours: pauses between tries, and what is granted to a BMC, are over sooner.
    Fast,
}

const SPEED: u32 = 20;

/// A clock that goes [`SPEED`] times as fast, from now on.
struct FastClock {
    began: Timestamp,
    since: Instant,
}

#[async_trait]
impl Clock for FastClock {
    fn now(&self) -> Timestamp {
        self.began + self.since.elapsed() * SPEED
    }

    async fn sleep_until(&self, at: Timestamp) {
        let wait = Duration::try_from(at.duration_since(self.now())).unwrap_or_default();
        tokio::time::sleep(wait / SPEED).await;
    }
}

fn surroundings(pace: Pace) -> Surroundings {
    if pace == Pace::Real {
        return Surroundings::default();
    }
    let usual = Limits::default();
    let requests = redfish::Options {
        first_backoff: usual.requests.first_backoff / SPEED,
        max_backoff: usual.requests.max_backoff / SPEED,
        task_poll: usual.requests.task_poll / SPEED,
        ..usual.requests
    };
    let bmc_limits = Limits {
        settle: usual.settle / SPEED,
        look_every: usual.look_every / SPEED,
        first_rest: usual.first_rest / SPEED,
        longest_rest: usual.longest_rest / SPEED,
        requests,
        ..usual
    };
    let clock = Arc::new(FastClock { began: Timestamp::now(), since: Instant::now() });
    Surroundings { clock, bmcs: Arc::new(bmc_limits), ..Surroundings::default() }
}

/// The engine's view of the store, which stops for ever at the crash.
struct CrashingStore {
    store: Store,
    crash: Crash,
    commits: Arc<AtomicUsize>,
    crashed: Arc<Notify>,
}

impl CrashingStore {
    async fn stop_here(&self) {
        self.crashed.notify_one();
        std::future::pending().await
    }
}

#[async_trait]
impl RunStore for CrashingStore {
    async fn claim_due(&self, now: Timestamp, until: Timestamp, limit: usize) -> Result<Vec<Claimed>, CommitError> {
        self.store.claim_due(now, until, limit).await
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<u64, CommitError> {
        let number = self.commits.fetch_add(1, Ordering::SeqCst);
        if self.crash == Crash::Before(number) {
            self.stop_here().await;
        }
        let committed = self.store.commit(commit).await;
        if self.crash == Crash::After(number) {
            self.stop_here().await;
        }
        committed
    }

    async fn renew(&self, lease: Lease, until: Timestamp) -> Result<(), CommitError> {
        self.store.renew(lease, until).await
    }

    async fn commands(&self, run: RunId) -> Result<Vec<OperatorCommand>, CommitError> {
        RunStore::commands(&self.store, run).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, CommitError> {
        self.store.next_due().await
    }

    fn due_changed(&self) -> Arc<Notify> {
        self.store.due_changed()
    }

    fn command_seq(&self) -> watch::Receiver<i64> {
        self.store.command_seq()
    }
}

/// A server, its machine and the machine's BMC.
pub(crate) struct Rig {
    folder: TempDir,
    address: SocketAddr,
    server: Option<ServerThread>,
    token: Secret,
    commits: Arc<AtomicUsize>,
    crashed: Arc<Notify>,
    machine: Arc<SimulatedMachine>,
    pub(crate) bmc: BmcSimulator,
}

impl Rig {
    /// A server that will crash as told, a declared site, and a machine that is off.
    pub(crate) async fn start(crash: Crash) -> Self {
        Self::start_at(Pace::Real, crash).await
    }

    /// The same, in a time of its own.
    pub(crate) async fn start_at(pace: Pace, crash: Crash) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let folder = tempfile::tempdir().unwrap();
        for name in ["loaders", "boot"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        for name in ["vmlinuz", "initrd.zst"] {
            std::fs::write(folder.path().join("boot").join(name), name).unwrap();
        }
        let address = free_address();
        let (commits, crashed) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let (server, token) = start_server(folder.path(), address, pace, crash, &commits, &crashed).await;
        let spec = SimulatedSpec {
            name: "m1".to_owned(),
            mac: MAC,
            uuid: Uuid::from_u128(0x1001),
            firmware: Firmware::Uefi,
            server: format!("http://{address}/").parse().unwrap(),
        };
        let machine = SimulatedMachine::new(spec, reqwest::Client::new());
        let password = Secret::new(BMC_PASSWORD);
        let bmc = BmcSimulator::start(BmcOptions {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            name: "m1".to_owned(),
            uuid: Uuid::from_u128(0x1001),
            serial: "m1".to_owned(),
            model: "Simulated".to_owned(),
            firmware: BmcFirmware::Uefi,
            username: "admin".to_owned(),
            password: password.clone(),
            backend: Arc::clone(&machine) as Arc<dyn PowerBackend>,
        })
        .await
        .unwrap();
        let token = token.expect("a new server announces a token");
        let rig = Self { folder, address, server: Some(server), token, commits, crashed, machine, bmc };
        rig.declare_site(&password).await;
        rig
    }

    async fn declare_site(&self, password: &Secret) {
        let documents = [
            json!({
                "kind": "Subnet", "name": "rack", "cidr": "127.0.0.0/8", "unknown": "discover",
                "discovery_workflow": "default",
                "params": {"image": "disk", "bios_attributes": {"SriovGlobalEnable": "Enabled"}},
            }),
            json!({
                "kind": "Image", "name": "disk", "format": "raw", "digest": Digest::of(IMAGE),
                "disk_size_bytes": IMAGE.len(),
            }),
            json!({
                "kind": "Bmc", "name": "m1-bmc", "url": self.bmc.url(), "username": "admin",
                "password": password.expose(), "certificate": self.bmc.certificate_digest(),
            }),
        ];
        let text = documents.iter().map(|document| format!("---\n{document}\n")).collect();
        self.client().apply(vec![ApplyFile { file: "site.yaml".to_owned(), text }], false).await.unwrap();
        let image = self.folder.path().join("disk.raw");
        std::fs::write(&image, IMAGE).unwrap();
        self.client().upload_image("disk", &image, |_| {}).await.unwrap();
    }

    pub(crate) fn client(&self) -> Client {
        let url: Url = format!("http://{}/", self.address).parse().unwrap();
        Client::new(url, &self.token).unwrap()
    }

    /// What a stranger gets.
    pub(crate) async fn status_without_token(&self, method: &str, path: &str) -> u16 {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("http://{}{path}", self.address);
        reqwest::Client::new().request(method, url).send().await.unwrap().status().as_u16()
    }

    /// Somebody switches the machine on, by its BMC.
    pub(crate) async fn power_on(&self) {
        let spec = BmcSpec {
            url: self.bmc.url(),
            username: "admin".to_owned(),
            password: Secret::new(BMC_PASSWORD),
            certificate: Some(self.bmc.certificate_digest()),
        };
        let bmc = RedfishBmc::new(&spec, None, Limits::default()).unwrap();
        bmc.power(PowerAction::On).await.unwrap();
        bmc.close().await;
    }

    /// What was done to the machine.
    pub(crate) fn deeds(&self) -> Deeds {
        self.machine.deeds()
    }

    /// Commits of runs so far.
    pub(crate) fn commits(&self) -> usize {
        self.commits.load(Ordering::SeqCst)
    }

    /// Waits for the crash, or for the end of the run when it comes first. True when it crashed.
    pub(crate) async fn crashed_or_ended(&self) -> bool {
        tokio::select! {
            () = self.crashed.notified() => true,
            _ = self.ended() => false,
        }
    }

    /// Kills the server where it stands, and starts it again.
    pub(crate) async fn restart(&mut self, crash: Crash) {
        drop(self.server.take());
        let (folder, address) = (self.folder.path(), self.address);
        let (server, _) = start_server(folder, address, Pace::Real, crash, &self.commits, &self.crashed).await;
        self.server = Some(server);
    }

    /// Stops the server as SIGTERM does.
    pub(crate) fn stop(&mut self) {
        if let Some(kill) = self.server.as_mut().and_then(|server| server.kill.take()) {
            kill.send(()).ok();
        }
        drop(self.server.take());
    }

    /// This run, once it has ended; as it stands when that takes far too long.
    pub(crate) async fn run_ended(&self, run: RunId) -> RunView {
        let client = self.client();
        let watching = async {
            let query = EventQuery { run: Some(run), after: Some(0), ..EventQuery::default() };
            let mut events = client.follow(query);
            while !["run.succeeded", "run.failed", "run.cancelled"].contains(&&*events.next().await.unwrap().kind) {}
        };
        tokio::time::timeout(LIMIT, watching).await.ok();
        client.run(run).await.unwrap()
    }

    /// The machine's only run, once it has ended; as it stands when that takes far too long.
    pub(crate) async fn ended(&self) -> RunView {
        let client = self.client();
        let watching = async {
            let query = EventQuery { kind: Some("run.".to_owned()), after: Some(0), ..EventQuery::default() };
            let mut events = client.follow(query);
            loop {
                let event = events.next().await.unwrap();
                if ["run.succeeded", "run.failed", "run.cancelled"].contains(&event.kind.as_str()) {
                    return client.run(event.run.unwrap()).await.unwrap();
                }
            }
        };
        match tokio::time::timeout(LIMIT, watching).await {
            Ok(run) => run,
            Err(_) => client.list_runs(&RunQuery::default()).await.unwrap().items.remove(0),
        }
    }

    /// The machine as the server knows it.
    pub(crate) async fn machine(&self) -> Machine {
        self.client().list_all::<MachineSpec>().await.unwrap().remove(0)
    }
}

/// A server in a runtime and thread of its own. Dropping it kills the server between two awaits.
struct ServerThread {
    /// Something sent stops the server instead.
    kill: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for ServerThread {
    fn drop(&mut self) {
        drop(self.kill.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// An address that is free now; the server binds it again after each crash, so it cannot be left to chance twice.
fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Starts a server that will crash as told, and waits until it serves.
async fn start_server(
    folder: &Path,
    address: SocketAddr,
    pace: Pace,
    crash: Crash,
    commits: &Arc<AtomicUsize>,
    crashed: &Arc<Notify>,
) -> (ServerThread, Option<Secret>) {
    let config = json!({
        "data": folder.join("data"),
        "listen": address,
        "boot": {"loaders": folder.join("loaders"), "maintenance_os": folder.join("boot")},
    });
    let config = Config::parse(&config.to_string(), Path::new("test.yaml")).unwrap();
    let (started, has_started) = oneshot::channel();
    let (kill, killed) = oneshot::channel::<()>();
    let (commits, crashed) = (Arc::clone(commits), Arc::clone(crashed));
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let serving = async move {
            let wrap = |store| CrashingStore { store, crash, commits, crashed };
            let server = Server::start_with(config, surroundings(pace), wrap).await.unwrap();
            started.send(server.first_token().cloned()).unwrap();
            server.run_until(stopped.notified()).await.unwrap();
        };
        runtime.block_on(async {
            let mut serving = std::pin::pin!(serving);
            let killed = tokio::select! {
                () = &mut serving => return,
                killed = killed => killed,
            };
            if killed.is_ok() {
                stop.notify_one();
                serving.await;
            }
        });
        runtime.shutdown_background();
    });
    let token = has_started.await.expect("the server starts");
    (ServerThread { kill: Some(kill), thread: Some(thread) }, token)
}
