//! Real UEFI firmware in QEMU, from power-on to a registered agent, by the ways that the demo does not take.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod qemu;

use client::{Client, EventQuery, EventStream};
use lab::demo::ServerProcess;
use lab::host::{CARD, Host};
use lab::network::Network;
use lab::power::{BootPlan, BootSource};
use lab::qemu::{FirmwareFiles, MachineSpec, NetworkBoot, QemuMachine};
use qemu::{built, eventually, in_own_network};
use serde_json::{Value, json};
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use types::event::Event;
use types::machine::Firmware;
use uuid::Uuid;
use wire::ApplyFile;

/// From power-on to an event: measured 25 s, and a minute more where the firmware tries another way first.
const LIMIT: Duration = Duration::from_secs(240);
const MAC: &str = "52:54:00:77:00:01";

/// A server on a bridge with a machine plugged into it.
struct Scene {
    client: Client,
    machine: QemuMachine,
    network: Network,
    events: EventStream,
    _server: ServerProcess,
}

impl Scene {
    async fn set_up(folder: &Path, network_boot: NetworkBoot, firmware: FirmwareFiles, config: Value) -> Self {
        let network = Network::create("br0", "10.77.0.1/24").await.unwrap();
        network.add_ipv6_address("fd00:77::1/64").await.unwrap();
        network.add_tap("tap0").await.unwrap();
        let signed = built("signed-loaders", "shimx64.efi.signed");
        let mut whole = json!({
            "data": folder.join("data"),
            "listen": "[::]:8080",
            "boot": {
                "loaders": "/usr/lib/ipxe",
                "shim": signed.join("shimx64.efi.signed"),
                "grub": signed.join("grubnetx64.efi.signed"),
                "maintenance_os": built("boot", "vmlinuz"),
            },
        });
        whole.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
        let file = folder.join("slipway.yaml");
        fs::write(&file, whole.to_string()).unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_slipway"));
        let server = ServerProcess::start(program, &file, &folder.join("server.log")).await.unwrap();
        let client = Client::new(server.url(), server.token()).unwrap();
        let spec = MachineSpec {
            name: "m1".into(),
            firmware: Firmware::Uefi,
            network_boot,
            mac: MAC.parse().unwrap(),
            tap: "tap0".into(),
            uuid: Uuid::from_u128(0x7701),
            processors: 1,
            memory_mib: 1024,
            disk_bytes: 1 << 20,
            more_disks: Vec::new(),
            directory: folder.join("m1"),
        };
        let events = client.follow(EventQuery { after: Some(0), ..EventQuery::default() });
        Self { client, machine: QemuMachine::with_firmware(spec, firmware), network, events, _server: server }
    }

    async fn declare(&self, subnet: Value) {
        let text = subnet.to_string();
        self.client.apply(vec![ApplyFile { file: "site.yaml".into(), text }], false).await.unwrap();
    }

    /// What happened until `is_last` did, which is the last of it.
    async fn until(&mut self, is_last: impl Fn(&Event) -> bool) -> Vec<Event> {
        let mut seen = Vec::new();
        let all = async {
            loop {
                let event = self.events.next().await.unwrap();
                let last = is_last(&event);
                seen.push(event);
                if last {
                    return;
                }
            }
        };
        let ended = tokio::time::timeout(LIMIT, all).await;
        assert!(ended.is_ok(), "{seen:#?}\n{}", self.serial());
        seen
    }

    async fn until_registered(&mut self) -> Vec<Event> {
        self.until(|event| event.kind == "agent.registered").await
    }

    /// What the machine wrote on its serial port after its first `before` bytes, once `text` is in it.
    async fn until_written(&self, before: usize, text: &str) -> String {
        let look = async || self.serial().get(before..).filter(|new| new.contains(text)).map(str::to_owned);
        eventually(LIMIT, look, || self.serial()).await
    }

    /// What the machine wrote on its serial port.
    fn serial(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.machine.spec().serial_log()).unwrap_or_default()).into_owned()
    }
}

fn from_network() -> BootPlan {
    BootPlan { source: BootSource::Network, cd: None }
}

/// What was fetched by one way, in order.
fn fetched<'a>(events: &'a [Event], kind: &str) -> Vec<&'a str> {
    let found =
        |event: &&Event| event.kind == kind && (event.data["status"] == 200 || event.data["outcome"] == "complete");
    events.iter().filter(found).map(|event| event.data["path"].as_str().unwrap()).collect()
}

fn subnet(loader: &str) -> Value {
    json!({
        "kind": "Subnet", "name": "rack", "cidr": "10.77.0.0/24", "unknown": "discover", "loader": loader,
        "pool": {"first": "10.77.0.100", "last": "10.77.0.199"},
    })
}

