//! `slipway serve` as a process: started, asked for its token, killed, started again.

use anyhow::{Context, bail};
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use types::Secret;
use url::Url;

/// A server that the demo or a test runs.
pub struct ServerProcess {
    program: PathBuf,
    config: PathBuf,
    log: PathBuf,
    child: Child,
    url: Url,
    token: Secret,
}

/// The server ended by itself.
#[derive(Debug, thiserror::Error)]
#[error("the server ended with {status}; its log is {log}")]
pub struct ServerProcessError {
    status: std::process::ExitStatus,
    log: PathBuf,
}

/// What `slipway serve` writes on its standard output once it serves.
#[derive(serde::Deserialize)]
struct Announcement {
    url: Url,
    #[serde(default)]
    token: Option<Secret>,
}

impl ServerProcess {
    /// Starts the server for the first time, and waits until it serves.
    pub async fn start(program: &Path, config: &Path, log: &Path) -> anyhow::Result<Self> {
        let (child, announcement) = spawn(program, config, log).await?;
        let token = announcement.token.context("the server announced no login token at its first start")?;
        Ok(Self {
            program: program.to_owned(),
            config: config.to_owned(),
            log: log.to_owned(),
            child,
            url: announcement.url,
            token,
        })
    }

    /// Where it is reached.
    pub fn url(&self) -> Url {
        self.url.clone()
    }

    /// The administrator's token.
    pub fn token(&self) -> &Secret {
        &self.token
    }

    /// `kill -9`.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("killing the server")
    }

    /// Starts it again after [`Self::kill`], and waits until it serves.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        (self.child, _) = spawn(&self.program, &self.config, &self.log).await?;
        Ok(())
    }

    /// An error when the server has ended by itself.
    pub fn check_alive(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            Some(status) => Err(ServerProcessError { status, log: self.log.clone() }.into()),
            None => Ok(()),
        }
    }

    /// Ends it in order.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        if let Some(id) = self.child.id() {
            let id = nix::unistd::Pid::from_raw(i32::try_from(id)?);
            nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM).context("ending the server")?;
        }
        let status = self.child.wait().await?;
        if status.success() { Ok(()) } else { Err(ServerProcessError { status, log: self.log }.into()) }
    }
}

async fn spawn(program: &Path, config: &Path, log: &Path) -> anyhow::Result<(Child, Announcement)> {
    let log_file = OpenOptions::new().create(true).append(true).open(log)?;
    // It ends with this process however that ends, and is not in reach of the terminal's Ctrl-C before.
    let mut child = Command::new("setpriv")
        .args(["--pdeathsig", "KILL"])
        .arg(program)
        .arg("serve")
        .arg("--config")
        .arg(config)
        .args(["--announce", "json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log_file)
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("starting {}", program.display()))?;
    let stdout = child.stdout.take().context("the server has no standard output")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).await?;
    if line.is_empty() {
        bail!(ServerProcessError { status: child.wait().await?, log: log.to_owned() });
    }
    let announcement = serde_json::from_str(&line).context("reading what the server announced")?;
    Ok((child, announcement))
}
