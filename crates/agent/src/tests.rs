//! The whole agent on a folder that looks like a machine, against a simulated server.

pub(crate) mod simulated_server;

use crate::call_home::{UNIT_LINK, call_home};
use crate::clock::Clock as _;
use crate::clock::tests::TestClock;
use crate::host::tests::FakeMachine;
use crate::journal::Journal;
use crate::run::Agent;
use crate::server::Timeouts;
use artifact::cpio;
use simulated_server::{SimulatedServer, State};
use std::cell::Cell;
use std::collections::VecDeque;
use std::fs;
use std::io::Cursor;
use std::process::Command;
use std::time::Duration;
use types::agent::{
    AgentConfig, CALL_HOME_PATH, CONFIG_PATH, CallHomeConfig, HealthLimits, TaskOrder, TaskResult, Work, WriteImage,
};
use types::disk::{DiskProtection, DiskSelector};
use types::image::ImageFormat;
use types::{Digest, ErrorClass, How, Secret, TaskId};

const MIB: usize = 1 << 20;
const DISK_BYTES: usize = 48 * MIB;

struct Rig {
    machine: FakeMachine,
    server: SimulatedServer,
    timeouts: Timeouts,
    /// So many looks at the clock take a minute each.
    slow_looks: u32,
    /// How long the last boot took by its own clock.
    passed: Cell<Duration>,
}

impl Rig {
    fn new() -> Self {
        Self {
            machine: FakeMachine::new().disk("vda", DISK_BYTES as u64, "d-1"),
            server: SimulatedServer::start(),
            timeouts: Timeouts::default(),
            slow_looks: 0,
            passed: Cell::default(),
        }
    }

    /// One whose agent does not wait long for anything, for servers that say nothing.
    fn impatient() -> Self {
        let short = Duration::from_millis(300);
        let timeouts = Timeouts { call: short, report: short, poll: short, stall: short };
        Self { timeouts, ..Self::new() }
    }

    /// Boots the maintenance OS and lets the agent ask for work `times` times.
    fn boot_and_work(&self, times: usize) {
        let config = AgentConfig {
            server: self.server.url.clone(),
            token: Secret::new("registration"),
            env: "discovery".parse().unwrap(),
        };
        let (clock, journal) = (TestClock::default(), Journal::default());
        let mut agent = Agent::new(&self.machine.host, &config, "/bin/true".into(), &clock, &journal);
        agent.server.timeouts = self.timeouts;
        clock.slow_looks.set(self.slow_looks);
        for _ in 0..times {
            agent.work_once().ok();
        }
        self.passed.set(clock.now());
    }

    fn order(&self, task: u8, work: Work) {
        self.server.state().orders.push_back(TaskOrder { id: id(task), work });
    }

    /// Offers `file` and orders it to be written.
    fn order_image(&self, task: u8, file: &[u8], change: impl Fn(&mut WriteImage)) {
        self.server.state().image = file.to_vec();
        let mut order = write_image(file);
        change(&mut order);
        self.order(task, Work::WriteImage(order));
    }

    fn disk(&self) -> Vec<u8> {
        fs::read(self.machine.host.device_path("vda")).unwrap()
    }

    fn disk_boots(&self) -> bool {
        let disk = self.disk();
        disk[..MIB].iter().any(|byte| *byte != 0) || disk[DISK_BYTES - MIB..].iter().any(|byte| *byte != 0)
    }

    /// The only result that the server got.
    fn result(&self) -> TaskResult {
        let state = self.server.state();
        assert_eq!(state.results.len(), 1, "{:?}", state.results);
        state.results[0].1.clone()
    }
}

fn id(task: u8) -> TaskId {
    TaskId::from_random([task; 16])
}

fn write_image(file: &[u8]) -> WriteImage {
    WriteImage {
        path: "/images/debian".to_owned(),
        digest: Digest::of(file),
        file_size_bytes: file.len() as u64,
        format: ImageFormat::RawZst,
        disk_size_bytes: 16 * MIB as u64,
        disk: DiskSelector::Smallest,
        protect: DiskProtection::default(),
        min_bytes_per_second: types::agent::min_bytes_per_second(),
        grow: true,
    }
}

