//! A fleet of simulated machines, from their first packet to DEPLOYED at once: machines a minute, the server's
//! processor time per step, and its memory.
//!
//! Server and fleet are two processes on the same cores; what the fleet itself needs for its half of DHCP, TFTP,
//! HTTP and TLS slows the server down and is not counted to it.

use super::process::cpu_seconds;
use super::{Context, Namespace, Row, Slipway, median};
use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;

/// What "10,000 at once" may take.
const MEMORY_LIMIT_MIB: f64 = 1024.0;
/// The engine's time for a step; the whole server's is measured, with DHCP, HTTP and TLS.
const CPU_LIMIT_MS: f64 = 1.0;
/// Ten times the machines may take so much longer than ten times the time before growth counts as more than linear.
const LINEAR: f64 = 1.1;

/// The last words of `slipway lab fleet`.
#[derive(Debug, Deserialize)]
struct Report {
    machines: u32,
    deployed: u32,
    seconds: f64,
    steps: u32,
    images_written: u32,
    resets: u32,
}

/// A fleet that was deployed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deployed {
    machines: f64,
    seconds: f64,
    cpu_seconds_per_step: f64,
    peak_mib: f64,
}

impl Deployed {
    /// Machines a minute.
    pub(super) fn rate(&self) -> f64 {
        self.machines * 60.0 / self.seconds
    }
}

/// Fleets of growing size.
pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let (sizes, rounds): (&[u32], usize) = if context.quick { (&[100, 1_000], 1) } else { (&[100, 1_000, 10_000], 1) };
    let mut rows = Vec::new();
    let mut smaller: Option<Deployed> = None;
    for &machines in sizes {
        let rounds = if machines == 100 { 3 } else { rounds };
        let fleets = (0..rounds).map(|_| deploy(context, machines)).collect::<Result<Vec<_>>>()?;
        let fleet = middle(&fleets)?;
        rows.extend(rows_of(machines, fleet, smaller));
        smaller = Some(fleet);
    }
    Ok(rows)
}

fn middle(fleets: &[Deployed]) -> Result<Deployed> {
    let of = |value: fn(&Deployed) -> f64| {
        median(&fleets.iter().map(value).collect::<Vec<_>>()).context("no fleet was deployed")
    };
    Ok(Deployed {
        machines: of(|fleet| fleet.machines)?,
        seconds: of(|fleet| fleet.seconds)?,
        cpu_seconds_per_step: of(|fleet| fleet.cpu_seconds_per_step)?,
        peak_mib: of(|fleet| fleet.peak_mib)?,
    })
}

fn rows_of(machines: u32, fleet: Deployed, smaller: Option<Deployed>) -> [Row; 3] {
    let name = |what: &str| format!("{machines} machines at once: {what}");
    let growth = smaller.map(|smaller| smaller.rate() / fleet.rate());
    let rate = Row {
        name: name("deployed"),
        ours: fleet.rate(),
        peer: None,
        unit: "machines/min",
        ratio: None,
        goal: "growth no worse than linear".to_owned(),
        met: growth.is_none_or(|growth| growth <= LINEAR),
        note: format!("{:.1} s in all", fleet.seconds),
    };
    let cpu_ms = fleet.cpu_seconds_per_step * 1000.0;
    let note = "the whole server: boot services, agent protocol and BMCs too";
    [
        rate,
        Row::below(&name("processor time a step"), cpu_ms, "ms", CPU_LIMIT_MS, note),
        Row::below(&name("most memory of the server"), fleet.peak_mib, "MiB", MEMORY_LIMIT_MIB, ""),
    ]
}

/// Deploys a fleet from a new server.
pub(super) fn deploy(context: &Context, machines: u32) -> Result<Deployed> {
    let folder = context.scratch(&format!("fleet-{machines}"))?;
    let namespace = Namespace::create()?;
    let program = context.slipway()?;
    write_boot_files(&folder)?;
    let slipway = Slipway::start(program, &namespace, &folder, &config(&folder))?;
    let mut fleet = namespace.command(program);
    fleet.args(["lab", "fleet", "--server", &slipway.url, "--dhcp", "127.0.0.1:67", "--output", "json"]);
    fleet.args(["--machines", &machines.to_string()]).env("SLIPWAY_TOKEN", &slipway.token);
    fleet.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut fleet = fleet.spawn().context("starting the fleet")?;
    let mut lines = BufReader::new(fleet.stderr.take().context("the fleet has no standard error")?).lines();
    let mut told = Vec::new();
    told.extend(lines.next().transpose()?);
    let before = cpu_seconds(slipway.server.id())?;
    for line in lines {
        let line = line?;
        println!("  {line}");
        told.push(line);
    }
    let output = fleet.wait_with_output()?;
    let after = cpu_seconds(slipway.server.id())?;
    if !output.status.success() {
        bail!("the fleet ended with {}: {}", output.status, told.join("\n"));
    }
    let report: Report = serde_json::from_slice(&output.stdout).context("reading the fleet's report")?;
    ensure!(report.deployed == report.machines, "only {} of {} are deployed", report.deployed, report.machines);
    ensure!(report.images_written == report.machines, "{} images were written", report.images_written);
    ensure!(report.resets == 2 * report.machines, "{} resets were made", report.resets);
    let deployed = Deployed {
        machines: f64::from(report.deployed),
        seconds: report.seconds,
        cpu_seconds_per_step: (after - before) / f64::from(report.deployed * report.steps),
        peak_mib: slipway.server.peak_memory()? as f64 / f64::from(1 << 20),
    };
    slipway.server.stop()?;
    fs::remove_dir_all(&folder)?;
    println!("  {machines}: {deployed:?}");
    Ok(deployed)
}

fn config(folder: &Path) -> String {
    let boot = folder.join("boot").display().to_string();
    format!(
        "listen: 127.0.0.1:8080\ndhcp: {{interface: lo, address: 127.0.0.1}}\ntftp: 127.0.0.1:69\n\
         boot: {{loaders: {boot}, maintenance_os: {boot}}}\n"
    )
}

/// Loaders, kernel and initrd of a size that a fleet without memory can fetch ten thousand times.
fn write_boot_files(folder: &Path) -> Result<()> {
    let boot = folder.join("boot");
    fs::create_dir(&boot)?;
    for name in ["undionly.kpxe", "snponly.efi", "ipxe.efi", "vmlinuz", "initrd.zst"] {
        fs::write(boot.join(name), vec![0x5a; 4096])?;
    }
    Ok(())
}
