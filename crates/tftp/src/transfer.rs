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

/// What the socket's owner does next, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send these bytes.
    Send(Vec<u8>),
    /// Send [`crate::data_header`] of `block` and then this part of the file.
    SendBlock {
        /// The block's number on the wire.
        block: u16,
        /// Where in the file.
        offset: u64,
        /// How much of it.
        len: usize,
    },
    /// The transfer is over.
    Finish(Outcome),
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
    Negotiating,
    Sending,
    Over,
}

const DEFAULT_BLOCK_SIZE: u64 = 512;
/// First wait for an answer, doubled at each silence up to [`MAX_TIMEOUT`].
const FIRST_TIMEOUT: Duration = Duration::from_secs(1);
const MAX_TIMEOUT: Duration = Duration::from_secs(8);
/// Silences in a row after which the client has vanished: 1 + 2 + 4 + 8 + 8 + 8 s at most with our own waits.
const MAX_SILENCES: u32 = 6;

impl Transfer {
    /// Answers a request for a file of `file_len` bytes.
    pub fn start(options: &ReadOptions, file_len: u64, limits: Limits) -> (Self, Vec<Action>) {
        let mut accepted = Vec::new();
        // RFC 2348: 8 to 65464; what is outside is not acknowledged, which leaves the default.
        let block_size = options.block_size.filter(|size| (8..=65464).contains(size));
        let block_size = block_size.map(|size| size.min(u64::from(limits.max_block_size.max(8))));
        accepted.extend(block_size.map(|size| ("blksize", size)));
        let timeout = options.timeout_seconds.filter(|seconds| (1..=255).contains(seconds));
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
            phase: Phase::Negotiating,
            acked: 0,
            sent: 0,
            resent: false,
            silences: 0,
        };
        let actions = match &transfer.option_ack {
            Some(bytes) => vec![Action::Send(bytes.clone())],
            None => {
                transfer.phase = Phase::Sending;
                transfer.send_window()
            }
        };
        (transfer, actions)
    }

    /// How long to wait for the client before [`Self::on_timeout`].
    pub fn timeout(&self) -> Duration {
        self.timeout.unwrap_or_else(|| (FIRST_TIMEOUT * (1 << self.silences.min(3))).min(MAX_TIMEOUT))
    }

    /// Bytes that the client has.
    pub fn delivered(&self) -> u64 {
        self.acked.saturating_mul(self.block_size).min(self.file_len)
    }

    /// The largest packet this transfer sends.
    pub fn max_packet_len(&self) -> usize {
        usize::try_from(self.block_size).unwrap_or(usize::from(u16::MAX)) + 4
    }

    /// Takes a packet that came from the client's address and port. Those from elsewhere belong to no
    /// transfer, and are the socket's owner's to refuse.
    pub fn on_packet(&mut self, bytes: &[u8]) -> Vec<Action> {
        if self.phase == Phase::Over {
            return Vec::new();
        }
        match Packet::parse(bytes) {
            Ok(Packet::Ack(block)) => self.on_ack(block),
            Ok(Packet::Error { code, message }) => self.finish(Outcome::Stopped { code, message }),
            // A request that was sent twice, or noise: the timeout repeats what the client may have missed.
            Ok(Packet::Read(_) | Packet::Write | Packet::Data) | Err(_) => Vec::new(),
        }
    }

    /// Says that [`Self::timeout`] passed without a packet that moved anything.
    pub fn on_timeout(&mut self) -> Vec<Action> {
        self.silences += 1;
        match (self.phase, &self.option_ack) {
            (Phase::Over, _) => Vec::new(),
            _ if self.silences >= MAX_SILENCES => self.finish(Outcome::Vanished),
            (Phase::Negotiating, Some(bytes)) => vec![Action::Send(bytes.clone())],
            _ => {
                self.resent = false;
                self.send_window()
            }
        }
    }

    fn on_ack(&mut self, block: u16) -> Vec<Action> {
        if self.phase == Phase::Negotiating {
            if block != 0 {
                return Vec::new();
            }
            self.phase = Phase::Sending;
            self.silences = 0;
            return self.send_window();
        }
        let low_bits = u16::try_from(self.acked & 0xffff).expect("16 bits are kept");
        let moved = u64::from(block.wrapping_sub(low_bits));
        if moved > self.sent - self.acked {
            return Vec::new();
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
    fn on_repeated_ack(&mut self) -> Vec<Action> {
        if self.window == 1 || self.resent {
            return Vec::new();
        }
        self.resent = true;
        self.send_window()
    }

    /// The last block is the first that is not full, so a file of whole blocks ends with an empty one.
    fn block_count(&self) -> u64 {
        self.file_len / self.block_size + 1
    }

    fn send_window(&mut self) -> Vec<Action> {
        let last = (self.acked + self.window).min(self.block_count());
        self.sent = self.sent.max(last);
        (self.acked + 1..=last)
            .map(|number| {
                let offset = (number - 1) * self.block_size;
                let len = (self.file_len - offset).min(self.block_size);
                Action::SendBlock {
                    block: u16::try_from(number & 0xffff).expect("16 bits are kept"),
                    offset,
                    len: usize::try_from(len).expect("a block is at most 65464 bytes"),
                }
            })
            .collect()
    }

    fn finish(&mut self, outcome: Outcome) -> Vec<Action> {
        self.phase = Phase::Over;
        vec![Action::Finish(outcome)]
    }
}
