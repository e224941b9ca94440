//! The demo: a rack from power-on to DEPLOYED, watched live, with a report at the end.
//!
//! It is an operator with a rack: it starts `slipway serve` as a process of its own, declares a site, uploads an
//! image, and presses power through the BMCs. All that follows is the server's work; the demo only looks.

mod board;
mod forward;
mod kills;
mod offline;
mod report;
mod server_process;
mod site;

pub use kills::KillOptions;
pub use report::{MachineReport, Report, StageReport, StepReport};
pub use server_process::{ServerProcess, ServerProcessError};

use crate::network::Network;
use crate::rack::{Rack, RackMachine, RackOptions};
use anyhow::Context;
use bmc::{Bmc, Limits, PowerAction, RedfishBmc};
use board::Board;
use client::Client;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;
use types::bmc::BmcSpec;
use types::machine::Firmware;
use wire::RunView;

/// The server's address on the demo's network.
pub const SERVER_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// Memory of each machine: the maintenance OS, the agent's memory test and the installed system fit.
const MEMORY_MIB: u32 = 1024;
/// Disk of each machine: larger than the image, so that growing it can be seen.
const DISK_BYTES: u64 = 4 << 30;
/// A machine that has not ended by then has hung. Measured: under 3 min for two on two cores; five times that.
const LIMIT: Duration = Duration::from_secs(15 * 60);
/// How often the board is drawn.
const REDRAW_EVERY: Duration = Duration::from_millis(500);

/// What the demo is to do, and with what.
#[derive(Debug)]
pub struct DemoOptions {
    /// The `slipway` program.
    pub program: PathBuf,
    /// Machines; BIOS and UEFI in turn.
    pub machines: u8,
    /// Where everything goes that the demo writes; emptied first.
    pub folder: PathBuf,
    /// The folder of the maintenance OS.
    pub maintenance_os: PathBuf,
    /// The image, with its description beside it.
    pub image: PathBuf,
    /// Go on until interrupted, reachable through this listening socket.
    pub keep: Option<OwnedFd>,
    /// Kill the server now and then, and see that nothing is done twice for it.
    pub kills: Option<KillOptions>,
    /// At the end, see machines with this firmware boot while the server is down.
    pub offline: Vec<Firmware>,
}

/// Runs the demo in the present network namespace, which must be the demo's own. True when every machine's own
/// system called home, and all went as it should.
pub async fn run(options: DemoOptions) -> anyhow::Result<bool> {
    if options.folder.exists() {
        std::fs::remove_dir_all(&options.folder).with_context(|| format!("emptying {}", options.folder.display()))?;
    }
    std::fs::create_dir_all(&options.folder)?;
    let network = Network::create("br0", &format!("{SERVER_ADDRESS}/24")).await.context("making the network")?;
    let rack_options = RackOptions {
        machines: options.machines,
        folder: options.folder.join("machines"),
        bmc_address: SERVER_ADDRESS.into(),
        memory_mib: MEMORY_MIB,
        disk_bytes: DISK_BYTES,
        more_disks: Vec::new(),
    };
    let rack = Rack::set_up(&network, &rack_options).await.context("setting the rack up")?;
    provision(&options, &rack).await
}

async fn provision(options: &DemoOptions, rack: &Rack) -> anyhow::Result<bool> {
    let config = site::write_config(options)?;
    let mut server = ServerProcess::start(&options.program, &config, &options.folder.join("server.log")).await?;
    let client = Client::new(server.url(), server.token())?;
    site::declare(&client, rack, &options.image).await?;
    for machine in &rack.machines {
        switch_on(machine).await.with_context(|| format!("switching {} on", machine.name))?;
    }
    let kills = options.kills.map(kills::draw).unwrap_or_default();
    let watched = watch(&client, rack, &mut server, &kills).await?;
    let mut report = Report::collect(&client, rack, &watched.runs).await?;
    report.server_kills_s = watched.kills.iter().map(Duration::as_secs_f64).collect();
    report.write(&options.folder.join("report.json"))?;
    board::print_report(&report, &options.folder)?;
    if let Some(listener) = &options.keep {
        keep(listener, &server).await?;
    }
    server.stop().await?;
    if report.all_deployed() {
        boot_offline(rack, options, &mut report).await?;
    }
    let mistakes = report.mistakes();
    board::print_mistakes(&mistakes)?;
    Ok(mistakes.is_empty())
}

