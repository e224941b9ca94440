//! Thousands of broken packets at a running server's socket.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[expect(dead_code, reason = "only the DHCP service is needed here")]
mod rig;

use dhcp::MessageType;
use dhcp::client::{Answer, ClientMessage};
use rig::Rig;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::net::UdpSocket;
use types::MacAddr;
use types::subnet::UnknownPolicy;

const PACKETS: u32 = 10_000;
/// Of the last question. No broken packet has it, whichever of its bytes were replaced.
const XID: u32 = 0x5eed_cafe;
const CLIENT: MacAddr = MacAddr([0x52, 0x54, 0, 0, 0, 1]);
const RETRANSMISSION: Duration = Duration::from_millis(200);
/// Long enough for a loaded machine; a test that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A message with some bytes of its options and header replaced, the same every time.
fn broken(number: u32) -> Vec<u8> {
    let mac = MacAddr([0x52, 0x54, 1, 0, 0, number.to_be_bytes()[3]]);
    let message =
        ClientMessage { giaddr: Some(Ipv4Addr::LOCALHOST), ..ClientMessage::new(MessageType::Discover, 1, mac) };
    let mut bytes = message.pxe(7).option(82, &[5, 4, 10, 77, 0, 0, 19, 2, 0, 0]).option(61, b"\x01abcdef").encode();
    let mut dice = u64::from(number) + 1;
    for _ in 0..=number % 5 {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let [high, low, value, ..] = dice.to_be_bytes();
        let at = usize::from(u16::from_be_bytes([high, low])) % bytes.len();
        bytes[at] = value;
    }
    bytes.truncate(if number.is_multiple_of(7) { usize::try_from(number).unwrap() % 600 } else { 600 });
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_broken_packets_leave_the_server_answering() {
    let rig = Rig::start(UnknownPolicy::Ignore).await;
    let offer = rig.ask(ClientMessage::new(MessageType::Discover, 7, CLIENT)).await.unwrap();
    let select = ClientMessage::new(MessageType::Request, 8, CLIENT).requested(offer.address);
    let held = rig.ask(select.server(offer.server.unwrap())).await.unwrap();
    let hostile = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut buffer = [0; 2048];
    for number in 0..PACKETS {
        hostile.send_to(&broken(number), rig.dhcp).await.unwrap();
        while let Ok(length) = hostile.try_recv(&mut buffer) {
            let answer = Answer::parse(&buffer[..length]).unwrap();
            assert!(answer.address.is_unspecified() || answer.address.octets()[..3] == [10, 77, 0], "{answer:?}");
        }
    }
    // What it had before it has still. It asks as clients do: again and again.
    let again =
        ClientMessage { giaddr: Some(Ipv4Addr::LOCALHOST), ..ClientMessage::new(MessageType::Discover, XID, CLIENT) };
    let again = again.option(82, &[5, 4, 10, 77, 0, 0, 19, 2, 0, 0]).encode();
    let answered = tokio::time::timeout(PATIENCE, async {
        loop {
            hostile.send_to(&again, rig.dhcp).await.unwrap();
            let wait = tokio::time::timeout(RETRANSMISSION, hostile.recv(&mut buffer)).await;
            let answer = wait.ok().and_then(|length| Answer::parse(&buffer[..length.unwrap()]));
            if let Some(answer) = answer.filter(|answer| answer.xid == XID) {
                return answer.address;
            }
        }
    });
    assert_eq!(answered.await.unwrap(), held.address);
}
