//! A server with its own store and port, and hands to play agents and the engine with.

use api::App;
use artifact::{ImageFolder, MediaFolder};
use async_trait::async_trait;
use client::{Client, ClientError};
use render::Sites;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use store::{EncryptionKey, Grant, Store, StoreOptions};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use types::agent::{Registered, Registration, TaskOrder, Work};
use types::inventory::{Inventory, Nic};
use types::machine::Firmware;
use types::{Digest, MacAddr, RunId, Secret, TaskId, Timestamp};
use url::Url;
use uuid::Uuid;
use wire::{ApplyFile, ApplyReport, DocumentProblem, RunView, StartRun};
use workflow::ports::{Claimed, Clock, Commit, RunStore as _, Then};
use workflow::{RunEvent, StepSpec};

/// Steps that the rig's catalogue knows.
pub(crate) const STEPS: [&str; 5] =
    ["agent.write_image", "agent.configure", "boot.into", "agent.health_check", "test.step"];

struct WallClock;

#[async_trait]
impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep_until(&self, at: Timestamp) {
        let wait = at.duration_since(self.now());
        tokio::time::sleep(wait.try_into().unwrap_or_default()).await;
    }
}

const DATABASE: &str = "slipway.db";

pub(crate) struct Rig {
    pub(crate) app: App,
    pub(crate) base: Url,
    pub(crate) client: Client,
    pub(crate) token: Secret,
    pub(crate) http: reqwest::Client,
    folder: TempDir,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let folder = tempfile::tempdir().unwrap();
        let (app, base) = serve(folder.path()).await;
        let token = app.store.issue_token(Grant::User { name: "admin".parse().unwrap() }, None).await.unwrap();
        let client = Client::new(base.clone(), &token).unwrap();
        Self { app, base, client, token, http: reqwest::Client::new(), folder }
    }

    /// The server ends, and another one serves what it has left, in a place of its own: the first one's connections
    /// hold its lock.
    pub(crate) async fn restart(&mut self) {
        self.app.shutdown.cancel();
        self.app.store.clone().close().await;
        let folder = tempfile::tempdir().unwrap();
        for file in [DATABASE, "slipway.db-wal"] {
            // All of it is in the first where the log was taken in.
            std::fs::copy(self.folder.path().join(file), folder.path().join(file)).ok();
        }
        (self.app, self.base) = serve(folder.path()).await;
        self.folder = folder;
        self.client = Client::new(self.base.clone(), &self.token).unwrap();
    }
    /// A request with the administrator's token.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, path).bearer_auth(self.token.expose())
    }

    /// A request without a token.
    pub(crate) fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base.as_str().trim_end_matches('/')))
    }

    pub(crate) async fn apply(&self, text: &str) -> ApplyReport {
        let file = ApplyFile { file: "rack.yaml".to_owned(), text: text.to_owned() };
        self.client.apply(vec![file], false).await.unwrap_or_else(|error| panic!("{error:?}"))
    }

    /// The mistakes that applying `text` meets.
    pub(crate) async fn apply_wrong(&self, text: &str) -> Vec<DocumentProblem> {
        let file = ApplyFile { file: "rack.yaml".to_owned(), text: text.to_owned() };
        match self.client.apply(vec![file], false).await {
            Err(ClientError::Refused(problem)) => problem.errors,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn token_for(&self, grant: Grant) -> Secret {
        self.app.store.issue_token(grant, None).await.unwrap()
    }

    /// A machine named `m1`, with a run of a workflow of two steps.
    pub(crate) async fn run(&self) -> RunView {
        self.apply(TWO_STEPS).await;
        self.client.start_run("m1", &start("two-steps"), None).await.unwrap()
    }

    /// Plays the engine: claims the one run that is due.
    pub(crate) async fn claim(&self) -> Claimed {
        let now = Timestamp::now();
        let until = now.checked_add(jiff::SignedDuration::from_mins(5)).unwrap();
        let claimed = self.app.store.claim_due(now, until, 10).await.unwrap();
        claimed.into_iter().next().expect("a run is due")
    }

    /// Plays the engine: puts events on the claimed run's record.
    pub(crate) async fn advance(&self, claimed: &mut Claimed, events: &[RunEvent], over: bool) {
        let at = Timestamp::now();
        for event in events {
            claimed.run.apply(event, at);
        }
        let then = match over {
            true => Then::Release { at: None, on: Vec::new(), seen: claimed.seen },
            false => Then::Keep { until: at.checked_add(jiff::SignedDuration::from_mins(5)).unwrap() },
        };
        let events: Vec<(Timestamp, RunEvent)> = events.iter().map(|event| (at, event.clone())).collect();
        let commit = Commit { lease: claimed.lease, run: &claimed.run, events: &events, at, commands_done: None, then };
        claimed.seen = self.app.store.commit(commit).await.unwrap();
    }

    /// Plays a step: gives the machine's agent a health check to do.
    pub(crate) async fn order(&self, claimed: &Claimed, name: &str) -> TaskId {
        self.order_work(claimed, name, Work::HealthCheck(types::agent::HealthLimits::default())).await
    }

    /// Plays a step: gives the machine's agent something to do.
    pub(crate) async fn order_work(&self, claimed: &Claimed, name: &str, work: Work) -> TaskId {
        let id = TaskId::derived(claimed.run.id, name);
        let order = TaskOrder { id, work };
        self.app.store.give_task(claimed.lease, claimed.run.machine, order).await.unwrap();
        id
    }

    /// Plays an agent: registers the machine of the card `number`.
    pub(crate) async fn register(&self, number: u8, boot_id: Uuid) -> Registered {
        let token = self.token_for(Grant::Registration { mac: mac(number) }).await;
        let answer = self.bare(Method::POST, "/agent/v1/register").bearer_auth(token.expose());
        let answer = answer.json(&registration(number, boot_id)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.unwrap()
    }
}

/// Serves what is in the folder.
async fn serve(folder: &Path) -> (App, Url) {
    let clock = Arc::new(WallClock);
    let key = EncryptionKey::from_bytes([7; 32]);
    let options = StoreOptions { path: folder.join(DATABASE), key, clock: clock.clone() };
    let store = Store::open(options).await.unwrap();
    let app = App {
        sites: Sites::new(store.clone()),
        store,
        images: Arc::new(ImageFolder::open(folder.join("images")).unwrap()),
        media: Arc::new(MediaFolder::open(folder.join("media")).unwrap()),
        image_limit_bytes: 1 << 20,
        check_step: Arc::new(|step: &StepSpec| match STEPS.contains(&step.uses.as_str()) {
            true => Ok(()),
            false => Err(format!("there is no step {:?}", step.uses)),
        }),
        pools: Arc::new(Vec::new),
        machine_url: "http://10.77.0.1:8080".parse().unwrap(),
        clock,
        shutdown: CancellationToken::new(),
        secure_cookies: false,
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base: Url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let service = api::router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    (app, base)
}

pub(crate) const TWO_STEPS: &str = "\
kind: Machine
name: m1
macs: ['52:54:00:00:00:01']
---
kind: Workflow
name: two-steps
stages:
  - name: FIRST
    expected: 30s
    steps: [{use: test.step}]
  - name: SECOND
    steps: [{use: agent.health_check}]
";

pub(crate) fn start(workflow: &str) -> StartRun {
    StartRun { workflow: workflow.parse().ok(), ..StartRun::default() }
}

pub(crate) fn mac(number: u8) -> MacAddr {
    MacAddr([0x52, 0x54, 0, 0, 0, number])
}

pub(crate) fn registration(number: u8, boot_id: Uuid) -> Registration {
    let nic = Nic { name: "eth0".to_owned(), mac: mac(number), speed_mbit: None, link: true, driver: None };
    Registration {
        boot_id,
        env: "discovery".parse().unwrap(),
        firmware: Firmware::Uefi,
        agent_version: "0.1.0".to_owned(),
        inventory: Inventory { nics: vec![nic], ..Inventory::default() },
        boot_mac: Some(mac(number)),
    }
}

pub(crate) fn image_yaml(name: &str, content: &[u8]) -> String {
    format!("kind: Image\nname: {name}\ndigest: {}\nformat: raw-zst\ndisk_size_bytes: 1000\n", Digest::of(content))
}

/// The code of a refusal.
pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, ClientError>) -> String {
    match result {
        Err(error) => error.code().unwrap_or_else(|| panic!("not a refusal: {error:?}")).to_owned(),
        Ok(value) => panic!("was not refused: {value:?}"),
    }
}

/// The status and code of an answer.
pub(crate) async fn refusal(request: RequestBuilder) -> (u16, String) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let problem: Value = answer.json().await.unwrap_or(json!({}));
    (status, problem["code"].as_str().unwrap_or_default().to_owned())
}

/// An id that nothing has.
pub(crate) fn nobody() -> RunId {
    RunId(Uuid::from_u128(1))
}
