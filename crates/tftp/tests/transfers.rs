//! Whole transfers to a client of the tests' own, over a network that loses, doubles and reorders.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use proptest::prelude::*;
use std::collections::VecDeque;
use std::time::Duration;
use tftp::{Action, Limits, Outcome, Packet, ReadOptions, Transfer, data_header};

/// A client as RFC 1350 and RFC 7440 describe it: takes blocks in order, acknowledges each window's last and
/// the last good one when a block is missing.
struct Client {
    block_size: usize,
    window: u64,
    received: Vec<u8>,
    blocks: u64,
    since_ack: u64,
    complete: bool,
    heard: bool,
}

impl Client {
    fn new(block_size: usize, window: u64) -> Self {
        Self { block_size, window, received: Vec::new(), blocks: 0, since_ack: 0, complete: false, heard: false }
    }

    fn on_packet(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.heard = true;
        match bytes {
            [0, 6, ..] => (self.blocks == 0).then(|| ack(0)),
            [0, 3, high, low, data @ ..] => {
                let expected = u16::try_from((self.blocks + 1) & 0xffff).unwrap();
                if u16::from_be_bytes([*high, *low]) != expected || self.complete {
                    self.since_ack = 0;
                    return Some(ack(self.blocks));
                }
                self.blocks += 1;
                self.since_ack += 1;
                self.received.extend_from_slice(data);
                self.complete = data.len() < self.block_size;
                if self.complete || self.since_ack == self.window {
                    self.since_ack = 0;
                    return Some(ack(self.blocks));
                }
                None
            }
            other => panic!("not a server's packet: {other:?}"),
        }
    }

    /// A client that has got nothing asks again.
    fn on_timeout(&mut self) -> Vec<u8> {
        self.since_ack = 0;
        if self.heard { ack(self.blocks) } else { b"\0\x01x\0octet\0".to_vec() }
    }
}

fn is_request(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0, 1])
}

fn ack(block: u64) -> Vec<u8> {
    let [high, low] = u16::try_from(block & 0xffff).unwrap().to_be_bytes();
    vec![0, 4, high, low]
}

/// The packets that the server sends.
fn packets(file: &[u8], transfer: &Transfer, action: &Action) -> Vec<Vec<u8>> {
    match action {
        Action::Wait | Action::Finish(_) => Vec::new(),
        Action::SendOptionAck => vec![transfer.option_ack().to_vec()],
        Action::SendBlocks(blocks) => blocks
            .clone()
            .map(|block| {
                let from = usize::try_from(block.offset).unwrap();
                [data_header(block.number).as_slice(), &file[from..from + block.len]].concat()
            })
            .collect(),
    }
}

/// The numbers of the blocks that the server sends.
fn numbers(action: Action) -> Vec<u16> {
    match action {
        Action::SendBlocks(blocks) => blocks.map(|block| block.number).collect(),
        other => panic!("no blocks: {other:?}"),
    }
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from(at * 7 % 251).unwrap()).collect()
}

fn options(block_size: u64, window: u64) -> ReadOptions {
    ReadOptions { block_size: Some(block_size), window: Some(window), wants_size: true, timeout_seconds: None }
}

/// Runs a transfer over a perfect network; returns what arrived and how many packets the server sent.
fn run(file: &[u8], options: &ReadOptions, block_size: usize, window: u64) -> (Vec<u8>, usize) {
    let mut client = Client::new(block_size, window);
    let (mut transfer, mut action) = Transfer::start(options, file.len() as u64, Limits::default());
    let mut sent = 0;
    while !matches!(action, Action::Finish(_)) {
        let mut answer = None;
        for packet in packets(file, &transfer, &action) {
            sent += 1;
            answer = answer.or(client.on_packet(&packet));
        }
        action = transfer.on_packet(&answer.expect("the client answers every window"));
    }
    assert_eq!(action, Action::Finish(Outcome::Complete));
    (client.received, sent)
}

#[test]
fn a_file_of_every_length_around_a_block_arrives_whole() {
    for len in [0, 1, 511, 512, 513, 1023, 1024, 1025, 5000] {
        let file = content(len);
        assert_eq!(run(&file, &ReadOptions::default(), 512, 1).0, file, "{len} bytes");
        assert_eq!(run(&file, &options(100, 7), 100, 7).0, file, "{len} bytes in windows");
    }
}

#[test]
fn block_numbers_go_on_after_65535() {
    let file = content(8 * 140_000 + 3);
    for window in [1, 16] {
        let (received, sent) = run(&file, &options(8, window), 8, window);
        assert!(received == file);
        assert_eq!(sent, 140_001 + 1, "every block once, and the option acknowledgement");
    }
}

