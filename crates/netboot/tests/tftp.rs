//! TFTP against clients that are hostile, many, or real programs.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[expect(dead_code, reason = "the rig of all tests, of which a part is needed")]
mod rig;

use rig::{Rig, content};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::timeout;
use types::event::kind;
use types::subnet::UnknownPolicy;

/// Long enough for a loaded machine; a test that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

async fn client() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

async fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 2000];
    let (length, from) = timeout(PATIENCE, socket.recv_from(&mut buffer)).await.expect("an answer comes").unwrap();
    (buffer[..length].to_vec(), from)
}

fn ack(block: usize) -> [u8; 4] {
    let [high, low] = u16::try_from(block & 0xffff).unwrap().to_be_bytes();
    [0, 4, high, low]
}

#[tokio::test]
async fn no_name_leads_out_of_the_boot_files_and_no_error_shows_a_path_of_the_server() {
    let rig = Rig::start(UnknownPolicy::Discover).await;
    let socket = client().await;
    for name in [
        &b"../ipxe.efi"[..],
        b"../../../../etc/passwd",
        b"a/../ipxe.efi",
        b"..\\..\\boot.ini",
        b"/etc/passwd",
        b"//ipxe.efi",
        b"///etc/passwd",
        b"./ipxe.efi",
        b"ipxe.efi/",
        b"ipxe.efi/.",
        b"%2e%2e/ipxe.efi",
        b"..%2fipxe.efi",
        b"%69pxe.efi",
        b"..%c0%afipxe.efi",
        b"\xc0\xae\xc0\xae/ipxe.efi",
        b"C:\\ipxe.efi",
        b"file:///etc/passwd",
        b"ipxe.efi ",
        b"ipxe.efi\n",
        b"IPXE.EFI",
        b"~/ipxe.efi",
        b"$(id)",
        b"",
        b"/",
        b".",
        b"..",
    ] {
        socket.send_to(&[b"\0\x01", name, b"\0octet\0"].concat(), rig.tftp).await.unwrap();
        let (answer, _) = receive(&socket).await;
        let text = String::from_utf8_lossy(&answer[4..]).into_owned();
        assert!(matches!(answer[..4], [0, 5, 0, 1 | 2]), "{:?}: {answer:?}", String::from_utf8_lossy(name));
        assert!(!text.contains('/') && !text.contains("tmp") && !text.contains("etc"), "{text}");
    }
    // What follows the first NUL is another word, and no part of the name.
    socket.send_to(b"\0\x01ipxe.efi\0/../x\0octet\0", rig.tftp).await.unwrap();
    assert_eq!(receive(&socket).await.0[..4], [0, 5, 0, 0], "the mode is none");
}

#[tokio::test]
async fn other_modes_and_writing_are_refused() {
    let rig = Rig::start(UnknownPolicy::Discover).await;
    let socket = client().await;
    for (request, code) in [
        (&b"\0\x01ipxe.efi\0netascii\0"[..], 0),
        (b"\0\x01ipxe.efi\0mail\0", 0),
        (b"\0\x01ipxe.efi\0\0", 0),
        (b"\0\x02ipxe.efi\0octet\0", 2),
        (b"\0\x02../x\0octet\0", 2),
        (b"\0\x01ipxe.efi\0octet", 4),
        (b"\0\x01ipxe.efi", 4),
        (b"\0\x06tsize\x000\0", 4),
        (b"\0\0", 4),
        (b"\0", 4),
        (b"", 4),
    ] {
        socket.send_to(request, rig.tftp).await.unwrap();
        let (answer, _) = receive(&socket).await;
        assert_eq!(answer[..4], [0, 5, 0, code], "{request:?}");
    }
}

