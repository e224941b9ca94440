//! The servers, each as its maker would have it run with leases on disk.

use super::super::{Namespace, Peer, Server, Slipway};
use crate::command;
use anyhow::Result;
use serde_json::json;
use std::fs;
use std::path::Path;

/// The cable's name at both ends.
pub(super) const CABLE: &str = "cable";
/// The server's address.
pub(super) const SERVER: &str = "10.50.0.1";
/// The same with its network.
pub(super) const SERVER_CIDR: &str = "10.50.0.1/16";
/// Where the clients' messages come from, as a relay's do.
pub(super) const CLIENT_CIDR: &str = "10.50.0.2/16";
const NETWORK: &str = "10.50.0.0/16";
/// Room for twice as many clients as there are.
const POOL: (&str, &str) = ("10.50.1.0", "10.50.160.255");
const LEASE_SECONDS: u32 = 3600;

/// A DHCP server to measure.
pub(super) trait Contestant {
    /// What it is called.
    fn name(&self) -> &'static str;
    /// Starts it in `namespace`, with its files in `folder`; it ends when it is dropped.
    fn start(&self, namespace: &Namespace, folder: &Path) -> Result<Server>;
}

/// `slipway serve`, as it comes.
pub(super) struct Ours<'a> {
    pub(super) program: &'a Path,
}

impl Contestant for Ours<'_> {
    fn name(&self) -> &'static str {
        "slipway"
    }

    fn start(&self, namespace: &Namespace, folder: &Path) -> Result<Server> {
        // Nothing is to be booted, so that there need be no boot files.
        let files = folder.join("files");
        fs::create_dir(&files)?;
        let boot = format!("boot: {{loaders: {files}, maintenance_os: {files}}}", files = files.display());
        let config = format!("listen: {SERVER}:8080\ndhcp: {{interface: {CABLE}, address: {SERVER}}}\n{boot}\n");
        let running = Slipway::start(self.program, namespace, folder, &config)?;
        let (first, last) = POOL;
        let subnet = folder.join("subnet.yaml");
        let pool = format!("{{first: {first}, last: {last}}}");
        fs::write(
            &subnet,
            format!(
                "kind: Subnet\nname: bench\ncidr: {NETWORK}\npool: {pool}\nlease: {LEASE_SECONDS}s\nprobe: never\n"
            ),
        )?;
        let mut apply = namespace.command(self.program);
        apply.env("SLIPWAY_SERVER", &running.url).env("SLIPWAY_TOKEN", &running.token);
        command::run(apply.args(["apply", "-f"]).arg(&subnet))?;
        Ok(running.server)
    }
}

/// Kea with its file of leases, in one thread: so it comes in this version, and on one processor it is faster so.
pub(super) struct Kea<'a> {
    pub(super) peer: &'a Peer,
}

impl Contestant for Kea<'_> {
    fn name(&self) -> &'static str {
        "kea"
    }

    fn start(&self, namespace: &Namespace, folder: &Path) -> Result<Server> {
        let (first, last) = POOL;
        let config = json!({"Dhcp4": {
            "interfaces-config": {"interfaces": [CABLE], "dhcp-socket-type": "udp"},
            "lease-database": {"type": "memfile", "persist": true, "name": folder.join("leases.csv")},
            "valid-lifetime": LEASE_SECONDS,
            "multi-threading": {"enable-multi-threading": false},
            "subnet4": [{"id": 1, "subnet": NETWORK, "pools": [{"pool": format!("{first} - {last}")}]}],
            "loggers": [{"name": "kea-dhcp4", "severity": "WARN", "output_options": [{"output": "stdout"}]}],
        }});
        let file = folder.join("kea.json");
        fs::write(&file, serde_json::to_vec_pretty(&config)?)?;
        let mut kea = namespace.command(self.peer.program("usr/sbin/kea-dhcp4"));
        self.peer.with_libraries(&mut kea);
        kea.env("KEA_PIDFILE_DIR", folder).env("KEA_LOCKFILE_DIR", folder).arg("-c").arg(file);
        start(namespace, &mut kea, folder)
    }
}

/// dnsmasq with its file of leases, without the echo request that it sends before each offer.
pub(super) struct Dnsmasq<'a> {
    pub(super) peer: &'a Peer,
}

impl Contestant for Dnsmasq<'_> {
    fn name(&self) -> &'static str {
        "dnsmasq"
    }

    fn start(&self, namespace: &Namespace, folder: &Path) -> Result<Server> {
        let (first, last) = POOL;
        let mut dnsmasq = namespace.command(self.peer.program("usr/sbin/dnsmasq"));
        self.peer.with_libraries(&mut dnsmasq);
        dnsmasq.args(["--keep-in-foreground", "--port=0", "--conf-file=/dev/null", "--user=root", "--no-ping"]);
        dnsmasq.args(["--quiet-dhcp", "--log-facility=-", "--dhcp-authoritative", "--dhcp-lease-max=100000"]);
        dnsmasq.arg(format!("--interface={CABLE}"));
        dnsmasq.arg(format!("--dhcp-range={first},{last},255.255.0.0,{LEASE_SECONDS}"));
        dnsmasq.arg(format!("--dhcp-leasefile={}", folder.join("leases").display()));
        dnsmasq.arg(format!("--pid-file={}", folder.join("pid").display()));
        start(namespace, &mut dnsmasq, folder)
    }
}

/// Starts a server and waits until it listens.
fn start(namespace: &Namespace, command: &mut std::process::Command, folder: &Path) -> Result<Server> {
    let mut server = Server::start(command, folder)?;
    server.wait_until(|| {
        let sockets = command::run(namespace.command("ss").args(["--udp", "--listening", "--numeric", "--no-header"]));
        sockets.is_ok_and(|sockets| sockets.contains(":67"))
    })?;
    Ok(server)
}