async fn boot_offline(rack: &Rack, options: &DemoOptions, report: &mut Report) -> anyhow::Result<()> {
    for (machine, reported) in rack.machines.iter().zip(&mut report.machines) {
        if options.offline.contains(&machine.firmware) {
            let took = offline::boot(machine).await.context("booting without the server")?;
            board::print_offline(machine, took)?;
            reported.offline_boot_s = Some(took.as_secs_f64());
        }
    }
    report.write(&options.folder.join("report.json"))
}

/// Presses the power button over Redfish, as an operator who has only the BMC would.
pub async fn switch_on(machine: &RackMachine) -> anyhow::Result<()> {
    let bmc = bmc_of(machine)?;
    bmc.power(PowerAction::On).await?;
    bmc.close().await;
    Ok(())
}

fn bmc_of(machine: &RackMachine) -> anyhow::Result<RedfishBmc> {
    let login = machine.login();
    let spec = BmcSpec {
        url: login.url.clone(),
        username: login.username.clone(),
        password: login.password.clone(),
        certificate: Some(login.certificate),
    };
    Ok(RedfishBmc::new(&spec, None, Limits::default())?)
}

/// What was seen until all runs had ended.
struct Watched {
    runs: Vec<RunView>,
    /// When the server was killed, after the machines were switched on.
    kills: Vec<Duration>,
}

/// Draws the board until the run of every machine has ended, and kills the server when it is time to.
async fn watch(
    client: &Client,
    rack: &Rack,
    server: &mut ServerProcess,
    kills: &[kills::Kill],
) -> anyhow::Result<Watched> {
    let began = Instant::now();
    let mut board = Board::new(rack);
    let mut kills = kills.iter().peekable();
    let mut killed = Vec::new();
    let mut tick = tokio::time::interval(REDRAW_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let next_kill = kills.peek().map_or(began + LIMIT, |kill| began + kill.after);
        tokio::select! {
            _ = tick.tick() => {}
            () = tokio::time::sleep_until(next_kill), if kills.peek().is_some() => {
                let Some(kill) = kills.next() else { continue };
                killed.push(began.elapsed());
                server.kill().await?;
                tokio::time::sleep(kill.down).await;
                server.restart().await.context("starting the server again after a kill")?;
            }
        }
        server.check_alive()?;
        let runs = client.list_runs(&client::RunQuery::default()).await?.items;
        board.draw(&runs)?;
        let all_ended = runs.len() >= rack.machines.len() && runs.iter().all(|run| run.ended.is_some());
        if all_ended || began.elapsed() > LIMIT {
            return Ok(Watched { runs, kills: killed });
        }
    }
}

/// Leaves everything running until the user interrupts.
async fn keep(listener: &OwnedFd, server: &ServerProcess) -> anyhow::Result<()> {
    let listener = forward::listener(listener)?;
    let url = format!("http://{}/", listener.local_addr()?);
    board::print_access(&url, server.token())?;
    let target = SocketAddr::from((SERVER_ADDRESS, server.url().port_or_known_default().unwrap_or(80)));
    tokio::select! {
        ended = forward::serve(listener, target) => ended,
        interrupted = tokio::signal::ctrl_c() => interrupted.context("waiting for an interrupt"),
    }
}

/// The description beside an image: same name, ending in `.json`.
pub fn description_of(image: &Path) -> PathBuf {
    let name = image.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    image.with_file_name(format!("{}.json", name.trim_end_matches(".raw.zst").trim_end_matches(".qcow2")))
}
