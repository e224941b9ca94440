//! Disks on several buses in one machine in QEMU, emptied and written by the real agent: what it says of them is
//! compared with their bytes, seen from outside.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod qemu;

use client::{Client, RunQuery};
use lab::demo::{ServerProcess, switch_on};
use lab::network::Network;
use lab::qemu::{DiskBus, DiskSpec, FaultyIo};
use lab::rack::{Rack, RackMachine, RackOptions};
use qemu::{built, eventually, in_own_network};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use types::event::Event;
use types::{Digest, ErrorClass, RunId};
use wire::{ApplyFile, RunView, StartRun};
use workflow::RunState;

const DISK_BYTES: u64 = 48 << 20;
/// A run with a boot takes about 40 s on two idle cores.
const LIMIT: Duration = Duration::from_secs(400);
const BLOCK_BYTES: usize = 4096;
/// How the kernel names the second namespace of a QEMU drive.
const SECOND_NAMESPACE: &str = "nvme.1b36-*-00000002";
/// Beyond the ends that are read back whole.
const BAD_PAGE: u64 = (20 << 20) + 4096;
/// Not at the beginning of anything.
const BAD_BYTE: u64 = BAD_PAGE + 3 * 512;
/// As the server names what it discovers.
const MACHINE: &str = "m-525400770001";

/// A server, and a machine with disks that are full of something.
struct Scene {
    client: Client,
    rack: Rack,
    _server: ServerProcess,
}

impl Scene {
    async fn set_up(folder: &Path, disks: Vec<DiskSpec>) -> Self {
        let network = Network::create("br0", "10.77.0.1/24").await.unwrap();
        let options = RackOptions {
            machines: 1,
            folder: folder.join("machines"),
            bmc_address: "10.77.0.1".parse().unwrap(),
            memory_mib: 1024,
            disk_bytes: DISK_BYTES,
            more_disks: disks,
        };
        let rack = Rack::set_up(&network, &options).await.unwrap();
        let config = json!({
            "data": folder.join("data"),
            "listen": "10.77.0.1:8080",
            "dhcp": {"interface": "br0", "address": "10.77.0.1", "no_ipv6_router": true},
            "tftp": "10.77.0.1:69",
            "boot": {"loaders": "/usr/lib/ipxe", "maintenance_os": built("boot", "vmlinuz")},
        });
        let file = folder.join("slipway.yaml");
        fs::write(&file, config.to_string()).unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_slipway"));
        let server = ServerProcess::start(program, &file, &folder.join("server.log")).await.unwrap();
        let client = Client::new(server.url(), server.token()).unwrap();
        Self { client, rack, _server: server }
    }

    fn machine(&self) -> &RackMachine {
        &self.rack.machines[0]
    }

    /// Fills every disk with what is found again.
    fn fill_disks(&self) {
        let spec = self.machine().qemu.spec();
        fs::create_dir_all(&spec.directory).unwrap();
        let files = spec.more_disks.iter().map(|disk| spec.disk_of(disk)).chain([spec.disk()]);
        for file in files {
            let mut file = File::create(file).unwrap();
            for number in 0..DISK_BYTES / BLOCK_BYTES as u64 {
                file.write_all(&block(number)).unwrap();
            }
        }
    }

    async fn declare(&self, documents: &[Value]) {
        let text = documents.iter().map(|document| format!("---\n{document}\n")).collect();
        self.client.apply(vec![ApplyFile { file: "site.yaml".into(), text }], false).await.unwrap();
    }

    /// The only run so far, once it has ended.
    async fn first_run(&self) -> RunView {
        let look = async || {
            let runs = self.client.list_runs(&RunQuery::default()).await.unwrap().items;
            runs.into_iter().next().filter(|run| run.ended.is_some())
        };
        eventually(LIMIT, look, || self.serial()).await
    }

    async fn run(&self, workflow: &str, params: &Value) -> RunView {
        let params = serde_json::from_value(params.clone()).unwrap();
        let start = StartRun { workflow: workflow.parse().ok(), params, ..StartRun::default() };
        let started = self.client.start_run(MACHINE, &start, None).await.unwrap();
        let ended = tokio::time::timeout(LIMIT, self.client.wait_for_run(started.id)).await;
        ended.unwrap_or_else(|_| panic!("{}", self.serial())).unwrap()
    }

    fn serial(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.machine().qemu.spec().serial_log()).unwrap_or_default()).into_owned()
    }

    /// What the history says of a run.
    async fn history(&self, run: RunId) -> Vec<Event> {
        let query = client::EventQuery { run: Some(run), limit: Some(1000), ..client::EventQuery::default() };
        self.client.events(&query).await.unwrap().items
    }

    fn file(&self, serial: &str) -> PathBuf {
        let spec = self.machine().qemu.spec();
        let disk = spec.more_disks.iter().find(|disk| disk.serial == serial);
        disk.map_or_else(|| spec.disk(), |disk| spec.disk_of(disk))
    }

    /// What is on a disk, as seen from outside.
    fn content(&self, serial: &str) -> Content {
        content(&self.file(serial))
    }
}

