//! `slipway lab`: a virtual rack to try Slipway on.

use crate::connection::Connection;
use crate::descriptors;
use crate::output;
use anyhow::{Context, bail};
use clap::Subcommand;
use lab::demo::{self, DemoOptions, KillOptions};
use lab::fleet::{FleetOptions, MOST_MACHINES};
use lab::namespace::command_in_own_network;
use lab::power::MemoryMachine;
use lab::redfish::{BmcOptions, BmcSimulator, Firmware};
use serde_json::json;
use std::io::{self, Write};
use std::net::{SocketAddr, SocketAddrV4, TcpListener};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use types::Secret;
use uuid::Uuid;

/// What to do in the lab.
#[derive(Debug, Subcommand)]
pub(crate) enum Lab {
    /// Take a rack of QEMU machines from power-on to DEPLOYED, in a network of its own.
    Demo(Demo),
    /// Let a fleet of simulated machines boot at once from a server on this computer, and see all of them deployed.
    Fleet(Fleet),
    /// Serve a simulated BMC (Redfish) in front of a machine that exists only as a record.
    Bmc(Bmc),
}

/// The demo.
#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// Machines; BIOS and UEFI in turn.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    machines: u8,
    /// Where everything is written; emptied first.
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// The maintenance OS: a folder with `vmlinuz` and `initrd.zst`.
    #[arg(long, value_name = "DIR")]
    maintenance_os: PathBuf,
    /// The image to install: a `.raw.zst` or `.qcow2` with its description, a `.json`, beside it.
    #[arg(long, value_name = "FILE")]
    image: PathBuf,
    /// Leave it running until interrupted, and print the URL and the login token.
    #[arg(long)]
    keep: bool,
    /// Kill the server so often, and start it again.
    #[arg(long, hide = true, value_name = "N")]
    kill_server: Option<u32>,
    /// What the moments of the kills are drawn from.
    #[arg(long, hide = true, default_value_t = 0, requires = "kill_server")]
    seed: u64,
    /// At the end, see machines with this firmware boot while the server is down.
    #[arg(long, hide = true, value_name = "FIRMWARE", value_delimiter = ',', value_parser = firmware)]
    offline: Vec<types::machine::Firmware>,
    /// The demo is in its own network already, and is reached through this listening socket.
    #[arg(long, hide = true, value_name = "FD")]
    inside: Option<RawFd>,
}

/// A fleet.
///
/// It declares a subnet 127.0.0.0/8, an image and its BMCs, so use a server that is for this only. Its machines are
/// behind a relay agent at 127.0.0.2 port 67, and its BMCs have addresses of 127.32.0.0/14.
#[derive(Debug, clap::Args)]
pub(crate) struct Fleet {
    #[command(flatten)]
    connection: Connection,
    /// Machines.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_MACHINES)))]
    machines: u32,
    /// The server's DHCP service. Without it machines begin at their boot script.
    #[arg(long, value_name = "ADDRESS")]
    dhcp: Option<SocketAddrV4>,
    /// The port of the server's TFTP service.
    #[arg(long, default_value_t = 69)]
    tftp_port: u16,
    /// The port of all BMCs.
    #[arg(long, default_value_t = 8443)]
    bmc_port: u16,
    /// The size of the image.
    #[arg(long, default_value_t = 65536, value_name = "BYTES")]
    image_bytes: usize,
    /// Seconds until those that have not ended are given up.
    #[arg(long, default_value_t = 1800, value_name = "SECONDS")]
    limit: u64,
}

/// A simulated BMC.
#[derive(Debug, clap::Args)]
pub(crate) struct Bmc {
    /// Where it listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The SMBIOS UUID of its machine; a random one when not given.
    #[arg(long)]
    uuid: Option<Uuid>,
    /// Its login.
    #[arg(long, default_value = "admin")]
    username: String,
}

/// Runs a lab command.
pub(crate) async fn run(lab: Lab) -> anyhow::Result<ExitCode> {
    match lab {
        Lab::Demo(demo) => match demo.inside {
            Some(listener) => run_demo_inside(demo, listener).await,
            None => start_demo_inside(),
        },
        Lab::Fleet(fleet) => run_fleet(fleet).await,
        Lab::Bmc(bmc) => serve_bmc(bmc).await,
    }
}