#[test]
fn options_are_bounded_and_absurd_ones_left_out() {
    let answer = |text: &str| {
        let request = [&b"\0\x01x\0octet\0"[..], text.replace(' ', "\0").as_bytes(), b"\0"].concat();
        let Ok(Packet::Read(request)) = Packet::parse(&request) else { panic!("not a request: {text}") };
        let (transfer, action) = Transfer::start(&request.options, 1234, Limits::default());
        match action {
            Action::SendOptionAck => {
                String::from_utf8(transfer.option_ack()[2..].to_vec()).unwrap().replace('\0', " ").trim_end().to_owned()
            }
            Action::SendBlocks(blocks) => format!("{} block of {}", blocks.clone().count(), blocks.last().unwrap().len),
            other => panic!("{other:?}"),
        }
    };
    const NONE: &str = "1 block of 512";
    for (asked, answered) in [
        ("blksize 8", "blksize 8"),
        ("blksize 1428", "blksize 1428"),
        ("blksize 65464", "blksize 1468"),
        ("blksize 0", NONE),
        ("blksize 1", NONE),
        ("blksize 7", NONE),
        ("blksize 65465", NONE),
        ("blksize 65535", NONE),
        ("blksize -1", NONE),
        ("blksize +1428", NONE),
        ("blksize 0x200", NONE),
        ("blksize 1428.5", NONE),
        ("blksize 99999999999999999999999999", NONE),
        ("blksize ", NONE),
        ("windowsize 1", "windowsize 1"),
        ("windowsize 65535", "windowsize 64"),
        ("windowsize 0", NONE),
        ("windowsize 65536", NONE),
        ("tsize 0", "tsize 1234"),
        ("tsize 77", "tsize 1234"),
        ("tsize garbage", NONE),
        ("timeout 1", "timeout 1"),
        ("timeout 30", "timeout 30"),
        ("timeout 0", NONE),
        ("timeout 255", NONE),
        ("timeout 256", NONE),
        ("utimeout 100000", NONE),
        ("rollover 1", NONE),
        ("multicast ", NONE),
        ("blksize 1024 blksize 16", "blksize 1024"),
        ("blksize x blksize 16", "blksize 16"),
        ("windowsize 4 timeout 3 tsize 0 blksize 1428", "blksize 1428 timeout 3 tsize 1234 windowsize 4"),
    ] {
        assert_eq!(answer(asked), answered, "{asked}");
    }
    assert_eq!(answer(&"a 1 ".repeat(250)), NONE, "a storm of options");
}

#[test]
fn a_doubled_acknowledgement_does_not_double_the_blocks() {
    let (mut transfer, _) = Transfer::start(&ReadOptions::default(), 5000, Limits::default());
    assert_eq!(numbers(transfer.on_packet(&ack(1))), [2]);
    assert_eq!(transfer.on_packet(&ack(1)), Action::Wait);
    assert_eq!(transfer.on_packet(&ack(0)), Action::Wait);
    assert_eq!(transfer.on_packet(&ack(9)), Action::Wait, "not sent yet");
    assert_eq!(numbers(transfer.on_packet(&ack(2))), [3]);
}

#[test]
fn a_window_is_sent_again_from_the_block_that_was_lost() {
    let (mut transfer, _) = Transfer::start(&options(512, 4), 512 * 20, Limits::default());
    assert_eq!(numbers(transfer.on_packet(&ack(0))), [1, 2, 3, 4]);
    assert_eq!(numbers(transfer.on_packet(&ack(2))), [3, 4, 5, 6], "block 3 was lost");
    assert_eq!(numbers(transfer.on_packet(&ack(2))), [3, 4, 5, 6], "and lost again");
    assert_eq!(transfer.on_packet(&ack(2)), Action::Wait, "once more is the timeout's to do");
    assert_eq!(numbers(transfer.on_timeout()), [3, 4, 5, 6]);
    assert_eq!(numbers(transfer.on_packet(&ack(6))), [7, 8, 9, 10]);
}

#[test]
fn a_client_that_vanishes_is_given_up() {
    let (mut transfer, _) = Transfer::start(&ReadOptions::default(), 5000, Limits::default());
    transfer.on_packet(&ack(1));
    let mut waited = 0;
    loop {
        waited += transfer.timeout().as_secs();
        if transfer.on_timeout() == Action::Finish(Outcome::Vanished) {
            break;
        }
    }
    assert_eq!(waited, 1 + 2 + 4 + 8 + 8 + 8);
    assert_eq!(transfer.on_packet(&ack(2)), Action::Wait, "and is not heard any more");
}

#[test]
fn a_client_that_was_never_heard_gets_one_packet_a_request() {
    for options in [ReadOptions::default(), options(1428, 64)] {
        let (mut transfer, first) = Transfer::start(&options, 5000, Limits::default());
        assert_eq!(packets(&content(5000), &transfer, &first).len(), 1);
        assert_eq!(transfer.on_repeated_request(), first, "a client that did not get it asks again");
        assert_eq!(transfer.on_timeout(), Action::Finish(Outcome::Vanished));
        assert_eq!(transfer.on_repeated_request(), Action::Wait);
    }
}

