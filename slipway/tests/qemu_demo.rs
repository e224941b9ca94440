//! The demo as an operator starts it: two machines in QEMU, from power-on to their own installed systems.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod qemu;

use gptman::GPT;
use qemu::built;
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use tempfile::TempDir;

/// Four emulated machines on two cores make each other's firmware give up.
static ONE_DEMO_AT_A_TIME: Mutex<()> = Mutex::new(());

const STAGES: [&str; 6] = ["REGISTERING", "HEALTH_CHECK", "BIOS_SETUP", "OS_INSTALL", "PLATFORM_SETUP", "DEPLOYED"];
const SECTOR_BYTES: u64 = 512;

/// A demo that has ended well.
struct Demo {
    folder: TempDir,
    report: Value,
}

impl Demo {
    fn run(image: &Path, options: &[&str]) -> Self {
        let _alone = ONE_DEMO_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_slipway"));
        command.args(["lab", "demo", "--machines", "2", "--folder"]).arg(folder.path().join("demo"));
        command.arg("--maintenance-os").arg(built("boot", "vmlinuz"));
        command.arg("--image").arg(image);
        let ended = command.args(options).stdin(Stdio::null()).output().unwrap();
        if !ended.status.success() {
            let kept = folder.keep();
            let written = [ended.stdout, ended.stderr].concat();
            panic!("{}\nThe demo's files are in {}", String::from_utf8_lossy(&written), kept.display());
        }
        let report = fs::read(folder.path().join("demo/report.json")).unwrap();
        Self { report: serde_json::from_slice(&report).unwrap(), folder }
    }

    fn machine(&self, firmware: &str) -> Machine<'_> {
        let machines = self.report["machines"].as_array().unwrap();
        let report = machines.iter().find(|machine| machine["firmware"] == firmware).unwrap();
        let folder = self.folder.path().join("demo/machines").join(report["name"].as_str().unwrap());
        Machine { report, folder }
    }
}

fn image(folder: &str, file: &str) -> PathBuf {
    built(folder, file).join(file)
}

struct Machine<'a> {
    report: &'a Value,
    folder: PathBuf,
}

