//! The program that runs on machines.
//!
//! In the maintenance OS: `slipway-agent [run] [CONFIG]`. In a system it installed: `slipway-agent call-home`.
//! `slipway-agent dhcp6 PORT` prints an IPv6 address, its lifetime in seconds, and name servers.
//! `slipway-agent inventory` prints what it would report. It logs to standard error, which is the console.

use agent::call_home::call_home;
use agent::clock::{Clock, SystemClock};
use agent::host::Host;
use agent::journal::Journal;
use agent::power::Then;
use agent::run::Agent;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use types::agent::{AgentConfig, CONFIG_PATH};
use types::chain;

/// How long the maintenance OS waits for a configuration that may still be on its way, such as on a task medium.
const CONFIG_INTERVAL: Duration = Duration::from_secs(5);

const USAGE: &str =
    "usage: slipway-agent [run [CONFIG] | inventory | call-home | dhcp6 PORT | reboot | poweroff | --version]\n";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let host = Host::default();
    match arguments[..] {
        [] | ["run"] => run(&host, &host.path(CONFIG_PATH)),
        ["run", config] => run(&host, Path::new(config)),
        ["inventory"] => print_inventory(&host),
        ["call-home"] => call(&host),
        ["dhcp6", interface] => ask_for_address(&host, interface),
        ["reboot"] => end(Then::Restart),
        ["poweroff"] => end(Then::Off),
        ["--version"] => print(&format!("slipway-agent {}\n", agent::VERSION)),
        _ => {
            std::io::stderr().lock().write_all(USAGE.as_bytes()).ok();
            ExitCode::from(2)
        }
    }
}

fn run(host: &Host, config_path: &Path) -> ExitCode {
    let (clock, journal) = (SystemClock::default(), Journal::default());
    let config = wait_for_config(config_path, &clock, &journal);
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/proc/self/exe"));
    Agent::new(host, &config, program, &clock, &journal).run()
}

fn wait_for_config(path: &Path, clock: &dyn Clock, journal: &Journal) -> AgentConfig {
    loop {
        let fault = match std::fs::read(path) {
            Ok(text) => match serde_json::from_slice(&text) {
                Ok(config) => return config,
                Err(error) => format!("understanding {}: {error}", path.display()),
            },
            Err(error) => format!("reading {}: {error}", path.display()),
        };
        journal.warn(&format!("{fault}; looking again in {} s", CONFIG_INTERVAL.as_secs()));
        clock.pause(CONFIG_INTERVAL);
    }
}

fn print_inventory(host: &Host) -> ExitCode {
    let inventory = agent::inventory::read(host);
    let json = serde_json::to_string_pretty(&inventory).expect("an inventory has text keys and serialises");
    print(&format!("{json}\n"))
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Prints what the init of the maintenance OS sets, on one line.
fn ask_for_address(host: &Host, interface: &str) -> ExitCode {
    match agent::dhcp6::acquire(host, interface) {
        Ok(acquired) => {
            let dns: String = acquired.dns.iter().map(|server| format!(" {server}")).collect();
            print(&format!("{} {}{dns}\n", acquired.address, acquired.seconds))
        }
        Err(error) => {
            Journal::default().warn(&format!("no IPv6 address on {interface}: {}", chain(&error)));
            ExitCode::FAILURE
        }
    }
}

fn call(host: &Host) -> ExitCode {
    let (clock, journal) = (SystemClock::default(), Journal::default());
    match call_home(host, &clock, &journal) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            journal.error(&format!("calling home: {}", chain(&error)));
            ExitCode::FAILURE
        }
    }
}

fn end(then: Then) -> ExitCode {
    match agent::power::end(then) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            Journal::default().error(&format!("ending the system: {error}"));
            ExitCode::FAILURE
        }
    }
}
