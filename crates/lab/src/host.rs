//! Another computer on the rack's network: a namespace of its own with one cable to the switch.
//!
//! What runs in it is not simulated: the same programs that run on such a computer, and sockets of the test's own.
//! The namespace is held by a process that ends with this one, however this one ends.

use crate::network::{Network, NetworkError, ip, until_forwarding};
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// What the network card is called inside.
pub const CARD: &str = "eth0";

/// A computer on the network.
#[derive(Debug)]
pub struct Host {
    holder: Child,
}

/// The computer could not be plugged in.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// There is no namespace for it.
    #[error("making a network namespace for a host")]
    Namespace(#[source] io::Error),
    /// It has no cable or no address.
    #[error("plugging a host in")]
    Network(#[from] NetworkError),
}

impl Host {
    /// Plugs a computer in by a cable called `cable`, with the card's address `mac` and no IP address.
    pub async fn plug_in(network: &Network, cable: &str, mac: &str) -> Result<Self, HostError> {
        let mut holder = Command::new("unshare");
        // `cat` ends with its input, which ends with this process.
        holder.args(["--net", "--", "sh", "-c", "ip link set lo up && echo up && exec cat"]);
        holder.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut holder = holder.spawn().map_err(HostError::Namespace)?;
        let mut up = String::new();
        if let Some(stdout) = &mut holder.stdout {
            BufReader::new(stdout).read_line(&mut up).await.map_err(HostError::Namespace)?;
        }
        let process = holder.id().unwrap_or_default().to_string();
        let peer = ["type", "veth", "peer", "name", CARD, "address", mac, "netns", &process];
        ip(&[&["link", "add", cable], peer.as_slice()].concat()).await?;
        network.plug_in(cable).await?;
        let host = Self { holder };
        host.ip(&["link", "set", CARD, "up"]).await?;
        until_forwarding(cable).await?;
        Ok(host)
    }

    /// Runs `ip` there.
    pub async fn ip(&self, arguments: &[&str]) -> Result<(), NetworkError> {
        let mut command = self.command("ip");
        crate::network::run_ip(command.args(arguments), arguments).await
    }

    /// A call of `program` there. The child's id is the program's.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.namespace())).args(["--", program]);
        command
    }

    /// Lets dnsmasq give the addresses from `first` to `last` there and say nothing of what to boot, as at a site that
    /// had a DHCP server before. It serves when this returns, and keeps its leases in `folder`.
    pub async fn start_dnsmasq(&self, folder: &Path, first: Ipv4Addr, last: Ipv4Addr) -> io::Result<Child> {
        let mut dnsmasq = self.command("dnsmasq");
        dnsmasq.args(["--no-daemon", "--conf-file=/dev/null", "--log-facility=-", "--pid-file=", "--port=0"]);
        dnsmasq.args(["--no-ping", "--bind-interfaces", "--dhcp-authoritative"]);
        dnsmasq.arg(format!("--interface={CARD}")).arg(format!("--dhcp-range={first},{last},1h"));
        dnsmasq.arg(format!("--dhcp-leasefile={}", folder.join("dnsmasq.leases").display()));
        let mut dnsmasq = dnsmasq.stderr(Stdio::piped()).kill_on_drop(true).spawn()?;
        let stderr = dnsmasq.stderr.take().ok_or_else(|| io::Error::other("dnsmasq has no standard error"))?;
        let mut lines = BufReader::new(stderr).lines();
        let mut said = Vec::new();
        while !said.last().is_some_and(|line: &String| line.contains("sockets bound")) {
            let line = lines.next_line().await?;
            said.push(line.ok_or_else(|| io::Error::other(format!("dnsmasq ended: {said:?}")))?);
        }
        // It ends when it can no longer write its log.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(dnsmasq)
    }

    /// Does `work` there, such as to open a socket, which then stays there.
    ///
    /// # Errors
    /// When the namespace cannot be entered, or `work` fails.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        let namespace = std::fs::File::open(self.namespace())?;
        // A thread is in a namespace, so one of its own goes there and does not come back.
        let there = || {
            nix::sched::setns(&namespace, nix::sched::CloneFlags::CLONE_NEWNET)?;
            work()
        };
        std::thread::scope(|scope| scope.spawn(there).join().map_err(|_| io::Error::other("the work panicked"))?)
    }

    fn namespace(&self) -> String {
        format!("/proc/{}/ns/net", self.holder.id().unwrap_or_default())
    }
}
