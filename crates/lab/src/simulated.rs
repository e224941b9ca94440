//! A machine without firmware, kernel or disk that talks to the server as a real one does.
//!
//! It asks over HTTP what to boot, registers as the agent does, does its tasks, and calls home from its "disk".
//! One with a boot network gets there as firmware does, by DHCP and TFTP.
//! It counts what must not happen twice: resets and disk writes. There are no faults in here but those that a
//! test asks for; thousands of them fit into one process.

use crate::fleet::BootNetwork;
use crate::power::{BootPlan, BootSource, PowerBackend, PowerError};
use async_trait::async_trait;
use serde_json::json;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::task::AbortHandle;
use types::agent::{
    AgentConfig, CallHome, CallHomeConfig, HealthLimits, Registered, Registration, TaskOrder, TaskResult, Work,
};
use types::inventory::{Board, Cpu, Disk, Inventory, Memory, Nic, System};
use types::machine::Firmware;
use types::{Digest, ErrorClass, How, MacAddr, TaskId};
use url::Url;
use uuid::Uuid;

/// Before the second try to reach a server that is away. Short, since a simulated server is back in milliseconds.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Pauses double up to this one, so that a fleet does not keep a server busy with its questions.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// What is fetched of a kernel or initrd: machines without memory need no more.
const HEAD: &str = "bytes=0-65535";

/// How a report with fields is sent.
const FORM: &str = "application/x-www-form-urlencoded";

/// What a simulated machine is.
#[derive(Debug, Clone)]
pub struct SimulatedSpec {
    /// Name, for its serial number.
    pub name: String,
    /// Its network card.
    pub mac: MacAddr,
    /// SMBIOS UUID.
    pub uuid: Uuid,
    /// How it boots.
    pub firmware: Firmware,
    /// The server.
    pub server: Url,
}

/// What was done to a simulated machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deeds {
    /// Times that it was switched on.
    pub power_ons: u32,
    /// Times that it was reset while on.
    pub resets: u32,
    /// Images written to its disk, in order.
    pub images_written: Vec<Digest>,
    /// Times that its disk was emptied.
    pub wipes: u32,
    /// Times that an installer began to write its disk.
    pub installations: u32,
    /// The host name that its system was given.
    pub hostname: Option<String>,
}

/// A simulated machine. Its power is a [`PowerBackend`]; put a simulated BMC in front of it.
pub struct SimulatedMachine {
    spec: SimulatedSpec,
    http: reqwest::Client,
    network: Option<Arc<BootNetwork>>,
    state: Mutex<State>,
    me: Weak<Self>,
}

#[derive(Default)]
struct State {
    on: bool,
    boot: Option<AbortHandle>,
    call_home: Option<CallHomeConfig>,
    /// Where a system that an installer has put there says that it is up.
    started: Option<Url>,
    deeds: Deeds,
}

/// What a machine is told to boot.
enum Booted {
    /// Its disk.
    Disk,
    /// The environment in which the agent runs.
    Agent,
    /// An installer, which takes its answers from here.
    Installer(Url),
}

/// Pauses between tries.
struct Pauses(Duration);

impl Pauses {
    fn new() -> Self {
        Self(FIRST_PAUSE)
    }

    async fn pause(&mut self) {
        tokio::time::sleep(self.0.mul_f64(rand::random_range(0.5..1.0))).await;
        self.0 = (self.0 * 2).min(LONGEST_PAUSE);
    }
}

/// The server is away, or does not want this machine to go on.
#[derive(Debug)]
enum BootError {
    Unreachable,
    Refused,
}

impl SimulatedMachine {
    /// A machine that is off. `http` is shared by all of them, so that ten thousand do not need as many pools.
    pub fn new(spec: SimulatedSpec, http: reqwest::Client) -> Arc<Self> {
        Self::on_network(spec, http, None)
    }

    /// The same, whose firmware boots from `network`.
    pub fn with_network(spec: SimulatedSpec, http: reqwest::Client, network: Arc<BootNetwork>) -> Arc<Self> {
        Self::on_network(spec, http, Some(network))
    }

    fn on_network(spec: SimulatedSpec, http: reqwest::Client, network: Option<Arc<BootNetwork>>) -> Arc<Self> {
        Arc::new_cyclic(|me| Self { spec, http, network, state: Mutex::default(), me: Weak::clone(me) })
    }

