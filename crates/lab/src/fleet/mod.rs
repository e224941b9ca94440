//! A fleet: simulated machines by the thousand, each with a BMC, that boot at once from one server.
//!
//! All of it is in this process and on loopback addresses, so the server runs on the same computer: its DHCP serves
//! a relay at [`RELAY`], its machines and BMCs have addresses of 127.0.0.0/8. Nothing is simulated on the way:
//! DHCP, TFTP, HTTP and Redfish over TLS are spoken as real machines speak them.

mod bmcs;
mod boot_network;
mod relay;
mod site;
mod tftp;

pub use boot_network::{BootNetwork, NetworkBootError};
pub use relay::{LeaseError, Program, Relay};

use crate::power::{BootPlan, PowerBackend};
use crate::redfish::{BmcOptions, BmcService, Firmware as BmcFirmware};
use crate::simulated::{SimulatedMachine, SimulatedSpec};
use anyhow::Context;
use bmcs::Bmcs;
use client::{Client, EventQuery};
use serde::Serialize;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};
use types::machine::Firmware;
use types::{MacAddr, RunId, Secret};
use url::Url;
use uuid::Uuid;

/// The address of the fleet's relay agent; servers answer to port 67.
pub const RELAY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// The BMC of the first machine; the others follow.
const FIRST_BMC: Ipv4Addr = Ipv4Addr::new(127, 32, 0, 1);
/// As many addresses as there are for BMCs, and as the pool has.
pub const MOST_MACHINES: u32 = 100_000;
/// Where the fleet is said to be under way while nothing ends.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// The same namespace gives a machine of a number the same UUID always.
const FLEET: Uuid = Uuid::from_u128(0xf1ee_7000_0000_4000_8000_0000_0000_0001);

/// A fleet to start.
#[derive(Debug, Clone)]
pub struct FleetOptions {
    /// Machines.
    pub machines: u32,
    /// Its DHCP service. Without it machines start at their boot script.
    pub dhcp: Option<SocketAddrV4>,
    /// The port of its TFTP service.
    pub tftp_port: u16,
    /// Where all BMCs listen.
    pub bmc_port: u16,
    /// The size of the image that is "written".
    pub image_bytes: usize,
    /// Nothing more is waited for after so long.
    pub limit: Duration,
}

/// How it went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FleetReport {
    /// Machines that were switched on.
    pub machines: u32,
    /// Those that are deployed.
    pub deployed: u32,
    /// Those whose run ended otherwise.
    pub failed: u32,
    /// From the first power-on to the end of the last run.
    pub seconds: f64,
    /// Steps of one machine's run.
    pub steps: usize,
    /// Images written and resets made, by all machines: each should be as many as its kind needs.
    pub images_written: usize,
    /// See [`FleetReport::images_written`].
    pub resets: u64,
}

impl fmt::Display for FleetReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { machines, deployed, failed, seconds, steps, .. } = self;
        let per_minute = f64::from(*deployed) * 60.0 / seconds;
        writeln!(f, "{deployed} of {machines} machines deployed, {failed} failed")?;
        write!(f, "{seconds:.1} s, {per_minute:.0} machines a minute, {steps} steps each")
    }
}

/// A fleet whose site is declared, and whose machines are off.
pub struct Fleet {
    options: FleetOptions,
    client: Client,
    machines: Vec<Arc<SimulatedMachine>>,
}

impl Fleet {
    /// Makes the machines and their BMCs, and declares subnet, image and BMCs at the server. The machines are not
    /// declared: they are to be found.
    pub async fn prepare(client: Client, options: FleetOptions) -> anyhow::Result<Self> {
        anyhow::ensure!(options.machines <= MOST_MACHINES, "a fleet has {MOST_MACHINES} machines at most");
        let network = match options.dhcp {
            Some(server) => {
                let relay = Relay::start(SocketAddrV4::new(RELAY, dhcp::SERVER_PORT), server);
                let relay = relay.with_context(|| format!("relaying from {RELAY}"))?;
                Some(Arc::new(BootNetwork { relay, tftp_port: options.tftp_port }))
            }
            None => None,
        };
        // Machines of a fleet are far more than idle connections are worth keeping for.
        let http = reqwest::Client::builder().no_proxy().pool_idle_timeout(Duration::from_secs(20)).build()?;
        let machines: Vec<_> = (0..options.machines)
            .map(|number| {
                let spec = spec(number, client.base());
                match &network {
                    Some(network) => SimulatedMachine::with_network(spec, http.clone(), Arc::clone(network)),
                    None => SimulatedMachine::new(spec, http.clone()),
                }
            })
            .collect();
        let password = Secret::new(Uuid::new_v4().simple().to_string());
        let bmcs = machines.iter().zip(0..).map(|(machine, number)| bmc(number, machine, &options, &password));
        let certificate = bmcs::serve(bmcs.collect::<Bmcs>(), options.bmc_port)?;
        let site = site::Site { options: &options, password: &password, certificate };
        site.declare(&client).await.context("declaring the fleet's site")?;
        Ok(Self { options, client, machines })
    }