/// Becomes this program in a network of its own. The way in is a socket that is made out here.
///
/// It takes this process's place, so that a signal, from the terminal or by process id, has one addressee.
fn start_demo_inside() -> anyhow::Result<ExitCode> {
    let listener = TcpListener::bind("127.0.0.1:0").context("making a way into the demo's network")?;
    let listener = OwnedFd::from(listener);
    keep_over_exec(&listener)?;
    let program = std::env::current_exe().context("finding this program")?;
    let mut command = command_in_own_network(&program)?;
    command.args(std::env::args_os().skip(1)).args(["--inside", &listener.as_raw_fd().to_string()]);
    Err(command.exec()).context("starting the demo in its own network")
}

fn firmware(text: &str) -> Result<types::machine::Firmware, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}

fn keep_over_exec(descriptor: &OwnedFd) -> anyhow::Result<()> {
    use nix::fcntl::{FcntlArg, FdFlag, fcntl};
    fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::empty())).context("passing the socket on")?;
    Ok(())
}

async fn run_demo_inside(demo: Demo, listener: RawFd) -> anyhow::Result<ExitCode> {
    if listener <= 2 {
        bail!("--inside is for the demo itself");
    }
    #[expect(unsafe_code, reason = "the parent process made this descriptor for us, and nobody else here has it")]
    let listener = unsafe { OwnedFd::from_raw_fd(listener) };
    let options = DemoOptions {
        program: std::env::current_exe().context("finding this program")?,
        machines: demo.machines,
        folder: std::path::absolute(&demo.folder)?,
        maintenance_os: std::path::absolute(&demo.maintenance_os)?,
        image: demo.image,
        keep: demo.keep.then_some(listener),
        kills: demo.kill_server.map(|count| KillOptions { count, seed: demo.seed }),
        offline: demo.offline,
    };
    let deployed = demo::run(options).await?;
    Ok(if deployed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn run_fleet(fleet: Fleet) -> anyhow::Result<ExitCode> {
    descriptors::raise_limit();
    let (client, format) = (fleet.connection.client()?, fleet.connection.output);
    let options = FleetOptions {
        machines: fleet.machines,
        dhcp: fleet.dhcp,
        tftp_port: fleet.tftp_port,
        bmc_port: fleet.bmc_port,
        image_bytes: fleet.image_bytes,
        limit: Duration::from_secs(fleet.limit),
    };
    let fleet = lab::fleet::Fleet::prepare(client, options).await?;
    say("all is declared; the machines are switched on");
    let tell = |ended: u32, after: Duration| {
        say(&format!("{ended} ended after {} s", after.as_secs()));
    };
    let report = fleet.run(tell).await?;
    output::print(format, &report, ToString::to_string)?;
    Ok(if report.deployed == report.machines { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Tells of progress.
fn say(text: &str) {
    // Who closed standard error wants to hear nothing.
    writeln!(io::stderr().lock(), "{text}").ok();
}

/// Serves until interrupted. The login is printed as one line of JSON.
async fn serve_bmc(bmc: Bmc) -> anyhow::Result<ExitCode> {
    let uuid = bmc.uuid.unwrap_or_else(Uuid::new_v4);
    let password = Secret::new(Uuid::new_v4().simple().to_string());
    let simulator = BmcSimulator::start(BmcOptions {
        listen: bmc.listen,
        name: "lab".to_owned(),
        uuid,
        serial: "lab".to_owned(),
        model: "Virtual Server".to_owned(),
        firmware: Firmware::Uefi,
        username: bmc.username.clone(),
        password: password.clone(),
        backend: Arc::new(MemoryMachine::default()),
    })
    .await?;
    let login = json!({
        "url": simulator.url(),
        "username": bmc.username,
        "password": password.expose(),
        "certificate": simulator.certificate_digest(),
        "uuid": uuid,
    });
    writeln!(io::stdout().lock(), "{login}")?;
    tokio::signal::ctrl_c().await.context("waiting for an interrupt")?;
    simulator.stop().await;
    Ok(ExitCode::SUCCESS)
}