/// A disk of 16 MiB with boot code and one partition, which holds an ext4 with a file system's worth of noise.
fn disk_image() -> Vec<u8> {
    let mut disk = Cursor::new(vec![0; 16 * MIB]);
    let mut gpt = gptman::GPT::new_from(&mut disk, 512, [7; 16]).unwrap();
    gpt[1] = gptman::GPTPartitionEntry {
        partition_type_guid: [1; 16],
        unique_partition_guid: [2; 16],
        starting_lba: 2048,
        ending_lba: 15 * 2048 - 1,
        attribute_bits: 0,
        partition_name: "root".into(),
    };
    gptman::GPT::write_protective_mbr_into(&mut disk, 512).unwrap();
    gpt.write_into(&mut disk).unwrap();
    let mut disk = disk.into_inner();
    disk[..4].copy_from_slice(b"boot");
    // Bytes that do not compress, so that the file is long enough to break in.
    let mut noise = 1_u64;
    for word in disk[9 * MIB..10 * MIB].chunks_exact_mut(8) {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        word.copy_from_slice(&noise.to_be_bytes());
    }
    disk
}

fn packed(disk: &[u8]) -> Vec<u8> {
    zstd::encode_all(disk, 3).unwrap()
}

#[track_caller]
fn assert_failed(result: &TaskResult, wanted: ErrorClass, says: &str) {
    let TaskResult::Failed { class, reason, .. } = result else { panic!("{result:?}") };
    assert_eq!(*class, wanted, "{reason}");
    assert!(reason.contains(says), "{reason:?} does not say {says:?}");
}

#[track_caller]
fn assert_done(result: &TaskResult, wanted: How) {
    assert!(matches!(result, TaskResult::Done { how, .. } if *how == wanted), "{result:?}");
}

fn ranges(state: &State) -> Vec<Option<String>> {
    state.seen_at("/images/debian").iter().map(|seen| seen.range.clone()).collect()
}

#[test]
fn a_machine_registers_until_it_is_let_in() {
    let rig = Rig::new();
    rig.server.state().answer("/register", &[503, 403, 404, 401]);
    rig.boot_and_work(1);
    let state = rig.server.state();
    assert_eq!(state.seen_at("/agent/v1/register").len(), 5);
    let registration = &state.registrations[0];
    assert_eq!(registration.boot_id, rig.machine.host.boot_id().unwrap());
    assert_eq!(registration.boot_mac, Some("52:54:00:00:00:01".parse().unwrap()));
    assert_eq!(registration.inventory.disks[0].serial.as_deref(), Some("d-1"));
    assert_eq!(state.seen_at("/agent/v1/tasks/next").len(), 1);
}

#[test]
fn a_server_that_forgot_the_machine_is_told_again() {
    let rig = Rig::new();
    rig.order(1, Work::HealthCheck(HealthLimits::default()));
    rig.server.state().answer("/result", &[401]);
    rig.boot_and_work(1);
    assert_done(&rig.result(), How::AlreadySo);
    assert_eq!(rig.server.state().registrations.len(), 2);
    rig.server.state().forget_token();
    rig.boot_and_work(1);
    assert!(rig.server.state().seen.iter().all(|seen| !seen.path.contains("machine-") && !seen.token.is_empty()));
}

#[test]
fn a_machine_that_is_too_small_fails_with_every_reason() {
    let rig = Rig::new();
    let limits = HealthLimits { min_cpu_threads: 64, min_memory_bytes: 1 << 40, ..HealthLimits::default() };
    rig.order(1, Work::HealthCheck(limits));
    rig.boot_and_work(1);
    let result = rig.result();
    assert_failed(
        &result,
        ErrorClass::Hardware,
        "2 of 8 checks failed: cpu threads: 2, wanted at least 64; memory size",
    );
    let TaskResult::Failed { evidence, .. } = result else { unreachable!("asserted above") };
    assert_eq!(evidence["checks"][7]["name"], "server");
}