    /// Switches every machine on at once, and waits until each run has ended. `tell` is told how many have.
    pub async fn run(&self, tell: impl Fn(u32, Duration)) -> anyhow::Result<FleetReport> {
        let newest = EventQuery { limit: Some(1), ..EventQuery::default() };
        let after = self.client.events(&newest).await?.items.last().map_or(0, |event| event.seq);
        let kind = Some("run.succeeded,run.failed,run.cancelled".to_owned());
        let mut ends = self.client.follow(EventQuery { kind, after: Some(after), ..EventQuery::default() });
        let began = Instant::now();
        for machine in &self.machines {
            machine.power_on(BootPlan::default()).await?;
        }
        let (mut deployed, mut failed, mut last) = (0, 0, None::<RunId>);
        let mut told = Instant::now();
        while deployed + failed < self.options.machines && began.elapsed() < self.options.limit {
            if told.elapsed() >= TELL_EVERY {
                told = Instant::now();
                tell(deployed + failed, began.elapsed());
            }
            let Ok(event) = tokio::time::timeout(TELL_EVERY, ends.next()).await else { continue };
            let event = event?;
            if event.kind == "run.succeeded" {
                deployed += 1;
                last = event.run.or(last);
            } else {
                failed += 1;
            }
        }
        let seconds = began.elapsed().as_secs_f64();
        let steps = match last {
            Some(run) => self.steps_of(run).await?,
            None => 0,
        };
        let deeds = self.machines.iter().map(|machine| machine.deeds());
        let (mut images_written, mut resets) = (0, 0);
        for deeds in deeds {
            images_written += deeds.images_written.len();
            resets += u64::from(deeds.resets);
        }
        let machines = self.options.machines;
        Ok(FleetReport { machines, deployed, failed, seconds, steps, images_written, resets })
    }

    async fn steps_of(&self, run: RunId) -> anyhow::Result<usize> {
        let run = self.client.run(run).await?;
        Ok(run.stages.iter().chain([&run.finally]).map(|stage| stage.steps.len()).sum())
    }
}

fn spec(number: u32, server: &Url) -> SimulatedSpec {
    let [_, a, b, c] = number.to_be_bytes();
    SimulatedSpec {
        name: machine_name(number),
        mac: MacAddr([0x52, 0x54, 0xf1, a, b, c]),
        uuid: Uuid::new_v5(&FLEET, &number.to_be_bytes()),
        firmware: if number.is_multiple_of(2) { Firmware::Bios } else { Firmware::Uefi },
        server: server.clone(),
    }
}

fn machine_name(number: u32) -> String {
    format!("fleet-{number:05}")
}

fn bmc_address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(FIRST_BMC.to_bits() + number)
}

fn bmc(
    number: u32,
    machine: &Arc<SimulatedMachine>,
    options: &FleetOptions,
    password: &Secret,
) -> (Ipv4Addr, Arc<BmcService>) {
    let address = bmc_address(number);
    let service = BmcService::new(BmcOptions {
        listen: SocketAddr::from((address, options.bmc_port)),
        name: machine_name(number),
        uuid: Uuid::new_v5(&FLEET, &number.to_be_bytes()),
        serial: machine_name(number),
        model: "Simulated".to_owned(),
        firmware: if number.is_multiple_of(2) { BmcFirmware::Bios } else { BmcFirmware::Uefi },
        username: site::BMC_USER.to_owned(),
        password: password.clone(),
        backend: Arc::clone(machine) as Arc<dyn PowerBackend>,
    });
    (address, Arc::new(service))
}