    /// What was done to it so far.
    pub fn deeds(&self) -> Deeds {
        self.lock().deeds.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends what runs on the machine and begins anew.
    fn boot(&self, plan: &BootPlan, state: &mut State) {
        if let Some(running) = state.boot.take() {
            running.abort();
        }
        let Some(machine) = self.me.upgrade() else { return };
        let source = plan.source;
        state.boot = Some(tokio::spawn(async move { machine.run_from(source).await }).abort_handle());
    }

    async fn run_from(self: Arc<Self>, source: BootSource) {
        let boot_id = Uuid::new_v4();
        let mut pauses = Pauses::new();
        let booted = match source {
            BootSource::Disk => Booted::Disk,
            BootSource::DefaultOrder | BootSource::Network | BootSource::Cd => loop {
                match self.ask_what_to_boot().await {
                    Ok(booted) => break booted,
                    Err(BootError::Unreachable | BootError::Refused) => pauses.pause().await,
                }
            },
        };
        match booted {
            Booted::Disk => self.run_installed_system(boot_id).await,
            Booted::Agent => self.run_agent(boot_id).await,
            Booted::Installer(answers) => {
                self.run_installer(answers).await;
                // Then it restarts the machine.
                Box::pin(self.run_from(BootSource::DefaultOrder)).await;
            }
        }
    }

    /// What its script says, or being offered none.
    async fn ask_what_to_boot(&self) -> Result<Booted, BootError> {
        let Some(script) = self.find_script().await? else { return Ok(Booted::Disk) };
        let script = self.fetch(script).await?;
        let script = String::from_utf8_lossy(&script).into_owned();
        let mut lines = script.lines().map(str::trim_start);
        if !lines.clone().any(|line| line.starts_with("kernel ")) {
            return Ok(Booted::Disk);
        }
        if self.network.is_some() {
            for url in lines.by_ref().filter_map(boot_file) {
                self.fetch_head(url).await?;
            }
        }
        let answers = script.split_whitespace().find_map(|word| word.strip_prefix("url=")?.parse().ok());
        Ok(answers.map_or(Booted::Agent, Booted::Installer))
    }

    /// Does as its answers say: they name the script that finishes the system, and where to report.
    async fn run_installer(&self, answers: Url) {
        let mut pauses = Pauses::new();
        let (built, started) = loop {
            match self.read_answers(answers.clone()).await {
                Ok(found) => break found,
                Err(_) => pauses.pause().await,
            }
        };
        {
            let mut state = self.lock();
            state.deeds.installations += 1;
            state.started = Some(started);
        }
        self.report(built, &[]).await;
    }

    async fn read_answers(&self, answers: Url) -> Result<(Url, Url), BootError> {
        let text = self.fetch(answers).await?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let finish = find_url(&text, "/finish.sh").ok_or(BootError::Refused)?;
        let script = self.fetch(finish).await?;
        let started = find_url(&String::from_utf8_lossy(&script), "/unattended/started").ok_or(BootError::Refused)?;
        Ok((find_url(&text, "/unattended/built").ok_or(BootError::Refused)?, started))
    }

    /// Says so until it is heard or refused.
    async fn report(&self, url: Url, form: &[(&str, String)]) {
        let mut pauses = Pauses::new();
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        loop {
            let post = self.http.post(url.clone()).header(reqwest::header::CONTENT_TYPE, FORM);
            match post.body(body.clone()).send().await {
                Ok(answer) if answer.status().is_success() || answer.status().is_client_error() => return,
                Ok(_) | Err(_) => pauses.pause().await,
            }
        }
    }

    async fn find_script(&self) -> Result<Option<Url>, BootError> {
        let Some(network) = &self.network else {
            return Ok(Some(self.url(&format!("boot/{}/script.ipxe", self.spec.mac.dashed()))));
        };
        let found = network.find_script(self.spec.mac, self.spec.firmware).await;
        found.map_err(|error| {
            tracing::debug!(machine = self.spec.name, error = &error as &dyn std::error::Error, "network boot failed");
            BootError::Unreachable
        })
    }

    async fn run_installed_system(&self, boot_id: Uuid) {
        let (config, started, hostname) = {
            let state = self.lock();
            (state.call_home.clone(), state.started.clone(), state.deeds.hostname.clone().unwrap_or_default())
        };
        if let Some(started) = started {
            let form = [("boot_id", boot_id.to_string()), ("hostname", self.spec.name.clone())];
            return self.report(started, &form).await;
        }
        let Some(config) = config else { return };
        let mut pauses = Pauses::new();
        if let Some(network) = &self.network {
            while network.lease_for_system(self.spec.mac).await.is_err() {
                pauses.pause().await;
            }
        }
        let url = self.url("agent/v1/call-home");
        loop {
            let call = self.http.post(url.clone()).bearer_auth(config.token.expose());
            let sent = call.json(&CallHome { boot_id, hostname: hostname.clone() }).send().await;
            match sent {
                Ok(answer) if answer.status().is_success() || answer.status().is_client_error() => return,
                Ok(_) | Err(_) => pauses.pause().await,
            }
        }
    }

    async fn run_agent(&self, boot_id: Uuid) {
        // A machine reads its configuration once, with its boot files; the token in it is good until it is used.
        let mut pauses = Pauses::new();
        let mut config = self.config(&mut pauses).await;
        let registered = loop {
            match self.register(boot_id, &config).await {
                Ok(registered) => break registered,
                Err(BootError::Unreachable) => pauses.pause().await,
                // As the agent does: a token that is refused is asked for anew.
                Err(BootError::Refused) => {
                    pauses.pause().await;
                    config = self.config(&mut pauses).await;
                }
            }
        };
        let token = registered.token.expose();
        let mut done: HashMap<TaskId, TaskResult> = HashMap::new();
        let mut pauses = Pauses::new();
        loop {
            let order = match self.next_task(token).await {
                Ok(Some(order)) => order,
                Ok(None) => continue,
                Err(_) => {
                    pauses.pause().await;
                    continue;
                }
            };
            pauses = Pauses::new();
            let result = match done.entry(order.id) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(self.carry_out(token, &order).await),
            };
            let url = self.url(&format!("agent/v1/tasks/{}/result", order.id));
            // Not acknowledged is not reported: the server will give the order again, and gets the same answer.
            let _reported = self.http.post(url).bearer_auth(token).json(result).send().await;
        }
    }

