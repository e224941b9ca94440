//! A machine: firmware, maintenance OS with the agent, and the installed system, as far as the server sees them.
//!
//! It speaks the real protocols. Its disk and its firmware settings outlive its boots; everything else does not.

use crate::common::Common;
use crate::happening::Happening;
use crate::network::{Answer, Message, Question};
use crate::rules::Sabotage;
use bmc::{BootOverride, OverrideEnabled};
use dhcp::MessageType;
use dhcp::client::{Answer as DhcpAnswer, ClientMessage};
use http::Method;
use serde_json::json;
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;
use types::agent::{
    AgentConfig, CallHome, CallHomeConfig, ProgressAnswer, Registered, Registration, TaskOrder, TaskProgress,
    TaskResult, Work,
};
use types::inventory::{Board, Cpu, Disk, Inventory, Memory, Nic, System};
use types::machine::Firmware;
use types::{Digest, How, MacAddr, Params, TaskId};
use uuid::Uuid;

/// The server's address on the machines' network.
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// A machine.
pub(crate) struct Machine {
    pub(crate) index: usize,
    pub(crate) on: bool,
    /// Counts its boots.
    pub(crate) boot: u64,
    pub(crate) boot_override: BootOverride,
    pub(crate) bios: Params,
    pub(crate) pending_bios: Params,
    pub(crate) disk: Contents,
    pub(crate) lease: Option<Held>,
    /// What its system has done since the disk was written: the boot that it came up in.
    pub(crate) system_up: Option<u64>,
    phase: Phase,
    waits_for: Option<u64>,
    tries: u32,
}

/// What is on the disk.
#[derive(Debug, Clone)]
pub(crate) enum Contents {
    /// Nothing that boots.
    Nothing,
    /// An image that was half written.
    Torn,
    /// An image, and what it was told of itself.
    Image { digest: Digest, system: Option<InstalledSystem> },
}

/// What the installed system was told of itself.
#[derive(Debug, Clone)]
pub(crate) struct InstalledSystem {
    call_home: CallHomeConfig,
    hostname: String,
}

/// An address that the machine uses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    pub(crate) address: Ipv4Addr,
    pub(crate) until: Duration,
    renew: Duration,
}

/// What happens on a machine by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) enum MachineEvent {
    /// Its firmware is ready.
    FirmwareIsUp,
    /// No answer has come.
    TimeOut(u64),
    /// It asks again what it asked before, or what comes next.
    GoOn,
    /// Its kernel and agent are loaded.
    AgentIsUp,
    /// Some work is done.
    Works(TaskId),
    /// All work is done.
    WorkIsDone(TaskId),
    /// The installed system is up.
    SystemIsUp,
    /// Half of its lease is over.
    Renews,
    /// Its lease is over.
    LeaseEnds(Ipv4Addr),
}

/// What the machine is at.
#[expect(clippy::large_enum_variant, reason = "there are as many of these as machines: three")]
enum Phase {
    Off,
    Firmware,
    /// Asks for an address.
    Discovers(Then),
    /// Takes the offered address.
    Takes(Then, Ipv4Addr),
    AsksWhatToBoot,
    FetchesConfig,
    LoadsAgent(AgentConfig),
    Registers(AgentConfig),
    Agent(Agent),
    System(InstalledSystem),
    /// Nothing more by itself.
    Idle,
}

/// What an address is for.
#[derive(Debug, Clone)]
enum Then {
    Boot,
    CallHome(InstalledSystem),
}

struct Agent {
    token: String,
    work: Option<TaskOrder>,
    report: Option<TaskId>,
    finished: HashMap<TaskId, TaskResult>,
    /// The number of the message that said how far it is.
    progress: Option<u64>,
}

impl Machine {
    pub(crate) fn new(index: usize) -> Self {
        Self {
            index,
            on: false,
            boot: 0,
            boot_override: BootOverride::disabled(),
            bios: Params::from([("SriovGlobalEnable".to_owned(), "Disabled".into())]),
            pending_bios: Params::new(),
            disk: Contents::Nothing,
            lease: None,
            system_up: None,
            phase: Phase::Off,
            waits_for: None,
            tries: 0,
        }
    }

    pub(crate) fn mac(&self) -> MacAddr {
        mac_of(self.index)
    }

