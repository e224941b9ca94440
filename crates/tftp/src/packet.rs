//! The five packets (RFC 1350 §5) and the option list of a request (RFC 2347).

/// A packet from a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// Send me a file.
    Read(ReadRequest),
    /// Take a file.
    Write,
    /// I have the blocks up to this one.
    Ack(u16),
    /// A block, which no client of ours should send.
    Data,
    /// I give up.
    Error {
        /// Error code.
        code: u16,
        /// What it says; printable ASCII only.
        message: String,
    },
}

/// A request for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRequest {
    /// The name as sent.
    pub name: Vec<u8>,
    /// Whether the bytes are wanted as they are. The other modes are for terminals and mail.
    pub octet: bool,
    /// What the client would like.
    pub options: ReadOptions,
}

/// The options of a request that we know. A value that is no number is as if the option were missing. Of an
/// option that is there twice, which RFC 2347 forbids, the first counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// Bytes of a block (RFC 2348).
    pub block_size: Option<u64>,
    /// Seconds between retransmissions (RFC 2349).
    pub timeout_seconds: Option<u64>,
    /// The file's size is wanted (RFC 2349).
    pub wants_size: bool,
    /// Blocks per acknowledgement (RFC 7440).
    pub window: Option<u64>,
}

/// Bytes are not a TFTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParsePacketError {
    /// No packet type, or none that exists.
    #[error("the packet has no known type")]
    Type,
    /// It ends too early, or a text in it does not end.
    #[error("the packet is cut")]
    Cut,
    /// A request larger than any client sends.
    #[error("the request is too long")]
    Long,
}

/// Why a request or transfer is refused (RFC 1350 §5, RFC 2347).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// See the message.
    NotDefined,
    /// There is no such file.
    NotFound,
    /// It may not be read, or not be written.
    AccessViolation,
    /// The packet makes no sense.
    IllegalOperation,
    /// It belongs to no transfer.
    UnknownTransfer,
}

impl ErrorCode {
    fn code(self) -> u16 {
        match self {
            Self::NotDefined => 0,
            Self::NotFound => 1,
            Self::AccessViolation => 2,
            Self::IllegalOperation => 4,
            Self::UnknownTransfer => 5,
        }
    }
}

/// RFC 2347: a request is at most 512 bytes; some room for clients that do not know.
const MAX_REQUEST_LEN: usize = 1024;
/// The longest error message kept.
const MAX_MESSAGE_LEN: usize = 200;

impl Packet {
    /// Reads a datagram's payload.
    ///
    /// # Errors
    /// When it is not a packet.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParsePacketError> {
        let (opcode, rest) = take_u16(bytes).ok_or(ParsePacketError::Type)?;
        match opcode {
            1 if bytes.len() > MAX_REQUEST_LEN => Err(ParsePacketError::Long),
            1 => parse_read(rest).map(Self::Read).ok_or(ParsePacketError::Cut),
            2 => Ok(Self::Write),
            3 => Ok(Self::Data),
            4 => take_u16(rest).map(|(block, _)| Self::Ack(block)).ok_or(ParsePacketError::Cut),
            5 => {
                let (code, text) = take_u16(rest).ok_or(ParsePacketError::Cut)?;
                let printable = |byte: &&u8| byte.is_ascii_graphic() || **byte == b' ';
                let text = text.iter().take_while(|byte| **byte != 0).filter(printable);
                let message = text.take(MAX_MESSAGE_LEN).map(|byte| char::from(*byte)).collect();
                Ok(Self::Error { code, message })
            }
            _ => Err(ParsePacketError::Type),
        }
    }
}

fn take_u16(bytes: &[u8]) -> Option<(u16, &[u8])> {
    bytes.split_first_chunk().map(|(number, rest)| (u16::from_be_bytes(*number), rest))
}

fn take_text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// Decimal digits and nothing else; Rust's own reading takes a sign too.
fn parse_number(text: &[u8]) -> Option<u64> {
    (!text.is_empty()).then_some(text)?.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| byte - b'0')?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

fn parse_read(bytes: &[u8]) -> Option<ReadRequest> {
    let (name, rest) = take_text(bytes)?;
    let (mode, mut rest) = take_text(rest)?;
    let mut options = ReadOptions::default();
    while let Some((option, after)) = take_text(rest) {
        let Some((value, after)) = take_text(after) else {
            break;
        };
        rest = after;
        let Some(number) = parse_number(value) else { continue };
        match option.to_ascii_lowercase().as_slice() {
            b"blksize" => options.block_size = options.block_size.or(Some(number)),
            b"timeout" => options.timeout_seconds = options.timeout_seconds.or(Some(number)),
            b"tsize" => options.wants_size = true,
            b"windowsize" => options.window = options.window.or(Some(number)),
            _ => {}
        }
    }
    Some(ReadRequest { name: name.to_vec(), octet: mode.eq_ignore_ascii_case(b"octet"), options })
}

/// The four bytes before a block's data.
pub fn data_header(block: u16) -> [u8; 4] {
    let [high, low] = block.to_be_bytes();
    [0, 3, high, low]
}

/// An ERROR packet.
pub fn error_packet(code: ErrorCode, message: &str) -> Vec<u8> {
    [&[0, 5], code.code().to_be_bytes().as_slice(), message.as_bytes(), &[0]].concat()
}

/// An OACK packet (RFC 2347): the options accepted, with their values.
pub(crate) fn option_ack(options: &[(&str, u64)]) -> Vec<u8> {
    let mut bytes = vec![0, 6];
    for (name, value) in options {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(value.to_string().as_bytes());
        bytes.push(0);
    }
    bytes
}