/// Blocks of a disk that hold what was put there, and blocks of zeroes.
#[derive(Debug, PartialEq, Eq)]
struct Content {
    bytes: u64,
    filled: u64,
    zero: u64,
}

const EMPTY: Content = Content { bytes: DISK_BYTES, filled: 0, zero: DISK_BYTES / BLOCK_BYTES as u64 };
const UNTOUCHED: Content = Content { bytes: DISK_BYTES, filled: DISK_BYTES / BLOCK_BYTES as u64, zero: 0 };

fn block(number: u64) -> Vec<u8> {
    format!("block {number} of somebody's secrets; ").bytes().cycle().take(BLOCK_BYTES).collect()
}

fn content(file: &Path) -> Content {
    let mut file = File::open(file).unwrap();
    let bytes = file.metadata().unwrap().len();
    let mut content = Content { bytes, filled: 0, zero: 0 };
    let mut found = vec![0; BLOCK_BYTES];
    for number in 0..bytes / BLOCK_BYTES as u64 {
        file.read_exact(&mut found).unwrap();
        content.filled += u64::from(found == block(number));
        content.zero += u64::from(found.iter().all(|byte| *byte == 0));
    }
    content
}

fn subnet() -> Value {
    json!({
        "kind": "Subnet", "name": "rack", "cidr": "10.77.0.0/24", "unknown": "discover",
        "pool": {"first": "10.77.0.100", "last": "10.77.0.199"},
        "discovery_workflow": "wipe",
        "params": {"protected_disks": {"serials": ["KEEP-*"], "wwns": [SECOND_NAMESPACE]}},
    })
}

fn bmc(machine: &RackMachine) -> Value {
    let login = machine.login();
    json!({
        "kind": "Bmc", "name": "bmc", "url": login.url, "username": login.username,
        "password": login.password.expose(), "certificate": login.certificate,
    })
}

/// A workflow of one step, for a machine that is up in the maintenance OS.
fn workflow(name: &str, step: &Value) -> Value {
    let stage = json!({"name": "ONLY", "timeout": "10m", "steps": [step]});
    json!({"kind": "Workflow", "name": name, "description": "For the test", "stages": [stage]})
}

/// A disk that is full but for a hole, as a file.
fn make_image(folder: &Path) -> PathBuf {
    let file = folder.join("image");
    let mut bytes: Vec<u8> = (0..DISK_BYTES / BLOCK_BYTES as u64).flat_map(|number| block(number + 1)).collect();
    bytes[8 << 20..24 << 20].fill(0);
    fs::write(&file, bytes).unwrap();
    file
}

/// What `tool` makes of a file, which it puts beside it.
fn packed(image: &Path, tool: &[&str], ending: &str) -> PathBuf {
    let file = image.with_extension(ending);
    let mut command = Command::new(tool[0]);
    command.args(&tool[1..]).arg(image);
    if ending == "qcow2" {
        command.arg(&file);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    file
}

/// Uploads `file` as the image that is named as its format is.
async fn upload(scene: &Scene, format: &str, file: &Path) {
    let digest = Digest::of(&fs::read(file).unwrap());
    let image =
        json!({"kind": "Image", "name": format, "format": format, "digest": digest, "disk_size_bytes": DISK_BYTES});
    scene.declare(&[image]).await;
    scene.client.upload_image(format, file, |_| {}).await.unwrap();
}

/// A workflow that writes one of the images to one of the disks.
fn writing(format: &str, serial: &str) -> Value {
    let with = json!({"image": format, "disk": {"serial": serial}, "grow": false});
    workflow(&format!("write-{format}"), &json!({"use": "agent.write_image", "with": with}))
}

/// What the history has of the disks in the outputs or the evidence of a step, by serial number.
fn told<'a>(history: &'a [Event], list: &str) -> HashMap<&'a str, &'a Value> {
    let found = history.iter().flat_map(|event| [&event.data["outputs"][list], &event.data["evidence"][list]]);
    let disks: Vec<&Value> = found.filter_map(Value::as_array).flatten().collect();
    let by_serial: HashMap<_, _> = disks.iter().map(|disk| (disk["disk_serial"].as_str().unwrap(), *disk)).collect();
    assert_eq!(by_serial.len(), disks.len(), "{disks:#?}");
    by_serial
}

