//! A share of a processor: with less to compute with, a server is at its limit before the load tool is at its own.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// Over how long the share is counted, in microseconds: short, so that what comes in a pause has room in a socket.
const PERIOD_MICROSECONDS: u32 = 4000;
/// What part of a processor it is.
const PART: u32 = 4;

/// A quarter of a processor, for the processes in it. It is given back with this value, when they have ended.
#[derive(Debug)]
pub(super) struct Quarter {
    group: PathBuf,
}

impl Quarter {
    /// Puts `process` with all its threads on a quarter of a processor. Only root can.
    pub(super) fn limit(process: u32) -> Result<Self> {
        let group = make_group(&format!("slipway-bench-{}", std::process::id()))?;
        fs::write(group.join("cgroup.procs"), process.to_string())
            .with_context(|| format!("putting the server into {}", group.display()))?;
        Ok(Self { group })
    }
}

impl Drop for Quarter {
    fn drop(&mut self) {
        // The kernel keeps it while the process is being ended; an empty group costs nothing.
        fs::remove_dir(&self.group).ok();
    }
}

/// A control group with the limit set, of whichever version the system has.
fn make_group(name: &str) -> Result<PathBuf> {
    let (first, second) = (Path::new("/sys/fs/cgroup/cpu"), Path::new("/sys/fs/cgroup"));
    let quota = PERIOD_MICROSECONDS / PART;
    let (root, limits) = if first.join("cgroup.procs").exists() {
        let period = ("cpu.cfs_period_us", PERIOD_MICROSECONDS.to_string());
        (first, vec![period, ("cpu.cfs_quota_us", quota.to_string())])
    } else if second.join("cgroup.controllers").exists() {
        fs::write(second.join("cgroup.subtree_control"), "+cpu").context("a share of a processor: be root")?;
        (second, vec![("cpu.max", format!("{quota} {PERIOD_MICROSECONDS}"))])
    } else {
        bail!("a share of a processor: there are no control groups here");
    };
    let group = root.join(name);
    if !group.exists() {
        fs::create_dir(&group).context("a share of a processor: be root")?;
    }
    for (file, value) in limits {
        fs::write(group.join(file), value).with_context(|| format!("{file} of {}", group.display()))?;
    }
    Ok(group)
}
