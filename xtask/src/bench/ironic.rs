//! The same job on OpenStack Ironic: nodes that are created, managed, provided and deployed, with its fake hardware.
//!
//! Ironic's fake hardware does nothing and takes no time for it, so this is what the engine and its records cost.
//! Ours does the job in earnest, with DHCP, TFTP, HTTP, an agent and a BMC for each machine. Ironic runs as one
//! process with SQLite and without a message queue, as small sites run it, on the same cores.

use super::fleet::{self, Deployed};
use super::{Context, Row, Server};
use crate::{command, place};
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The release that was compared; a newer one is compared on purpose.
const IRONIC: &str = "ironic==39.0.0";
/// How many times Ironic's machines a minute ours are to be.
const GOAL: f64 = 50.0;
/// Nodes that are under way at the same time. Ironic's own limit of workers is 300; more of them at once only make
/// its SQLite refuse more often.
const AT_ONCE: usize = 8;
/// Between two looks at a node.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// For one node's step from one state to the next.
const PATIENCE: Duration = Duration::from_secs(120);

/// The verbs that take a new node to `active`, and the states that they lead to.
const WAY: [(&str, &str); 3] = [("manage", "manageable"), ("provide", "available"), ("active", "active")];

/// Ours and Ironic's.
pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let (machines, nodes) = if context.quick { (300, 40) } else { (300, 300) };
    let ironic = install()?;
    let ours = fleet::deploy(context, machines)?;
    let theirs = deploy_nodes(context, &ironic, nodes)?;
    let again = fleet::deploy(context, machines)?;
    let ours = f64::midpoint(ours.rate(), Deployed::rate(&again));
    let note = format!("{IRONIC}, fake-hardware, SQLite, one process; {nodes} nodes, {machines} machines");
    Ok(vec![Row::at_least(&format!("{machines} machines deployed"), ours, theirs, "machines/min", GOAL, &note)])
}

/// Ironic in a virtual environment of its own.
fn install() -> Result<PathBuf> {
    let folder = place::target().join("venv-ironic");
    let programs = folder.join("bin");
    let stamp = folder.join(".installed");
    if !fs::read_to_string(&stamp).is_ok_and(|installed| installed == IRONIC) {
        println!("  Installing {IRONIC}");
        command::run(Command::new("/usr/bin/python3").args(["-m", "venv"]).arg(&folder))?;
        command::run(Command::new(programs.join("pip")).args(["install", "--quiet", IRONIC]))?;
        fs::write(stamp, IRONIC)?;
    }
    Ok(programs)
}

/// Nodes a minute.
fn deploy_nodes(context: &Context, programs: &Path, nodes: usize) -> Result<f64> {
    let folder = context.scratch("ironic")?;
    let config = folder.join("ironic.conf");
    let port = free_port()?;
    fs::write(&config, configuration(&folder, port))?;
    fs::create_dir(folder.join("state"))?;
    let mut create = Command::new(programs.join("ironic-dbsync"));
    command::run(create.arg("--config-file").arg(&config).arg("create_schema"))?;
    let mut command = Command::new(programs.join("ironic"));
    let mut server = Server::start(command.arg("--config-file").arg(&config), &folder)?;
    let ironic = Ironic::new(port);
    server.wait_until(|| ironic.is_ready())?;
    let began = Instant::now();
    ironic.deploy(nodes)?;
    let rate = nodes as f64 * 60.0 / began.elapsed().as_secs_f64();
    println!("  Ironic: {nodes} nodes in {:.1} s", began.elapsed().as_secs_f64());
    server.stop()?;
    Ok(rate)
}

fn configuration(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    let fake = ["bios", "boot", "deploy", "firmware", "inspect", "management", "power", "raid", "rescue", "vendor"];
    let fake: String = fake.iter().map(|interface| format!("enabled_{interface}_interfaces = fake\n")).collect();
    format!(
        "[DEFAULT]\nauth_strategy = noauth\nrpc_transport = none\nhost = localhost\nmy_ip = 127.0.0.1\n\
         state_path = {folder}/state\nlog_file = {folder}/ironic.log\nenabled_hardware_types = fake-hardware\n\
         {fake}enabled_console_interfaces = no-console\nenabled_network_interfaces = noop\n\
         default_network_interface = noop\nenabled_storage_interfaces = noop\n\
         [database]\nconnection = sqlite:///{folder}/ironic.sqlite\n\
         [conductor]\nautomated_clean = false\n[sensor_data]\nsend_sensor_data = false\n\
         [api]\nhost_ip = 127.0.0.1\nport = {port}\n"
    )
}

fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A client of Ironic's API.
struct Ironic {
    agent: ureq::Agent,
    base: String,
}

impl Ironic {
    fn new(port: u16) -> Self {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        Self { agent, base: format!("http://127.0.0.1:{port}/v1") }
    }

    fn is_ready(&self) -> bool {
        let drivers = self.get("/drivers").ok();
        drivers.is_some_and(|drivers| drivers["drivers"].as_array().is_some_and(|drivers| !drivers.is_empty()))
    }

    fn deploy(&self, nodes: usize) -> Result<()> {
        let numbers: Mutex<VecDeque<usize>> = Mutex::new((0..nodes).collect());
        let next = || numbers.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let work = || -> Result<()> {
            while let Some(number) = next() {
                self.deploy_node(number)?;
            }
            Ok(())
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
            workers
                .into_iter()
                .try_for_each(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    }

    fn deploy_node(&self, number: usize) -> Result<()> {
        let node =
            self.send("POST", "/nodes", &json!({"driver": "fake-hardware", "name": format!("node-{number}")}))?;
        let id = node["uuid"].as_str().context("Ironic's node has no id")?.to_owned();
        for (verb, state) in WAY {
            self.send("PUT", &format!("/nodes/{id}/states/provision"), &json!({"target": verb}))?;
            self.wait_for(&id, state)?;
        }
        Ok(())
    }

    fn wait_for(&self, id: &str, state: &str) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            let node = self.get(&format!("/nodes/{id}?fields=provision_state,last_error"))?;
            if node["provision_state"] == state {
                return Ok(());
            }
            ensure!(Instant::now() < end, "Ironic's node does not become {state}: {node}");
            wait(LOOK_EVERY);
        }
    }

    fn get(&self, path: &str) -> Result<Value> {
        let request = self.agent.get(format!("{}{path}", self.base));
        let mut answer = request.header("X-OpenStack-Ironic-API-Version", "latest").call()?;
        Ok(answer.body_mut().read_json()?)
    }

    /// Sends a change, again while the node is locked or the database busy.
    fn send(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let end = Instant::now() + PATIENCE;
        loop {
            let url = format!("{}{path}", self.base);
            let request = if method == "PUT" { self.agent.put(url) } else { self.agent.post(url) };
            let mut answer = request.header("X-OpenStack-Ironic-API-Version", "latest").send_json(body)?;
            let status = answer.status().as_u16();
            let text = answer.body_mut().read_to_string()?;
            match status {
                ..300 if text.is_empty() => return Ok(Value::Null),
                ..300 => return Ok(serde_json::from_str(&text)?),
                409 | 500 | 503 if Instant::now() < end => wait(LOOK_EVERY),
                _ => bail!("Ironic answers {status} to {method} {path}: {text}"),
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a chore's thread of its own, with nothing else to do")]
fn wait(time: Duration) {
    thread::sleep(time);
}
