//! A whole server in this process, with a simulated machine behind a simulated BMC, that can be killed between
//! any two commits of a run.

#![allow(dead_code, unused_imports, clippy::allow_attributes, reason = "each test file uses its part of the rig")]

mod crash;
mod looks;
mod pace;
mod rack;
mod thread;

pub(crate) use crash::Crash;
pub(crate) use looks::{Looks, REASON, SecondLooks};
pub(crate) use pace::Pace;
pub(crate) use rack::Rack;

use bmc::{Bmc, Limits, PowerAction, RedfishBmc};
use client::{Client, EventQuery, RunQuery};
use content::AnySpec;
use crash::Commits;
use lab::redfish::BmcSimulator;
use lab::simulated::Deeds;
use lab::solo::{self, Solo};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use thread::{ServerSetup, ServerThread};
use types::machine::{MachineSpec, MachineState};
use types::{Name, RunId, Secret};
use url::Url;
use wire::{ApplyFile, Machine, RunView, StartRun};
use workflow::{RunState, WorkflowSpec};

/// Far longer than any of it takes; a test that reaches it has hung.
const LIMIT: Duration = Duration::from_secs(60);

/// What a rig is made of.
pub(crate) struct Setup {
    /// What discovered machines are taken through.
    pub(crate) workflow: String,
    /// That workflow's definition, when it is not built in.
    pub(crate) definition: Option<WorkflowSpec>,
    pub(crate) pace: Pace,
    pub(crate) crash: Crash,
    pub(crate) looks: Looks,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            workflow: "default".to_owned(),
            definition: None,
            pace: Pace::default(),
            crash: Crash::default(),
            looks: Looks::default(),
        }
    }
}

/// A server, its machine and the machine's BMC.
pub(crate) struct Rig {
    folder: TempDir,
    setup: ServerSetup,
    server: Option<ServerThread>,
    token: Secret,
    solo: Arc<Solo>,
    /// What its machine, which is known, is taken through; one that is not known is when it is discovered.
    begins: Option<Name>,
}

/// How a run ended, and what it did to the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) run: RunState,
    pub(crate) machine: MachineState,
    pub(crate) deeds: Deeds,
}

/// The workflows that are part of the program, by name.
pub(crate) fn built_in_workflows() -> BTreeMap<Name, WorkflowSpec> {
    let workflow = |object: content::Document| match object.spec {
        AnySpec::Workflow(spec) => Some((object.name, *spec)),
        _ => None,
    };
    content::built_in().unwrap().into_iter().filter_map(workflow).collect()
}

/// Whether a machine is installed by an installer in it.
fn installs(workflow: Option<&WorkflowSpec>) -> bool {
    let steps = workflow.into_iter().flat_map(|workflow| &workflow.stages).flat_map(|stage| &stage.steps);
    steps.into_iter().any(|step| step.uses == "os.install")
}

impl Rig {
    /// A server that will crash as told, a declared site, and a machine that is off.
    pub(crate) async fn start(crash: Crash) -> Self {
        Self::set_up(Setup { crash, ..Setup::default() }).await
    }