#[test]
fn a_download_that_breaks_goes_on_where_it_broke() {
    let rig = Rig::new();
    let disk = disk_image();
    rig.order_image(1, &packed(&disk), |_| ());
    rig.server.state().break_image_after = [100_000, 0, 300_000].into();
    rig.server.state().answer("/images/debian", &[503]);
    rig.boot_and_work(1);
    assert_done(&rig.result(), How::Changed);
    let expected = [None, None, Some(100_000), Some(100_000), Some(400_000)];
    assert_eq!(ranges(&rig.server.state()), expected.map(|at| at.map(|at| format!("bytes={at}-"))));
    let on_disk = rig.disk();
    assert_eq!(&on_disk[..4], b"boot");
    assert!(on_disk[MIB..15 * MIB] == disk[MIB..15 * MIB]);
    assert!(rig.server.state().log.iter().any(|line| line.contains("broke at byte 100000")));
}

#[test]
fn a_server_without_ranges_only_costs_time() {
    let rig = Rig::new();
    rig.order_image(1, &packed(&disk_image()), |_| ());
    rig.server.state().break_image_after = [100_000].into();
    rig.server.state().ignores_ranges = true;
    rig.boot_and_work(1);
    assert_done(&rig.result(), How::Changed);
}

#[test]
fn the_last_partition_and_its_filesystem_grow_to_the_disks_end() {
    let rig = Rig::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    fs::write(&path, disk_image()).unwrap();
    let made = Command::new("/usr/sbin/mkfs.ext4")
        .args(["-q", "-F", "-E", "offset=1048576"])
        .arg(&path)
        .arg("14336k")
        .status()
        .unwrap();
    assert!(made.success());
    rig.order_image(1, &packed(&fs::read(&path).unwrap()), |_| ());
    rig.boot_and_work(1);
    let TaskResult::Done { outputs, .. } = rig.result() else { panic!("{:?}", rig.result()) };
    assert_eq!(outputs["grown_partition"]["size_bytes"], 46 * MIB);
    assert_eq!(outputs["disk"], "vda");
    let superblock = &rig.disk()[MIB + 1024..];
    let word = |at: usize| u32::from_le_bytes(superblock[at..at + 4].try_into().unwrap());
    assert_eq!(u64::from(word(4)) * (1024 << word(24)), 46 * MIB as u64);
}

#[test]
fn the_same_order_in_the_same_boot_is_answered_from_memory() {
    let rig = Rig::new();
    rig.order_image(1, &packed(&disk_image()), |_| ());
    rig.order_image(1, &packed(&disk_image()), |_| ());
    rig.boot_and_work(2);
    let state = rig.server.state();
    assert_eq!((state.results.len(), state.seen_at("/images/debian").len()), (2, 1));
    assert_eq!(state.results[0], state.results[1]);
}

#[test]
fn the_same_order_after_a_reboot_finds_its_stamp() {
    let rig = Rig::new();
    rig.order_image(1, &packed(&disk_image()), |_| ());
    rig.boot_and_work(1);
    let before = rig.disk();
    rig.order_image(1, &packed(&disk_image()), |_| ());
    rig.boot_and_work(1);
    assert!(rig.disk() == before);
    let state = rig.server.state();
    assert_done(&state.results[1].1, How::AlreadySo);
    assert_eq!(state.seen_at("/images/debian").len(), 1);
}

#[test]
fn another_order_for_the_same_image_writes_it_again() {
    let rig = Rig::new();
    rig.order_image(1, &packed(&disk_image()), |_| ());
    rig.order_image(2, &packed(&disk_image()), |_| ());
    rig.boot_and_work(2);
    let state = rig.server.state();
    assert_done(&state.results[1].1, How::Changed);
    assert_eq!(state.seen_at("/images/debian").len(), 2);
}

