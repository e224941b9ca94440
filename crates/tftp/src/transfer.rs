//! One file on its way to one client.
//!
//! Blocks are counted from 1 without wrapping; only the packet carries the low 16 bits. Whatever the client
//! sends, at most one window is sent in answer to it, and an acknowledgement that has been seen moves nothing
//! (RFC 1123 §4.2.3.1, the sorcerer's apprentice).

use crate::packet::{Packet, ReadOptions, option_ack};
use std::time::Duration;

/// What a server allows, however much a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a block. More than fits into the link's frames would be sent in IP fragments, which firmware
    /// and switches lose.
    pub max_block_size: u16,
    /// Blocks per acknowledgement.
    pub max_window: u16,
}

impl Default for Limits {
    fn default() -> Self {
        // An Ethernet frame less the headers of IP, UDP and TFTP.
        Self { max_block_size: 1500 - 20 - 8 - 4, max_window: 64 }
    }
}

/// What the socket's owner does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing but wait.
    Wait,
    /// Send [`Transfer::option_ack`].
    SendOptionAck,
    /// Send these blocks, in order.
    SendBlocks(Blocks),
    /// Nothing more: the transfer is over.
    Finish(Outcome),
}

/// Blocks that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocks {
    next: u64,
    last: u64,
    block_size: u64,
    file_len: u64,
}

/// A block: [`crate::data_header`] of its number, and a part of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Its number on the wire.
    pub number: u16,
    /// Where in the file.
    pub offset: u64,
    /// How much of it.
    pub len: usize,
}

impl Iterator for Blocks {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        if self.next > self.last {
            return None;
        }
        let offset = (self.next - 1) * self.block_size;
        let len = (self.file_len - offset).min(self.block_size);
        let number = low_bits(self.next);
        self.next += 1;
        Some(Block { number, offset, len: usize::try_from(len).expect("a block is at most 65464 bytes") })
    }
}

fn low_bits(block: u64) -> u16 {
    u16::try_from(block & 0xffff).expect("16 bits are kept")
}

/// How a transfer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The client has everything.
    Complete,
    /// The client stopped it. Firmware does so on purpose after it has learned a file's size.
    Stopped {
        /// Its error code.
        code: u16,
        /// What it said.
        message: String,
    },
    /// The client vanished.
    Vanished,
}

/// One file on its way to one client.
#[derive(Debug)]
pub struct Transfer {
    file_len: u64,
    block_size: u64,
    window: u64,
    timeout: Option<Duration>,
    option_ack: Option<Vec<u8>>,
    phase: Phase,
    /// Blocks that the client has.
    acked: u64,
    /// The highest block sent since the last acknowledgement that moved anything.
    sent: u64,
    /// The window was sent again because of a repeated acknowledgement, which happens once.
    resent: bool,
    silences: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The first packet is out. Whoever sent the request may not be at the address that it came from.
    Unheard,
    /// The client has answered from its address.
    Heard,
    Over,
}

const DEFAULT_BLOCK_SIZE: u64 = 512;
/// How long the first answer is waited for: twice the time after which the slowest clients (tftp-hpa and atftp,
/// 5 s) ask again.
const UNHEARD_PATIENCE: Duration = Duration::from_secs(10);
/// First wait for an answer after that, doubled at each silence up to [`MAX_TIMEOUT`].
const FIRST_TIMEOUT: Duration = Duration::from_secs(1);
const MAX_TIMEOUT: Duration = Duration::from_secs(8);
/// The longest time between retransmissions that a client may ask for. RFC 2349 has 255 s, with which one that
/// vanished would keep its place for half an hour.
const MAX_ASKED_TIMEOUT_SECONDS: u64 = 30;
/// Silences in a row after which the client has vanished: 1 + 2 + 4 + 8 + 8 + 8 s at most with our own waits.
const MAX_SILENCES: u32 = 6;

impl Transfer {
    /// Answers a request for a file of `file_len` bytes, with one packet.
    pub fn start(options: &ReadOptions, file_len: u64, limits: Limits) -> (Self, Action) {
        let mut accepted = Vec::new();
        // RFC 2348: 8 to 65464; what is outside is not acknowledged, which leaves the default.
        let block_size = options.block_size.filter(|size| (8..=65464).contains(size));
        let block_size = block_size.map(|size| size.min(u64::from(limits.max_block_size.max(8))));
        accepted.extend(block_size.map(|size| ("blksize", size)));
        let timeout = options.timeout_seconds.filter(|seconds| (1..=MAX_ASKED_TIMEOUT_SECONDS).contains(seconds));
        accepted.extend(timeout.map(|seconds| ("timeout", seconds)));
        accepted.extend(options.wants_size.then_some(("tsize", file_len)));
        let window = options.window.filter(|window| (1..=65535).contains(window));
        let window = window.map(|window| window.min(u64::from(limits.max_window.clamp(1, 64))));
        accepted.extend(window.map(|window| ("windowsize", window)));
        let mut transfer = Self {
            file_len,
            block_size: block_size.unwrap_or(DEFAULT_BLOCK_SIZE),
            window: window.unwrap_or(1),
            timeout: timeout.map(Duration::from_secs),
            option_ack: (!accepted.is_empty()).then(|| option_ack(&accepted)),
            phase: Phase::Unheard,
            acked: 0,
            sent: 0,
            resent: false,
            silences: 0,
        };
        let first = transfer.first_packet();
        (transfer, first)
    }

