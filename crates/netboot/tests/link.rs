//! DHCP over a real link: broadcasts between the two ends of a veth pair, in a network namespace of its own.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[expect(dead_code, reason = "only the backend is needed here")]
mod rig;

use netboot::{Config, DhcpListener, ListenDhcp, Netboot};
use rig::{World, boot_files};
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use types::subnet::UnknownPolicy;

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// Set in the process that runs inside the namespace.
const INSIDE: &str = "SLIPWAY_TEST_NAMESPACE";
const ON_BOUND: &str =
    "#!/bin/sh\n[ \"$1\" = bound ] && echo \"bound $ip $mask $lease $serverid $siaddr $boot_file\" || true\n";

/// Runs the test of this name again in a new network namespace; says whether there was one.
fn run_in_namespace(test: &str) -> bool {
    let own = std::env::current_exe().unwrap();
    for flags in [&["--user", "--map-root-user", "--net"][..], &["--net"]] {
        let possible = Command::new("unshare").args(flags).arg("true").output();
        if possible.is_ok_and(|output| output.status.success()) {
            let mut run = Command::new("unshare");
            run.args(flags).arg(&own).args(["--exact", test, "--nocapture"]).env(INSIDE, "yes");
            assert!(run.status().unwrap().success());
            return true;
        }
    }
    false
}

fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split(' ')).output().unwrap();
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn udhcpc_gets_an_address_and_a_boot_file_by_broadcast() {
    if Command::new("busybox").args(["udhcpc", "--help"]).output().is_err() {
        eprintln!("busybox is not installed: the link was not tried");
        return;
    }
    if std::env::var_os(INSIDE).is_none() {
        if !run_in_namespace("udhcpc_gets_an_address_and_a_boot_file_by_broadcast") {
            eprintln!("network namespaces are not allowed here: the link was not tried");
        }
        return;
    }
    for command in [
        "link set lo up",
        "link add server type veth peer name client",
        "address add 10.77.0.1/24 dev server",
        "link set server up",
        "link set client up",
    ] {
        ip(command);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let world = Arc::new(World::new(UnknownPolicy::Discover, SERVER, boot_files(folder.path())));
        let netboot = Netboot::start(world.clone(), Config::default()).await.unwrap();
        let listen = ListenDhcp { interface: Some("server".into()), address: SERVER, port: dhcp::SERVER_PORT };
        let listener = DhcpListener::bind(&listen).unwrap();
        let stop = CancellationToken::new();
        let serving = tokio::spawn({
            let (netboot, stop) = (netboot.clone(), stop.clone());
            async move { netboot.serve_dhcp(listener, stop).await }
        });
        let script = folder.path().join("on-bound");
        std::fs::write(&script, ON_BOUND).unwrap();
        std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        for (options, boot_file) in [(&["-V", "PXEClient:Arch:00000", "-x", "93:0000"][..], "undionly.kpxe"), (&[], "")]
        {
            let script = script.clone();
            let options: Vec<&str> = options.to_vec();
            let client = tokio::task::spawn_blocking(move || {
                let arguments = ["udhcpc", "-i", "client", "-f", "-q", "-n", "-t", "10", "-T", "1", "-s"];
                Command::new("busybox")
                    .args(arguments)
                    .arg(script)
                    .args(["-O", "bootfile"])
                    .args(options)
                    .output()
                    .unwrap()
            });
            let output = client.await.unwrap();
            let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            assert!(
                said.starts_with("bound 10.77.0.10 24 600 10.77.0.1"),
                "{said} {}",
                String::from_utf8_lossy(&output.stderr)
            );
            assert!(said.ends_with(boot_file), "{said}");
        }
        assert_eq!(world.disk.lock().unwrap().len(), 1);
        stop.cancel();
        serving.await.unwrap().unwrap();
    });
}
