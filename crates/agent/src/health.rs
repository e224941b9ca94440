//! Checks that the hardware is fit: enough of it, and that it does what it says.
//!
//! All checks are made whatever the others say, so that one visit to the rack is enough.

use crate::clock::Clock;
use crate::host::Host;
use crate::inventory;
use crate::task::{Done, Stop, TaskContext};
use serde::Serialize;
use serde_json::json;
use std::fs::File;
use std::hint::black_box;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::fs::FileExt;
use std::time::Duration;
use types::agent::HealthLimits;
use types::inventory::{Disk, Inventory};
use types::{ErrorClass, How};
use url::Url;

/// On a boot network an answer takes a millisecond; a switch that learns a port may take a few seconds.
const REACH_TIMEOUT: Duration = Duration::from_secs(5);
/// A server that is started again is away for seconds; the hardware is not to blame for it.
const REACH_PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries to reach it.
const REACH_PAUSE: Duration = Duration::from_secs(1);
/// What is read of a disk at its beginning, middle and end.
const DISK_SAMPLE_BYTES: u64 = 1 << 20;
/// What is written and read of memory at a time.
const MEMORY_PIECE_BYTES: usize = 4 << 20;

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What.
    pub name: String,
    /// Whether it passes.
    pub ok: bool,
    /// What there is.
    pub found: String,
    /// What there should be.
    pub wanted: String,
}

impl Check {
    fn at_least(name: impl Into<String>, found: u64, wanted: u64, show: impl Fn(u64) -> String) -> Self {
        Self {
            name: name.into(),
            ok: found >= wanted,
            found: show(found),
            wanted: format!("at least {}", show(wanted)),
        }
    }

    fn that(name: impl Into<String>, result: Result<String, String>, wanted: impl Into<String>) -> Self {
        let ok = result.is_ok();
        Self { name: name.into(), ok, found: result.unwrap_or_else(|fault| fault), wanted: wanted.into() }
    }
}

/// Checks the machine against `limits`.
///
/// # Errors
/// When it does not pass, with every check that fails.
pub fn check(host: &Host, server: &Url, limits: &HealthLimits, context: &TaskContext<'_>) -> Result<Done, Stop> {
    let inventory = inventory::read(host);
    let mut checks = sizes(&inventory, limits);
    let total = checks.len() as u64 + 2 + inventory.disks.len() as u64;
    context.progress(checks.len() as u64, total, "checks", "testing memory")?;
    checks.push(memory(host, limits.memory_test_bytes));
    for disk in &inventory.disks {
        context.progress(checks.len() as u64, total, "checks", &format!("reading disk {}", disk.name))?;
        checks.push(disk_reads(host, disk));
    }
    context.progress(checks.len() as u64, total, "checks", "reaching the server")?;
    checks.push(reaches(server, context.clock));
    verdict(&checks)
}

fn verdict(checks: &[Check]) -> Result<Done, Stop> {
    let report = json!({ "checks": checks });
    let failing: Vec<String> = checks
        .iter()
        .filter(|check| !check.ok)
        .map(|check| format!("{}: {}, wanted {}", check.name, check.found, check.wanted))
        .collect();
    if failing.is_empty() {
        return Ok(Done { how: How::AlreadySo, outputs: report });
    }
    let reason = format!("{} of {} checks failed: {}", failing.len(), checks.len(), failing.join("; "));
    Err(Stop::Failed { class: ErrorClass::Hardware, reason, evidence: report })
}

fn sizes(inventory: &Inventory, limits: &HealthLimits) -> Vec<Check> {
    let largest = inventory.disks.iter().map(|disk| disk.size_bytes).max().unwrap_or(0);
    let links = inventory.nics.iter().filter(|nic| nic.link).count() as u64;
    let number = |count: u64| count.to_string();
    vec![
        Check::at_least("cpu threads", inventory.cpu.threads.into(), limits.min_cpu_threads.into(), number),
        Check::at_least("memory size", inventory.memory.total_bytes, limits.min_memory_bytes, in_bytes),
        Check::at_least("disks", inventory.disks.len() as u64, limits.min_disks.into(), number),
        Check::at_least("largest disk", largest, limits.min_disk_bytes, in_bytes),
        Check::at_least("network links", links, limits.min_links.into(), number),
    ]
}

/// Writes a pattern and its complement over as much memory as asked for, but at most half of what is free: a
/// machine that runs out of memory cannot report.
fn memory(host: &Host, wanted_bytes: u64) -> Check {
    let available = inventory::memory_field(host, "MemAvailable").unwrap_or(wanted_bytes.saturating_mul(2));
    let test_bytes = wanted_bytes.min(available / 2);
    let pieces = usize::try_from(test_bytes).unwrap_or(usize::MAX) / MEMORY_PIECE_BYTES;
    let mut memory: Vec<Vec<u8>> = (0..pieces).map(|_| vec![0; MEMORY_PIECE_BYTES]).collect();
    let wrong: usize = [0, 0xff].into_iter().map(|flip| wrong_pieces(&mut memory, flip)).sum();
    let result = match wrong {
        0 => Ok(format!("{} read back as written", in_bytes(test_bytes))),
        wrong => Err(format!("{wrong} of {} pieces differ from what was written", 2 * pieces)),
    };
    Check::that("memory test", result, "what was written reads back")
}

