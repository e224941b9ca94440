//! A machine whose power can be switched.

use super::arguments::{FirmwareFiles, MachineSpec, arguments};
use super::monitor::{self, Events, Monitor};
use super::power_log::{PowerChange, PowerCounts, PowerLog};
use super::process::{self, Process};
use crate::power::{BootPlan, PowerBackend, PowerError};
use async_trait::async_trait;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, watch};
use types::machine::Firmware;

/// QEMU ends within milliseconds when it is asked; one that does not is stuck in a device.
const QUIT_LIMIT: Duration = Duration::from_secs(5);

/// A machine could not be prepared or switched.
#[derive(Debug, thiserror::Error)]
pub enum QemuError {
    /// One of its files could not be made.
    #[error("preparing {file}")]
    Prepare {
        /// Which.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// QEMU did not start.
    #[error("starting QEMU; see {log}")]
    Start {
        /// Where QEMU says why.
        log: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// QEMU did not take a command.
    #[error("telling QEMU to {command}")]
    Command {
        /// Which.
        command: &'static str,
        /// Why.
        source: io::Error,
    },
}

/// A machine in QEMU. It is off until it is started, and off when this is dropped.
#[derive(Debug)]
pub struct QemuMachine {
    spec: MachineSpec,
    firmware: FirmwareFiles,
    power_log: Arc<PowerLog>,
    running: Mutex<Option<Running>>,
}

struct Running {
    id: Pid,
    monitor: Monitor,
    ended: watch::Receiver<bool>,
}

impl QemuMachine {
    /// A machine with the firmware of this system's packages. Nothing is touched before the first start.
    pub fn new(spec: MachineSpec) -> Self {
        Self::with_firmware(spec, FirmwareFiles::default())
    }

    /// A machine with UEFI firmware from elsewhere.
    pub fn with_firmware(spec: MachineSpec, firmware: FirmwareFiles) -> Self {
        let power_log = Arc::new(PowerLog::new(spec.power_log()));
        Self { spec, firmware, power_log, running: Mutex::default() }
    }

    /// What the machine is made of.
    pub fn spec(&self) -> &MachineSpec {
        &self.spec
    }

    /// How often its power changed.
    pub fn power_counts(&self) -> PowerCounts {
        self.power_log.counts()
    }

    /// Switches the machine on. Does nothing when it is on.
    pub async fn start(&self, plan: &BootPlan) -> Result<(), QemuError> {
        let mut running = self.running.lock().await;
        if is_alive(running.as_ref()) {
            return Ok(());
        }
        *running = Some(self.launch(plan, PowerChange::Start).await?);
        Ok(())
    }

    /// Cuts the power. Does nothing when the machine is off.
    pub async fn stop(&self) -> Result<(), QemuError> {
        let mut running = self.running.lock().await;
        let Some(mut alive) = running.take().filter(|found| is_alive(Some(found))) else { return Ok(()) };
        self.power_log.record(PowerChange::Stop, "");
        quit(&mut alive).await
    }

    /// Restarts a running machine at once with another plan. A machine that is off stays off.
    pub async fn reset(&self, plan: &BootPlan) -> Result<(), QemuError> {
        let mut running = self.running.lock().await;
        let Some(mut alive) = running.take().filter(|found| is_alive(Some(found))) else { return Ok(()) };
        quit(&mut alive).await?;
        *running = Some(self.launch(plan, PowerChange::Reset).await?);
        Ok(())
    }

    /// Presses the power button.
    pub async fn press_power_button(&self) -> Result<(), QemuError> {
        let mut running = self.running.lock().await;
        let Some(alive) = running.as_mut().filter(|found| is_alive(Some(found))) else { return Ok(()) };
        let command = "system_powerdown";
        alive.monitor.execute(command).await.map_err(|source| QemuError::Command { command, source })
    }

    /// Whether the machine has power.
    pub async fn is_running(&self) -> bool {
        is_alive(self.running.lock().await.as_ref())
    }

    async fn launch(&self, plan: &BootPlan, change: PowerChange) -> Result<Running, QemuError> {
        self.prepare()?;
        let log = self.spec.qemu_log();
        let wrong = |source| QemuError::Start { log: self.spec.qemu_log(), source };
        let arguments = arguments(&self.spec, &self.firmware, plan);
        tracing::debug!(machine = %self.spec.name, command = %arguments.join(" "), "Starting QEMU");
        let Process { id, input, output, ended } =
            process::start("qemu-system-x86_64", arguments, &log).await.map_err(wrong)?;
        let (monitor, events) = monitor::open(input, output).await.map_err(wrong)?;
        self.power_log.record(change, &format!("{:?} {id}", plan.source));
        tokio::spawn(follow(events, Arc::clone(&self.power_log)));
        let id = Pid::from_raw(i32::try_from(id).expect("a process id is a positive pid_t"));
        Ok(Running { id, monitor, ended })
    }

    /// Makes the machine's files at its first start, and leaves them alone later.
    fn prepare(&self) -> Result<(), QemuError> {
        let wrong = |file: PathBuf| move |source| QemuError::Prepare { file, source };
        fs::create_dir_all(&self.spec.directory).map_err(wrong(self.spec.directory.clone()))?;
        let more = self.spec.more_disks.iter().map(|disk| (self.spec.disk_of(disk), disk.bytes));
        for (disk, bytes) in more.chain([(self.spec.disk(), self.spec.disk_bytes)]) {
            if !disk.exists() {
                File::create(&disk).and_then(|file| file.set_len(bytes)).map_err(wrong(disk))?;
            }
        }
        let variables = self.spec.variables();
        if self.spec.firmware == Firmware::Uefi && !variables.exists() {
            fs::copy(&self.firmware.variables, &variables).map_err(wrong(variables))?;
        }
        Ok(())
    }
}

fn is_alive(running: Option<&Running>) -> bool {
    running.is_some_and(|running| !*running.ended.borrow())
}

/// Asks QEMU to end, which closes the disk in order, and ends it if it does not.
async fn quit(running: &mut Running) -> Result<(), QemuError> {
    if let Err(error) = running.monitor.execute("quit").await {
        tracing::debug!(%error, "QEMU was already ending");
    }
    if tokio::time::timeout(QUIT_LIMIT, running.ended.wait_for(|ended| *ended)).await.is_ok() {
        return Ok(());
    }
    let command = "end";
    kill(running.id, Signal::SIGKILL).map_err(|error| QemuError::Command { command, source: error.into() })?;
    // An error means that the waiting thread is gone, and the process with it.
    let _ended_either_way = running.ended.wait_for(|ended| *ended).await;
    Ok(())
}

async fn follow(mut events: Events, power_log: Arc<PowerLog>) {
    while let Ok(Some(message)) = events.next().await {
        if monitor::is_guest_reset(&message) {
            power_log.record(PowerChange::GuestReset, "");
        }
    }
    power_log.record(PowerChange::Exit, "");
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The waiting thread reaps the process, so until it says so the id is still this process's.
        if is_alive(Some(self))
            && let Err(error) = kill(self.id, Signal::SIGKILL)
        {
            tracing::debug!(%error, "QEMU had already ended");
        }
    }
}

#[async_trait]
impl PowerBackend for QemuMachine {
    async fn power_on(&self, boot: BootPlan) -> Result<(), PowerError> {
        self.start(&boot).await.map_err(failed("starting"))
    }

    async fn power_off(&self) -> Result<(), PowerError> {
        self.stop().await.map_err(failed("stopping"))
    }

    async fn reset(&self, boot: BootPlan) -> Result<(), PowerError> {
        QemuMachine::reset(self, &boot).await.map_err(failed("restarting"))
    }

    async fn is_on(&self) -> bool {
        self.is_running().await
    }

    async fn graceful_shutdown(&self) -> Result<(), PowerError> {
        self.press_power_button().await.map_err(failed("pressing the power button of"))
    }
}

fn failed(operation: &'static str) -> impl FnOnce(QemuError) -> PowerError {
    move |source| PowerError { operation, source: io::Error::other(source) }
}
