//! Servers under measurement: started in a scratch folder, watched for what they use, ended when dropped.

use super::Namespace;
use super::machine::field;
use anyhow::{Context, Result, bail, ensure};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Linux gives processor times in hundredths of a second, whatever the kernel's own clock.
const TICKS_PER_SECOND: f64 = 100.0;
/// How long a server may take to be ready or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server process. Its output goes to `server.log` of its folder.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts `command`, which must stay in the foreground.
    pub(crate) fn start(command: &mut Command, folder: &Path) -> Result<Self> {
        let log = folder.join("server.log");
        let file = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("starting {}", command.get_program().display()))?;
        Ok(Self { child, log })
    }

    /// Waits until `ready` says so.
    pub(crate) fn wait_until(&mut self, mut ready: impl FnMut() -> bool) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while !ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended with {status}: {}", self.last_words());
            }
            ensure!(Instant::now() < end, "the server is not ready: {}", self.last_words());
            pause();
        }
        Ok(())
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Processor seconds that it and the children it waited for have used, in the kernel too.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        cpu_seconds(self.id())
    }

    /// The most memory that it had at once, in bytes.
    pub(crate) fn peak_memory(&self) -> Result<u64> {
        let peak = field(format!("/proc/{}/status", self.id()), "VmHWM").context("the server has ended")?;
        let kibibytes = peak.trim_end_matches(" kB").parse::<u64>()?;
        Ok(kibibytes << 10)
    }

    /// Ends it in order.
    pub(crate) fn stop(mut self) -> Result<ExitStatus> {
        self.signal(nix::sys::signal::Signal::SIGTERM)?;
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            pause();
        }
        bail!("the server does not end: {}", self.last_words())
    }

    fn signal(&self, signal: nix::sys::signal::Signal) -> Result<()> {
        let id = nix::unistd::Pid::from_raw(i32::try_from(self.id())?);
        nix::sys::signal::kill(id, signal).context("ending the server")
    }

    /// The end of its log.
    fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(10).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Processor seconds of a process, its own and its kernel's.
pub(crate) fn cpu_seconds(id: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).context("the process has ended")?;
    let (_, fields) = stat.rsplit_once(") ").context("reading /proc/…/stat")?;
    let ticks = fields.split(' ').skip(11).take(4).map(|field| field.parse::<u32>().map(f64::from));
    Ok(ticks.sum::<Result<f64, _>>()? / TICKS_PER_SECOND)
}

/// Between two looks at a process that is none of ours.
#[expect(clippy::disallowed_methods, reason = "a chore has one thread and nothing else to do")]
pub(crate) fn pause() {
    thread::sleep(Duration::from_millis(20));
}

/// `slipway serve`, with the login token of its first start.
#[derive(Debug)]
pub(crate) struct Slipway {
    /// The process.
    pub(crate) server: Server,
    /// Where it serves.
    pub(crate) url: String,
    /// The administrator's token.
    pub(crate) token: String,
}

/// What `slipway serve` writes on its standard output once it serves.
#[derive(serde::Deserialize)]
struct Announcement {
    url: String,
    token: String,
}

impl Slipway {
    /// Starts `program` with a fresh data folder inside `folder` and waits until it serves. `config` is the
    /// configuration file without its key `data`.
    pub(crate) fn start(program: &Path, namespace: &Namespace, folder: &Path, config: &str) -> Result<Self> {
        let file = folder.join("slipway.yaml");
        writeln!(File::create(&file)?, "data: {}\n{config}", folder.join("data").display())?;
        let log = folder.join("server.log");
        let mut command = namespace.command(program);
        command.arg("serve").arg("--config").arg(file).args(["--announce", "json"]);
        command.env("SLIPWAY_LOG", std::env::var("SLIPWAY_LOG").unwrap_or_else(|_| "warn".to_owned()));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&log)?);
        let mut child = command.spawn().with_context(|| format!("starting {}", program.display()))?;
        let stdout = child.stdout.take().context("the server has no standard output")?;
        let server = Server { child, log };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let announced = serde_json::from_str(&line).with_context(|| server.last_words());
        let Announcement { url, token } = announced.context("starting the server")?;
        Ok(Self { server, url, token })
    }
}
