//! Debian's own installer on an emulated machine, with answers that the server makes when they are asked for.
//!
//! A whole installation takes most of an hour under emulation, so the test sees that the installer has our answers and
//! acts on them, and stops there. `cargo xtask e2e debian-installer` gives it a mirror and sees it through: until the
//! installer says that it is done, and the system that it installed says that it is up.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod qemu;

use client::{Client, EventQuery, EventStream};
use lab::demo::ServerProcess;
use lab::network::Network;
use lab::power::{BootPlan, BootSource};
use lab::qemu::{FirmwareFiles, MachineSpec, NetworkBoot, QemuMachine};
use qemu::{built, in_own_network};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;
use types::event::Event;
use types::machine::Firmware;
use uuid::Uuid;
use wire::ApplyFile;

/// Names the mirror from which the installer is to install everything.
const MIRROR: &str = "SLIPWAY_DEBIAN_INSTALLER_MIRROR";
/// From power-on to the installer's questions to its mirror: measured 135 s to its answers beside other machines.
const BEGINNING: Duration = Duration::from_secs(900);
/// From there to the installed system: measured 44 minutes to its boot loader beside other machines.
const WHOLE: Duration = Duration::from_secs(3 * 3600);
const MAC: &str = "52:54:00:77:00:01";
const KERNEL: &str = "dists/bookworm/main/installer-amd64/current/images/netboot/debian-installer/amd64/linux";

struct Scene {
    client: Client,
    machine: QemuMachine,
    events: EventStream,
    _network: Network,
    _server: ServerProcess,
}

impl Scene {
    async fn set_up(folder: &Path, mirror: &Path) -> Self {
        let network = Network::create("br0", "10.77.0.1/24").await.unwrap();
        network.add_tap("tap0").await.unwrap();
        let media = folder.join("data/media");
        fs::create_dir_all(&media).unwrap();
        symlink(mirror, media.join("debian-12")).unwrap();
        let config = json!({
            "data": folder.join("data"),
            "listen": "10.77.0.1:8080",
            "dhcp": {"interface": "br0", "address": "10.77.0.1"},
            "boot": {"loaders": "/usr/lib/ipxe", "maintenance_os": built("boot", "vmlinuz")},
        });
        let file = folder.join("slipway.yaml");
        fs::write(&file, config.to_string()).unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_slipway"));
        let server = ServerProcess::start(program, &file, &folder.join("server.log")).await.unwrap();
        let client = Client::new(server.url(), server.token()).unwrap();
        let spec = MachineSpec {
            name: "m1".into(),
            firmware: Firmware::Bios,
            network_boot: NetworkBoot::Pxe,
            mac: MAC.parse().unwrap(),
            tap: "tap0".into(),
            uuid: Uuid::from_u128(0x7701),
            processors: 2,
            memory_mib: 1024,
            disk_bytes: 8 << 30,
            more_disks: Vec::new(),
            directory: folder.join("m1"),
        };
        let events = client.follow(EventQuery { after: Some(0), ..EventQuery::default() });
        let machine = QemuMachine::with_firmware(spec, FirmwareFiles::default());
        Self { client, machine, events, _network: network, _server: server }
    }

    async fn declare(&self, objects: &[Value]) {
        let text = objects.iter().map(|object| format!("{object}\n---\n")).collect::<String>();
        let text = text.trim_end_matches("---\n").to_owned();
        self.client.apply(vec![ApplyFile { file: "site.yaml".into(), text }], false).await.unwrap();
    }

    /// What happened until something did, which is the last of it.
    async fn until(&mut self, limit: Duration, is_last: impl Fn(&Event) -> bool) -> Event {
        let mut seen = Vec::new();
        let look = async {
            loop {
                let event = self.events.next().await.unwrap();
                assert!(event.kind != "template.failed" && event.kind != "installer.failed", "{event:#?}");
                if is_last(&event) {
                    return event;
                }
                seen.push(format!("{} {}", event.kind, event.data));
            }
        };
        match tokio::time::timeout(limit, look).await {
            Ok(event) => event,
            Err(_) => panic!("{seen:#?}\n{}", self.serial()),
        }
    }

