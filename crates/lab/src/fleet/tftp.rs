//! A TFTP client as firmware has one (RFC 1350, RFC 2348): one file, a block at a time.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;

/// What firmware asks for: a block that fills an Ethernet frame.
const BLOCK_SIZE: usize = 1428;
/// How long it waits before it sends its last packet again, and how often it does.
const WAIT: Duration = Duration::from_secs(2);
const TRIES: u32 = 6;
/// No loader is larger.
const MAX_FILE: usize = 16 << 20;

/// A file was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadFileError {
    /// The socket.
    #[error("speaking to the TFTP server")]
    Socket(#[from] io::Error),
    /// Nobody answered.
    #[error("the TFTP server does not answer")]
    Silence,
    /// The server said no.
    #[error("the TFTP server refuses: {0}")]
    Refused(String),
    /// The answer makes no sense.
    #[error("the TFTP server's packet makes no sense")]
    Nonsense,
}

/// What a packet of the server is.
enum Packet<'a> {
    Data(u16, &'a [u8]),
    OptionAck,
    Error(String),
}

/// Reads `name` from `server`.
pub(super) async fn read_file(server: SocketAddr, name: &str) -> Result<Vec<u8>, ReadFileError> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    let (mut peer, mut sent) = (server, read_request(name));
    let mut file = Vec::new();
    let mut block_size = 512;
    let mut wanted: u16 = 1;
    let mut buffer = [0; BLOCK_SIZE + 4];
    loop {
        let (length, from) = exchange(&socket, &sent, peer, &mut buffer).await?;
        peer = from;
        match parse(buffer.get(..length).unwrap_or_default()).ok_or(ReadFileError::Nonsense)? {
            Packet::Error(text) => return Err(ReadFileError::Refused(text)),
            Packet::OptionAck => {
                block_size = BLOCK_SIZE;
                sent = ack(0);
            }
            Packet::Data(block, content) if block == wanted => {
                file.extend_from_slice(content);
                sent = ack(block);
                wanted = wanted.wrapping_add(1);
                if content.len() < block_size {
                    socket.send_to(&sent, peer).await?;
                    return Ok(file);
                }
                if file.len() > MAX_FILE {
                    return Err(ReadFileError::Nonsense);
                }
            }
            Packet::Data(..) => {}
        }
    }
}

/// Sends a packet until the server answers.
async fn exchange(
    socket: &UdpSocket,
    packet: &[u8],
    peer: SocketAddr,
    buffer: &mut [u8],
) -> Result<(usize, SocketAddr), ReadFileError> {
    for _ in 0..TRIES {
        socket.send_to(packet, peer).await?;
        if let Ok(received) = tokio::time::timeout(WAIT, socket.recv_from(buffer)).await {
            return Ok(received?);
        }
    }
    Err(ReadFileError::Silence)
}

fn read_request(name: &str) -> Vec<u8> {
    let mut packet = vec![0, 1];
    for word in [name, "octet", "blksize", &BLOCK_SIZE.to_string()] {
        packet.extend_from_slice(word.as_bytes());
        packet.push(0);
    }
    packet
}

fn ack(block: u16) -> Vec<u8> {
    let [high, low] = block.to_be_bytes();
    vec![0, 4, high, low]
}

fn parse(packet: &[u8]) -> Option<Packet<'_>> {
    match packet {
        [0, 3, high, low, content @ ..] => Some(Packet::Data(u16::from_be_bytes([*high, *low]), content)),
        [0, 5, _, _, text @ ..] => Some(Packet::Error(String::from_utf8_lossy(text).trim_end_matches('\0').to_owned())),
        [0, 6, ..] => Some(Packet::OptionAck),
        _ => None,
    }
}
