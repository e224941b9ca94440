//! A whole server in this process with several simulated machines, each behind a BMC of its own, that no object but a
//! sheet speaks of.

use super::crash::{Commits, Crash};
use super::looks::Looks;
use super::pace::Pace;
use super::thread::{ServerSetup, ServerThread};
use client::{Client, EventQuery, SheetImport};
use lab::power::PowerBackend;
use lab::redfish::{BmcOptions, BmcSimulator, Firmware as BmcFirmware};
use lab::simulated::{Deeds, SimulatedMachine, SimulatedSpec};
use lab::solo;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use types::design::DeploymentSpec;
use types::machine::Firmware;
use types::{MacAddr, Secret};
use uuid::Uuid;
use wire::{ApplyFile, Deployment};

/// Far longer than any of it takes; a test that reaches it has hung.
const LIMIT: Duration = Duration::from_secs(120);
const PASSWORD: &str = "bmc-password";

/// See the module.
pub(crate) struct Rack {
    setup: ServerSetup,
    server: Option<ServerThread>,
    token: Secret,
    machines: Vec<(Arc<SimulatedMachine>, BmcSimulator)>,
    _folder: TempDir,
}

impl Rack {
    /// A server, and machines that are off. `site` is declared.
    pub(crate) async fn start(machines: u8, site: &str) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let folder = tempfile::tempdir().unwrap();
        solo::write_boot_files(&folder.path().join("boot")).unwrap();
        let address = solo::free_address().unwrap();
        let mut all = Vec::new();
        for number in 1..=machines {
            all.push(machine(number, address).await);
        }
        let setup = ServerSetup {
            folder: folder.path().to_owned(),
            address,
            pace: Pace::Real,
            crash: Crash::Never,
            commits: Commits::default(),
            looks: Looks::default(),
        };
        let (server, token) = ServerThread::start(setup.clone()).await;
        let token = token.expect("a new server announces a token");
        let rack = Self { setup, server: Some(server), token, machines: all, _folder: folder };
        rack.apply(site).await;
        rack
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(format!("http://{}/", self.setup.address).parse().unwrap(), &self.token).unwrap()
    }

    pub(crate) async fn apply(&self, text: &str) {
        let file = ApplyFile { file: "site.yaml".to_owned(), text: text.to_owned() };
        self.client().apply(vec![file], false).await.unwrap_or_else(|error| panic!("{error:?}"));
    }

    /// A sheet of the machines, `node-1` and so on, each with what `more` says of it.
    pub(crate) fn sheet(&self, headings: &str, more: impl Fn(usize) -> String) -> String {
        let mut csv = format!("name,macs,address,bmc_address,redfish_port,{headings}\n");
        for (index, (_, bmc)) in self.machines.iter().enumerate() {
            let number = index + 1;
            let (url, mac) = (bmc.url(), mac(u8::try_from(number).unwrap()));
            let (host, port) = (url.host_str().unwrap(), url.port().unwrap());
            csv.push_str(&format!("node-{number},{mac},127.9.0.{number},{host},{port},{}\n", more(number)));
        }
        csv
    }

    pub(crate) async fn import(&self, design: &str, csv: &str) {
        let how = SheetImport { group: Some("compute".parse().unwrap()), ..SheetImport::default() };
        self.client().import_sheet(design, csv.to_owned(), &how).await.unwrap_or_else(|error| panic!("{error:?}"));
    }

    /// What was done to each machine.
    pub(crate) fn deeds(&self) -> Vec<Deeds> {
        self.machines.iter().map(|(machine, _)| machine.deeds()).collect()
    }

    /// Kills the server where it stands, and starts it again.
    pub(crate) async fn restart(&mut self) {
        drop(self.server.take());
        let (server, _) = ServerThread::start(self.setup.clone()).await;
        self.server = Some(server);
    }

    /// The deployment, once `wanted` holds; as it stands when that takes far too long.
    pub(crate) async fn deployment(&self, name: &str, wanted: impl Fn(&Deployment) -> bool) -> Deployment {
        let client = self.client();
        let watching = async {
            let mut events = client.follow(EventQuery { after: Some(0), ..EventQuery::default() });
            while !wanted(&client.find::<DeploymentSpec>(name).await.unwrap()) {
                events.next().await.unwrap();
            }
        };
        tokio::time::timeout(LIMIT, watching).await.ok();
        client.find::<DeploymentSpec>(name).await.unwrap()
    }
}

fn mac(number: u8) -> MacAddr {
    MacAddr([0x52, 0x54, 0, 9, 0, number])
}

async fn machine(number: u8, server: SocketAddr) -> (Arc<SimulatedMachine>, BmcSimulator) {
    let (name, uuid) = (format!("node-{number}"), Uuid::from_u128(0x9000 + u128::from(number)));
    let server = format!("http://{server}/").parse().unwrap();
    let spec = SimulatedSpec { name: name.clone(), mac: mac(number), uuid, firmware: Firmware::Uefi, server };
    let machine = SimulatedMachine::new(spec, reqwest::Client::new());
    let options = BmcOptions {
        listen: SocketAddr::from((Ipv4Addr::new(127, 9, 1, number), 0)),
        name: name.clone(),
        uuid,
        serial: name,
        model: "Simulated".to_owned(),
        firmware: BmcFirmware::Uefi,
        username: "admin".to_owned(),
        password: Secret::new(PASSWORD),
        backend: Arc::clone(&machine) as Arc<dyn PowerBackend>,
    };
    (machine, BmcSimulator::start(options).await.unwrap())
}