    /// How long to wait for the client before [`Self::on_timeout`].
    pub fn timeout(&self) -> Duration {
        match self.phase {
            Phase::Unheard => UNHEARD_PATIENCE,
            _ => self.timeout.unwrap_or_else(|| (FIRST_TIMEOUT * (1 << self.silences.min(3))).min(MAX_TIMEOUT)),
        }
    }

    /// The packet that says which options are accepted; empty when none was asked for.
    pub fn option_ack(&self) -> &[u8] {
        self.option_ack.as_deref().unwrap_or_default()
    }

    /// Bytes that the client has.
    pub fn delivered(&self) -> u64 {
        self.acked.saturating_mul(self.block_size).min(self.file_len)
    }

    /// Blocks per acknowledgement.
    pub fn window(&self) -> u64 {
        self.window
    }

    /// Bytes of a packet with a full block.
    pub fn packet_len(&self) -> usize {
        usize::try_from(self.block_size).unwrap_or(usize::from(u16::MAX)) + 4
    }

    /// Takes a packet that came from the client's address and port. Those from elsewhere belong to no
    /// transfer, and are the socket's owner's to refuse.
    pub fn on_packet(&mut self, bytes: &[u8]) -> Action {
        if self.phase == Phase::Over {
            return Action::Wait;
        }
        match Packet::parse(bytes) {
            Ok(Packet::Ack(block)) => self.on_ack(block),
            Ok(Packet::Error { code, message }) => self.finish(Outcome::Stopped { code, message }),
            // Noise: the timeout repeats what the client may have missed.
            Ok(Packet::Read(_) | Packet::Write | Packet::Data) | Err(_) => Action::Wait,
        }
    }

    /// The client asked again. The first packet is sent again for as long as no answer has come; before that it
    /// is sent for nothing else, so that a request under another's address brings them one packet (RFC 1350 has no
    /// handshake).
    pub fn on_repeated_request(&mut self) -> Action {
        match self.phase {
            Phase::Unheard => self.first_packet(),
            Phase::Heard | Phase::Over => Action::Wait,
        }
    }

    /// Says that [`Self::timeout`] passed without a packet that moved anything.
    pub fn on_timeout(&mut self) -> Action {
        self.silences += 1;
        match self.phase {
            Phase::Over => Action::Wait,
            Phase::Heard if self.silences < MAX_SILENCES => {
                self.resent = false;
                self.send_window()
            }
            Phase::Unheard | Phase::Heard => self.finish(Outcome::Vanished),
        }
    }

    fn first_packet(&mut self) -> Action {
        if self.option_ack.is_some() { Action::SendOptionAck } else { self.send_window() }
    }

    fn on_ack(&mut self, block: u16) -> Action {
        if self.phase == Phase::Unheard {
            // The answer to an option acknowledgement is block 0, that to the first block is block 1.
            if block != low_bits(self.sent) {
                return Action::Wait;
            }
            self.phase = Phase::Heard;
            if self.sent == 0 {
                return self.send_window();
            }
        }
        let moved = u64::from(block.wrapping_sub(low_bits(self.acked)));
        if moved > self.sent - self.acked {
            return Action::Wait;
        }
        if moved == 0 {
            return self.on_repeated_ack();
        }
        self.acked += moved;
        self.silences = 0;
        self.resent = false;
        if self.acked == self.block_count() { self.finish(Outcome::Complete) } else { self.send_window() }
    }

    /// The client acknowledges again what it acknowledged last. With a window it says so that the first block
    /// of it was lost (RFC 7440 §4); without one it is a repeated packet, and answering it doubles every block.
    fn on_repeated_ack(&mut self) -> Action {
        if self.window == 1 || self.resent {
            return Action::Wait;
        }
        self.resent = true;
        self.send_window()
    }

    /// The last block is the first that is not full, so a file of whole blocks ends with an empty one.
    fn block_count(&self) -> u64 {
        self.file_len / self.block_size + 1
    }

    fn send_window(&mut self) -> Action {
        let last = (self.acked + self.window).min(self.block_count());
        self.sent = self.sent.max(last);
        let (block_size, file_len) = (self.block_size, self.file_len);
        Action::SendBlocks(Blocks { next: self.acked + 1, last, block_size, file_len })
    }

    fn finish(&mut self, outcome: Outcome) -> Action {
        self.phase = Phase::Over;
        Action::Finish(outcome)
    }
}