    fn serial(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.machine.spec().serial_log()).unwrap_or_default()).into_owned()
    }
}

fn fetched(event: &Event, path: &str) -> bool {
    event.kind == "boot.http" && event.data["status"] == 200 && event.data["path"] == path
}

/// A subnet, a group that says what its machines get, one machine in it, and a workflow that needs no agent.
fn site() -> Vec<Value> {
    vec![
        json!({
            "kind": "Subnet", "name": "rack", "cidr": "10.77.0.0/24", "unknown": "ignore", "dns": ["10.77.0.1"],
            "pool": {"first": "10.77.0.100", "last": "10.77.0.199"},
        }),
        json!({"kind": "Medium", "name": "here", "family": "debian", "url": "local:debian-12"}),
        json!({
            "kind": "Workflow", "name": "only-install",
            "stages": [
                {"name": "OS_INSTALL", "timeout": "3h", "steps": [{"use": "medium.check"}, {"use": "os.install"}]},
                {"name": "DEPLOYED", "timeout": "1h", "steps": [{"use": "host.call_home"}]},
            ],
        }),
        json!({
            "kind": "Group", "name": "web", "os": "debian-12", "medium": "here", "workflow": "only-install",
            "domain": "example.net",
            "params": {
                "unsigned_mirror": true, "kernel_package": "linux-image-cloud-amd64",
                "kernel_options": "console=ttyS0", "installer_options": "DEBIAN_FRONTEND=text",
            },
        }),
        json!({"kind": "Machine", "name": "m1", "macs": [MAC], "group": "web"}),
    ]
}

/// The kernel and the initial RAM disk of the installer, and an index without packages.
fn beginning_of_a_mirror() -> PathBuf {
    built("debian-installer", KERNEL)
}

#[test]
#[ignore = "not seen to pass yet: the installer asked for a name server before it fetched its answers"]
fn the_debian_installer_follows_the_answers_that_are_made_for_its_machine() {
    in_own_network("the_debian_installer_follows_the_answers_that_are_made_for_its_machine", async |folder| {
        let mirror = std::env::var_os(MIRROR).map(PathBuf::from);
        let mut scene = Scene::set_up(&folder, &mirror.clone().unwrap_or_else(beginning_of_a_mirror)).await;
        scene.declare(&site()).await;
        let start = serde_json::from_value(json!({"workflow": "only-install"})).unwrap();
        let run = scene.client.start_run("m1", &start, None).await.unwrap();
        let wanted = |event: &Event| event.kind == "machine.wanted_env" && event.data["env"] == "debian-12-install";
        scene.until(BEGINNING, wanted).await;

        scene.machine.start(&BootPlan { source: BootSource::DefaultOrder, cd: None }).await.unwrap();
        scene.until(BEGINNING, |event| fetched(event, &format!("/media/debian-12/{KERNEL}"))).await;
        scene.until(BEGINNING, |event| fetched(event, "/boot/52-54-00-77-00-01/preseed.cfg")).await;
        // That it asks this mirror is an answer of ours.
        scene.until(BEGINNING, |event| fetched(event, "/media/debian-12/dists/bookworm/Release")).await;
        if mirror.is_none() {
            return;
        }

        scene.until(WHOLE, |event| event.kind == "installer.built").await;
        let home = scene.until(WHOLE, |event| event.kind == "host.called_home").await;
        assert_eq!(home.data["hostname"], "m1", "{home:#?}");
        scene.until(BEGINNING, |event| event.kind == "run.succeeded").await;
        let ended = scene.client.run(run.id).await.unwrap();
        let ended = serde_json::to_value(&ended).unwrap();
        assert_eq!(ended["state"], "succeeded", "{ended:#}");
        let machine = scene.client.find::<types::machine::MachineSpec>("m1").await.unwrap();
        assert_eq!(serde_json::to_value(&machine).unwrap()["status"]["state"], "deployed");
    });
}
