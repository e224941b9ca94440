//! What to boot, beside a server that gives the addresses (PXE 2.1 §2.2, RFC 4578).

use crate::client::DhcpClient;
use crate::rig::{SERVER, Scene, in_own_network, mac};
use dhcp::MessageType;
use dhcp::client::{Answer, ClientMessage};
use lab::host::{CARD, Host};
use serde_json::json;
use std::net::Ipv4Addr;
use std::path::Path;
use tokio::process::Child;
use types::MacAddr;

const DNSMASQ: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
const UUID: &[u8] = b"\0\x00112233445566778899aabbccddeeff";

fn discover(mac: MacAddr) -> ClientMessage {
    ClientMessage::new(MessageType::Discover, 1, mac).option(97, UUID.first_chunk::<17>().unwrap())
}

/// Beside dnsmasq, with a client's computer.
async fn set_up(scene: &Scene, folder: &Path) -> (Host, Child, Host) {
    let other = scene.host(2, Some("10.77.0.2/24")).await;
    let [first, last] = [50, 59].map(|last| Ipv4Addr::new(10, 77, 0, last));
    let dnsmasq = other.start_dnsmasq(folder, first, last).await.unwrap();
    (other, dnsmasq, scene.host(3, None).await)
}

/// Takes dnsmasq's offer as firmware does; gives the address and all that came with the transaction.
async fn take(client: &DhcpClient, offer: &Answer) -> Answer {
    let request = ClientMessage::new(MessageType::Request, 2, client.mac).requested(offer.address).server(DNSMASQ);
    client.call(&request.pxe(0)).await;
    client.hear().await
}

fn assert_gives_no_address(answer: &Answer) {
    assert_eq!(answer.server, Some(SERVER));
    assert!(answer.address.is_unspecified(), "{answer:?}");
    for (code, what) in [(1, "mask"), (3, "router"), (51, "lease time"), (58, "T1"), (59, "T2")] {
        assert_eq!(answer.message.options.find(code), None, "{what}");
    }
}

#[test]
fn firmware_has_its_address_from_dnsmasq_and_asks_port_4011_what_to_boot() {
    in_own_network("proxy::firmware_has_its_address_from_dnsmasq_and_asks_port_4011_what_to_boot", async |folder| {
        let scene = Scene::set_up(&folder, json!({"dhcp": "proxy", "unknown": "discover"})).await;
        let (_other, _dnsmasq, host) = set_up(&scene, &folder).await;
        let client = DhcpClient::without_address(&host, &mac(3));

        client.call(&discover(client.mac).pxe(0)).await;
        let [ours, theirs] = client.hear_both().await;
        assert_eq!((theirs.kind, theirs.server, theirs.boot_file.as_deref()), (2, Some(DNSMASQ), None));
        assert_eq!(theirs.address.octets()[..3], [10, 77, 0]);
        assert_eq!((ours.kind, ours.message.siaddr), (2, SERVER));
        assert_gives_no_address(&ours);
        assert_eq!(ours.boot_file.as_deref(), Some("undionly.kpxe"));
        assert_eq!(ours.message.options.find(60), Some(b"PXEClient".as_slice()));
        assert_eq!(ours.message.options.find(43), Some([6, 1, 8, 255].as_slice()), "load the file named here");
        assert_eq!(ours.message.options.find(97), UUID.get(..17), "RFC 4578 §2.3");

        let ack = take(&client, &theirs).await;
        assert_eq!((ack.kind, ack.xid, ack.server, ack.address), (5, 2, Some(DNSMASQ), theirs.address));
        // Ours answers in the order of the questions: had it said anything to the REQUEST, it would come first.
        client.call(&ClientMessage { xid: 3, ..discover(client.mac).pxe(0) }).await;
        let [ours, _] = client.hear_both().await;
        assert_eq!((ours.kind, ours.xid), (2, 3));

        host.ip(&["address", "add", &format!("{}/24", ack.address), "dev", CARD]).await.unwrap();
        let client = DhcpClient::at(&host, &mac(3), ack.address);
        let request = ClientMessage { ciaddr: Some(ack.address), broadcast: false, ..discover(client.mac).pxe(0) };
        let request = ClientMessage { kind: MessageType::Request, xid: 4, ..request };
        client.tell(&request, dhcp::BOOT_SERVER_PORT).await;
        let answer = client.hear().await;
        assert_eq!((answer.kind, answer.xid, answer.message.siaddr), (5, 4, SERVER));
        assert_gives_no_address(&answer);
        assert_eq!(answer.message.options.find(60), Some(b"PXEClient".as_slice()));
        let item = [71, 4, 0x80, 0, 0, 0, 255];
        client.tell(&ClientMessage { xid: 5, ..request }.option(43, &item), dhcp::BOOT_SERVER_PORT).await;
        let about_item = client.hear().await;
        assert_eq!((about_item.kind, about_item.xid, about_item.boot_file.as_ref()), (5, 5, answer.boot_file.as_ref()));
        let expected = [[6, 1, 8].as_slice(), &item].concat();
        assert_eq!(about_item.message.options.find(43), Some(expected.as_slice()), "PXE 2.1 §2.2.5");
        let file = answer.boot_file.unwrap();
        let fetched = host.command("curl").args(["-s", &format!("tftp://{SERVER}/{file}")]).output().await.unwrap();
        assert_eq!(String::from_utf8_lossy(&fetched.stdout), "the bytes of undionly.kpxe");
    });
}

#[test]
fn each_kind_of_client_is_told_its_file_in_the_offer_beside_dnsmasqs() {
    in_own_network("proxy::each_kind_of_client_is_told_its_file_in_the_offer_beside_dnsmasqs", async |folder| {
        let scene = Scene::set_up(&folder, json!({"dhcp": "proxy", "unknown": "discover"})).await;
        let (_other, _dnsmasq, host) = set_up(&scene, &folder).await;
        let client = DhcpClient::without_address(&host, &mac(3));
        let script = "http://10.77.0.1:8080/boot/52-54-00-77-00-03/script.ipxe";
        for (xid, message, file, class) in [
            (10, discover(client.mac).pxe(0), "undionly.kpxe", "PXEClient"),
            (11, discover(client.mac).pxe(7), "snponly.efi", "PXEClient"),
            (12, discover(client.mac).http_boot(16), "http://10.77.0.1:8080/boot/files/ipxe.efi", "HTTPClient"),
            (13, discover(client.mac).pxe(0).ipxe(), script, "PXEClient"),
            (14, discover(client.mac).pxe(7).ipxe(), script, "PXEClient"),
        ] {
            client.call(&ClientMessage { xid, ..message }).await;
            let [ours, theirs] = client.hear_both().await;
            assert_eq!((ours.kind, ours.xid, theirs.kind, theirs.xid), (2, xid, 2, xid));
            assert_gives_no_address(&ours);
            assert_eq!(ours.boot_file.as_deref(), Some(file));
            assert_eq!(ours.message.options.find(60), Some(class.as_bytes()), "{file}");
            assert_eq!(theirs.boot_file, None);
        }
        // What does not boot from the network is none of our business here.
        client.call(&ClientMessage { xid: 20, ..discover(client.mac) }).await;
        client.call(&ClientMessage { xid: 21, ..discover(client.mac).pxe(0) }).await;
        let mut heard = Vec::new();
        while heard.len() < 3 {
            let answer = client.hear().await;
            heard.push((answer.server.unwrap() == SERVER, answer.xid));
        }
        heard.sort_unstable();
        assert_eq!(heard, [(false, 20), (false, 21), (true, 21)]);
    });
}
