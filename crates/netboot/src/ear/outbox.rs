//! Answers that wait to be sent, many with one call of the system.
//!
//! They are sent by the thread that hears the questions: it is awake anyway while there is much to answer.

use super::segments;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::{SocketAddrV4, UdpSocket};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Answers that may wait: twice what may wait for the disk.
const ROOM: usize = 16_384;
/// Answers of one call.
const TOGETHER: usize = 64;

/// An answer and where it goes.
pub(super) type Letter = (Vec<u8>, SocketAddrV4);

/// Answers in the order in which they are sent.
pub(crate) struct Outbox {
    state: Mutex<State>,
}

struct State {
    letters: VecDeque<Letter>,
    /// Whether who sends looks in again without being told.
    is_attended: bool,
}

impl Outbox {
    /// An empty one that somebody attends to.
    pub(crate) fn attended() -> Self {
        Self { state: Mutex::new(State { letters: VecDeque::new(), is_attended: true }) }
    }

    /// Puts an answer in; says whether who sends must be told. One that finds no room is as good as lost on the way,
    /// and the client repeats its question.
    pub(crate) fn put(&self, bytes: Vec<u8>, to: SocketAddrV4) -> bool {
        let mut state = self.lock();
        if state.letters.len() == ROOM {
            tracing::debug!(peer = %to, "A DHCP answer to {to} is dropped: too many wait");
            return false;
        }
        state.letters.push_back((bytes, to));
        !std::mem::replace(&mut state.is_attended, true)
    }

    /// Who sends wants to sleep until it is told; says whether it may.
    pub(crate) fn leave(&self) -> bool {
        let mut state = self.lock();
        state.is_attended = !state.letters.is_empty();
        !state.is_attended
    }

    /// Sends at most `limit` answers, and without waiting: what the socket has no room for stays.
    pub(crate) fn send(&self, socket: &UdpSocket, limit: usize) {
        let mut left = limit;
        while left > 0 {
            let letters: Vec<Letter> = {
                let mut state = self.lock();
                let count = state.letters.len().min(left).min(TOGETHER);
                state.letters.drain(..count).collect()
            };
            if letters.is_empty() {
                return;
            }
            let unsent = send_together(socket, &letters);
            left -= letters.len() - unsent;
            if unsent > 0 {
                let sent = letters.len() - unsent;
                let mut state = self.lock();
                letters.into_iter().skip(sent).rev().for_each(|letter| state.letters.push_front(letter));
                return;
            }
        }
    }

    /// Sends what is there.
    pub(crate) fn send_all(&self, socket: &UdpSocket) {
        self.send(socket, ROOM);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends in order; gives how many at the end the socket has no room for. One that cannot be sent is passed over.
fn send_together(socket: &UdpSocket, letters: &[Letter]) -> usize {
    let mut rest = letters;
    while let [(_, first), others @ ..] = rest {
        match send_some(socket, rest) {
            Ok(sent) => rest = rest.get(sent..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return rest.len(),
            Err(error) => {
                let cause: &dyn std::error::Error = &error;
                tracing::info!(peer = %first, error = cause, "A DHCP answer to {first} was not sent");
                rest = others;
            }
        }
    }
    0
}

/// One call of the system; gives how many it took, at least one.
fn send_some(socket: &UdpSocket, letters: &[Letter]) -> io::Result<usize> {
    let alike = segments::count_alike(letters);
    if alike > 1 {
        match segments::send(socket, &letters[..alike]) {
            Ok(()) => return Ok(alike),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
            Err(error) => tracing::trace!(%error, "{alike} DHCP answers are not sent as one"),
        }
    }
    send_apart(socket, letters)
}

fn send_apart(socket: &UdpSocket, letters: &[Letter]) -> io::Result<usize> {
    let addresses: Vec<SocketAddrAny> = letters.iter().map(|(_, to)| SocketAddrAny::from(*to)).collect();
    let slices: Vec<[IoSlice<'_>; 1]> = letters.iter().map(|(bytes, _)| [IoSlice::new(bytes)]).collect();
    let mut controls: Vec<_> = letters.iter().map(|_| SendAncillaryBuffer::default()).collect();
    let parts = addresses.iter().zip(&slices).zip(&mut controls);
    let mut headers: Vec<_> =
        parts.map(|((address, slice), control)| MMsgHdr::new_with_addr(address, slice, control)).collect();
    Ok(sendmmsg(socket, &mut headers, SendFlags::DONTWAIT)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, SocketAddr};

    #[test]
    fn who_sends_is_told_once_and_does_not_sleep_while_answers_wait() {
        let (client, server) =
            (UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(), UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        let SocketAddr::V4(to) = client.local_addr().unwrap() else { panic!("it was bound to IPv4") };
        let outbox = Outbox::attended();
        assert!(!outbox.put(vec![1], to), "somebody attends to it");
        assert!(!outbox.leave());
        outbox.send_all(&server);
        assert!(outbox.leave());
        assert!(outbox.put(vec![2], to));
        assert!(!outbox.put(vec![3], to), "it was told already");
    }

    #[test]
    fn answers_leave_in_order_and_one_that_cannot_be_sent_is_passed_over() {
        let (client, server) =
            (UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(), UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        let SocketAddr::V4(to) = client.local_addr().unwrap() else { panic!("it was bound to IPv4") };
        let outbox = Outbox::attended();
        outbox.put(vec![1], to);
        // Nobody may send to broadcast from a socket that was not told so.
        outbox.put(vec![2], SocketAddrV4::new(Ipv4Addr::BROADCAST, to.port()));
        outbox.put(vec![3, 3], to);
        outbox.put(vec![4, 4], to);
        outbox.send(&server, 3);
        outbox.send(&server, 3);
        let mut buffer = [0; 16];
        let arrived: Vec<Vec<u8>> =
            (0..3).map(|_| client.recv(&mut buffer).map(|len| buffer[..len].to_vec()).unwrap()).collect();
        assert_eq!(arrived, [vec![1], vec![3, 3], vec![4, 4]]);
    }
}
