//! How long a machine waits for its boot script: the decision, the script and its record, at two thousand requests a
//! second, which is every machine of a large site within seconds.

use super::load::{self, Pins};
use super::{Context, Namespace, Row, Slipway, median};
use crate::command;
use anyhow::{Context as _, Result, ensure};
use std::fmt::Write as _;
use std::fs;

const PORT: u16 = 8080;
const RATE: u32 = 2000;
/// Half of them are known, half are to be discovered.
const MACHINES: u32 = 2000;
/// Agents that wait for orders, and clients that forgot to hang up.
const IDLE: u32 = 10_000;
/// What the p99 is to stay under, in milliseconds.
const LIMIT: f64 = 5.0;
const LIMIT_WITH_IDLE: f64 = 1000.0;

/// The p99, alone and beside idle connections.
pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let (seconds, rounds) = if context.quick { (5, 1) } else { (20, 3) };
    let program = context.slipway()?;
    let client = load::build("script_load")?;
    let (network, pins) = (Namespace::create()?, Pins::choose());
    let files = context.scratch("files")?;
    for file in ["vmlinuz", "initrd.zst"] {
        fs::write(files.join(file), load::content(1 << 20))?;
    }
    let config = format!("listen: 127.0.0.1:{PORT}\nboot: {{maintenance_os: {0}, loaders: {0}}}", files.display());
    let slipway = Slipway::start(program, &network, &context.scratch("slipway")?, &config)?;
    let site = context.scratch("site")?;
    fs::write(site.join("site.yaml"), site_yaml())?;
    let mut apply = network.command(program);
    apply.env("SLIPWAY_SERVER", &slipway.url).env("SLIPWAY_TOKEN", &slipway.token);
    command::run(apply.arg("apply").arg("-f").arg(&site)).context("declaring the machines")?;
    pins.pin_server(slipway.server.id())?;

    let ask = |idle: u32| -> Result<[f64; 2]> {
        let mut command = pins.client(&network, &client);
        command.arg(format!("127.0.0.1:{PORT}")).args([RATE, seconds, MACHINES, idle].map(|number| number.to_string()));
        let answer = command::run(&mut command)?;
        let numbers = answer.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
        let [p99, middle, _, failed] = numbers[..] else { anyhow::bail!("the load client says {answer:?}") };
        ensure!(failed == 0.0, "{failed} requests got no script");
        Ok([p99, middle])
    };
    let mut rows = Vec::new();
    for (idle, limit) in [(0, LIMIT), (IDLE, LIMIT_WITH_IDLE)] {
        let rounds = (0..rounds).map(|_| ask(idle)).collect::<Result<Vec<_>>>()?;
        let of = |at: usize| median(&rounds.iter().map(|round| round[at]).collect::<Vec<_>>()).unwrap_or(f64::NAN);
        let beside = if idle == 0 { String::new() } else { format!(" beside {idle} idle connections") };
        let name = format!("boot script at {RATE}/s{beside}, p99");
        let note = format!("median {:.2} ms; each on a connection of its own, counted from when it was due", of(1));
        rows.push(Row::below(&name, of(0), "ms", limit, &note));
    }
    Ok(rows)
}

fn site_yaml() -> String {
    let mut yaml = "kind: Subnet\nname: loopback\ncidr: 127.0.0.0/8\nunknown: discover\n".to_owned();
    for machine in 0..MACHINES / 2 {
        let [_, _, high, low] = machine.to_be_bytes();
        let mac = format!("52:54:00:00:{high:02x}:{low:02x}");
        writeln!(yaml, "---\nkind: Machine\nname: m{machine}\nmacs: ['{mac}']").expect("a string takes all");
    }
    yaml
}