#[tokio::test]
async fn a_client_that_does_not_answer_gets_one_packet_for_each_request() {
    let rig = Rig::start(UnknownPolicy::Discover).await;
    let socket = client().await;
    let request = b"\0\x01ipxe.efi\0octet\0windowsize\x0064\0";
    let mut transfers = std::collections::HashSet::new();
    for _ in 0..5 {
        socket.send_to(request, rig.tftp).await.unwrap();
        let (answer, from) = receive(&socket).await;
        assert_eq!(answer[..2], [0, 6]);
        transfers.insert(from);
    }
    assert_eq!(transfers.len(), 1, "it is one transfer");
    // Whatever else was sent would be before the answer to another's question.
    socket.send_to(b"\0\x09", rig.tftp).await.unwrap();
    assert_eq!(receive(&socket).await.0[..4], [0, 5, 0, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_readers_at_once_get_the_file() {
    let rig = Rig::start(UnknownPolicy::Discover).await;
    let readers = (0..1000_u16).map(|number| {
        let [high, low] = number.to_be_bytes();
        let (server, address) = (rig.tftp, IpAddr::from([127, 2, high, low]));
        tokio::spawn(async move { read(server, address, "undionly.kpxe").await })
    });
    let expected = content(70_000);
    for reader in readers.collect::<Vec<_>>() {
        assert!(reader.await.unwrap() == expected);
    }
    let complete = || {
        let events = rig.world.events(kind::BOOT_TFTP);
        events.iter().filter(|event| event["outcome"] == "complete").count()
    };
    let all = async {
        while complete() < 1000 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, all).await.expect("every transfer is on record");
}

/// Reads a file as a patient client does: what is not answered is sent again.
async fn read(server: SocketAddr, address: IpAddr, file: &str) -> Vec<u8> {
    let socket = UdpSocket::bind((address, 0)).await.unwrap();
    let (mut packet, mut to) = (format!("\0\x01{file}\0octet\0blksize\x001428\0").into_bytes(), server);
    let (mut received, mut blocks, mut buffer) = (Vec::new(), 0, [0; 2000]);
    loop {
        socket.send_to(&packet, to).await.unwrap();
        let Ok(got) = timeout(Duration::from_secs(2), socket.recv_from(&mut buffer)).await else { continue };
        let (length, from) = got.unwrap();
        to = from;
        match &buffer[..length] {
            [0, 6, ..] => packet = ack(0).to_vec(),
            [0, 3, high, low, block @ ..] => {
                if [*high, *low] == ack(blocks + 1)[2..] {
                    blocks += 1;
                    received.extend_from_slice(block);
                }
                packet = ack(blocks).to_vec();
                if block.len() < 1428 {
                    socket.send_to(&packet, to).await.unwrap();
                    return received;
                }
            }
            other => panic!("not a server's packet: {other:?}"),
        }
    }
}

/// 65,535 blocks of 512 bytes are 32 MiB less one block.
#[tokio::test(flavor = "multi_thread")]
async fn real_clients_read_a_file_of_more_blocks_than_can_be_numbered() {
    let folder = tempfile::tempdir().unwrap();
    let large = content((32 << 20) + 1_000_003);
    std::fs::write(folder.path().join("large.img"), &large).unwrap();
    let mut files = rig::boot_files(folder.path());
    files.insert_folder("", folder.path()).unwrap();
    let world = rig::World::new(UnknownPolicy::Discover, Ipv4Addr::LOCALHOST, files);
    let rig = Rig::start_over(std::sync::Arc::new(world), folder).await;
    let (host, port) = (rig.tftp.ip().to_string(), rig.tftp.port().to_string());
    let into = tempfile::tempdir().unwrap();
    let local = |name: &str| into.path().join(name).display().to_string();
    for (name, program, arguments) in [
        ("curl", "curl", format!("-s -o {} tftp://{host}:{port}/large.img", local("curl"))),
        ("hpa", "tftp", format!("-m binary {host} {port} -c get large.img {}", local("hpa"))),
        ("atftp", "atftp", format!("--get -r large.img -l {} {host} {port}", local("atftp"))),
        (
            "windows",
            "atftp",
            format!(
                "--option windowsize=16 --option blksize=1428 --get -r large.img -l {} {host} {port}",
                local("windows")
            ),
        ),
    ] {
        let run = move || Command::new(program).args(arguments.split(' ')).output();
        let output = tokio::task::spawn_blocking(run).await.unwrap();
        let output = output.unwrap_or_else(|error| panic!("{program}: {error}; run cargo xtask setup-packages"));
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(std::fs::read(local(name)).unwrap() == large, "{name} has another file");
    }
}