    /// The kernel's boot id.
    pub(crate) fn boot_id(&self) -> Uuid {
        Uuid::from_u128((0xB007 << 64) | ((self.index as u128) << 32) | u128::from(self.boot))
    }

    /// Gets power, or is restarted.
    pub(crate) fn restart(&mut self, common: &mut Common) {
        self.stop(common);
        self.on = true;
        self.boot += 1;
        self.phase = Phase::Firmware;
        let boot = self.boot;
        common.tell(|| format!("m{} starts (boot {boot})", self.index));
        let wait = common.dice.between(Duration::from_secs(5), Duration::from_secs(60));
        self.later(common, wait, MachineEvent::FirmwareIsUp);
    }

    fn stop(&mut self, common: &mut Common) {
        if let Phase::Agent(Agent { work: Some(TaskOrder { work: Work::WriteImage(_), id }), .. }) = &self.phase {
            let task = common.ledger.task_name(*id);
            common.tell(|| format!("m{} stops while it writes ({task})", self.index));
        }
        self.phase = Phase::Off;
        self.waits_for = None;
        self.tries = 0;
        // Firmware does not remember the address.
        self.lease = None;
    }

    /// Something happens on the machine by itself.
    pub(crate) fn happens(&mut self, what: MachineEvent, common: &mut Common) {
        match what {
            MachineEvent::FirmwareIsUp => self.firmware_is_up(common),
            MachineEvent::TimeOut(exchange) if self.waits_for == Some(exchange) => self.answer(Answer::Broken, common),
            MachineEvent::TimeOut(_) => {}
            MachineEvent::GoOn => self.go_on(common),
            MachineEvent::AgentIsUp => {
                if let Phase::LoadsAgent(config) = std::mem::replace(&mut self.phase, Phase::Idle) {
                    self.phase = Phase::Registers(config);
                    self.go_on(common);
                }
            }
            MachineEvent::Works(task) => self.report_progress(task, common),
            MachineEvent::WorkIsDone(task) => self.finish(task, common),
            MachineEvent::SystemIsUp => self.system_is_up(common),
            MachineEvent::Renews => self.renew(common),
            MachineEvent::LeaseEnds(address) => {
                if self.lease.is_some_and(|held| held.address == address && held.until <= common.timeline.now()) {
                    common.tell(|| format!("m{} gives {address} up", self.index));
                    self.lease = None;
                }
            }
        }
    }

    fn firmware_is_up(&mut self, common: &mut Common) {
        if !self.pending_bios.is_empty() {
            let pending = std::mem::take(&mut self.pending_bios);
            common.tell(|| format!("m{} takes over {pending:?}", self.index));
            self.bios.extend(pending);
        }
        if self.boot_override.enabled == OverrideEnabled::Once {
            self.boot_override = BootOverride::disabled();
        }
        self.phase = Phase::Discovers(Then::Boot);
        self.go_on(common);
    }

    /// Says what is to be said in this phase.
    fn go_on(&mut self, common: &mut Common) {
        let dashed = self.mac().dashed();
        match &self.phase {
            Phase::Off | Phase::Firmware | Phase::LoadsAgent(_) | Phase::Idle => {}
            Phase::Discovers(then) => {
                let message = self.client(MessageType::Discover, then);
                self.ask(common, Question::Dhcp(message.encode()), Duration::from_secs(4));
            }
            Phase::Takes(then, address) => {
                let message = self.client(MessageType::Request, then).requested(*address).server(SERVER);
                self.ask(common, Question::Dhcp(message.encode()), Duration::from_secs(8));
            }
            Phase::AsksWhatToBoot => self.get(common, format!("/boot/{dashed}/script.ipxe")),
            Phase::FetchesConfig => self.get(common, format!("/boot/{dashed}/agent.cpio")),
            Phase::Registers(config) => {
                let registration = Registration {
                    boot_id: self.boot_id(),
                    env: config.env.clone(),
                    firmware: Firmware::Uefi,
                    agent_version: "0".to_owned(),
                    inventory: inventory(self.index),
                    boot_mac: Some(self.mac()),
                };
                let token = config.token.expose().to_owned();
                self.post(common, "/agent/v1/register", token, &json!(registration));
            }
            Phase::Agent(agent) => {
                let token = agent.token.clone();
                match agent.report {
                    Some(task) => {
                        let result = json!(agent.finished.get(&task));
                        self.post(common, &format!("/agent/v1/tasks/{task}/result"), token, &result);
                    }
                    None if agent.work.is_none() => {
                        let path = "/agent/v1/tasks/next".to_owned();
                        let question =
                            Question::Http { method: Method::GET, path, token: Some(token), body: Vec::new() };
                        self.ask(common, question, Duration::from_secs(40));
                    }
                    None => {}
                }
            }
            Phase::System(system) => {
                let call = CallHome { boot_id: self.boot_id(), hostname: system.hostname.clone() };
                let token = system.call_home.token.expose().to_owned();
                self.post(common, "/agent/v1/call-home", token, &json!(call));
            }
        }
    }