/// All is written before anything is read, so that it has left the processor's caches. Each piece has the pattern
/// shifted by another distance, so that an address line that is stuck shows.
fn wrong_pieces(memory: &mut [Vec<u8>], flip: u8) -> usize {
    const SHIFTS: usize = 251;
    const PERIOD_BYTES: usize = 64 << 10;
    let longest = memory.iter().map(Vec::len).max().unwrap_or(0) + SHIFTS;
    let noise = |at: u64| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8 ^ flip;
    let pattern = (0..PERIOD_BYTES as u64).map(noise).collect::<Vec<u8>>().repeat(longest.div_ceil(PERIOD_BYTES));
    let part = |index: usize, length: usize| {
        pattern.get(index % SHIFTS..).and_then(|rest| rest.get(..length)).unwrap_or_default()
    };
    for (index, piece) in memory.iter_mut().enumerate() {
        let length = piece.len();
        piece.copy_from_slice(part(index, length));
    }
    let memory = black_box(memory);
    memory.iter().enumerate().filter(|(index, piece)| piece.as_slice() != part(*index, piece.len())).count()
}

fn disk_reads(host: &Host, disk: &Disk) -> Check {
    let result = read_samples(host, disk).map(|bytes| format!("{} read", in_bytes(bytes)));
    Check::that(
        format!("disk {}", disk.name),
        result.map_err(|error| error.to_string()),
        "its beginning, middle and end can be read",
    )
}

fn read_samples(host: &Host, disk: &Disk) -> io::Result<u64> {
    let file = File::open(host.device_path(&disk.name))?;
    let sample = DISK_SAMPLE_BYTES.min(disk.size_bytes);
    let mut buffer = vec![0; usize::try_from(sample).unwrap_or(0)];
    let last = disk.size_bytes - sample;
    for offset in [0, last / 2, last] {
        file.read_exact_at(&mut buffer, offset)?;
    }
    Ok(3 * sample)
}

/// That the order came in shows that the network works; this shows that it works for a new connection now, and
/// puts the address into the report.
fn reaches(server: &Url, clock: &dyn Clock) -> Check {
    let address = format!("{}:{}", server.host_str().unwrap_or_default(), server.port_or_known_default().unwrap_or(80));
    let began = clock.now();
    let mut connected = connect(&address);
    while connected.is_err() && clock.now().saturating_sub(began) < REACH_PATIENCE {
        clock.pause(REACH_PAUSE);
        connected = connect(&address);
    }
    let result = connected.map(|_| format!("{address} answers")).map_err(|error| format!("{address}: {error}"));
    Check::that("server", result, "reachable")
}

fn connect(address: &str) -> Result<TcpStream, String> {
    let mut addresses = address.to_socket_addrs().map_err(|error| error.to_string())?;
    let address = addresses.next().ok_or("the name has no address")?;
    TcpStream::connect_timeout(&address, REACH_TIMEOUT).map_err(|error| error.to_string())
}

fn in_bytes(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match UNITS.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / unit as f64),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::tests::TestClock;
    use crate::host::tests::FakeMachine;
    use std::cell::Cell;
    use std::net::{SocketAddr, TcpListener};

    fn failing(checks: &[Check]) -> Vec<&str> {
        checks.iter().filter(|check| !check.ok).map(|check| check.name.as_str()).collect()
    }

    #[test]
    fn every_missing_thing_is_listed() {
        let machine = FakeMachine::new().disk("vda", 8 << 20, "");
        let limits = HealthLimits {
            min_cpu_threads: 4,
            min_memory_bytes: 4 << 30,
            min_disks: 2,
            min_disk_bytes: 1 << 30,
            min_links: 2,
            ..HealthLimits::default()
        };
        let checks = sizes(&inventory::read(&machine.host), &limits);
        assert_eq!(failing(&checks), ["cpu threads", "memory size", "disks", "largest disk", "network links"]);
        let Err(Stop::Failed { class, reason, evidence }) = verdict(&checks) else { panic!("passed") };
        assert_eq!(class, ErrorClass::Hardware);
        assert!(
            reason.starts_with("5 of 5 checks failed: cpu threads: 2, wanted at least 4; memory size: 2.0 GiB"),
            "{reason}"
        );
        assert_eq!(evidence["checks"].as_array().unwrap().len(), 5);
    }

    #[test]
    fn memory_is_tested_as_far_as_it_is_free() {
        let machine = FakeMachine::new();
        assert_eq!(memory(&machine.host, 8 << 20).found, "8.0 MiB read back as written");
        machine.write("proc/meminfo", "MemAvailable: 8192 kB\n");
        assert_eq!(memory(&machine.host, 64 << 20).found, "4.0 MiB read back as written");
    }

    #[test]
    fn a_disk_that_ends_early_fails() {
        let machine = FakeMachine::new().disk("vda", 8 << 20, "").disk("vdb", 8 << 20, "");
        File::options().write(true).open(machine.host.device_path("vdb")).unwrap().set_len(7 << 20).unwrap();
        let checks: Vec<Check> =
            inventory::read(&machine.host).disks.iter().map(|disk| disk_reads(&machine.host, disk)).collect();
        assert_eq!(failing(&checks), ["disk vdb"]);
    }

    #[test]
    fn a_closed_port_is_not_reachable() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url: Url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let clock = TestClock::default();
        assert!(reaches(&url, &clock).ok);
        assert_eq!(clock.now(), Duration::ZERO);
        drop(listener);
        assert!(!reaches(&url, &clock).ok);
        assert_eq!(clock.now(), REACH_PATIENCE);
    }

    #[test]
    fn a_server_that_is_being_started_again_is_waited_for() {
        struct UntilItListens(Cell<Option<TcpListener>>, SocketAddr);
        impl Clock for UntilItListens {
            fn now(&self) -> Duration {
                Duration::ZERO
            }

            fn pause(&self, _length: Duration) {
                self.0.set(Some(TcpListener::bind(self.1).unwrap()));
            }
        }
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let url: Url = format!("http://{address}").parse().unwrap();
        assert!(reaches(&url, &UntilItListens(Cell::default(), address)).ok);
    }
}
