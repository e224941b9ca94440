//! One transfer with its socket and file: does what the state machine says.

use super::admission::Ticket;
use super::reader::{ColdRead, Part, Piece, Reader};
use crate::dhcp_server::is_peer_error;
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;
use tftp::{Action, Blocks, ErrorCode, Outcome, Transfer, data_header, error_packet};
use types::MacAddr;

/// The kernel takes 64 datagrams at a time (UDP_MAX_SEGMENTS before Linux 6.9).
const MAX_SEGMENTS: usize = 64;
/// And no more bytes than one datagram could have.
const MAX_SEND: usize = 65_535 - 8 - 40;
/// Acknowledgements and errors are short.
const MAX_ANSWER: usize = 600;

/// A transfer with all that it needs.
pub(super) struct Lane {
    pub(super) socket: UdpSocket,
    peer: SocketAddr,
    transfer: Transfer,
    reader: Reader,
    /// Whether the kernel cuts what is sent into packets (`UDP_SEGMENT`): one call and one way through its layers
    /// for a whole window.
    segments: bool,
    /// Blocks that wait for the disk.
    waiting: Option<Blocks>,
    /// When the client's silence has lasted too long.
    pub(super) deadline: Instant,
    /// When the deadline is looked at next.
    pub(super) alarm: Option<Instant>,
    pub(super) about: About,
    _ticket: Ticket,
}

/// What is put on record of a transfer.
pub(super) struct About {
    pub(super) name: String,
    pub(super) mac: Option<MacAddr>,
    pub(super) peer: SocketAddr,
}

/// What a transfer needs next.
pub(super) enum Next {
    /// A packet from its client, or time.
    Client,
    /// A piece of the file, for [`Lane::on_piece`].
    Disk(ColdRead),
    /// Nothing: it has ended.
    End(io::Result<Outcome>),
}

impl Lane {
    /// A transfer to the client that `about` names.
    pub(super) fn new(
        socket: UdpSocket,
        transfer: Transfer,
        reader: Reader,
        about: About,
        ticket: Ticket,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let (peer, deadline) = (about.peer, Instant::now());
        let mut lane = Self {
            socket,
            peer,
            transfer,
            reader,
            segments: false,
            waiting: None,
            deadline,
            alarm: None,
            about,
            _ticket: ticket,
        };
        lane.segments = lane.transfer.window() > 1 && lane.segment_by(lane.transfer.packet_len());
        Ok(lane)
    }

    /// Bytes that the client has.
    pub(super) fn delivered(&self) -> u64 {
        self.transfer.delivered()
    }

    /// Takes one packet from the socket. `packet` is room to build packets in.
    pub(super) fn on_readable(&mut self, now: Instant, packet: &mut Vec<u8>) -> Next {
        let mut buffer = [0; MAX_ANSWER];
        match self.socket.recv_from(&mut buffer) {
            Ok((length, from)) if from == self.peer => {
                let action = self.transfer.on_packet(&buffer[..length]);
                self.perform(action, now, packet)
            }
            // Another's packet (RFC 1350 §4).
            Ok((_, stranger)) => {
                let refusal = error_packet(ErrorCode::UnknownTransfer, "this port serves another client");
                self.socket.send_to(&refusal, stranger).ok();
                Next::Client
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock || is_peer_error(&error) => Next::Client,
            Err(error) => Next::End(Err(error)),
        }
    }

    /// Takes the word that the client has asked again.
    pub(super) fn on_repeated_request(&mut self, now: Instant, packet: &mut Vec<u8>) -> Next {
        let action = self.transfer.on_repeated_request();
        self.perform(action, now, packet)
    }

    /// Takes a piece of the file that had to be read from the disk.
    pub(super) fn on_piece(&mut self, piece: io::Result<Piece>, now: Instant, packet: &mut Vec<u8>) -> Next {
        match piece {
            Ok(piece) => self.reader.put(piece),
            Err(error) => return Next::End(Err(error)),
        }
        match self.waiting.take() {
            Some(blocks) => self.perform(Action::SendBlocks(blocks), now, packet),
            None => Next::Client,
        }
    }

    /// Looks whether the client has been silent for too long.
    pub(super) fn on_time(&mut self, now: Instant, packet: &mut Vec<u8>) -> Next {
        if now < self.deadline {
            return Next::Client;
        }
        if self.waiting.is_some() {
            // It is the disk that is slow.
            self.deadline = now + self.transfer.timeout();
            return Next::Client;
        }
        let action = self.transfer.on_timeout();
        self.perform(action, now, packet)
    }

    /// Does what the state machine says.
    pub(super) fn perform(&mut self, action: Action, now: Instant, packet: &mut Vec<u8>) -> Next {
        let sent = match action {
            Action::Wait => return Next::Client,
            Action::Finish(outcome) => return Next::End(Ok(outcome)),
            Action::SendOptionAck => self.send(self.transfer.option_ack()).map(|()| Next::Client),
            Action::SendBlocks(blocks) => self.send_blocks(blocks, packet),
        };
        self.deadline = now + self.transfer.timeout();
        sent.unwrap_or_else(|error| Next::End(Err(error)))
    }

    fn send_blocks(&mut self, mut blocks: Blocks, packet: &mut Vec<u8>) -> io::Result<Next> {
        let packet_len = self.transfer.packet_len();
        let batch =
            if self.segments { packet_len * (MAX_SEND / packet_len).clamp(1, MAX_SEGMENTS) } else { packet_len };
        // One that is being read for is the first of what was to be sent then; what is to be sent now counts.
        let is_reading = self.waiting.take().is_some();
        packet.clear();
        loop {
            let unsent = blocks.clone();
            let Some(block) = blocks.next() else { break };
            match self.reader.part(block.offset, block.len)? {
                Part::Ready(content) => {
                    packet.extend_from_slice(&data_header(block.number));
                    packet.extend_from_slice(content);
                }
                Part::Cold(cold) => {
                    self.send_batch(packet)?;
                    self.waiting = Some(unsent);
                    return Ok(if is_reading { Next::Client } else { Next::Disk(cold) });
                }
            }
            if packet.len() >= batch {
                self.send_batch(packet)?;
                packet.clear();
            }
        }
        self.send_batch(packet)?;
        Ok(Next::Client)
    }

    fn send_batch(&mut self, packets: &[u8]) -> io::Result<()> {
        if packets.is_empty() {
            return Ok(());
        }
        let packet_len = self.transfer.packet_len();
        if self.segments && packets.len() > packet_len {
            match self.socket.send_to(packets, self.peer) {
                Err(error) if !is_passing(&error) => {
                    // A card or a route that cannot have it: an own call for each packet, from now on.
                    self.segments = false;
                    self.segment_by(0);
                }
                _ => return Ok(()),
            }
        }
        packets.chunks(packet_len).try_for_each(|packet| self.send(packet))
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        match self.socket.send_to(bytes, self.peer) {
            Ok(_) => Ok(()),
            Err(error) if is_passing(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Makes the kernel cut what is sent after every `packet_len` bytes; 0 ends that.
    fn segment_by(&self, packet_len: usize) -> bool {
        let packet_len = i32::try_from(packet_len).unwrap_or(0);
        setsockopt(&self.socket, sockopt::UdpGsoSegment, &packet_len).is_ok()
    }
}

/// As good as a lost packet: the timeout repeats it.
fn is_passing(error: &io::Error) -> bool {
    let no_room = [Errno::EAGAIN, Errno::ENOBUFS, Errno::ENOMEM];
    is_peer_error(error) || error.raw_os_error().is_some_and(|code| no_room.contains(&Errno::from_raw(code)))
}
