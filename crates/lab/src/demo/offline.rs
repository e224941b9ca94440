//! A deployed machine without its server: it must come up from its own disk.

use super::bmc_of;
use crate::rack::RackMachine;
use anyhow::{Context, bail};
use bmc::{Bmc as _, OverrideEnabled, PowerAction};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// Measured: UEFI firmware tries the network for three minutes, and two cores have other work too.
const LIMIT: Duration = Duration::from_secs(8 * 60);
/// How often the console is read.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// What a system writes on its console when it is up.
const PROMPT: &[u8] = b" login: ";

/// Power-cycles the machine and gives the time until its login prompt.
///
/// Its boot override, which the last run leaves clear, must be so: the machine is to find its disk by its own order.
pub(super) async fn boot(machine: &RackMachine) -> anyhow::Result<Duration> {
    let log = machine.qemu.spec().serial_log();
    let bmc = bmc_of(machine)?;
    let left = bmc.boot_override().await?;
    if left.enabled != OverrideEnabled::Disabled {
        bail!("{} still has a boot override: {left:?}", machine.name);
    }
    let written = std::fs::metadata(&log)?.len();
    let began = Instant::now();
    bmc.power(PowerAction::PowerCycle).await?;
    bmc.close().await;
    while !has_prompt(&log, written).with_context(|| format!("reading {}", log.display()))? {
        if began.elapsed() > LIMIT {
            bail!("{} showed no login prompt within {} s; see {}", machine.name, LIMIT.as_secs(), log.display());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(began.elapsed())
}

fn has_prompt(log: &Path, from: u64) -> std::io::Result<bool> {
    let mut file = std::fs::File::open(log)?;
    file.seek(SeekFrom::Start(from))?;
    let mut written = Vec::new();
    file.read_to_end(&mut written)?;
    Ok(written.windows(PROMPT.len()).any(|window| window == PROMPT))
}
