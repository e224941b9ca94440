//! The fixed part of a BOOTP message and its options (RFC 951, RFC 2131 §2).

use crate::option::{END, OVERLOAD, Options};
use std::net::Ipv4Addr;

/// Bytes before the options: the BOOTP header and the magic cookie.
const HEADER_LEN: usize = 240;
const MAGIC_COOKIE: [u8; 4] = [99, 130, 83, 99];
const SNAME: std::ops::Range<usize> = 44..108;
const FILE: std::ops::Range<usize> = 108..236;

/// What a message says, before anyone has asked whether it makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// 1 from a client, 2 from a server.
    pub op: u8,
    /// Hardware type; 1 is Ethernet.
    pub htype: u8,
    /// Length of the hardware address.
    pub hlen: u8,
    /// Relays passed.
    pub hops: u8,
    /// Transaction.
    pub xid: u32,
    /// Seconds since the client began.
    pub secs: u16,
    /// The highest bit asks for broadcast answers.
    pub flags: u16,
    /// The client's address, if it has one that works.
    pub ciaddr: Ipv4Addr,
    /// The address given to the client.
    pub yiaddr: Ipv4Addr,
    /// The next server to boot from.
    pub siaddr: Ipv4Addr,
    /// The relay's address on the client's network.
    pub giaddr: Ipv4Addr,
    /// The client's hardware address.
    pub chaddr: [u8; 16],
    /// The boot file field; empty when it held options.
    pub file: Vec<u8>,
    /// All options, those of overloaded fields included.
    pub options: Options,
}

/// Bytes are not a DHCP message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParsePacketError {
    /// Shorter than the header.
    #[error("{0} bytes are too few for a DHCP message")]
    Short(usize),
    /// The options do not begin with the magic cookie: plain BOOTP, or something else.
    #[error("the DHCP magic cookie is missing")]
    Cookie,
}

impl Message {
    /// Reads a datagram's payload.
    ///
    /// # Errors
    /// Only when the header is cut or is not DHCP's; faulty options are left out instead.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParsePacketError> {
        let (header, fields) = bytes.split_at_checked(HEADER_LEN).ok_or(ParsePacketError::Short(bytes.len()))?;
        if header[236..] != MAGIC_COOKIE {
            return Err(ParsePacketError::Cookie);
        }
        let mut options = Options::default();
        options.read(fields);
        let overload = options.find_byte(OVERLOAD).unwrap_or(0);
        // RFC 2131 §4.1: the file field is read before sname.
        if overload & 1 != 0 {
            options.read(&header[FILE]);
        }
        if overload & 2 != 0 {
            options.read(&header[SNAME]);
        }
        let file = if overload & 1 == 0 { text_field(&header[FILE]).to_vec() } else { Vec::new() };
        let mut chaddr = [0; 16];
        chaddr.copy_from_slice(&header[28..44]);
        Ok(Self {
            op: header[0],
            htype: header[1],
            hlen: header[2],
            hops: header[3],
            xid: u32::from_be_bytes(four(header, 4)),
            secs: u16::from_be_bytes([header[8], header[9]]),
            flags: u16::from_be_bytes([header[10], header[11]]),
            ciaddr: four(header, 12).into(),
            yiaddr: four(header, 16).into(),
            siaddr: four(header, 20).into(),
            giaddr: four(header, 24).into(),
            chaddr,
            file,
            options,
        })
    }
}

fn four(header: &[u8], at: usize) -> [u8; 4] {
    [header[at], header[at + 1], header[at + 2], header[at + 3]]
}

fn text_field(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Builds a message: the header first, then options for as long as they fit. What does not fit into the options
/// field goes into the header's text fields where they are free (option 52).
pub(crate) struct Writer {
    bytes: Vec<u8>,
    limit: usize,
    spare: Vec<Spare>,
    overload: u8,
}

/// A text field of the header that is free for options.
struct Spare {
    field: std::ops::Range<usize>,
    /// Its bit in option 52.
    bit: u8,
    used: usize,
}

/// The fixed fields.
pub(crate) struct Header<'a> {
    pub(crate) op: u8,
    pub(crate) hops: u8,
    pub(crate) xid: u32,
    pub(crate) secs: u16,
    pub(crate) flags: u16,
    pub(crate) ciaddr: Ipv4Addr,
    pub(crate) yiaddr: Ipv4Addr,
    pub(crate) siaddr: Ipv4Addr,
    pub(crate) giaddr: Ipv4Addr,
    pub(crate) chaddr: [u8; 16],
    pub(crate) file: &'a [u8],
}