fn dhcp() -> Value {
    json!({"interface": "br0", "address": "10.77.0.1", "no_ipv6_router": true})
}

#[test]
fn uefi_boots_by_http_without_tftp() {
    in_own_network("uefi_boots_by_http_without_tftp", async |folder| {
        let config = json!({"dhcp": dhcp()});
        let mut scene = Scene::set_up(&folder, NetworkBoot::Http, FirmwareFiles::default(), config).await;
        scene.declare(subnet("ipxe")).await;
        scene.machine.start(&from_network()).await.unwrap();
        let events = scene.until_registered().await;
        let files = fetched(&events, "boot.http");
        assert_eq!(files.iter().find(|path| path.ends_with(".efi")), Some(&"/boot/files/ipxe.efi"), "{files:#?}");
        assert!(fetched(&events, "boot.tftp").is_empty());
    });
}

#[test]
fn firmware_with_secure_boot_refuses_ipxe_and_boots_what_is_signed() {
    in_own_network("firmware_with_secure_boot_refuses_ipxe_and_boots_what_is_signed", async |folder| {
        let config = json!({"dhcp": dhcp(), "tftp": "10.77.0.1:69"});
        let mut scene = Scene::set_up(&folder, NetworkBoot::Pxe, FirmwareFiles::secure_boot(), config).await;
        scene.declare(subnet("ipxe")).await;
        scene.machine.start(&from_network()).await.unwrap();
        scene.until(|event| event.data["path"] == "snponly.efi" && event.data["outcome"] == "complete").await;
        // The firmware's next way is HTTP boot; that it asks says that it did not start what it had loaded.
        let next = |event: &Event| event.kind == "boot.dhcp" && event.data["arch"] == 0x10;
        let refused = scene.until(next).await;
        assert!(!refused.iter().any(|event| event.data["ipxe"] == true), "{refused:#?}");

        scene.declare(subnet("grub-signed")).await;
        scene.machine.reset(&from_network()).await.unwrap();
        let events = scene.until_registered().await;
        let files = fetched(&events, "boot.tftp");
        let chain = ["shimx64.efi", "grubx64.efi", "grub/grub.cfg", "52:54:00:77:00:01/grub.cfg", "vmlinuz"];
        assert_eq!(
            files.iter().filter(|path| chain.contains(path)).collect::<Vec<_>>(),
            chain.each_ref(),
            "{files:#?}"
        );
        assert!(!files.iter().any(|path| path.contains("ipxe") || path.contains("snponly")), "{files:#?}");
        let machine = scene.client.find::<types::machine::MachineSpec>("m-525400770001").await.unwrap();
        let machine = serde_json::to_value(&machine).unwrap();
        assert_eq!(machine["status"]["inventory"]["board"]["secure_boot"], true, "{machine:#}");

        // Nothing is to be done with it, so it is led to its disk, by the same signed GRUB.
        let written = scene.serial().len();
        scene.machine.stop().await.unwrap();
        make_signed_disk(&scene.machine.spec().disk());
        // Firmware wakes only the disks that are in its order.
        scene.machine.start(&BootPlan { source: BootSource::DefaultOrder, cd: None }).await.unwrap();
        let serial = scene.until_written(written, FROM_DISK).await;
        let (_, after) = serial.split_once("Slipway: nothing to boot").unwrap();
        assert!(!after.contains("BdsDxe"), "the firmware went on to the disk, not GRUB: {serial}");
    });
}

/// What the loader on the disk says.
const FROM_DISK: &str = "this is the disk";

