//! Load clients, and who has which processor.
//!
//! The clients are examples of the crate `netboot`: small programs, built for speed.

use super::Namespace;
use crate::{cargo, command, place};
use anyhow::{Context as _, Result};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const THIS_THREAD: Pid = Pid::from_raw(0);

/// Builds a load client.
pub(super) fn build(name: &str) -> Result<PathBuf> {
    command::show(cargo::command().args(["build", "--quiet", "--release", "--package", "netboot", "--example", name]))?;
    Ok(place::target().join("release/examples").join(name))
}

/// Runs a client, and reads the first word of its answer.
pub(super) fn first_number(client: &mut Command) -> Result<f64> {
    let answer = command::run(client)?;
    let word = answer.split_whitespace().next().context("the load client says nothing")?;
    word.parse().with_context(|| format!("the load client says {answer:?}"))
}

/// Content that no transfer or card could shorten.
pub(super) fn content(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_be_bytes()[0]
    };
    (0..len).map(|_| next()).collect()
}

/// Whether the process's network has a UDP socket on this port.
pub(super) fn has_udp_port(process: u32, port: u16) -> bool {
    has_port(process, "udp", port)
}

/// Whether the process's network has a TCP socket on this port.
pub(super) fn has_tcp_port(process: u32, port: u16) -> bool {
    has_port(process, "tcp", port)
}

fn has_port(process: u32, protocol: &str, port: u16) -> bool {
    let sockets = fs::read_to_string(format!("/proc/{process}/net/{protocol}")).unwrap_or_default();
    let local = format!(":{port:04X} ");
    sockets.lines().any(|line| line.split_once(": ").is_some_and(|(_, rest)| rest.get(8..14) == Some(&local)))
}

/// The last processor is the client's and the others are the servers'. Without that, what is measured is how the
/// system moves them about. As long as this is there, what is started has the servers' processors from its first
/// instruction on, and makes as many threads as it has use for.
#[derive(Debug)]
pub(super) struct Pins {
    last: usize,
    before: Option<CpuSet>,
}

impl Pins {
    pub(super) fn choose() -> Self {
        let last = std::thread::available_parallelism().map_or(0, |processors| processors.get() - 1);
        let before = sched_getaffinity(THIS_THREAD).ok();
        let mut servers = CpuSet::new();
        let all_fit = (0..last).all(|processor| servers.set(processor).is_ok());
        if last > 0 && all_fit {
            sched_setaffinity(THIS_THREAD, &servers).ok();
        }
        Self { last, before }
    }

    /// Keeps a server, all its threads and what it starts off the client's processor.
    pub(super) fn pin_server(&self, process: u32) -> Result<()> {
        if self.last > 0 {
            let servers = format!("0-{}", self.last - 1);
            command::run(
                Command::new("taskset").args(["--all-tasks", "--cpu-list", "--pid", &servers]).arg(process.to_string()),
            )?;
        }
        Ok(())
    }

    /// Keeps a server and all its threads on the first processor, so that it has one and no more.
    pub(super) fn pin_to_first(&self, process: u32) -> Result<()> {
        let mut taskset = Command::new("taskset");
        command::run(taskset.args(["--all-tasks", "--cpu-list", "--pid", "0"]).arg(process.to_string())).map(drop)
    }

    /// A call of a client in a network.
    pub(super) fn client(&self, network: &Namespace, program: &Path) -> Command {
        let mut command = network.command("taskset");
        command.args(["--cpu-list", &self.last.to_string()]).arg(program);
        command
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            sched_setaffinity(THIS_THREAD, before).ok();
        }
    }
}
