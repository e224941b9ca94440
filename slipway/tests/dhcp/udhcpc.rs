//! busybox's client, from its first message to its last.

use crate::rig::{PATIENCE, Scene, in_own_network, mac};
use lab::host::Host;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

/// What a system does when its client has news: it takes the address on, and says so.
const ON_NEWS: &str = "#!/bin/sh
[ \"$1\" = deconfig ] && ip address flush dev \"$interface\"
[ \"$1\" = bound ] && ip address add \"$ip/$mask\" dev \"$interface\"
echo \"$1 $ip $lease $boot_file\"
";

fn pool() -> Value {
    json!({"pool": {"first": "10.77.0.100", "last": "10.77.0.109"}, "unknown": "discover", "lease": "10m"})
}

/// The client, running.
struct Udhcpc {
    child: Child,
    news: Lines<BufReader<ChildStdout>>,
}

impl Udhcpc {
    fn start(host: &Host, folder: &Path, arguments: &[&str]) -> Self {
        let script = folder.join("on-news");
        std::fs::write(&script, ON_NEWS).unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = host.command("busybox");
        command.args(["udhcpc", "-f", "-i", lab::host::CARD, "-R", "-t", "20", "-T", "1", "-s"]).arg(script);
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let news = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, news }
    }

    /// Waits for news that begin with `what`.
    async fn until(&mut self, what: &str) -> String {
        let mut said = Vec::new();
        let find = async {
            while let Some(line) = self.news.next_line().await.unwrap() {
                if line.starts_with(what) {
                    return Some(line);
                }
                said.push(line);
            }
            None
        };
        let found = tokio::time::timeout(PATIENCE, find).await.ok().flatten();
        found.unwrap_or_else(|| panic!("no {what}: {said:?}"))
    }

    /// Tells it by a signal to renew or to give up its lease.
    fn signal(&self, signal: nix::sys::signal::Signal) {
        let process = nix::unistd::Pid::from_raw(i32::try_from(self.child.id().unwrap()).unwrap());
        nix::sys::signal::kill(process, signal).unwrap();
    }
}

#[test]
fn it_takes_renews_and_gives_back_its_address() {
    in_own_network("udhcpc::it_takes_renews_and_gives_back_its_address", async |folder| {
        let scene = Scene::set_up(&folder, pool()).await;
        let host = scene.host(3, None).await;
        let arguments = ["-V", "PXEClient:Arch:00000", "-x", "93:0000", "-O", "bootfile"];
        let mut client = Udhcpc::start(&host, &folder, &arguments);
        assert_eq!(client.until("bound").await, "bound 10.77.0.100 600 undionly.kpxe");
        client.signal(nix::sys::signal::Signal::SIGUSR1);
        assert_eq!(client.until("renew").await, "renew 10.77.0.100 600 undionly.kpxe");
        let pools = scene.until_pools(|_| true).await;
        assert_eq!(pools.items[0].ipv4.unwrap().bound, 1);
        client.signal(nix::sys::signal::Signal::SIGUSR2);
        client.until("deconfig").await;
        scene.until_pools(|pools| pools.items[0].ipv4.unwrap().free == 10).await;
    });
}

#[test]
fn it_declines_the_address_of_a_host_that_answers_no_ping() {
    in_own_network("udhcpc::it_declines_the_address_of_a_host_that_answers_no_ping", async |folder| {
        let scene = Scene::set_up(&folder, pool()).await;
        let squatter = scene.host(2, Some("10.77.0.100/24")).await;
        let mute = ["-c", "echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all"];
        assert!(squatter.command("sh").args(mute).status().await.unwrap().success());
        let host = scene.host(3, None).await;
        let mut client = Udhcpc::start(&host, &folder, &["-a"]);
        assert_eq!(client.until("bound").await, "bound 10.77.0.101 600 ");
        let pools = scene.until_pools(|pools| !pools.items[0].quarantined.is_empty()).await;
        let [resting] = pools.items[0].quarantined.as_slice() else { panic!("{pools:#?}") };
        assert_eq!((resting.address.to_string().as_str(), resting.declined_by), ("10.77.0.100", mac(3).parse().ok()));
    });
}
