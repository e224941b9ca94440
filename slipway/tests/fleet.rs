//! A small fleet of simulated machines is deployed by the server's process, from the first DHCP packet on.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use lab::demo::ServerProcess;
use lab::own_network::in_own_network;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const MACHINES: u32 = 12;

#[test]
fn a_fleet_is_deployed_and_each_disk_is_written_once() {
    in_own_network("a_fleet_is_deployed_and_each_disk_is_written_once", deploy);
}

async fn deploy(folder: PathBuf) {
    assert!(Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap().success());
    let boot = folder.join("boot");
    fs::create_dir(&boot).unwrap();
    for name in ["undionly.kpxe", "snponly.efi", "ipxe.efi", "vmlinuz", "initrd.zst"] {
        fs::write(boot.join(name), name).unwrap();
    }
    let config = json!({
        "data": folder.join("data"),
        "listen": "127.0.0.1:8080",
        "dhcp": {"interface": "lo", "address": "127.0.0.1"},
        "tftp": "127.0.0.1:69",
        "boot": {"loaders": boot, "maintenance_os": boot},
    });
    let file = folder.join("slipway.yaml");
    fs::write(&file, config.to_string()).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_slipway"));
    let server = ServerProcess::start(program, &file, &folder.join("server.log")).await.unwrap();

    let mut fleet = tokio::process::Command::new(program);
    fleet.args(["lab", "fleet", "--machines", &MACHINES.to_string(), "--output", "json", "--limit", "60"]);
    fleet.args(["--server", server.url().as_str(), "--dhcp", "127.0.0.1:67"]);
    let outcome = fleet.env("SLIPWAY_TOKEN", server.token().expose()).output().await.unwrap();

    let report: Value = serde_json::from_slice(&outcome.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&outcome.stderr)));
    assert_eq!(report["deployed"], MACHINES, "{report}");
    assert_eq!(report["images_written"], MACHINES, "{report}");
    assert_eq!(report["resets"], 2 * MACHINES, "{report}");
    server.stop().await.unwrap();
}
