//! Which requests get a transfer: one for each client, and not more at a time than there is room for.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What may run at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) transfers: usize,
    pub(super) per_source: usize,
}

/// Who has a transfer.
#[derive(Debug, Clone)]
pub(super) struct Admission {
    room: Room,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    peers: HashSet<SocketAddr>,
    by_source: HashMap<IpAddr, usize>,
}

/// What a request is.
#[derive(Debug)]
pub(super) enum Request {
    New(Ticket),
    /// Its client has a transfer, and may not have got our answer.
    Repeated,
    /// There is no room. Silence is the answer: the client asks again, and a flood under others' addresses brings
    /// them nothing.
    Excess,
}

/// The right to one transfer, given back when dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    peer: SocketAddr,
    taken: Arc<Mutex<Taken>>,
}

impl Admission {
    pub(super) fn new(room: Room) -> Self {
        Self { room, taken: Arc::default() }
    }

    pub(super) fn admit(&self, peer: SocketAddr) -> Request {
        let mut taken = lock(&self.taken);
        if taken.peers.contains(&peer) {
            return Request::Repeated;
        }
        let from_source = taken.by_source.get(&peer.ip()).copied().unwrap_or(0);
        if taken.peers.len() >= self.room.transfers || from_source >= self.room.per_source {
            return Request::Excess;
        }
        taken.peers.insert(peer);
        taken.by_source.insert(peer.ip(), from_source + 1);
        drop(taken);
        Request::New(Ticket { peer, taken: Arc::clone(&self.taken) })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        taken.peers.remove(&self.peer);
        if let Some(count) = taken.by_source.get_mut(&self.peer.ip()) {
            *count -= 1;
            if *count == 0 {
                taken.by_source.remove(&self.peer.ip());
            }
        }
    }
}

fn lock(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(admission: &Admission, peer: &str) -> Request {
        admission.admit(peer.parse().unwrap())
    }

    #[test]
    fn a_client_has_one_transfer_and_a_source_its_share() {
        let admission = Admission::new(Room { transfers: 3, per_source: 2 });
        let Request::New(first) = admit(&admission, "10.0.0.1:1") else { panic!("there is room") };
        assert!(matches!(admit(&admission, "10.0.0.1:1"), Request::Repeated));
        let second = admit(&admission, "10.0.0.1:2");
        assert!(matches!(second, Request::New(_)));
        assert!(matches!(admit(&admission, "10.0.0.1:3"), Request::Excess), "the source has its share");
        let third = admit(&admission, "10.0.0.2:1");
        assert!(matches!(third, Request::New(_)));
        assert!(matches!(admit(&admission, "10.0.0.3:1"), Request::Excess), "all places are taken");
        drop(first);
        assert!(matches!(admit(&admission, "10.0.0.1:3"), Request::New(_)));
        drop((second, third));
        assert!(lock(&admission.taken).peers.is_empty() && lock(&admission.taken).by_source.is_empty());
    }
}
