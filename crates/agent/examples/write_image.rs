//! The agent on a folder that looks like a machine: `write_image FOLDER SERVER` registers, carries out one order and
//! prints the most memory that it had, in KiB. `cargo xtask bench --only image-write` measures it.

use agent::clock::SystemClock;
use agent::host::Host;
use agent::journal::Journal;
use agent::run::Agent;
use std::io::Write;
use std::process::ExitCode;
use types::Secret;
use types::agent::AgentConfig;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(Ok(server))) = (arguments.next(), arguments.next().map(|text| text.parse())) else {
        return ExitCode::from(2);
    };
    let env = "discovery".parse().expect("a constant name");
    let config = AgentConfig { server, token: Secret::new("registration"), env };
    let (host, clock, journal) = (Host::new(folder), SystemClock::default(), Journal::default());
    let mut agent = Agent::new(&host, &config, "/bin/true".into(), &clock, &journal);
    if agent.work_once().is_err() {
        return ExitCode::FAILURE;
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    match writeln!(std::io::stdout().lock(), "{}", peak.unwrap_or("0").trim()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