#[test]
fn disks_are_emptied_and_written_as_each_can_be_and_bad_ones_are_named_with_where_and_why() {
    in_own_network(
        "disks_are_emptied_and_written_as_each_can_be_and_bad_ones_are_named_with_where_and_why",
        async |folder| {
            let disk = |serial: &str, bus| DiskSpec::new(serial, bus, DISK_BYTES);
            let disks = vec![
                disk("FORMATS", DiskBus::Nvme),
                disk("NAMESPACE", DiskBus::NvmeNamespace),
                disk("REFUSES-ZEROES", DiskBus::Virtio).faulty(FaultyIo::WriteZeroes, None),
                disk("OLD-ATA", DiskBus::Ata),
                disk("KEEP-1", DiskBus::Virtio),
                disk("KEEP-STUCK", DiskBus::Nvme).faulty(FaultyIo::WriteZeroes, None),
                disk("KEEP-BAD", DiskBus::Virtio)
                    .faulty(FaultyIo::Write, Some(BAD_BYTE))
                    .faulty(FaultyIo::WriteZeroes, Some(BAD_BYTE)),
            ];
            let scene = Scene::set_up(&folder, disks).await;
            scene.fill_disks();
            scene.declare(&[subnet(), bmc(scene.machine())]).await;
            switch_on(scene.machine()).await.unwrap();

            let wiped = scene.first_run().await;
            assert_eq!(wiped.state, RunState::Succeeded, "{wiped:#?}");
            let history = scene.history(wiped.id).await;
            let emptied = told(&history, "disks");
            let methods = [
                ("bios-1", "zeroes"),
                ("FORMATS", "NVMe Format (user data erase)"),
                ("REFUSES-ZEROES", "zeroes"),
                ("OLD-ATA", "zeroes"),
            ];
            assert_eq!(emptied.len(), methods.len(), "{emptied:#?}");
            for (serial, method) in methods {
                assert_eq!(emptied[serial]["method"], method, "{emptied:#?}");
                assert_eq!(scene.content(serial), EMPTY, "{serial}");
            }
            for serial in ["NAMESPACE", "KEEP-1", "KEEP-STUCK", "KEEP-BAD"] {
                assert_eq!(scene.content(serial), UNTOUCHED, "{serial}");
            }

            let image = make_image(&folder);
            for (format, serial, file) in [
                ("raw-gz", "OLD-ATA", packed(&image, &["gzip", "--keep", "-1"], "gz")),
                ("raw-xz", "REFUSES-ZEROES", packed(&image, &["xz", "--keep", "-0"], "xz")),
                ("qcow2", "bios-1", packed(&image, &["qemu-img", "convert", "-O", "qcow2", "-c"], "qcow2")),
                ("raw", "KEEP-BAD", image.clone()),
            ] {
                upload(&scene, format, &file).await;
                scene.declare(&[writing(format, serial)]).await;
            }
            let both =
                json!({"use": "agent.wipe", "with": {"protect": {"serials": ["KEEP-1", "OLD-ATA", "REFUSES-*"]}}});
            scene.declare(&[workflow("wipe-bad", &both)]).await;
            let wwns = json!([SECOND_NAMESPACE]);
            let params = json!({"protected_disks": {"wwns": wwns}});

            for (workflow, serial) in
                [("write-raw-gz", "OLD-ATA"), ("write-raw-xz", "REFUSES-ZEROES"), ("write-qcow2", "bios-1")]
            {
                let written = scene.run(workflow, &params).await;
                assert_eq!(written.state, RunState::Succeeded, "{written:#?}");
                assert!(fs::read(scene.file(serial)).unwrap() == fs::read(&image).unwrap(), "{workflow}");
            }

            let written = scene.run("write-raw", &params).await;
            let failure = written.failure.unwrap();
            assert_eq!((failure.class, failure.step.as_str()), (ErrorClass::Hardware, "agent.write_image"));
            assert_eq!(
                (&failure.evidence["disk_serial"], &failure.evidence["offset"]),
                (&"KEEP-BAD".into(), &BAD_PAGE.into())
            );
            assert_eq!(failure.evidence["sector"], BAD_PAGE / 512, "{failure:#?}");
            let mut first_sectors = [1; 4096];
            File::open(scene.file("KEEP-BAD")).unwrap().read_exact(&mut first_sectors).unwrap();
            assert_eq!(first_sectors, [0; 4096], "a disk with half an image boots");

            let wiped = scene.run("wipe-bad", &params).await;
            let failure = wiped.failure.unwrap();
            assert_eq!(failure.class, ErrorClass::Hardware);
            let history = scene.history(wiped.id).await;
            let failed = told(&history, "failed");
            assert_eq!(failed.len(), 2, "{failed:#?}");
            assert_eq!(failed["KEEP-BAD"]["offset"], BAD_PAGE);
            assert_eq!(failed["KEEP-STUCK"]["refused"][0]["method"], "NVMe Format (user data erase)");
            let emptied = told(&history, "emptied");
            assert!(
                emptied.len() == 2 && emptied.contains_key("FORMATS") && emptied.contains_key("bios-1"),
                "{emptied:#?}"
            );
            assert_eq!(scene.content("NAMESPACE"), UNTOUCHED);
        },
    );
}