    /// An answer to what it waits for, or none.
    pub(crate) fn answered(&mut self, message: &Message, answer: Answer, common: &mut Common) {
        if message.boot != self.boot {
            return;
        }
        if let Phase::Agent(agent) = &mut self.phase
            && agent.progress == Some(message.exchange)
        {
            agent.progress = None;
            if let Answer::Http(200, body) = &answer
                && serde_json::from_slice::<ProgressAnswer>(body).is_ok_and(|answer| answer.cancelled)
            {
                common.tell(|| format!("m{} stops its work", self.index));
                agent.work = None;
                self.go_on_after(common, 1);
            }
        } else if self.waits_for == Some(message.exchange) {
            self.answer(answer, common);
        }
    }

    fn answer(&mut self, answer: Answer, common: &mut Common) {
        self.waits_for = None;
        self.tries += 1;
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Discovers(then) => self.offered(then, answer, common),
            Phase::Takes(then, address) => self.acknowledged(then, address, &answer, common),
            Phase::AsksWhatToBoot => self.told_what_to_boot(&answer, common),
            Phase::FetchesConfig => self.fetched_config(&answer, common),
            Phase::Registers(config) => self.registered(config, &answer, common),
            Phase::Agent(agent) => self.agent_was_answered(agent, answer, common),
            Phase::System(system) => match answer {
                Answer::Http(200..=499, _) => {}
                Answer::Http(..) | Answer::Broken | Answer::Dhcp(_) => {
                    self.phase = Phase::System(system);
                    self.go_on_after(common, 5);
                }
            },
            other @ (Phase::Off | Phase::Firmware | Phase::LoadsAgent(_) | Phase::Idle) => self.phase = other,
        }
    }

    fn offered(&mut self, then: Then, answer: Answer, common: &mut Common) {
        let offer = match answer {
            Answer::Dhcp(Some(bytes)) => DhcpAnswer::parse(&bytes).filter(|answer| answer.kind == 2),
            Answer::Dhcp(None) | Answer::Http(..) | Answer::Broken => None,
        };
        match offer {
            Some(offer) => {
                self.phase = Phase::Takes(then, offer.address);
                self.go_on(common);
            }
            None if self.tries >= 5 && matches!(then, Then::Boot) => self.boot_disk(common),
            None => {
                self.phase = Phase::Discovers(then);
                self.go_on_after(common, 4);
            }
        }
    }

    fn acknowledged(&mut self, then: Then, address: Ipv4Addr, answer: &Answer, common: &mut Common) {
        let kind = match answer {
            Answer::Dhcp(Some(bytes)) => DhcpAnswer::parse(bytes),
            Answer::Dhcp(None) | Answer::Http(..) | Answer::Broken => None,
        };
        match kind {
            Some(answer) if answer.kind == 5 => {
                self.hold(&answer, common);
                self.tries = 0;
                match then {
                    Then::Boot => self.phase = Phase::AsksWhatToBoot,
                    Then::CallHome(system) => self.phase = Phase::System(system),
                }
                self.go_on(common);
            }
            Some(_) => {
                self.phase = Phase::Discovers(then);
                self.go_on_after(common, 1);
            }
            None if self.tries >= 8 => {
                self.phase = Phase::Discovers(then);
                self.go_on_after(common, 1);
            }
            None => {
                self.phase = Phase::Takes(then, address);
                self.go_on_after(common, 2);
            }
        }
    }

    /// Uses an address from now on, for as long as the server said.
    fn hold(&mut self, answer: &DhcpAnswer, common: &mut Common) {
        let lease = lease_time(answer);
        let now = common.timeline.now();
        let address = answer.address;
        common.tell(|| format!("m{} has {address} for {} s", self.index, lease.as_secs()));
        self.lease = Some(Held { address, until: now + lease, renew: now + lease / 2 });
        self.later(common, lease / 2, MachineEvent::Renews);
        self.later(common, lease, MachineEvent::LeaseEnds(address));
    }

    fn told_what_to_boot(&mut self, answer: &Answer, common: &mut Common) {
        match answer {
            Answer::Http(200, body) => {
                let script = String::from_utf8_lossy(body);
                self.tries = 0;
                if script.lines().any(|line| line.trim_start().starts_with("kernel ")) {
                    self.phase = Phase::FetchesConfig;
                    self.go_on(common);
                } else {
                    self.boot_disk(common);
                }
            }
            _ if self.tries >= 5 => self.boot_disk(common),
            _ => {
                self.phase = Phase::AsksWhatToBoot;
                self.go_on_after(common, 5);
            }
        }
    }

    fn fetched_config(&mut self, answer: &Answer, common: &mut Common) {
        let config = match answer {
            Answer::Http(200, body) => agent_config(body),
            Answer::Http(..) | Answer::Broken | Answer::Dhcp(_) => None,
        };
        match config {
            Some(config) => {
                self.tries = 0;
                self.phase = Phase::LoadsAgent(config);
                let wait = common.dice.between(Duration::from_secs(5), Duration::from_secs(40));
                self.later(common, wait, MachineEvent::AgentIsUp);
            }
            None if self.tries >= 5 => self.boot_disk(common),
            None => {
                self.phase = Phase::FetchesConfig;
                self.go_on_after(common, 5);
            }
        }
    }

    fn registered(&mut self, config: AgentConfig, answer: &Answer, common: &mut Common) {
        let registered = match answer {
            Answer::Http(200, body) => serde_json::from_slice::<Registered>(body).ok(),
            Answer::Http(..) | Answer::Broken | Answer::Dhcp(_) => None,
        };
        match registered {
            Some(registered) => {
                self.tries = 0;
                common.tell(|| format!("m{} is registered (boot {})", self.index, self.boot));
                let token = registered.token.expose().to_owned();
                let finished = HashMap::new();
                self.phase = Phase::Agent(Agent { token, work: None, report: None, finished, progress: None });
                self.go_on(common);
            }
            None => {
                self.phase = Phase::Registers(config);
                let seconds = if matches!(answer, Answer::Http(400..=499, _)) { 30 } else { 5 };
                self.go_on_after(common, seconds);
            }
        }
    }

    fn agent_was_answered(&mut self, mut agent: Agent, answer: Answer, common: &mut Common) {
        if agent.report.is_some() {
            match answer {
                Answer::Http(200..=499, _) => agent.report = None,
                Answer::Broken if common.rules.sabotage == Some(Sabotage::OrdersRepeated) => agent.report = None,
                Answer::Http(..) | Answer::Broken | Answer::Dhcp(_) => {}
            }
            self.phase = Phase::Agent(agent);
            return self.go_on_after(common, 1);
        }
        let order = match answer {
            Answer::Http(200, body) => serde_json::from_slice::<TaskOrder>(&body).ok(),
            Answer::Http(401 | 403, _) => {
                common.tell(|| format!("m{}'s agent has lost its right", self.index));
                return;
            }
            Answer::Http(..) | Answer::Broken | Answer::Dhcp(_) => None,
        };
        match order {
            Some(order)
                if agent.finished.contains_key(&order.id)
                    && common.rules.sabotage != Some(Sabotage::OrdersRepeated) =>
            {
                agent.report = Some(order.id);
                self.phase = Phase::Agent(agent);
                self.go_on(common);
            }
            Some(order) => self.begin(agent, order, common),
            None => {
                self.phase = Phase::Agent(agent);
                self.go_on_after(common, 1);
            }
        }
    }

    fn begin(&mut self, mut agent: Agent, order: TaskOrder, common: &mut Common) {
        let task = order.id;
        let (name, longest) = match &order.work {
            Work::HealthCheck(_) => ("checks", 60),
            Work::WriteImage(_) => ("writes", 600),
            Work::Configure(_) => ("configures", 30),
            Work::Wipe(_) => ("wipes", 300),
        };
        if matches!(order.work, Work::WriteImage(_) | Work::Wipe(_)) {
            self.disk = Contents::Torn;
            self.system_up = None;
            let again = common.ledger.writes(self.index, task);
            if again {
                let task = common.ledger.task_name(task);
                common.violation(format!("m{} writes its disk for {task} once more", self.index));
            }
        }
        let task_name = common.ledger.task_name(task);
        common.tell(|| format!("m{} {name} ({task_name})", self.index));
        agent.work = Some(order);
        // What is answered to a report of the work before is about that work.
        agent.progress = None;
        self.phase = Phase::Agent(agent);
        let wait = common.dice.between(Duration::from_secs(5), Duration::from_secs(longest));
        self.later(common, wait / 3, MachineEvent::Works(task));
        self.later(common, wait, MachineEvent::WorkIsDone(task));
    }

    fn report_progress(&mut self, task: TaskId, common: &mut Common) {
        let exchange = common.new_exchange();
        let Phase::Agent(agent) = &mut self.phase else { return };
        if agent.work.as_ref().is_none_or(|order| order.id != task) {
            return;
        }
        agent.progress = Some(exchange);
        let token = Some(agent.token.clone());
        let progress = TaskProgress { done: 1, total: 3, unit: "parts".to_owned(), message: "at work".to_owned() };
        let path = format!("/agent/v1/tasks/{task}/progress");
        let body = json!(progress).to_string().into_bytes();
        self.send(common, exchange, Question::Http { method: Method::POST, path, token, body });
    }

    fn finish(&mut self, task: TaskId, common: &mut Common) {
        let Phase::Agent(agent) = &mut self.phase else { return };
        let Some(order) = agent.work.take_if(|order| order.id == task) else { return };
        let outputs = match order.work {
            Work::HealthCheck(_) => json!({"checks": []}),
            Work::WriteImage(image) => {
                self.disk = Contents::Image { digest: image.digest, system: None };
                json!({"disk": "vda"})
            }
            Work::Wipe(_) => {
                self.disk = Contents::Nothing;
                json!({})
            }
            Work::Configure(setup) => {
                if let (Contents::Image { system, .. }, Some(call_home)) = (&mut self.disk, setup.call_home) {
                    *system = Some(InstalledSystem { call_home, hostname: setup.hostname });
                }
                json!({})
            }
        };
        let name = common.ledger.task_name(task);
        common.tell(|| format!("m{} is done ({name})", self.index));
        agent.finished.insert(task, TaskResult::Done { how: How::Changed, outputs });
        agent.report = Some(task);
        self.go_on(common);
    }

    fn boot_disk(&mut self, common: &mut Common) {
        self.tries = 0;
        match &self.disk {
            Contents::Image { .. } => {
                common.tell(|| format!("m{} boots its disk", self.index));
                self.phase = Phase::Idle;
                let wait = common.dice.between(Duration::from_secs(10), Duration::from_secs(60));
                self.later(common, wait, MachineEvent::SystemIsUp);
            }
            Contents::Nothing | Contents::Torn => {
                self.phase = Phase::Discovers(Then::Boot);
                self.go_on_after(common, 20);
            }
        }
    }

    fn system_is_up(&mut self, common: &mut Common) {
        self.system_up = Some(self.boot);
        if let Contents::Image { system: Some(system), .. } = &self.disk {
            self.phase = Phase::Discovers(Then::CallHome(system.clone()));
            self.go_on(common);
        }
    }

    /// A running system, or the maintenance OS, keeps its address.
    fn renew(&mut self, common: &mut Common) {
        let now = common.timeline.now();
        let Some(held) = self.lease.filter(|held| held.renew <= now && now < held.until) else { return };
        let mut message =
            ClientMessage::new(MessageType::Request, u32::try_from(now.as_secs()).unwrap_or(1), self.mac());
        message.ciaddr = Some(held.address);
        let exchange = RENEWALS | common.new_exchange();
        self.send(common, exchange, Question::Dhcp(message.encode()));
        let again = common.dice.between(Duration::from_secs(30), Duration::from_secs(120));
        self.later(common, again, MachineEvent::Renews);
    }

    /// An answer to a renewal.
    pub(crate) fn renewed(&mut self, answer: &Answer, common: &mut Common) {
        let Answer::Dhcp(Some(bytes)) = answer else { return };
        let Some(answer) = DhcpAnswer::parse(bytes) else { return };
        let ours = self.lease.is_some_and(|held| held.address == answer.address);
        match answer.kind {
            5 if ours => self.hold(&answer, common),
            6 => self.lease = None,
            _ => {}
        }
    }

    fn client(&self, kind: MessageType, then: &Then) -> ClientMessage {
        let message = ClientMessage::new(kind, u32::try_from(self.boot).unwrap_or(1), self.mac());
        match then {
            Then::Boot => message.pxe(7),
            Then::CallHome(_) => message,
        }
    }

    fn get(&mut self, common: &mut Common, path: String) {
        let question = Question::Http { method: Method::GET, path, token: None, body: Vec::new() };
        self.ask(common, question, Duration::from_secs(30));
    }

    fn post(&mut self, common: &mut Common, path: &str, token: String, body: &serde_json::Value) {
        let (path, body) = (path.to_owned(), body.to_string().into_bytes());
        let question = Question::Http { method: Method::POST, path, token: Some(token), body };
        self.ask(common, question, Duration::from_secs(30));
    }

    /// Asks something and waits for the answer.
    fn ask(&mut self, common: &mut Common, question: Question, at_most: Duration) {
        let exchange = common.new_exchange();
        self.waits_for = Some(exchange);
        self.later(common, at_most, MachineEvent::TimeOut(exchange));
        self.send(common, exchange, question);
    }

    fn send(&self, common: &mut Common, exchange: u64, question: Question) {
        let address = self.lease.map(|held| held.address);
        common.send(Message { machine: self.index, boot: self.boot, exchange, address, question });
    }

    fn go_on_after(&self, common: &mut Common, seconds: u64) {
        let wait = Duration::from_secs(seconds);
        let wait = common.dice.between(wait, wait * 2);
        self.later(common, wait, MachineEvent::GoOn);
    }

    fn later(&self, common: &Common, wait: Duration, what: MachineEvent) {
        common.timeline.after(wait, Happening::Machine { machine: self.index, boot: self.boot, what });
    }
}

