//! Packets that are not as they should be, one by one: what each is answered with, and why.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use dhcp::client::{Answer, ClientMessage};
use dhcp::{Boot, BootFile, Leases, MessageType, Request, Subnet, decide};
use std::net::Ipv4Addr;
use types::subnet::{Pool, SubnetSpec};
use types::{MacAddr, Timestamp};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const CLIENT: MacAddr = MacAddr([0x52, 0x54, 0, 0, 0, 1]);
/// Where the fields of the header are (RFC 2131 §2).
const OP: usize = 0;
const HTYPE: usize = 1;
const HLEN: usize = 2;
const HOPS: usize = 3;
const CIADDR: usize = 12;
const GIADDR: usize = 24;
const CHADDR: usize = 28;
const SNAME: usize = 44;
const FILE: usize = 108;
const COOKIE: usize = 236;
const OPTIONS: usize = 240;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Silence,
    Offer,
    Ack,
    Nak,
}

use Expected::{Ack, Nak, Offer, Silence};

fn discover() -> ClientMessage {
    ClientMessage::new(MessageType::Discover, 7, CLIENT)
}

fn request() -> ClientMessage {
    ClientMessage::new(MessageType::Request, 7, CLIENT)
}

/// A good DISCOVER with bytes of its header replaced.
fn header(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut message = discover().encode();
    message[at..at + bytes.len()].copy_from_slice(bytes);
    message
}

/// The header of a good DISCOVER, and these options.
fn options(options: &[u8]) -> Vec<u8> {
    let mut message = discover().encode();
    message.truncate(OPTIONS);
    message.extend_from_slice(options);
    message
}

fn cut(length: usize) -> Vec<u8> {
    let mut message = discover().encode();
    message.truncate(length);
    message
}

fn repeated(code: u8, length: u8, times: usize) -> Vec<u8> {
    let mut bytes = vec![53, 1, 1];
    for _ in 0..times {
        bytes.extend_from_slice(&[code, length]);
        bytes.extend(std::iter::repeat_n(b'x', usize::from(length)));
    }
    bytes.push(255);
    bytes
}

/// Options with more options in the overloaded fields.
fn overloaded(which: u8, in_file: &[u8], in_sname: &[u8]) -> Vec<u8> {
    let mut message = options(&[53, 1, 1, 52, 1, which, 255]);
    message[FILE..FILE + in_file.len()].copy_from_slice(in_file);
    message[SNAME..SNAME + in_sname.len()].copy_from_slice(in_sname);
    message
}

/// What is wrong, the packet, what it is answered with, and why.
type Case = (&'static str, Vec<u8>, Expected, &'static str);

fn broken_headers() -> Vec<Case> {
    vec![
        ("nothing at all", Vec::new(), Silence, "there is nothing to answer"),
        ("one byte", vec![1], Silence, "there is no header"),
        ("header cut in the middle", cut(120), Silence, "there is no header"),
        ("header without the cookie", cut(COOKIE), Silence, "plain BOOTP is not served"),
        ("cookie cut", cut(OPTIONS - 1), Silence, "plain BOOTP is not served"),
        ("no options", cut(OPTIONS), Silence, "without a type it is no DHCP message"),
        ("wrong cookie", header(COOKIE, &[99, 130, 83, 98]), Silence, "the options are of another kind"),
        ("a server's answer", header(OP, &[2]), Silence, "answering answers, two servers would talk for ever"),
        ("op 0", header(OP, &[0]), Silence, "it is no request"),
        ("op 255", header(OP, &[255]), Silence, "it is no request"),
        ("hardware type 0", header(HTYPE, &[0]), Silence, "the address is of a kind that we cannot reach"),
        ("InfiniBand", header(HTYPE, &[32]), Silence, "its hardware address is not in the header"),
        ("hardware address of no bytes", header(HLEN, &[0]), Silence, "there is no client to know again"),
        ("hardware address of 5 bytes", header(HLEN, &[5]), Silence, "it is not Ethernet's"),
        ("hardware address of 17 bytes", header(HLEN, &[17]), Silence, "the field has 16"),
        ("hardware address of 255 bytes", header(HLEN, &[255]), Silence, "the field has 16"),
        ("17 hops", header(HOPS, &[17]), Silence, "it goes round in circles (RFC 1542 §4.1.1)"),
        ("16 hops", header(HOPS, &[16]), Offer, "the limit itself is allowed"),
        (
            "hardware address of zeros",
            header(CHADDR, &[0; 6]),
            Silence,
            "no card has it, and all who lack one share it",
        ),
        ("broadcast hardware address", header(CHADDR, &[0xff; 6]), Silence, "no card has it"),
        ("multicast hardware address", header(CHADDR, &[1, 0, 0x5e, 0, 0, 1]), Silence, "no card has it"),
        ("relay at a multicast address", header(GIADDR, &[224, 0, 0, 1]), Silence, "the answer would go to many"),
        ("relay at the broadcast address", header(GIADDR, &[255; 4]), Silence, "the answer would go to many"),
        ("client at a multicast address", header(CIADDR, &[239, 1, 2, 3]), Silence, "the answer would go to many"),
    ]
}