impl Machine<'_> {
    fn steps(&self) -> Vec<&Value> {
        let stages = self.report["stages"].as_array().unwrap();
        stages.iter().flat_map(|stage| stage["steps"].as_array().unwrap()).collect()
    }

    fn step(&self, name: &str) -> &Value {
        self.steps().into_iter().find(|step| step["use"] == name).unwrap()
    }

    fn disk(&self) -> PathBuf {
        self.folder.join("disk.raw")
    }

    /// Requests of each power-on, as `dhcp discover`.
    fn boot_sessions(&self) -> Vec<Vec<String>> {
        let text =
            |request: &Value| format!("{} {}", request["by"].as_str().unwrap(), request["request"].as_str().unwrap());
        let sessions = self.report["boot_sessions"].as_array().unwrap().iter();
        sessions.map(|session| session.as_array().unwrap().iter().map(text).collect()).collect()
    }

    /// A file of the installed system, from its last partition.
    fn installed_file(&self, path: &str) -> String {
        let (first, _) = last_partition(&self.disk());
        let disk = format!("{}?offset={}", self.disk().display(), first * SECTOR_BYTES);
        let mut command = Command::new("debugfs");
        // Debian keeps it where only root looks.
        command.env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default()));
        let output = command.args(["-R", &format!("cat {path}"), &disk]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The first and the last sector of the last partition.
fn last_partition(disk: &Path) -> (u64, u64) {
    let table = GPT::read_from(&mut File::open(disk).unwrap(), SECTOR_BYTES).unwrap();
    let used = table.iter().filter(|(_, entry)| entry.is_used());
    let (_, last) = used.max_by_key(|(_, entry)| entry.ending_lba).unwrap();
    (last.starting_lba, last.ending_lba)
}

fn assert_deployed(machine: &Machine<'_>) {
    let report = machine.report;
    assert_eq!(report["outcome"], "DEPLOYED", "{report:#}");
    let stages = report["stages"].as_array().unwrap();
    assert!(stages.iter().map(|stage| stage["name"].as_str().unwrap()).eq(STAGES), "{report:#}");
    assert!(stages.iter().all(|stage| stage["state"] == "succeeded" && stage["actual_s"].is_f64()), "{report:#}");
    assert!(machine.steps().iter().all(|step| step["state"] == "done"), "{report:#}");
}

fn assert_done_once(machine: &Machine<'_>) {
    for step in ["bios.configure", "agent.write_image", "agent.configure", "boot.local"] {
        let step = machine.step(step);
        assert_eq!((&step["how"], &step["attempts"]), (&"changed".into(), &1.into()), "{:#}", machine.report);
    }
    let power = fs::read_to_string(machine.folder.join("power.log")).unwrap();
    let changes: Vec<&str> = power.lines().filter_map(|line| line.split(' ').nth(1)).collect();
    let switched = |word: &str| changes.iter().filter(|change| **change == word).count();
    assert_eq!((switched("start"), switched("reset"), switched("stop")), (1, 2, 0), "{power}");
}

fn assert_booted_three_times(machine: &Machine<'_>, loader: Option<&str>) {
    let sessions = machine.boot_sessions();
    assert_eq!(sessions.len(), 3, "{sessions:#?}");
    for session in &sessions[..2] {
        let asked = |what: &str| session.iter().any(|request| request.starts_with(what));
        assert!(session[0] == "dhcp discover" && asked("dhcp request"), "{session:#?}");
        assert_eq!(loader.is_some(), asked("tftp "), "{session:#?}");
        assert!(loader.is_none_or(|loader| asked(&format!("tftp {loader}"))), "{session:#?}");
        assert!(session.iter().any(|request| request.ends_with("/script.ipxe")), "{session:#?}");
        assert!(asked("http /boot/files/vmlinuz") && asked("http /boot/files/initrd"), "{session:#?}");
    }
    // From its disk: the installed system asks for an address and for nothing to boot.
    assert!(sessions[2].iter().all(|request| request.starts_with("dhcp ")), "{sessions:#?}");
}

fn assert_own_system(machine: &Machine<'_>) {
    let (_, end) = last_partition(&machine.disk());
    let sectors = fs::metadata(machine.disk()).unwrap().len() / SECTOR_BYTES;
    // Behind it is the backup of the partition table: 33 sectors, and up to a MiB to keep to the alignment.
    assert!(sectors - end <= 33 + 2048, "the last partition ends at {end} of {sectors}");
    let hostname = machine.report["hostname"].as_str().unwrap();
    assert_eq!(machine.installed_file("/etc/hostname").trim(), hostname);
    let keys = machine.installed_file("/home/operator/.ssh/authorized_keys");
    assert!(keys.starts_with("ssh-ed25519 "), "{keys}");
}

#[test]
fn bios_and_uefi_machines_go_from_power_on_to_their_own_system_and_boot_it_without_the_server() {
    let demo = Demo::run(&image("image", "debian-12.raw.zst"), &["--offline", "bios"]);
    for (firmware, loader) in [("bios", None), ("uefi", Some("snponly.efi"))] {
        let machine = demo.machine(firmware);
        assert_deployed(&machine);
        assert_booted_three_times(&machine, loader);
        assert_own_system(&machine);
    }
    assert_done_once(&demo.machine("uefi"));
    assert!(demo.machine("bios").report["offline_boot_s"].is_f64());
}

#[test]
fn killed_server_is_missed_by_nobody() {
    // A qcow2: what has arrived stays with it too.
    let demo = Demo::run(&image("image-qcow2", "debian-12.qcow2"), &["--kill-server", "3", "--seed", "2"]);
    let kills = demo.report["server_kills_s"].as_array().unwrap();
    assert!(kills.len() >= 2, "{kills:?}");
    for firmware in ["bios", "uefi"] {
        let machine = demo.machine(firmware);
        assert_deployed(&machine);
        assert_done_once(&machine);
        assert_own_system(&machine);
    }
}