#[test]
fn a_wrong_digest_leaves_a_disk_that_does_not_boot() {
    let rig = Rig::new();
    let file = packed(&disk_image());
    rig.server.state().image_tag = Some(Digest::of(b"declared"));
    rig.order_image(1, &file, |order| order.digest = Digest::of(b"declared"));
    rig.boot_and_work(1);
    assert_failed(&rig.result(), ErrorClass::Hardware, "the image has digest");
    assert!(!rig.disk_boots());
}

#[test]
fn an_image_that_changes_on_the_server_is_not_mixed() {
    let rig = Rig::new();
    rig.order_image(1, &packed(&disk_image()), |_| ());
    rig.server.state().break_image_after = [100_000].into();
    rig.server.state().image_after_break = Some(packed(&vec![9; 16 * MIB]));
    rig.boot_and_work(1);
    assert_failed(&rig.result(), ErrorClass::Configuration, "no longer has image");
    assert!(!rig.disk_boots());
}

#[test]
fn an_image_that_is_not_there_fails_at_once() {
    let rig = Rig::new();
    rig.order_image(1, &packed(&disk_image()), |order| order.path = "/images/none".to_owned());
    rig.boot_and_work(1);
    assert_failed(&rig.result(), ErrorClass::Configuration, "the server has no image sha256:");
}

#[test]
fn an_image_without_a_partition_table_cannot_grow_and_does_not_stay() {
    let rig = Rig::new();
    rig.order_image(1, &packed(&vec![9; 16 * MIB]), |_| ());
    rig.boot_and_work(1);
    assert_failed(&rig.result(), ErrorClass::Configuration, "no intact GUID partition table");
    assert!(!rig.disk_boots());
}

#[test]
fn a_server_that_is_away_for_a_minute_does_not_stop_the_write() {
    let rig = Rig::new();
    let disk = disk_image();
    rig.order_image(1, &packed(&disk), |_| ());
    rig.server.state().break_image_after = [400_000].into();
    // One connection is the progress report's, the next the image's.
    rig.server.state().break_image_by_going_away = 24;
    rig.boot_and_work(1);
    assert_done(&rig.result(), How::Changed);
    assert!(rig.passed.get() > Duration::from_secs(60), "{:?}", rig.passed);
    assert_eq!(ranges(&rig.server.state()), [None, Some("bytes=400000-".to_owned())]);
    assert!(rig.disk()[MIB..15 * MIB] == disk[MIB..15 * MIB]);
}

#[test]
fn a_server_that_sends_nothing_any_more_is_asked_again() {
    let rig = Rig::impatient();
    rig.order_image(1, &packed(&disk_image()), |_| ());
    rig.server.state().stalls = 2;
    rig.boot_and_work(1);
    assert_done(&rig.result(), How::Changed);
    assert_eq!(rig.server.state().seen_at("/images/debian").len(), 3);
}

/// Too much to come in a few reads, and at a rate that a minute for each read does not reach.
fn order_more_than_comes(rig: &Rig) {
    rig.order_image(1, &disk_image(), |order| {
        order.format = ImageFormat::Raw;
        order.min_bytes_per_second = MIB as u64;
    });
}

#[test]
fn a_source_that_trickles_is_left_for_another_connection_and_given_up_at_last() {
    let rig = Rig { slow_looks: u32::MAX, ..Rig::new() };
    order_more_than_comes(&rig);
    rig.boot_and_work(1);
    assert_failed(&rig.result(), ErrorClass::Transient, "the image comes too slowly, 10 times in a row: only ");
    let TaskResult::Failed { evidence, .. } = rig.result() else { panic!() };
    assert!(evidence["offset"].as_u64().unwrap() > 0, "{evidence}");
    assert_eq!(rig.server.state().seen_at("/images/debian").len(), 10);
    assert!(!rig.disk_boots());
}

#[test]
fn a_source_that_breaks_before_anything_comes_is_given_up_at_last() {
    let rig = Rig::new();
    rig.order_image(1, &packed(&disk_image()), |_| ());
    rig.server.state().break_image_after = [0; 1000].into();
    rig.boot_and_work(1);
    assert_failed(
        &rig.result(),
        ErrorClass::Transient,
        "the image comes too slowly, 10 times in a row: only 0 bytes came",
    );
    assert!(rig.passed.get() > Duration::from_mins(10), "{:?}", rig.passed);
}

