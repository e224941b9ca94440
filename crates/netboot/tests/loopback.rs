//! The boot services over real sockets on loopback.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod rig;

use dhcp::client::{Answer, ClientMessage};
use dhcp::{Lease, LeaseState, MessageType};
use jiff::SignedDuration;
use rig::{PATIENCE, Rig, content, tftp_get};
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::atomic::Ordering;
use types::event::kind;
use types::machine::MachineState;
use types::subnet::UnknownPolicy;
use types::{MacAddr, Timestamp};

const CLIENT: MacAddr = MacAddr([0x52, 0x54, 0, 0, 0, 1]);
const SCRIPT: &str = "/boot/52-54-00-00-00-01/script.ipxe";
const CONFIG: &str = "/boot/52-54-00-00-00-01/agent.cpio";

fn discover(mac: MacAddr) -> ClientMessage {
    ClientMessage::new(MessageType::Discover, 7, mac)
}

fn select(mac: MacAddr, offer: &Answer) -> ClientMessage {
    let message = ClientMessage::new(MessageType::Request, 8, mac);
    message.requested(offer.address).server(offer.server.unwrap())
}

fn mac(number: u32) -> MacAddr {
    let [a, b, c, d] = number.to_be_bytes();
    MacAddr([0x52, 0x54, a, b, c, d])
}

#[tokio::test]
async fn a_lease_is_stored_before_its_ack_and_survives_a_restart() {
    let rig = Rig::start(UnknownPolicy::Discover).await;
    let offer = rig.ask(discover(CLIENT).pxe(0)).await.unwrap();
    assert_eq!(rig.world.disk.lock().unwrap().len(), 0, "an offer is not stored");
    let ack = rig.ask(select(CLIENT, &offer).pxe(0)).await.unwrap();
    assert_eq!((ack.kind, ack.address), (5, Ipv4Addr::new(10, 77, 0, 10)));
    assert_eq!(rig.world.disk.lock().unwrap()[0].mac, CLIENT);
    let again = Rig::start_over(rig.world.clone(), tempfile::tempdir().unwrap()).await;
    assert_eq!(again.ask(discover(mac(2))).await.unwrap().address, Ipv4Addr::new(10, 77, 0, 11));
    assert_eq!(again.ask(discover(CLIENT)).await.unwrap().address, ack.address);
}

#[tokio::test]
async fn without_a_durable_lease_there_is_no_ack() {
    let rig = Rig::start(UnknownPolicy::Discover).await;
    let offer = rig.ask(discover(CLIENT)).await.unwrap();
    rig.world.disk_full.store(true, Ordering::SeqCst);
    assert_eq!(rig.ask(select(CLIENT, &offer)).await, None);
    rig.world.disk_full.store(false, Ordering::SeqCst);
    assert_eq!(rig.ask(select(CLIENT, &offer)).await.unwrap().kind, 5);
}

/// What the client reads as the length of its lease.
fn lease_seconds(answer: &Answer) -> u32 {
    u32::from_be_bytes(answer.message.options.find(51).unwrap().try_into().unwrap())
}

