//! The rack's switch: a bridge in this process's network namespace, with a tap for each machine.
//!
//! Made with `ip`, and never removed: the namespace goes with the process that made it, and the bridge with it.

use std::io;
use std::time::{Duration, Instant};
use tokio::process::Command;

/// The rack's bridge could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// `ip` could not be started.
    #[error("running ip {arguments}")]
    Run {
        /// What it was asked.
        arguments: String,
        /// Why.
        source: io::Error,
    },
    /// `ip` refused.
    #[error("ip {arguments} failed: {written}")]
    Refused {
        /// What it was asked.
        arguments: String,
        /// What it wrote.
        written: String,
    },
}

/// A bridge that machines are plugged into.
#[derive(Debug)]
pub struct Network {
    bridge: String,
}

impl Network {
    /// Makes the bridge with an address such as `10.77.0.1/24`, and brings the loopback up, which a new namespace
    /// does not.
    pub async fn create(bridge: &str, address: &str) -> Result<Self, NetworkError> {
        ip(&["link", "set", "lo", "up"]).await?;
        // A bridge that listens before it forwards loses the machines' first packets.
        ip(&["link", "add", bridge, "type", "bridge", "stp_state", "0", "forward_delay", "0"]).await?;
        ip(&["address", "add", address, "dev", bridge]).await?;
        ip(&["link", "set", bridge, "up"]).await?;
        Ok(Self { bridge: bridge.to_owned() })
    }

    /// Adds another address to the bridge, such as a BMC's own.
    pub async fn add_address(&self, address: &str) -> Result<(), NetworkError> {
        ip(&["address", "add", address, "dev", &self.bridge]).await
    }

    /// Adds an IPv6 address, such as `fd00:77::1/64`, and waits for nobody to object: there is nobody yet.
    pub async fn add_ipv6_address(&self, address: &str) -> Result<(), NetworkError> {
        ip(&["-6", "address", "add", address, "dev", &self.bridge, "nodad"]).await
    }

    /// Adds a tap for one machine.
    pub async fn add_tap(&self, tap: &str) -> Result<(), NetworkError> {
        ip(&["tuntap", "add", tap, "mode", "tap"]).await?;
        self.plug_in(tap).await
    }

    /// Plugs an interface in.
    pub(crate) async fn plug_in(&self, interface: &str) -> Result<(), NetworkError> {
        ip(&["link", "set", interface, "master", &self.bridge]).await?;
        ip(&["link", "set", interface, "up"]).await
    }
}

/// Waits until the bridge forwards what comes from `interface`, whose other end has just been switched on. The kernel
/// takes up to a second to notice; what comes before is lost.
pub(crate) async fn until_forwarding(interface: &str) -> Result<(), NetworkError> {
    const LIMIT: Duration = Duration::from_secs(10);
    let started = Instant::now();
    let arguments = ["link", "show", "dev", interface];
    loop {
        let output = Command::new("bridge").args(arguments).output().await;
        let line = || arguments.join(" ");
        let output = output.map_err(|source| NetworkError::Run { arguments: line(), source })?;
        let written = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if written.contains("state forwarding") {
            return Ok(());
        }
        if started.elapsed() > LIMIT {
            return Err(NetworkError::Refused { arguments: line(), written });
        }
    }
}

pub(crate) async fn ip(arguments: &[&str]) -> Result<(), NetworkError> {
    run_ip(Command::new("ip").args(arguments), arguments).await
}

/// Runs a call of `ip` with `arguments`.
pub(crate) async fn run_ip(command: &mut Command, arguments: &[&str]) -> Result<(), NetworkError> {
    let line = || arguments.join(" ");
    let output = command.output().await.map_err(|source| NetworkError::Run { arguments: line(), source })?;
    if output.status.success() {
        return Ok(());
    }
    let written = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(NetworkError::Refused { arguments: line(), written })
}