fn broken_types() -> Vec<Case> {
    vec![
        ("no type", options(&[61, 2, 1, 2, 255]), Silence, "without a type it is no DHCP message"),
        ("type 0", options(&[53, 1, 0, 255]), Silence, "there is no such type"),
        ("type 255", options(&[53, 1, 255, 255]), Silence, "there is no such type"),
        ("a server's type", options(&[53, 1, 5, 255]), Silence, "clients do not acknowledge"),
        ("type of no bytes", options(&[53, 0, 255]), Silence, "there is no type"),
        ("type of two bytes", options(&[53, 2, 1, 1, 255]), Silence, "which one?"),
        ("two types", options(&[53, 1, 1, 53, 1, 3, 255]), Silence, "which one? (joined, they are of two bytes)"),
    ]
}

fn broken_options() -> Vec<Case> {
    let padded = [vec![0; 10_000], vec![53, 1, 1, 255]].concat();
    vec![
        ("no end mark", options(&[53, 1, 1]), Offer, "the packet's end is one"),
        ("length past the end", options(&[53, 1, 1, 61, 200, 1]), Offer, "what came before is good"),
        ("code without a length", options(&[53, 1, 1, 61]), Offer, "what came before is good"),
        ("10 kB of padding", options(&padded), Offer, "padding means nothing"),
        ("options after the end mark", options(&[53, 1, 1, 255, 53, 1, 3]), Offer, "what comes after it is not read"),
        (
            "2,000 bytes of one option",
            options(&repeated(61, 200, 10)),
            Offer,
            "it is joined, and as a client identifier too long",
        ),
        ("500 empty options", options(&repeated(12, 0, 500)), Offer, "empty ones add nothing"),
        ("architecture of one byte", options(&[53, 1, 1, 93, 1, 0, 255]), Offer, "it is as if it were not there"),
        ("empty UUID", options(&[53, 1, 1, 97, 0, 255]), Offer, "it is as if it were not there"),
        (
            "requested address of 3 bytes",
            options(&[53, 1, 1, 50, 3, 10, 0, 0, 255]),
            Offer,
            "it is as if it were not there",
        ),
        ("hostname that is a command", discover().option(12, b"$(reboot)`x`\n../..").encode(), Offer, "it is not kept"),
        ("hostname that is not text", discover().option(12, &[0xff, 0xfe, 0, 0xc3]).encode(), Offer, "it is not kept"),
        (
            "user class with a length past its end",
            discover().option(77, &[200, b'i']).encode(),
            Offer,
            "it names no class",
        ),
        (
            "relay option cut in the middle",
            discover().option(82, &[1, 200, 1]).encode(),
            Offer,
            "it is sent back as it came",
        ),
        (
            "largest message of 0 bytes",
            discover().option(57, &[0, 0]).encode(),
            Offer,
            "every host takes 576 (RFC 2131 §2)",
        ),
        (
            "largest message of 65,535 bytes",
            discover().option(57, &[255, 255]).encode(),
            Offer,
            "our own limit is Ethernet's",
        ),
        (
            "lease of 4,294,967,295 s asked for",
            discover().option(51, &[255; 4]).encode(),
            Offer,
            "the subnet's longest is given",
        ),
        ("lease of 0 s asked for", discover().option(51, &[0; 4]).encode(), Offer, "the subnet's shortest is given"),
    ]
}

