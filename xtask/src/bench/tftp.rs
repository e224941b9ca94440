//! Bytes a second over TFTP, with one and with a hundred readers, beside tftpd-hpa and atftpd.
//!
//! All three are read by the same client, which has a processor of its own and never sleeps; the server has the rest.
//! tftpd-hpa knows no windows and is read without.

use super::load::{self, Pins};
use super::{Context, Namespace, Peer, Row, Server, Slipway, interleaved};
use anyhow::Result;
use std::fs;
use std::path::Path;

const SLIPWAY_PORT: u16 = 69;
const HPA_PORT: u16 = 6901;
const ATFTPD_PORT: u16 = 6902;
/// What is read.
const FILE: &str = "initrd.img";
/// A maintenance OS's initrd, and small enough to be read to its end within a round.
const FILE_LEN: usize = 64 << 20;
/// How much better than the best ours is to be.
const GOAL: f64 = 1.5;

/// Every combination of block size, window and readers.
pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let (milliseconds, rounds) = if context.quick { (1000, 1) } else { (3000, 5) };
    let peers = [Peer::unpack(&["tftpd-hpa"])?, Peer::unpack(&["atftpd"])?];
    let program = context.slipway()?;
    let client = load::build("tftp_load")?;
    let (network, pins) = (Namespace::create()?, Pins::choose());
    let folder = context.scratch("files")?;
    fs::write(folder.join(FILE), load::content(FILE_LEN))?;
    let servers = [start_hpa(&peers[0], &network, &folder)?, start_atftpd(&peers[1], &network, &folder)?];
    let config = format!(
        "listen: 127.0.0.1:8080\ntftp: 127.0.0.1:{SLIPWAY_PORT}\nboot: {{maintenance_os: {0}, loaders: {0}}}",
        folder.display()
    );
    let slipway = Slipway::start(program, &network, &context.scratch("slipway")?, &config)?;
    for server in servers.iter().chain([&slipway.server]) {
        pins.pin_server(server.id())?;
    }
    let mut rows = Vec::new();
    for readers in [1, 100] {
        for (block_size, window) in [(512, 1), (512, 16), (1428, 1), (1428, 16)] {
            let read = |port: u16| {
                let mut command = pins.client(&network, &client);
                command.arg(format!("127.0.0.1:{port}")).arg(FILE);
                command.args([readers, block_size, window, milliseconds].map(|number: u32| number.to_string()));
                load::first_number(&mut command).map(|bytes| bytes / 1e6)
            };
            let contestants: [&mut dyn FnMut() -> Result<f64>; 3] =
                [&mut || read(SLIPWAY_PORT), &mut || read(HPA_PORT), &mut || read(ATFTPD_PORT)];
            let [ours, hpa, atftpd] = interleaved(rounds, contestants)?;
            let (best, peer) = if hpa > atftpd { (hpa, &peers[0]) } else { (atftpd, &peers[1]) };
            let note = format!("{} is the better; hpa {hpa:.1}, atftpd {atftpd:.1} MB/s", peer.versions());
            let plural = if readers == 1 { "reader" } else { "readers" };
            let name = format!("{readers} {plural}, blocks of {block_size}, window {window}");
            rows.push(Row::at_least(&name, ours, best, "MB/s", GOAL, &note));
        }
    }
    Ok(rows)
}

fn start_hpa(peer: &Peer, network: &Namespace, folder: &Path) -> Result<Server> {
    let mut command = network.command(peer.program("usr/sbin/in.tftpd"));
    command.args(["--listen", "--foreground", "--secure", "--user", "root"]);
    // It takes no numeric address in a network that has only loopback: getaddrinfo's AI_ADDRCONFIG does not count that.
    command.args(["--ipv4", "--address", &format!(":{HPA_PORT}")]).arg(folder);
    start(peer, command, folder, "hpa", HPA_PORT)
}

fn start_atftpd(peer: &Peer, network: &Namespace, folder: &Path) -> Result<Server> {
    let mut command = network.command(peer.program("usr/sbin/atftpd"));
    command.args(["--daemon", "--no-fork", "--user", "root", "--group", "root", "--maxthread", "1000"]);
    command.args(["--verbose=1", "--logfile", "-"]);
    command.args(["--bind-address", "127.0.0.1", "--port", &ATFTPD_PORT.to_string()]).arg(folder);
    start(peer, command, folder, "atftpd", ATFTPD_PORT)
}

/// Its log goes beside the folder, which it serves.
fn start(peer: &Peer, mut command: std::process::Command, folder: &Path, name: &str, port: u16) -> Result<Server> {
    let logs = folder.with_file_name(name);
    fs::create_dir_all(&logs)?;
    let mut server = Server::start(peer.with_libraries(&mut command), &logs)?;
    let id = server.id();
    server.wait_until(|| load::has_udp_port(id, port))?;
    Ok(server)
}
