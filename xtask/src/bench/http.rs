//! An image over HTTP, with one reader and with sixty-four, beside nginx with sendfile.

use super::load::{self, Pins};
use super::{Context, Namespace, Peer, Row, Server, Slipway, median};
use crate::command;
use anyhow::Result;
use std::fs;
use std::path::Path;

const SLIPWAY_PORT: u16 = 8080;
const NGINX_PORT: u16 = 8081;
const FILE: &str = "image.raw";
/// Larger than every buffer on the way, and in the page cache whole.
const FILE_LEN: usize = 512 << 20;
/// How much of nginx's bytes ours are to be.
const GOAL: f64 = 0.9;

/// Bytes a second, and processor time for them.
pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let (milliseconds, rounds) = if context.quick { (1000, 1) } else { (3000, 5) };
    let nginx = Peer::unpack(&["nginx", "nginx-common"])?;
    let program = context.slipway()?;
    let client = load::build("http_load")?;
    let (network, pins) = (Namespace::create()?, Pins::choose());
    // The pacing of bbr, which some systems choose, makes both twice as fast or slow from one run to the next.
    command::run(network.command("sysctl").args(["-q", "-w", "net.ipv4.tcp_congestion_control=reno"]))?;
    let folder = context.scratch("files")?;
    fs::write(folder.join(FILE), load::content(FILE_LEN))?;
    let peer = start_nginx(&nginx, &network, &folder, &context.scratch("nginx")?)?;
    let config =
        format!("listen: 127.0.0.1:{SLIPWAY_PORT}\nboot: {{maintenance_os: {0}, loaders: {0}}}", folder.display());
    let slipway = Slipway::start(program, &network, &context.scratch("slipway")?, &config)?;
    let contestants =
        [(&slipway.server, SLIPWAY_PORT, format!("/boot/files/{FILE}")), (&peer, NGINX_PORT, format!("/{FILE}"))];
    for (server, ..) in &contestants {
        pins.pin_server(server.id())?;
    }
    let mut rows = Vec::new();
    for readers in [1, 64] {
        let mut rates = [Vec::new(), Vec::new()];
        let mut costs = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for (at, (server, port, path)) in contestants.iter().enumerate() {
                let mut command = pins.client(&network, &client);
                command
                    .arg(format!("127.0.0.1:{port}"))
                    .arg(path)
                    .args([readers.to_string(), milliseconds.to_string()]);
                let before = server.cpu_seconds()?;
                let bytes = load::first_number(&mut command)?;
                costs[at].push((server.cpu_seconds()? - before) / (bytes / 1e9));
                rates[at].push(bytes / f64::from(milliseconds) / 1e6);
            }
        }
        let [ours, nginxs] = rates.map(|samples| median(&samples).unwrap_or(f64::NAN));
        let [our_cost, nginxs_cost] = costs.map(|samples| median(&samples).unwrap_or(f64::NAN));
        let plural = if readers == 1 { "reader" } else { "readers" };
        let note = format!("{} with sendfile, one process on the same processors", nginx.versions());
        rows.push(Row::at_least(&format!("{readers} {plural}, bytes"), ours, nginxs, "GB/s", GOAL, &note));
        rows.push(at_most(&format!("{readers} {plural}, processor"), our_cost, nginxs_cost, &note));
    }
    Ok(rows)
}

/// Less is better: the ratio says how often nginx's cost ours is.
fn at_most(name: &str, ours: f64, peer: f64, note: &str) -> Row {
    let limit = 1.0 / GOAL;
    Row {
        name: name.to_owned(),
        ours,
        peer: Some(peer),
        unit: "s/GB",
        ratio: Some(ours / peer),
        goal: format!("at most {limit:.2} times the peer"),
        met: ours <= peer * limit,
        note: note.to_owned(),
    }
}

fn start_nginx(peer: &Peer, network: &Namespace, files: &Path, folder: &Path) -> Result<Server> {
    let config = folder.join("nginx.conf");
    fs::write(
        &config,
        format!(
            "daemon off; master_process off; pid {0}/pid; error_log {0}/error.log;\n\
             events {{ worker_connections 1024; }}\n\
             http {{\n  sendfile on; tcp_nopush on; access_log off; keepalive_requests 1000000;\n  \
             client_body_temp_path {0}/body; proxy_temp_path {0}/proxy; fastcgi_temp_path {0}/fastcgi;\n  \
             uwsgi_temp_path {0}/uwsgi; scgi_temp_path {0}/scgi;\n  \
             server {{ listen 127.0.0.1:{NGINX_PORT}; root {1}; }}\n}}\n",
            folder.display(),
            files.display()
        ),
    )?;
    let mut command = network.command(peer.program("usr/sbin/nginx"));
    command.arg("-p").arg(folder).arg("-e").arg(folder.join("error.log")).arg("-c").arg(config);
    let mut server = Server::start(peer.with_libraries(&mut command), folder)?;
    let id = server.id();
    server.wait_until(|| load::has_tcp_port(id, NGINX_PORT))?;
    Ok(server)
}