fn broken_overloads() -> Vec<Case> {
    vec![
        ("overload of both fields, which are empty", overloaded(3, &[], &[]), Offer, "padding means nothing"),
        (
            "overload within the overload",
            overloaded(1, &[52, 1, 3, 255], &[53, 1, 3]),
            Offer,
            "it counts in the options field only",
        ),
        ("overload of an unknown field", overloaded(200, &[53, 1, 3], &[53, 1, 3]), Offer, "200 names neither field"),
        (
            "length past the end of the file field",
            overloaded(1, &[61, 255, 1], &[]),
            Offer,
            "it does not reach into the next field",
        ),
        ("second type in an overloaded field", overloaded(1, &[53, 1, 3, 255], &[]), Silence, "which one?"),
    ]
}

fn broken_sense() -> Vec<Case> {
    let any = |address: [u8; 4]| request().requested(address.into());
    vec![
        ("request for nothing", request().encode(), Silence, "there is no address in it"),
        ("request for another network's address", any([192, 168, 1, 9]).encode(), Nak, "it cannot work here"),
        (
            "request for our own address",
            any([10, 77, 0, 1]).encode(),
            Silence,
            "it is nobody's to ask for, and not of the pool",
        ),
        ("our own address chosen from us", any([10, 77, 0, 1]).server(SERVER).encode(), Nak, "we never offered it"),
        ("request for the broadcast address", any([255; 4]).encode(), Nak, "it cannot work here"),
        (
            "address of the pool that was never given",
            any([10, 77, 0, 12]).encode(),
            Silence,
            "another server may know the client (RFC 2131 §4.3.2)",
        ),
        (
            "the same, chosen from us",
            any([10, 77, 0, 12]).server(SERVER).encode(),
            Ack,
            "our offer may be forgotten, and the address is free",
        ),
        (
            "request to another server",
            any([10, 77, 0, 12]).server([10, 77, 0, 2].into()).encode(),
            Silence,
            "it is not for us",
        ),
        (
            "release of nothing",
            ClientMessage::new(MessageType::Release, 7, CLIENT).encode(),
            Silence,
            "releases have no answer",
        ),
        (
            "decline of what it was not given",
            ClientMessage::new(MessageType::Decline, 7, CLIENT).requested([10, 77, 0, 12].into()).encode(),
            Silence,
            "declines have no answer",
        ),
        (
            "inform without an address",
            ClientMessage::new(MessageType::Inform, 7, CLIENT).encode(),
            Silence,
            "there is nowhere to send the answer",
        ),
    ]
}

fn answer(bytes: &[u8]) -> (Expected, Leases) {
    let pool = Some(Pool { first: [10, 77, 0, 10].into(), last: [10, 77, 0, 20].into() });
    let spec = SubnetSpec { pool, ..SubnetSpec::new("10.77.0.0/24".parse().unwrap()) };
    let subnet = Subnet::new("lab".parse().unwrap(), spec, SERVER, []);
    let mut leases = Leases::default();
    let Ok(request) = Request::parse(bytes) else { return (Silence, leases) };
    let now = Timestamp::from_second(1_700_000_000).unwrap();
    let boot = Boot::File(BootFile { server: SERVER, name: "undionly.kpxe".into() });
    let facts = leases.facts(&request, &subnet, now);
    let decision = decide(&request, &subnet, &facts, &boot, now);
    if let Some(change) = &decision.change {
        leases.apply(change);
    }
    let Ok(reply) = decision.reply else { return (Silence, leases) };
    let answer = Answer::parse(&reply.encode(&request)).unwrap();
    assert_eq!(answer.xid, request.xid);
    let expected = match answer.kind {
        2 => Offer,
        5 => Ack,
        6 => Nak,
        other => panic!("an answer of type {other}"),
    };
    (expected, leases)
}

#[test]
fn every_malformed_packet_gets_the_answer_that_it_should() {
    let cases = [broken_headers(), broken_types(), broken_options(), broken_overloads(), broken_sense()].concat();
    assert!(cases.len() >= 45, "{} cases", cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(what, bytes, expected, why)| {
            let (got, leases) = answer(bytes);
            let harmless = leases.iter().all(|lease| lease.hostname.is_none());
            (got != *expected || !harmless).then(|| format!("{what}: {got:?}, not {expected:?}: {why}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