#[test]
fn a_repeated_request_does_not_start_a_transfer_over() {
    let (mut transfer, _) = Transfer::start(&options(512, 4), 5000, Limits::default());
    transfer.on_packet(&ack(0));
    assert_eq!(transfer.on_repeated_request(), Action::Wait);
    assert_eq!(numbers(transfer.on_packet(&ack(4))), [5, 6, 7, 8]);
}

#[test]
fn firmware_that_only_asks_the_size_is_not_a_failure_to_resend() {
    let (mut transfer, _) = Transfer::start(&options(1468, 1), 5000, Limits::default());
    let action = transfer.on_packet(b"\0\x05\0\x08User aborted\0");
    assert_eq!(action, Action::Finish(Outcome::Stopped { code: 8, message: "User aborted".into() }));
    assert_eq!(transfer.delivered(), 0);
}

#[test]
fn a_request_is_read_with_its_options_in_any_case() {
    let bytes = b"\0\x01/ipxe.efi\0OCTET\0BlkSize\x001468\0tsize\x000\0windowsize\x008\0timeout\x005\0unknown\0x\0";
    let Ok(Packet::Read(request)) = Packet::parse(bytes) else { panic!("not a request") };
    assert_eq!((request.name.as_slice(), request.octet), (b"/ipxe.efi".as_slice(), true));
    let expected = ReadOptions { block_size: Some(1468), timeout_seconds: Some(5), wants_size: true, window: Some(8) };
    assert_eq!(request.options, expected);
    assert!(Packet::parse(b"\0\x01no end").is_err());
    assert!(Packet::parse(&[&b"\0\x01"[..], &[b'a'; 2000], b"\0octet\0"].concat()).is_err());
    assert_eq!(Packet::parse(b"\0\x02x\0octet\0"), Ok(Packet::Write));
}

#[derive(Debug, Clone, Copy)]
enum Fate {
    Arrives,
    Lost,
    Doubled,
    Late,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![7 => Just(Fate::Arrives), 1 => Just(Fate::Lost), 1 => Just(Fate::Doubled), 1 => Just(Fate::Late)]
}

fn deliver(queue: &mut VecDeque<Vec<u8>>, bytes: Vec<u8>, fate: Fate) {
    match fate {
        Fate::Lost => {}
        Fate::Arrives => queue.push_back(bytes),
        Fate::Doubled => queue.extend([bytes.clone(), bytes]),
        Fate::Late => queue.insert(queue.len().saturating_sub(2), bytes),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_arrives_over_a_bad_network_is_the_file(
        len in 0..3000usize, block_size in 8..200usize, window in 1..=16u64, fates in prop::collection::vec(fate(), 1..200),
    ) {
        let file = content(len);
        let mut client = Client::new(block_size, window);
        let (mut transfer, mut action) =
            Transfer::start(&options(block_size as u64, window), len as u64, Limits::default());
        let mut fates = fates.into_iter().chain(std::iter::repeat(Fate::Arrives));
        let mut to_client = VecDeque::new();
        let mut to_server = VecDeque::new();
        let (mut sent, mut is_over) = (0usize, false);
        for _ in 0..100_000 {
            if matches!(action, Action::Finish(_)) {
                // The last acknowledgement may be lost, but nothing ends before the client has it all.
                prop_assert!(client.complete, "{action:?} with {} of {len} bytes", client.received.len());
                is_over = true;
            }
            let burst = packets(&file, &transfer, &action);
            prop_assert!(burst.len() as u64 <= window, "{} packets for one", burst.len());
            for packet in burst {
                sent += 1;
                deliver(&mut to_client, packet, fates.next().unwrap());
            }
            action = Action::Wait;
            if let Some(bytes) = to_client.pop_front() {
                if let Some(answer) = client.on_packet(&bytes) {
                    deliver(&mut to_server, answer, fates.next().unwrap());
                }
            } else if let Some(bytes) = to_server.pop_front() {
                action = if is_request(&bytes) { transfer.on_repeated_request() } else { transfer.on_packet(&bytes) };
            } else if client.complete {
                break;
            } else {
                // Silence: both repeat themselves, but the client before the server's wait for its first answer ends.
                to_server.push_back(client.on_timeout());
                if transfer.timeout() <= Duration::from_secs(8) {
                    action = transfer.on_timeout();
                }
            }
        }
        prop_assert!(client.complete, "stands still; over: {is_over}");
        prop_assert_eq!(&client.received, &file);
        let blocks = len / block_size + 1;
        prop_assert!(sent < 40 * (blocks + 200), "{} packets for {} blocks", sent, blocks);
    }

    #[test]
    fn arbitrary_packets_do_not_panic(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..40)) {
        let (mut transfer, _) = Transfer::start(&options(512, 8), 100_000, Limits::default());
        for bytes in packets {
            let _ = Packet::parse(&bytes);
            if let Action::SendBlocks(blocks) = transfer.on_packet(&bytes) {
                prop_assert!(blocks.count() <= 8);
            }
        }
    }
}