    async fn config(&self, pauses: &mut Pauses) -> AgentConfig {
        loop {
            match self.fetch_config().await {
                Ok(config) => return config,
                Err(_) => pauses.pause().await,
            }
        }
    }

    async fn fetch_config(&self) -> Result<AgentConfig, BootError> {
        let archive = self.fetch(self.url(&format!("boot/{}/agent.cpio", self.spec.mac.dashed()))).await?;
        agent_config(&archive).ok_or(BootError::Refused)
    }

    async fn register(&self, boot_id: Uuid, config: &AgentConfig) -> Result<Registered, BootError> {
        let registration = Registration {
            boot_id,
            env: config.env.clone(),
            firmware: self.spec.firmware,
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            inventory: self.inventory(),
            boot_mac: Some(self.spec.mac),
        };
        let call = self.http.post(self.url("agent/v1/register")).bearer_auth(config.token.expose());
        let answer = call.json(&registration).send().await.map_err(|_| BootError::Unreachable)?;
        if !answer.status().is_success() {
            return Err(BootError::Refused);
        }
        answer.json().await.map_err(|_| BootError::Unreachable)
    }

    async fn next_task(&self, token: &str) -> Result<Option<TaskOrder>, BootError> {
        let url = self.url("agent/v1/tasks/next");
        let answer = self.http.get(url).bearer_auth(token).send().await.map_err(|_| BootError::Unreachable)?;
        match answer.status() {
            reqwest::StatusCode::OK => answer.json().await.map(Some).map_err(|_| BootError::Unreachable),
            reqwest::StatusCode::NO_CONTENT => Ok(None),
            _ => Err(BootError::Refused),
        }
    }

    async fn carry_out(&self, token: &str, order: &TaskOrder) -> TaskResult {
        match &order.work {
            Work::HealthCheck(limits) => self.check_health(limits),
            Work::WriteImage(image) => self.write_image(token, &image.path, image.digest).await,
            Work::Wipe(_) => {
                self.lock().deeds.wipes += 1;
                TaskResult::Done { how: How::Changed, outputs: json!({"disks": [{"disk": "vda"}]}) }
            }
            Work::Configure(setup) => {
                let mut state = self.lock();
                state.call_home.clone_from(&setup.call_home);
                state.started = None;
                state.deeds.hostname = Some(setup.hostname.clone());
                TaskResult::Done { how: How::Changed, outputs: json!({}) }
            }
        }
    }

    fn check_health(&self, limits: &HealthLimits) -> TaskResult {
        let found = self.inventory().memory.total_bytes;
        let wanted = limits.min_memory_bytes;
        let checks = json!([{"name": "memory size", "ok": found >= wanted, "found": found, "wanted": wanted}]);
        if found >= wanted {
            return TaskResult::Done { how: How::AlreadySo, outputs: json!({"checks": checks}) };
        }
        let reason = format!("memory size: found {found} bytes, wanted {wanted}");
        TaskResult::Failed { class: ErrorClass::Hardware, reason, evidence: json!({"checks": checks}) }
    }