#[test]
fn a_source_that_trickles_for_a_while_is_forgiven() {
    let rig = Rig { slow_looks: 16, ..Rig::new() };
    order_more_than_comes(&rig);
    rig.boot_and_work(1);
    assert_done(&rig.result(), How::Changed);
    let state = rig.server.state();
    let asked = state.seen_at("/images/debian");
    assert!(asked.len() > 1 && asked[1].range.is_some(), "{asked:#?}");
}

#[test]
fn an_image_that_goes_away_midway_fails_and_does_not_boot() {
    for (status, says) in [(404, "the server has no image sha256:"), (410, "has no image"), (451, "(status 451)")] {
        let rig = Rig::new();
        rig.order_image(1, &packed(&disk_image()), |_| ());
        rig.server.state().break_image_after = [400_000].into();
        rig.server.state().status_after_break = Some(status);
        rig.boot_and_work(1);
        assert_failed(&rig.result(), ErrorClass::Configuration, says);
        assert!(!rig.disk_boots());
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let rig = Rig::new();
    let before = rig.disk();
    rig.order_image(1, &packed(&disk_image()), |_| ());
    rig.server.state().location = Some(format!("{}images/debian", rig.server.url));
    rig.server.state().answer("/images/debian", &[302; 50]);
    rig.boot_and_work(1);
    assert_failed(&rig.result(), ErrorClass::Configuration, "the server redirects (status 302)");
    assert_eq!(rig.server.state().seen_at("/images/debian").len(), 1);
    assert!(rig.disk() == before);
}

#[test]
fn an_image_that_cannot_be_right_is_refused_before_the_disk_is_touched() {
    let qcow2 = [b"QFI\xfb\0\0\0\x03".as_slice(), &[0; 600]].concat();
    let cases: [(&[u8], ImageFormat, u64, &str); 5] = [
        (
            &packed(&disk_image()),
            ImageFormat::RawZst,
            DISK_BYTES as u64 + 1,
            "too small for an image of 50331649 bytes",
        ),
        (&packed(&disk_image()), ImageFormat::Raw, 16 << 20, "declared raw, but it is a Zstandard stream"),
        (&qcow2, ImageFormat::Raw, 16 << 20, "declared raw, but it is a qcow2 image"),
        (&[7; 5000], ImageFormat::RawGz, 16 << 20, "declared raw-gz, but it does not begin like one"),
        (&qcow2, ImageFormat::Qcow2, 16 << 20, "the qcow2 header is not one of version 2 or 3"),
    ];
    for (file, format, disk_size_bytes, says) in cases {
        let rig = Rig::new();
        let before = rig.disk();
        rig.order_image(1, file, |order| {
            order.format = format;
            order.disk_size_bytes = disk_size_bytes;
        });
        rig.boot_and_work(1);
        let TaskResult::Failed { reason, .. } = rig.result() else { panic!("{:?}", rig.result()) };
        assert!(reason.contains(says), "{reason}");
        assert!(rig.disk() == before, "{reason}");
    }
}

#[test]
fn an_image_that_unpacks_to_more_than_it_says_ends_early() {
    let rig = Rig::new();
    let bomb = packed(&vec![0; 256 * MIB]);
    rig.order_image(1, &bomb, |_| ());
    rig.boot_and_work(1);
    assert_failed(&rig.result(), ErrorClass::Configuration, "unpacks to more than the declared 16777216 bytes");
    assert!(!rig.disk_boots());
}

#[test]
fn a_truncated_image_never_boots() {
    let rig = Rig::new();
    let file = packed(&disk_image());
    // Declared, tag and all, as if it were whole.
    rig.order_image(1, &file[..file.len() / 2], |_| ());
    rig.boot_and_work(1);
    assert_failed(&rig.result(), ErrorClass::Configuration, "breaks off");
    assert!(!rig.disk_boots());
}

#[test]
fn a_qcow2_image_is_read_by_ranges_and_goes_on_where_it_broke() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("disk"), disk_image()).unwrap();
    let convert = ["convert", "-f", "raw", "-O", "qcow2", "-c", "disk", "image"];
    assert!(Command::new("qemu-img").args(convert).current_dir(folder.path()).status().unwrap().success());
    let rig = Rig::new();
    rig.order_image(1, &fs::read(folder.path().join("image")).unwrap(), |order| order.format = ImageFormat::Qcow2);
    rig.server.state().break_image_after = [300_000].into();
    rig.boot_and_work(1);
    assert_done(&rig.result(), How::Changed);
    assert!(rig.disk()[MIB..15 * MIB] == disk_image()[MIB..15 * MIB]);
}