#[tokio::test]
async fn on_a_full_disk_a_client_keeps_its_address_for_as_long_as_the_disk_says() {
    let rig = Rig::start(UnknownPolicy::Discover).await;
    let offer = rig.ask(discover(CLIENT)).await.unwrap();
    let ack = rig.ask(select(CLIENT, &offer)).await.unwrap();
    assert_eq!(lease_seconds(&ack), 600);
    // The lease is four minutes old.
    let mut stored = rig.world.disk.lock().unwrap()[0].clone();
    stored.expires = Timestamp::now() + SignedDuration::from_secs(360);
    *rig.world.disk.lock().unwrap() = vec![stored.clone()];
    let rig = Rig::start_over(rig.world.clone(), tempfile::tempdir().unwrap()).await;
    rig.world.disk_full.store(true, Ordering::SeqCst);
    let renew = ClientMessage { ciaddr: Some(ack.address), ..ClientMessage::new(MessageType::Request, 9, CLIENT) };
    for message in [renew.clone(), renew, select(CLIENT, &offer)] {
        let kept = rig.ask_within(message, PATIENCE).await.unwrap();
        assert_eq!((kept.kind, kept.address), (5, ack.address));
        assert!((300..=360).contains(&lease_seconds(&kept)), "{kept:?}");
        assert!(kept.message.options.find(58).unwrap() < kept.message.options.find(51).unwrap());
    }
    assert_eq!(*rig.world.disk.lock().unwrap(), [stored]);
    rig.world.disk_full.store(false, Ordering::SeqCst);
    let again = rig.ask(select(CLIENT, &offer)).await.unwrap();
    assert_eq!(lease_seconds(&again), 600);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_clients_share_commits_and_no_address() {
    let rig = std::sync::Arc::new(Rig::start(UnknownPolicy::Ignore).await);
    let clients = (0..200).map(|number| {
        let rig = rig.clone();
        tokio::spawn(async move {
            let offer = rig.ask(discover(mac(number))).await.unwrap();
            rig.ask(select(mac(number), &offer)).await.unwrap().address
        })
    });
    let clients: Vec<_> = clients.collect();
    let mut given = std::collections::HashSet::new();
    for client in clients {
        given.insert(client.await.unwrap());
    }
    assert_eq!(given.len(), 200);
    assert_eq!(rig.world.disk.lock().unwrap().len(), 200);
    assert_eq!(rig.netboot.leases().list().len(), 200);
}

#[tokio::test]
async fn network_that_is_made_larger_keeps_its_leases() {
    let rig = Rig::start(UnknownPolicy::Ignore).await;
    let offer = rig.ask(discover(CLIENT)).await.unwrap();
    rig.ask(select(CLIENT, &offer)).await.unwrap();
    rig.world.resize("10.77.0.0/23");
    assert_ne!(rig.ask(discover(mac(2))).await.unwrap().address, offer.address);
    assert_eq!(rig.ask(discover(CLIENT)).await.unwrap().address, offer.address);
    assert_eq!(rig.netboot.leases().list().len(), 2);
}

#[tokio::test]
async fn the_history_tells_what_was_asked_and_answered() {
    let rig = Rig::start(UnknownPolicy::Discover).await;
    rig.ask(discover(CLIENT).pxe(7)).await.unwrap();
    let event = rig.world.event(kind::BOOT_DHCP).await;
    assert_eq!(event["message"], "discover");
    assert_eq!(event["answer"], "offer");
    assert_eq!(event["mac"], "52:54:00:00:00:01");
    assert_eq!(event["arch"], 7);
    assert_eq!(event["filename"], "snponly.efi");
    assert_eq!(event["reason"], "the machine is unknown and the subnet discovers unknown machines");
}

#[tokio::test]
async fn a_denied_machine_gets_nothing_and_is_recorded() {
    let rig = Rig::start(UnknownPolicy::Deny).await;
    assert_eq!(rig.ask(discover(CLIENT).pxe(0)).await, None);
    assert_eq!(rig.world.event(kind::BOOT_DHCP).await["answer"], "denied");
    assert_eq!(rig.http("GET", SCRIPT, &[]).await.0, 404);
    assert_eq!(rig.http("GET", CONFIG, &[]).await.0, 404);
}

/// Walks from each kind of client's first packet over every file it is led to.
#[tokio::test]
async fn every_file_that_is_offered_can_be_fetched() {
    let rig = Rig::start(UnknownPolicy::Discover).await;
    for (number, client) in [
        discover(mac(1)).pxe(0),
        discover(mac(2)).pxe(7),
        discover(mac(3)).pxe(9),
        discover(mac(4)).http_boot(0x10),
        discover(mac(5)).pxe(0).ipxe(),
        discover(mac(6)).pxe(7).ipxe(),
    ]
    .into_iter()
    .enumerate()
    {
        let file = rig.ask(client.clone()).await.unwrap().boot_file.unwrap_or_else(|| panic!("client {number}"));
        let base = format!("http://{}", rig.http);
        match file.strip_prefix(&base) {
            None => assert!(!tftp_get(rig.tftp, &file, &[], 0).await.unwrap().is_empty(), "{file}"),
            Some(path) => {
                let (status, _, body) = rig.http("GET", path, &[]).await;
                assert_eq!(status, 200, "{path}");
                let script = String::from_utf8_lossy(&body).into_owned();
                let urls: Vec<&str> = script.split_whitespace().filter(|word| word.starts_with("http://")).collect();
                assert_eq!(urls.is_empty(), !script.starts_with("#!ipxe"), "a script leads on, a loader does not");
                for url in urls {
                    let path = url.strip_prefix(&base).unwrap_or_else(|| panic!("{url} is not ours"));
                    let (status, head, body) = rig.http("GET", path, &[]).await;
                    assert_eq!(status, 200, "{url}");
                    assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
                    assert!(
                        !tftp_get(rig.tftp, path.trim_start_matches("/boot/").trim_start_matches("files/"), &[], 0)
                            .await
                            .unwrap()
                            .is_empty()
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn a_deployed_machine_is_led_to_its_disk() {
    let rig = Rig::start(UnknownPolicy::Discover).await;
    rig.world.machine(CLIENT, MachineState::Deployed);
    assert_eq!(rig.ask(discover(CLIENT).pxe(0)).await.unwrap().boot_file, None);
    assert_eq!(rig.ask(discover(CLIENT).pxe(7)).await.unwrap().boot_file.unwrap(), "snponly.efi");
    assert!(rig.ask(discover(CLIENT).pxe(7).ipxe()).await.unwrap().boot_file.unwrap().ends_with(SCRIPT));
    let (status, _, script) = rig.http("GET", SCRIPT, &[]).await;
    let script = String::from_utf8(script).unwrap();
    assert_eq!(status, 200);
    assert!(script.contains("sanboot --no-describe --drive 0x80") && script.contains("the machine is deployed"));
    assert_eq!(rig.http("GET", CONFIG, &[]).await.0, 404, "and gets no token");
}

#[tokio::test]
async fn an_environment_that_is_missing_makes_the_machine_wait() {
    let rig = Rig::start(UnknownPolicy::Ignore).await;
    rig.world.machine(CLIENT, MachineState::Provisioning);
    rig.world.machines.lock().unwrap().get_mut(&CLIENT).unwrap().wanted_env = Some(rig::name("missing"));
    let (status, _, script) = rig.http("GET", SCRIPT, &[]).await;
    assert_eq!(status, 200);
    assert!(String::from_utf8(script).unwrap().contains("missing is not available, asking again"));
}

#[tokio::test]
async fn a_machine_does_not_get_the_token_of_another() {
    let rig = Rig::start(UnknownPolicy::Discover).await;
    let since = Timestamp::now();
    let expires = since + SignedDuration::from_hours(1);
    let (address, state, hostname) = (Ipv4Addr::LOCALHOST, LeaseState::Bound, None);
    rig.world.disk.lock().unwrap().push(Lease {
        address,
        mac: mac(2),
        client_id: None,
        state,
        since,
        expires,
        hostname,
    });
    let rig = Rig::start_over(rig.world.clone(), tempfile::tempdir().unwrap()).await;
    assert_eq!(rig.http("GET", CONFIG, &[]).await.0, 404);
}

#[tokio::test]
async fn a_token_is_nowhere_but_in_the_archive() {
    let rig = Rig::start(UnknownPolicy::Discover).await;
    let (status, _, archive) = rig.http("GET", CONFIG, &[]).await;
    assert_eq!(status, 200);
    assert!(archive.starts_with(b"070701"));
    assert!(String::from_utf8_lossy(&archive).contains("token-of-52:54:00:00:00:01"));
    let (_, _, script) = rig.http("GET", SCRIPT, &[]).await;
    assert!(!String::from_utf8_lossy(&script).contains("token-of"));
    rig.world.event(kind::BOOT_HTTP).await;
    assert!(!format!("{:?}", rig.world.events.lock().unwrap()).contains("token-of"));
}

#[tokio::test]
async fn files_arrive_over_tftp_with_every_option() {
    let rig = Rig::start(UnknownPolicy::Discover).await;
    let expected = content(1_000_001);
    for (options, lose) in [
        (&[][..], 0),
        (&[("blksize", "1468"), ("tsize", "0")], 0),
        (&[("blksize", "65464"), ("windowsize", "16")], 0),
        (&[("blksize", "1428"), ("windowsize", "16"), ("timeout", "1")], 101),
        (&[("blksize", "1468"), ("timeout", "1")], 301),
    ] {
        let received = tftp_get(rig.tftp, "/ipxe.efi", options, lose).await.unwrap();
        assert!(received == expected, "{options:?}");
    }
    assert_eq!(
        tftp_get(rig.tftp, "discovery/initrd.img", &[("blksize", "1468")], 0).await.unwrap(),
        content(1468 * 20)
    );
    let event = rig.world.event_where(kind::BOOT_TFTP, |event| event["path"] == "discovery/initrd.img").await;
    assert_eq!((event["outcome"].as_str(), event["bytes"].as_u64()), (Some("complete"), Some(1468 * 20)));
}

#[tokio::test]
async fn what_tftp_does_not_serve_is_refused_with_its_code() {
    let rig = Rig::start(UnknownPolicy::Discover).await;
    for (file, error) in [
        ("nothing", "1 there is no such file"),
        ("../../etc/passwd", "2 the file name is not allowed"),
        ("/etc/passwd", "1 there is no such file"),
        ("..\\boot.ini", "2 the file name is not allowed"),
        ("", "2 the file name is not allowed"),
    ] {
        assert_eq!(tftp_get(rig.tftp, file, &[], 0).await.unwrap_err(), error, "{file:?}");
    }
    let socket = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    for (packet, code) in
        [(&b"\0\x02x\0octet\0"[..], 2), (b"\0\x01x\0netascii\0", 0), (b"\0\x04\0\x01", 5), (b"\0\x09", 4)]
    {
        socket.send_to(packet, rig.tftp).await.unwrap();
        let mut buffer = [0; 200];
        let (length, _) = socket.recv_from(&mut buffer).await.unwrap();
        assert_eq!(buffer[..4], [0, 5, 0, code], "{}", String::from_utf8_lossy(&buffer[..length]));
    }
}

#[tokio::test]
async fn a_stranger_at_a_transfers_port_is_refused_and_does_not_disturb_it() {
    let rig = Rig::start(UnknownPolicy::Discover).await;
    let bind = || tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
    let (client, stranger) = (bind().await.unwrap(), bind().await.unwrap());
    let mut buffer = [0; 600];
    client.send_to(b"\0\x01undionly.kpxe\0octet\0", rig.tftp).await.unwrap();
    let (_, transfer) = client.recv_from(&mut buffer).await.unwrap();
    assert_eq!(buffer[..4], [0, 3, 0, 1]);
    stranger.send_to(b"\0\x04\0\x01", transfer).await.unwrap();
    stranger.recv_from(&mut buffer).await.unwrap();
    assert_eq!(buffer[..4], [0, 5, 0, 5]);
    client.send_to(b"\0\x04\0\x01", transfer).await.unwrap();
    client.recv_from(&mut buffer).await.unwrap();
    assert_eq!(buffer[..4], [0, 3, 0, 2]);
}

#[tokio::test]
async fn http_serves_heads_ranges_and_conditions() {
    let rig = Rig::start(UnknownPolicy::Discover).await;
    let path = "/boot/files/ipxe.efi";
    let whole = content(1_000_001);
    let (status, head, body) = rig.http("GET", path, &[]).await;
    assert!(status == 200 && body == whole);
    let etag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    let (status, head, body) = rig.http("HEAD", path, &[]).await;
    assert_eq!((status, body.len()), (200, 0));
    assert!(head.contains("content-length: 1000001") && head.contains("accept-ranges: bytes"), "{head}");
    let (status, head, body) = rig.http("GET", path, &["Range: bytes=500000-500009"]).await;
    assert_eq!((status, &body[..]), (206, &whole[500_000..500_010]));
    assert!(head.contains("content-range: bytes 500000-500009/1000001"), "{head}");
    let resume = format!("If-Range: {etag}");
    let (status, _, body) = rig.http("GET", path, &["Range: bytes=1000000-", &resume]).await;
    assert_eq!((status, &body[..]), (206, &whole[1_000_000..]));
    let (status, _, body) = rig.http("GET", path, &["Range: bytes=1000000-", "If-Range: \"other\""]).await;
    assert!(status == 200 && body == whole);
    let (status, head, body) = rig.http("GET", path, &["Range: bytes=0-1,5-6"]).await;
    assert!(status == 200 && body == whole && !head.contains("content-range"), "{head}");
    let (status, head, _) = rig.http("GET", path, &["Range: bytes=1000001-"]).await;
    assert!(status == 416 && head.contains("content-range: bytes */1000001"), "{head}");
    let (status, _, body) = rig.http("GET", path, &[&format!("If-None-Match: {etag}")]).await;
    assert_eq!((status, body.len()), (304, 0));
    assert_eq!(rig.http("PUT", path, &[]).await.0, 405);
    for wrong in [
        "/boot/files/../Cargo.toml",
        "/boot/files/%2e%2e/x",
        "/boot/files/a%00b",
        "/boot/files//etc/passwd",
        "/boot/nomac/script.ipxe",
    ] {
        assert_eq!(rig.http("GET", wrong, &[]).await.0, 404, "{wrong}");
    }
}

#[tokio::test]
async fn a_download_is_recorded_with_the_machine_that_has_the_address() {
    let rig = Rig::start(UnknownPolicy::Discover).await;
    let now = types::Timestamp::now();
    rig.world.disk.lock().unwrap().push(dhcp::Lease {
        address: Ipv4Addr::LOCALHOST,
        mac: CLIENT,
        client_id: None,
        state: dhcp::LeaseState::Bound,
        since: now,
        expires: types::Timestamp::MAX,
        hostname: None,
    });
    let rig = Rig::start_over(rig.world.clone(), tempfile::tempdir().unwrap()).await;
    rig.http("GET", "/boot/files/discovery/vmlinuz", &[]).await;
    let event = rig.world.event(kind::BOOT_HTTP).await;
    assert_eq!(event["path"], "/boot/files/discovery/vmlinuz");
    assert_eq!(event["mac"], "52:54:00:00:00:01");
    assert_eq!((event["status"].as_u64(), event["bytes"].as_u64()), (Some(200), Some(50_000)));
    assert_eq!((event["complete"].as_bool(), event["peer"].as_str()), (Some(true), Some("127.0.0.1")));
}

#[tokio::test]
async fn curl_fetches_over_tftp_and_resumes_over_http() {
    let rig = Rig::start(UnknownPolicy::Discover).await;
    let run = |arguments: Vec<String>| async move {
        let command = tokio::task::spawn_blocking(move || Command::new("curl").args(arguments).output());
        command.await.unwrap().ok().map(|output| output.stdout)
    };
    let tftp = format!("tftp://{}/snponly.efi", rig.tftp);
    let http = format!("http://{}/boot/files/snponly.efi", rig.http);
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let Some(received) = run(words(&["-s", "--tftp-blksize", "1428", &tftp])).await else {
        eprintln!("curl is not installed: nothing was fetched with it");
        return;
    };
    assert!(received == content(220_000));
    let resumed = run(words(&["-s", "-C", "100000", &http])).await.unwrap();
    assert!(resumed == content(220_000)[100_000..]);
}