/// BOOTP's smallest message (RFC 1542 §2.1); some firmware drops shorter ones.
const MIN_LEN: usize = 300;
/// The longest boot file that the file field holds with its closing NUL.
pub(crate) const MAX_FILE_LEN: usize = FILE.end - FILE.start - 1;
/// The bytes of option 52.
const OVERLOAD_LEN: usize = 3;

impl Writer {
    /// Starts a message of at most `limit` bytes.
    pub(crate) fn new(header: &Header<'_>, limit: usize) -> Self {
        let mut bytes = Vec::with_capacity(512);
        bytes.resize(HEADER_LEN, 0);
        bytes[..4].copy_from_slice(&[header.op, 1, 6, header.hops]);
        bytes[4..8].copy_from_slice(&header.xid.to_be_bytes());
        bytes[8..10].copy_from_slice(&header.secs.to_be_bytes());
        bytes[10..12].copy_from_slice(&header.flags.to_be_bytes());
        for (at, address) in [(12, header.ciaddr), (16, header.yiaddr), (20, header.siaddr), (24, header.giaddr)] {
            bytes[at..at + 4].copy_from_slice(&address.octets());
        }
        bytes[28..44].copy_from_slice(&header.chaddr);
        if header.file.len() <= MAX_FILE_LEN {
            bytes[FILE.start..FILE.start + header.file.len()].copy_from_slice(header.file);
        }
        bytes[236..].copy_from_slice(&MAGIC_COOKIE);
        Self { bytes, limit: limit.max(MIN_LEN), spare: Vec::new(), overload: 0 }
    }

    /// Lets options go into the text fields that hold nothing.
    pub(crate) fn allow_overload(&mut self) {
        let spare = |field: std::ops::Range<usize>, bit| Spare { field, bit, used: 0 };
        let free = [spare(FILE, 1), spare(SNAME, 2)].into_iter().filter(|spare| self.bytes[spare.field.start] == 0);
        self.spare = free.collect();
    }

    /// Adds an option if it fits beside the end mark, and says whether it did. One longer than 255 bytes is
    /// split (RFC 3396 §5).
    pub(crate) fn push(&mut self, code: u8, value: &[u8]) -> bool {
        let kept = if self.spare.is_empty() { 0 } else { OVERLOAD_LEN };
        if self.bytes.len() + encoded_len(value) + 1 + kept > self.limit {
            return self.push_spare(code, value);
        }
        self.push_unchecked(code, value);
        true
    }

    /// Adds an option to the first text field that has room for it and for the end mark.
    fn push_spare(&mut self, code: u8, value: &[u8]) -> bool {
        let length = value.len() + 2;
        let Ok(short) = u8::try_from(value.len()) else { return false };
        let Some(spare) = self.spare.iter_mut().find(|spare| spare.used + length < spare.field.len()) else {
            return false;
        };
        let at = spare.field.start + spare.used;
        self.bytes[at..at + 2].copy_from_slice(&[code, short]);
        self.bytes[at + 2..at + length].copy_from_slice(value);
        self.bytes[at + length] = END;
        spare.used += length;
        self.overload |= spare.bit;
        true
    }

    /// Adds an option for which room was kept below `limit`, and says whether it was enough.
    pub(crate) fn push_reserved(&mut self, code: u8, value: &[u8], limit: usize) -> bool {
        self.push_overload();
        let fits = self.bytes.len() + encoded_len(value) < limit.max(MIN_LEN);
        if fits {
            self.push_unchecked(code, value);
        }
        fits
    }

    fn push_unchecked(&mut self, code: u8, value: &[u8]) {
        let mut rest = value;
        loop {
            let (piece, after) = rest.split_at(rest.len().min(255));
            self.bytes.push(code);
            self.bytes.push(u8::try_from(piece.len()).expect("a piece is at most 255 bytes"));
            self.bytes.extend_from_slice(piece);
            rest = after;
            if rest.is_empty() {
                return;
            }
        }
    }

    fn push_overload(&mut self) {
        if self.overload != 0 {
            self.push_unchecked(OVERLOAD, &[self.overload]);
        }
        (self.spare, self.overload) = (Vec::new(), 0);
    }

    /// Ends the message.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.push_overload();
        self.bytes.push(END);
        if self.bytes.len() < MIN_LEN {
            self.bytes.resize(MIN_LEN, crate::option::PAD);
        }
        self.bytes
    }
}

/// The bytes of an option with its codes and lengths.
pub(crate) fn encoded_len(value: &[u8]) -> usize {
    value.len() + 2 * value.len().div_ceil(255).max(1)
}