#[test]
fn an_agent_whose_token_has_run_out_fetches_another_as_its_firmware_did() {
    let rig = Rig::new();
    let config = AgentConfig {
        server: "http://192.0.2.1/".parse().unwrap(),
        token: Secret::new("fresh"),
        env: "other".parse().unwrap(),
    };
    let mut archive = cpio::Writer::new(Vec::new());
    archive.file(CONFIG_PATH, 0o600, &serde_json::to_vec(&config).unwrap()).unwrap();
    rig.server.state().config_archive = Some(archive.finish().unwrap());
    rig.server.state().registration_token = Some("fresh".to_owned());
    rig.boot_and_work(1);
    let state = rig.server.state();
    assert_eq!(state.registrations.len(), 1);
    // Only the token is believed: the environment and the server stay what the firmware said.
    assert_eq!(state.registrations[0].env, "discovery".parse().unwrap());
    assert!(state.seen.iter().filter(|seen| seen.path.starts_with("/boot/")).all(|seen| seen.token.is_empty()));
}

#[test]
fn an_agent_that_is_refused_a_new_token_goes_on_asking() {
    let rig = Rig::new();
    rig.server.state().answer("/register", &[401; 20]);
    rig.server.state().answer("/agent.cpio", &[503, 404, 404]);
    rig.server.state().bodies.insert("/agent.cpio", [b"no archive".to_vec(), vec![0; 100_000]].into());
    rig.boot_and_work(1);
    assert_eq!(rig.server.state().registrations.len(), 1);
    assert!(rig.passed.get() < Duration::from_secs(20 * 19), "{:?}", rig.passed);
}

#[test]
fn a_server_that_answers_with_nonsense_is_asked_again() {
    let rig = Rig::impatient();
    rig.order_image(1, &packed(&disk_image()), |_| ());
    let huge = vec![b'['; 3 * MIB];
    let nonsense = || VecDeque::from([b"<html>".to_vec(), huge.clone(), Vec::new(), b"{\"machine\": 7}".to_vec()]);
    let mut state = rig.server.state();
    state.bodies.insert("/register", nonsense());
    state.bodies.insert("/tasks/next", nonsense());
    state.bodies.insert("/progress", nonsense());
    state.silences.insert("/register", 1);
    state.silences.insert("/progress", 1);
    state.silences.insert("/tasks/next", 1);
    drop(state);
    rig.boot_and_work(6);
    assert_done(&rig.result(), How::Changed);
}

#[test]
fn an_order_that_is_not_understood_is_answered() {
    let rig = Rig::new();
    let order = format!("{{\"id\": \"{}\", \"work\": {{\"use\": \"dance\"}}}}", id(1));
    rig.server.state().bodies.insert("/tasks/next", [order.into_bytes()].into());
    rig.boot_and_work(1);
    assert_failed(&rig.result(), ErrorClass::Configuration, "does not understand the order: unknown variant `dance`");
}

#[test]
fn a_write_that_is_cancelled_before_it_begins_touches_nothing() {
    let rig = Rig::new();
    let before = rig.disk();
    rig.order_image(1, &packed(&disk_image()), |_| ());
    rig.server.state().cancelled = true;
    rig.boot_and_work(1);
    assert_failed(&rig.result(), ErrorClass::Transient, "cancelled");
    assert!(rig.disk() == before);
}

