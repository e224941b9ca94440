//! A server on a switch, and what is plugged in beside it.

pub(crate) use lab::own_network::in_own_network;

use client::{Client, EventQuery, EventStream};
use lab::demo::ServerProcess;
use lab::host::{CARD, Host};
use lab::network::Network;
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;
use types::event::Event;
use wire::{ApplyFile, Pools};

/// Our server's address.
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// Long enough for a loaded machine; a test that needs it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// A server on a switch.
pub(crate) struct Scene {
    pub(crate) network: Network,
    pub(crate) client: Client,
    events: EventStream,
    server: ServerProcess,
}

impl Scene {
    /// A server with a subnet that is as `fields` say.
    pub(crate) async fn set_up(folder: &Path, fields: Value) -> Self {
        let network = Network::create("br0", "10.77.0.1/24").await.unwrap();
        network.add_ipv6_address("fd00:77::1/64").await.unwrap();
        let boot = folder.join("boot");
        std::fs::create_dir(&boot).unwrap();
        for file in ["undionly.kpxe", "snponly.efi", "ipxe.efi", "vmlinuz", "initrd.zst"] {
            std::fs::write(boot.join(file), format!("the bytes of {file}")).unwrap();
        }
        let config = json!({
            "data": folder.join("data"),
            "listen": "[::]:8080",
            "dhcp": {"interface": "br0", "address": SERVER},
            "dhcp6": {"interface": "br0", "address": "fd00:77::1"},
            "tftp": "10.77.0.1:69",
            "boot": {"loaders": boot, "maintenance_os": boot},
        });
        let file = folder.join("slipway.yaml");
        std::fs::write(&file, config.to_string()).unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_slipway"));
        let server = ServerProcess::start(program, &file, &folder.join("server.log")).await.unwrap();
        let client = Client::new(server.url(), server.token()).unwrap();
        let events = client.follow(EventQuery { after: Some(0), ..EventQuery::default() });
        let scene = Self { network, client, events, server };
        scene.declare(fields).await;
        scene.until_pools(|pools| pools.items.iter().any(|pools| pools.subnet.as_str() == "rack")).await;
        scene
    }

    /// Waits until the pools are as `wanted`: a change of a subnet takes a moment until it is served.
    pub(crate) async fn until_pools(&self, wanted: impl Fn(&Pools) -> bool) -> Pools {
        let started = tokio::time::Instant::now();
        loop {
            let pools = self.client.pools().await.unwrap();
            if wanted(&pools) {
                return pools;
            }
            assert!(started.elapsed() < PATIENCE, "{pools:#?}");
        }
    }

    /// Declares the subnet anew.
    pub(crate) async fn declare(&self, fields: Value) {
        let mut subnet = json!({"kind": "Subnet", "name": "rack", "cidr": "10.77.0.0/24"});
        subnet.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.apply(&subnet).await;
    }

    /// Declares something.
    pub(crate) async fn apply(&self, document: &Value) {
        let file = ApplyFile { file: "site.yaml".into(), text: document.to_string() };
        self.client.apply(vec![file], false).await.unwrap();
    }

    /// What the command line says.
    pub(crate) async fn says(&self, arguments: &[&str]) -> String {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_slipway"));
        command.args(arguments).env("SLIPWAY_SERVER", self.server.url().as_str());
        command.env("SLIPWAY_TOKEN", self.server.token().expose()).env_remove("SLIPWAY_TOKEN_FILE");
        let output = command.output().await.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The next event that is `wanted`.
    pub(crate) async fn event(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        let mut seen = Vec::new();
        let find = async {
            loop {
                let event = self.events.next().await.unwrap();
                if wanted(&event) {
                    return event;
                }
                seen.push(event);
            }
        };
        let found = tokio::time::timeout(PATIENCE, find).await.ok();
        found.unwrap_or_else(|| panic!("no such event: {seen:#?}"))
    }

    /// Plugs a computer in, the `number`th, with an address if it is to have one.
    pub(crate) async fn host(&self, number: u8, address: Option<&str>) -> Host {
        let host = Host::plug_in(&self.network, &format!("cable{number}"), &mac(number)).await.unwrap();
        if let Some(address) = address {
            host.ip(&["address", "add", address, "dev", CARD]).await.unwrap();
        }
        host
    }
}

/// The card of a computer.
pub(crate) fn mac(number: u8) -> String {
    format!("52:54:00:77:00:{number:02x}")
}