/// A disk with the signed shim and GRUB, which says where it is.
fn make_signed_disk(disk: &Path) {
    let mtools = built("debian/image-tools", "usr/bin/mtools").join("usr/bin/mtools");
    let mtools = |arguments: &[&str], files: &[&Path]| {
        let mut command = Command::new(&mtools);
        command.arg("-c").args(arguments).arg("-i").arg(disk).args(files);
        command
    };
    fs::File::create(disk).unwrap().set_len(64 << 20).unwrap();
    let shim = built("signed-loaders", "shimx64.efi.signed").join("shimx64.efi.signed");
    let grub = built("signed-loaders", "grubnetx64.efi.signed").join("grubnetx64.efi.signed");
    let config = disk.with_file_name("grub.cfg");
    fs::write(&config, format!("echo '{FROM_DISK}'\nsleep 600\n")).unwrap();
    for mut command in [
        mtools(&["mformat", "-v", "ESP"], &[Path::new("::")]),
        mtools(&["mmd"], &[Path::new("::/EFI"), Path::new("::/EFI/BOOT"), Path::new("::/grub")]),
        mtools(&["mcopy"], &[&shim, Path::new("::/EFI/BOOT/BOOTX64.EFI")]),
        mtools(&["mcopy"], &[&grub, Path::new("::/EFI/BOOT/grubx64.efi")]),
        mtools(&["mcopy"], &[&config, Path::new("::/grub/grub.cfg")]),
    ] {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

#[test]
fn uefi_has_its_address_from_dnsmasq_and_boots_what_we_say_beside_it() {
    in_own_network("uefi_has_its_address_from_dnsmasq_and_boots_what_we_say_beside_it", async |folder| {
        let config = json!({"dhcp": dhcp(), "tftp": "10.77.0.1:69"});
        let mut scene = Scene::set_up(&folder, NetworkBoot::Pxe, FirmwareFiles::default(), config).await;
        scene
            .declare(json!({
                "kind": "Subnet", "name": "rack", "cidr": "10.77.0.0/24", "unknown": "discover", "dhcp": "proxy",
            }))
            .await;
        let other = Host::plug_in(&scene.network, "cable2", "52:54:00:77:00:02").await.unwrap();
        other.ip(&["address", "add", "10.77.0.2/24", "dev", CARD]).await.unwrap();
        let [first, last] = [[10, 77, 0, 50], [10, 77, 0, 59]].map(Ipv4Addr::from);
        let _dnsmasq = other.start_dnsmasq(&folder, first, last).await.unwrap();
        scene.machine.start(&from_network()).await.unwrap();
        let events = scene.until_registered().await;
        let answers: Vec<_> = events.iter().filter(|event| event.kind == "boot.dhcp").collect();
        assert!(answers.iter().all(|event| event.data["address"].is_null()), "{answers:#?}");
        let files: Vec<_> = answers.iter().map(|event| event.data["filename"].as_str().unwrap_or_default()).collect();
        assert_eq!(files.first(), Some(&"snponly.efi"), "{files:?}");
        assert!(files.last().unwrap().ends_with("/script.ipxe"), "{files:?}");
        assert!(fetched(&events, "boot.tftp").contains(&"snponly.efi"));
        let downloads = events.iter().filter(|event| event.kind == "boot.http").map(|event| &event.data["peer"]);
        for peer in downloads.map(|peer| peer.as_str().unwrap().parse::<Ipv4Addr>().unwrap()) {
            assert!((first..=last).contains(&peer), "{peer}");
        }
    });
}

fn ipv6_subnet() -> Value {
    json!({
        "kind": "Subnet", "name": "rack", "cidr": "10.77.0.0/24", "unknown": "discover",
        "ipv6": {"cidr": "fd00:77::/64", "pool": {"first": "fd00:77::1000", "last": "fd00:77::1fff"}},
    })
}

/// Nothing on this network is by IPv4.
async fn boot_over_ipv6(folder: &Path, network_boot: NetworkBoot) -> Vec<Event> {
    let config = json!({
        "dhcp6": {"interface": "br0", "address": "fd00:77::1", "advertise": true},
        "tftp": "[fd00:77::1]:69",
    });
    let mut scene = Scene::set_up(folder, network_boot, FirmwareFiles::default(), config).await;
    scene.declare(ipv6_subnet()).await;
    scene.machine.start(&from_network()).await.unwrap();
    let events = scene.until_registered().await;
    let leased = events.iter().filter(|event| event.kind == "boot.dhcp" && event.data["address"].is_string());
    for event in leased {
        assert!(event.data["address"].as_str().unwrap().starts_with("fd00:77::1"), "{event:#?}");
        assert_eq!(event.data["mac"], MAC);
    }
    events
}

#[test]
fn uefi_boots_over_ipv6_alone() {
    in_own_network("uefi_boots_over_ipv6_alone", async |folder| {
        let events = boot_over_ipv6(&folder, NetworkBoot::PxeIpv6).await;
        assert!(fetched(&events, "boot.tftp").contains(&"snponly.efi"));
        let solicited = |event: &Event| event.data["message"] == "solicit" && event.data["answer"] == "advertise";
        let firmware = events.iter().find(|event| solicited(event) && event.data["arch"] == 7).unwrap();
        assert_eq!(firmware.data["filename"], "tftp://[fd00:77::1]/snponly.efi");
        assert!(events.iter().any(|event| solicited(event) && event.data["ipxe"] == true));
    });
}

#[test]
fn uefi_boots_by_http_over_ipv6_alone() {
    in_own_network("uefi_boots_by_http_over_ipv6_alone", async |folder| {
        let events = boot_over_ipv6(&folder, NetworkBoot::Http).await;
        let files = fetched(&events, "boot.http");
        assert_eq!(files.iter().find(|path| path.ends_with(".efi")), Some(&"/boot/files/ipxe.efi"), "{files:#?}");
        assert!(fetched(&events, "boot.tftp").is_empty());
    });
}