    /// The same, of other parts.
    pub(crate) async fn set_up(setup: Setup) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let Setup { workflow, definition, pace, crash, looks } = setup;
        let folder = tempfile::tempdir().unwrap();
        solo::write_boot_files(&folder.path().join("boot")).unwrap();
        let address = solo::free_address().unwrap();
        let solo = Arc::new(Solo::start(format!("http://{address}/").parse().unwrap()).await.unwrap());
        if let Looks::Twice(second) = &looks {
            let bmc = Arc::clone(&solo);
            second.watch(Box::new(move || changing(bmc.bmc.requests())));
        }
        let commits = Commits::default();
        let setup = ServerSetup { folder: folder.path().to_owned(), address, pace, crash, commits, looks };
        let (server, token) = ServerThread::start(setup.clone()).await;
        let token = token.expect("a new server announces a token");
        let mut rig = Self { folder, setup, server: Some(server), token, solo, begins: None };
        let known = workflow.parse().ok().and_then(|name: Name| built_in_workflows().remove(&name));
        if installs(definition.as_ref().or(known.as_ref())) {
            rig.solo.declare_installer(&rig.client(), &rig.folder.path().join("data")).await.unwrap();
            rig.begins = Some(workflow.parse().unwrap());
        }
        if let Some(definition) = definition {
            rig.apply("Workflow", &workflow, &definition).await;
        }
        rig.solo.declare(&rig.client(), rig.folder.path(), &workflow).await.unwrap();
        rig
    }

    async fn apply(&self, kind: &str, name: &str, spec: &impl serde::Serialize) {
        let mut document = serde_json::to_value(spec).unwrap();
        document["kind"] = kind.into();
        document["name"] = name.into();
        let file = ApplyFile { file: format!("{name}.yaml"), text: document.to_string() };
        self.client().apply(vec![file], false).await.unwrap();
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.url(), &self.token).unwrap()
    }

    fn url(&self) -> Url {
        format!("http://{}/", self.setup.address).parse().unwrap()
    }

    pub(crate) fn bmc(&self) -> &BmcSimulator {
        &self.solo.bmc
    }

    /// What a stranger gets.
    pub(crate) async fn status_without_token(&self, method: &str, path: &str) -> u16 {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("http://{}{path}", self.setup.address);
        reqwest::Client::new().request(method, url).send().await.unwrap().status().as_u16()
    }

    /// Somebody switches the machine on, by its BMC; one that is known already by a run.
    pub(crate) async fn power_on(&self) {
        if let Some(workflow) = &self.begins {
            let start = StartRun { workflow: Some(workflow.clone()), ..StartRun::default() };
            self.client().start_run(solo::DISCOVERED, &start, Some("begin")).await.unwrap();
            return;
        }
        let bmc = RedfishBmc::new(&self.solo.login(), None, Limits::default()).unwrap();
        bmc.power(PowerAction::On).await.unwrap();
        bmc.close().await;
    }

    /// What was done to the machine.
    pub(crate) fn deeds(&self) -> Deeds {
        self.solo.machine.deeds()
    }

    /// Commits of runs so far.
    pub(crate) fn commits(&self) -> usize {
        self.setup.commits.count()
    }

    /// Waits for the crash, or for the end of the run when it comes first. True when it crashed.
    pub(crate) async fn crashed_or_ended(&self) -> bool {
        tokio::select! {
            () = self.setup.commits.crashed() => true,
            _ = self.ended() => false,
        }
    }

    /// Kills the server where it stands, and starts it again.
    pub(crate) async fn restart(&mut self, crash: Crash) {
        drop(self.server.take());
        self.setup.crash = crash;
        let (server, _) = ServerThread::start(self.setup.clone()).await;
        self.server = Some(server);
    }

    /// Stops the server as SIGTERM does.
    pub(crate) fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }

    /// This run, once it has ended; as it stands when that takes far too long.
    pub(crate) async fn run_ended(&self, run: RunId) -> RunView {
        self.ending_of(EventQuery { run: Some(run), ..EventQuery::default() }).await;
        self.client().run(run).await.unwrap()
    }

    /// The machine's only run, once it has ended; as it stands when that takes far too long.
    pub(crate) async fn ended(&self) -> RunView {
        self.ending_of(EventQuery { kind: Some("run.".to_owned()), ..EventQuery::default() }).await;
        self.client().list_runs(&RunQuery::default()).await.unwrap().items.remove(0)
    }

    /// Returns when a run has ended of which `query` tells.
    async fn ending_of(&self, query: EventQuery) {
        let client = self.client();
        let watching = async {
            let mut events = client.follow(EventQuery { after: Some(0), ..query });
            while !["run.succeeded", "run.failed", "run.cancelled"].contains(&&*events.next().await.unwrap().kind) {}
        };
        tokio::time::timeout(LIMIT, watching).await.ok();
    }

    /// How the machine's only run ended.
    pub(crate) async fn outcome(&self) -> Outcome {
        let run = self.ended().await.state;
        Outcome { run, machine: self.machine().await.status.state, deeds: self.deeds() }
    }

    /// The machine as the server knows it.
    pub(crate) async fn machine(&self) -> Machine {
        self.client().list_all::<MachineSpec>().await.unwrap().remove(0)
    }
}

/// Those requests to a BMC that change more than its sessions.
fn changing(requests: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let changes = |request: &str| !request.starts_with("GET ") && !request.contains("Session");
    requests.into_iter().filter(|(request, _)| changes(request)).collect()
}
