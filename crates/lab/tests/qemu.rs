//! QEMU machines in a network namespace of the test's own.
//!
//! Each test runs itself again under `unshare`, where it may make bridges and taps, and nothing is left of it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use lab::network::Network;
use lab::power::{BootPlan, BootSource};
use lab::qemu::{MachineSpec, NetworkBoot, PowerCounts, QemuMachine};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use types::machine::Firmware;

/// Says to the second self that it is inside.
const INSIDE: &str = "SLIPWAY_TEST_INSIDE";

fn run_inside(test: &str, directory: &Path) -> Child {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net"]).arg(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture"]).env(INSIDE, directory);
    command.stdout(Stdio::piped()).spawn().unwrap()
}

fn inside() -> Option<std::path::PathBuf> {
    std::env::var_os(INSIDE).map(Into::into)
}

async fn machine(directory: &Path) -> QemuMachine {
    let network = Network::create("br0", "10.77.0.1/24").await.unwrap();
    network.add_tap("tap0").await.unwrap();
    QemuMachine::new(MachineSpec {
        name: "m1".into(),
        firmware: Firmware::Bios,
        network_boot: NetworkBoot::Pxe,
        mac: "52:54:00:00:00:01".parse().unwrap(),
        tap: "tap0".into(),
        uuid: uuid::Uuid::from_u128(1),
        processors: 1,
        memory_mib: 64,
        disk_bytes: 1 << 20,
        more_disks: Vec::new(),
        directory: directory.to_owned(),
    })
}

fn plan(source: BootSource) -> BootPlan {
    BootPlan { source, cd: None }
}

#[tokio::test]
async fn every_change_of_power_is_counted_and_logged() {
    let test = "every_change_of_power_is_counted_and_logged";
    let Some(directory) = inside() else {
        let directory = tempfile::tempdir().unwrap();
        let outcome = run_inside(test, directory.path()).wait_with_output().unwrap();
        assert!(outcome.status.success(), "{}", String::from_utf8_lossy(&outcome.stdout));
        return;
    };
    let machine = machine(&directory).await;
    assert!(!machine.is_running().await);

    machine.start(&plan(BootSource::Disk)).await.unwrap();
    machine.start(&plan(BootSource::Disk)).await.unwrap();
    machine.reset(&plan(BootSource::Network)).await.unwrap();
    assert!(machine.is_running().await);
    machine.stop().await.unwrap();
    machine.stop().await.unwrap();
    machine.reset(&plan(BootSource::Disk)).await.unwrap();

    assert!(!machine.is_running().await);
    assert_eq!(machine.power_counts(), PowerCounts { starts: 1, resets: 1, guest_resets: 0, stops: 1 });
    let log = std::fs::read_to_string(machine.spec().power_log()).unwrap();
    let words: Vec<&str> = log.lines().filter_map(|line| line.split(' ').nth(1)).filter(|w| *w != "exit").collect();
    assert_eq!(words, ["start", "reset", "stop"]);
}

#[tokio::test]
async fn machine_ends_with_the_process_that_started_it() {
    let test = "machine_ends_with_the_process_that_started_it";
    let Some(directory) = inside() else {
        let directory = tempfile::tempdir().unwrap();
        let mut parent = run_inside(test, directory.path());
        let lines = BufReader::new(parent.stdout.take().unwrap()).lines();
        let qemu = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("qemu ").map(str::to_owned));
        let process = Path::new("/proc").join(qemu.unwrap());
        assert!(process.exists());
        parent.kill().unwrap();
        parent.wait().unwrap();
        wait_until_gone(&process).await;
        return;
    };
    let machine = machine(&directory).await;
    machine.start(&plan(BootSource::Disk)).await.unwrap();
    let log = std::fs::read_to_string(machine.spec().power_log()).unwrap();
    println!("\nqemu {}", log.trim().rsplit(' ').next().unwrap());
    std::future::pending::<()>().await;
}

async fn wait_until_gone(process: &Path) {
    let started = Instant::now();
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    while process.exists() {
        let state = std::fs::read_to_string(process.join("stat")).unwrap_or_default();
        assert!(started.elapsed() < Duration::from_secs(20), "QEMU still runs: {state}");
        tick.tick().await;
    }
}
