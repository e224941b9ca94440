//! Answers of one length to one relay, as one send that the system cuts up (UDP_SEGMENT, Linux 4.18): they go the way
//! through routing and filters once, and arrive as if each had been sent alone.

use super::outbox::Letter;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrIn, sendmsg};
use std::io::{self, IoSlice};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

/// Most that Linux cuts one send into.
const MOST: usize = 64;
/// Longest answer that is sent so. It fits every link, with room for tunnels; with 64 of them a datagram is not full.
const LONGEST: usize = 1000;

/// How many of the first answers can be sent as one.
pub(super) fn count_alike(letters: &[Letter]) -> usize {
    let Some((first, to)) = letters.first() else { return 0 };
    if first.len() > LONGEST || to.ip().is_broadcast() {
        return 1;
    }
    letters.iter().take(MOST).take_while(|(bytes, also_to)| also_to == to && bytes.len() == first.len()).count()
}

/// Sends answers that are alike, all or none.
pub(super) fn send(socket: &UdpSocket, letters: &[Letter]) -> io::Result<()> {
    let Some((first, to)) = letters.first() else { return Ok(()) };
    let length = u16::try_from(first.len()).map_err(io::Error::other)?;
    let slices: Vec<_> = letters.iter().map(|(bytes, _)| IoSlice::new(bytes)).collect();
    let cut = [ControlMessage::UdpGsoSegments(&length)];
    let address = SockaddrIn::from(*to);
    sendmsg(socket.as_raw_fd(), &slices, &cut, MsgFlags::MSG_DONTWAIT, Some(&address))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

    #[test]
    fn what_is_sent_as_one_arrives_one_by_one() {
        let relay = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let SocketAddr::V4(to) = relay.local_addr().unwrap() else { panic!("it was bound to IPv4") };
        let letters: Vec<Letter> = (0..3).map(|number| (vec![number; 300], to)).collect();
        send(&server, &letters).unwrap();
        let mut buffer = [0; 1024];
        for number in 0..3 {
            let (length, _) = relay.recv_from(&mut buffer).unwrap();
            assert_eq!(buffer[..length], [number; 300]);
        }
    }

    #[test]
    fn alike_is_what_has_one_length_and_one_relay() {
        let relay = |last| SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, last), 67);
        let letters = |lengths: &[(usize, u8)]| -> Vec<Letter> {
            lengths.iter().map(|(length, last)| (vec![0; *length], relay(*last))).collect()
        };
        assert_eq!(count_alike(&letters(&[(300, 1), (300, 1), (300, 2)])), 2);
        assert_eq!(count_alike(&letters(&[(300, 1), (310, 1)])), 1);
        assert_eq!(count_alike(&letters(&[(1400, 1), (1400, 1)])), 1);
        assert_eq!(count_alike(&letters(&[(300, 1); 100])), 64);
        assert_eq!(count_alike(&[]), 0);
    }
}