#[test]
fn a_write_that_is_cancelled_midway_stops_and_does_not_boot() {
    let rig = Rig::new();
    rig.order_image(1, &packed(&disk_image()), |_| ());
    rig.server.state().break_image_after = [300_000, 100_000].into();
    rig.server.state().cancelled_by_resuming = true;
    rig.boot_and_work(1);
    assert_failed(&rig.result(), ErrorClass::Transient, "cancelled");
    assert!(!rig.disk_boots());
}

#[test]
fn a_disk_is_not_touched_before_the_server_has_confirmed_the_order() {
    let rig = Rig::new();
    let before = rig.disk();
    rig.order_image(1, &packed(&disk_image()), |_| ());
    // Another machine's order: forbidden with the old token, and with the one got by registering again.
    rig.server.state().answer("/progress", &[503, 500, 403, 403]);
    rig.boot_and_work(1);
    assert!(rig.disk() == before);
    assert!(rig.server.state().results.is_empty());
}

#[test]
fn an_order_that_is_gone_is_dropped_without_a_result() {
    let rig = Rig::new();
    rig.order_image(1, &packed(&disk_image()), |_| ());
    rig.server.state().answer("/progress", &[410]);
    rig.boot_and_work(2);
    let state = rig.server.state();
    assert!(state.results.is_empty());
    assert_eq!(state.seen_at("/agent/v1/tasks/next").len(), 2);
}

#[test]
fn a_result_is_repeated_until_the_server_has_it() {
    let rig = Rig::new();
    rig.order(1, Work::HealthCheck(HealthLimits::default()));
    rig.server.state().answer("/result", &[500, 502, 503]);
    rig.boot_and_work(1);
    assert_done(&rig.result(), How::AlreadySo);
}

#[test]
fn a_result_that_nobody_wants_is_dropped() {
    let rig = Rig::new();
    rig.order(1, Work::HealthCheck(HealthLimits::default()));
    rig.order(2, Work::HealthCheck(HealthLimits::default()));
    // Twice forbidden: with the token it had, and with the one it got by registering again.
    rig.server.state().answer("/result", &[410, 403, 403]);
    rig.boot_and_work(3);
    assert_eq!(rig.server.state().seen_at("/agent/v1/tasks/next").len(), 3);
}

#[test]
fn an_installed_system_calls_home_once() {
    let rig = Rig::new();
    let config = CallHomeConfig { server: rig.server.url.clone(), token: Secret::new("home") };
    rig.machine.write(CALL_HOME_PATH, serde_json::to_vec(&config).unwrap());
    rig.machine.write(UNIT_LINK, "unit");
    rig.machine.write("proc/sys/kernel/hostname", "m1\n");
    rig.server.state().answer("/call-home", &[503, 429]);
    for _ in 0..2 {
        call_home(&rig.machine.host, &TestClock::default(), &Journal::default()).unwrap();
    }
    let state = rig.server.state();
    assert_eq!((state.called_home.len(), state.called_home[0].hostname.as_str()), (1, "m1"));
    assert!(!rig.machine.host.has(CALL_HOME_PATH) && !rig.machine.host.has(UNIT_LINK));
}

#[test]
fn an_installed_system_that_is_refused_does_not_call_for_ever() {
    for refusal in [401, 403, 404, 410] {
        let rig = Rig::new();
        let config = CallHomeConfig { server: rig.server.url.clone(), token: Secret::new("home") };
        rig.machine.write(CALL_HOME_PATH, serde_json::to_vec(&config).unwrap());
        rig.server.state().answer("/call-home", &[refusal]);
        call_home(&rig.machine.host, &TestClock::default(), &Journal::default()).unwrap();
        assert_eq!(rig.server.state().seen_at("/agent/v1/call-home").len(), 1);
        assert!(!rig.machine.host.has(CALL_HOME_PATH));
    }
}