    async fn write_image(&self, token: &str, path: &str, digest: Digest) -> TaskResult {
        let mut pauses = Pauses::new();
        let content = loop {
            let url = self.url(path.trim_start_matches('/'));
            match self.http.get(url).bearer_auth(token).send().await {
                Ok(answer) if answer.status().is_client_error() => {
                    let reason = format!("the server refuses the image: {}", answer.status());
                    return TaskResult::Failed { class: ErrorClass::Configuration, reason, evidence: json!(null) };
                }
                Ok(answer) if answer.status().is_success() => {
                    if let Ok(content) = answer.bytes().await {
                        break content;
                    }
                }
                Ok(_) | Err(_) => {}
            }
            pauses.pause().await;
        };
        let found = Digest::of(&content);
        if found != digest {
            let reason = format!("image has digest {found}, expected {digest}");
            return TaskResult::Failed { class: ErrorClass::Hardware, reason, evidence: json!(null) };
        }
        self.lock().deeds.images_written.push(digest);
        TaskResult::Done { how: How::Changed, outputs: json!({"disk": "vda"}) }
    }

    async fn fetch(&self, url: Url) -> Result<Vec<u8>, BootError> {
        read(self.http.get(url)).await
    }

    async fn fetch_head(&self, url: Url) -> Result<Vec<u8>, BootError> {
        read(self.http.get(url).header(reqwest::header::RANGE, HEAD)).await
    }

    fn url(&self, path: &str) -> Url {
        self.spec.server.join(path).expect("the paths are written here")
    }

    fn inventory(&self) -> Inventory {
        Inventory {
            system: System {
                manufacturer: Some("Slipway lab".to_owned()),
                product: Some("Simulated".to_owned()),
                serial: Some(self.spec.name.clone()),
                uuid: Some(self.spec.uuid),
            },
            board: Board::default(),
            cpu: Cpu { model: None, sockets: 1, threads: 4 },
            memory: Memory { total_bytes: 8 << 30, modules: Vec::new() },
            disks: vec![Disk { name: "vda".to_owned(), size_bytes: 64 << 30, ..Disk::default() }],
            nics: vec![Nic {
                name: "eth0".to_owned(),
                mac: self.spec.mac,
                speed_mbit: Some(10_000),
                link: true,
                driver: None,
            }],
        }
    }
}

#[async_trait]
impl PowerBackend for SimulatedMachine {
    async fn power_on(&self, boot: BootPlan) -> Result<(), PowerError> {
        let mut state = self.lock();
        if !state.on {
            state.on = true;
            state.deeds.power_ons += 1;
            self.boot(&boot, &mut state);
        }
        Ok(())
    }

    async fn power_off(&self) -> Result<(), PowerError> {
        let mut state = self.lock();
        state.on = false;
        if let Some(running) = state.boot.take() {
            running.abort();
        }
        Ok(())
    }

    async fn reset(&self, boot: BootPlan) -> Result<(), PowerError> {
        let mut state = self.lock();
        if state.on {
            state.deeds.resets += 1;
            self.boot(&boot, &mut state);
        }
        Ok(())
    }

    async fn is_on(&self) -> bool {
        self.lock().on
    }

    async fn graceful_shutdown(&self) -> Result<(), PowerError> {
        self.power_off().await
    }
}

async fn read(request: reqwest::RequestBuilder) -> Result<Vec<u8>, BootError> {
    let answer = request.send().await.map_err(|_| BootError::Unreachable)?;
    if !answer.status().is_success() {
        return Err(BootError::Refused);
    }
    answer.bytes().await.map(|bytes| bytes.to_vec()).map_err(|_| BootError::Unreachable)
}

/// The address with `path` in it that a text has somewhere.
fn find_url(text: &str, path: &str) -> Option<Url> {
    let ends = |character: char| character.is_whitespace() || matches!(character, '\'' | '"' | ';');
    text.split(ends).find(|word| word.starts_with("http") && word.contains(path))?.parse().ok()
}

/// The URL of a kernel or initrd in a line of an iPXE script. The agent's configuration is fetched by the agent: it
/// is good for one registration.
fn boot_file(line: &str) -> Option<Url> {
    let mut words = line.split_whitespace();
    let is_file = matches!(words.next(), Some("kernel" | "initrd"));
    let url = words.find(|word| word.starts_with("http://")).filter(|_| is_file)?;
    url.parse().ok().filter(|url: &Url| !url.path().ends_with("/agent.cpio"))
}

/// The agent's configuration out of a `newc` archive: the text between the braces of its only JSON file.
fn agent_config(archive: &[u8]) -> Option<AgentConfig> {
    let start = archive.iter().position(|byte| *byte == b'{')?;
    let end = archive.iter().rposition(|byte| *byte == b'}')?;
    serde_json::from_slice(archive.get(start..=end)?).ok()
}