/// Marks numbers of renewals: their answers are for the kernel, whatever else the machine waits for.
pub(crate) const RENEWALS: u64 = 1 << 63;

/// For how long an acknowledged address may be used.
pub(crate) fn lease_time(answer: &DhcpAnswer) -> Duration {
    const LEASE_TIME: u8 = 51;
    let seconds = answer.message.options.find(LEASE_TIME).and_then(|value| value.try_into().ok());
    Duration::from_secs(u64::from(seconds.map_or(60, u32::from_be_bytes)))
}

/// The network card of a machine.
pub(crate) fn mac_of(index: usize) -> MacAddr {
    MacAddr([0x02, 0, 0, 0, 0, u8::try_from(index + 1).unwrap_or(u8::MAX)])
}

/// The SMBIOS UUID of a machine.
pub(crate) fn uuid_of(index: usize) -> Uuid {
    Uuid::from_u128(0x1000 + index as u128)
}

fn inventory(index: usize) -> Inventory {
    Inventory {
        system: System { uuid: Some(uuid_of(index)), ..System::default() },
        board: Board::default(),
        cpu: Cpu { model: None, sockets: 1, threads: 4 },
        memory: Memory { total_bytes: 8 << 30, modules: Vec::new() },
        disks: vec![Disk { name: "vda".to_owned(), size_bytes: 64 << 30, ..Disk::default() }],
        nics: vec![Nic { name: "eth0".to_owned(), mac: mac_of(index), speed_mbit: None, link: true, driver: None }],
    }
}

/// The agent's configuration out of a `newc` archive: the text between the braces of its only JSON file.
fn agent_config(archive: &[u8]) -> Option<AgentConfig> {
    let start = archive.iter().position(|byte| *byte == b'{')?;
    let end = archive.iter().rposition(|byte| *byte == b'}')?;
    serde_json::from_slice(archive.get(start..=end)?).ok()
}
