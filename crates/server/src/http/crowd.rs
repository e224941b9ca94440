//! Who is connected: as many as there is room for, and of those who ask for nothing the one that came first goes when
//! another comes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// Everybody who is connected.
#[derive(Debug)]
pub(super) struct Crowd {
    room: usize,
    present: Mutex<Present>,
}

#[derive(Debug, Default)]
struct Present {
    count: usize,
    /// Who waits for nothing from us, in the order in which they began to.
    idle: BTreeMap<u64, CancellationToken>,
    next: u64,
}

/// One connection. Its place is given back when dropped.
#[derive(Debug)]
pub(super) struct Visit {
    crowd: Arc<Crowd>,
    sent_away: CancellationToken,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Requests being answered: one, or two when the client does not wait for answers.
    answers: usize,
    /// Its place among the idle.
    idle_at: Option<u64>,
}

/// A request is being answered until this is dropped; then comes [`Visit::settle`].
#[derive(Debug)]
pub(super) struct Busy(Arc<Visit>);

impl Crowd {
    pub(super) fn new(room: usize) -> Arc<Self> {
        Arc::new(Self { room, present: Mutex::default() })
    }

    /// Takes a connection in, if need be in the place of one that is idle; `None` when all are being served.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Arc<Visit>> {
        let mut present = self.present();
        if present.count >= self.room {
            let (_, longest_idle) = present.idle.pop_first()?;
            longest_idle.cancel();
        }
        present.count += 1;
        let sent_away = CancellationToken::new();
        let idle_at = present.add_idle(&sent_away);
        drop(present);
        let state = Mutex::new(State { answers: 0, idle_at: Some(idle_at) });
        Some(Arc::new(Visit { crowd: Arc::clone(self), sent_away, state }))
    }

    fn present(&self) -> MutexGuard<'_, Present> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Present {
    fn add_idle(&mut self, visitor: &CancellationToken) -> u64 {
        let at = self.next;
        self.next += 1;
        self.idle.insert(at, visitor.clone());
        at
    }
}

impl Visit {
    /// Returns when the connection is to be closed in favour of another.
    pub(super) async fn sent_away(&self) {
        self.sent_away.cancelled().await;
    }

    /// Says that a request has come.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        let mut state = self.state();
        state.answers += 1;
        if let Some(at) = state.idle_at.take() {
            self.crowd.present().idle.remove(&at);
        }
        drop(state);
        Busy(Arc::clone(self))
    }

    /// Says that the client has taken all that there was for it. Without a request being answered it is idle.
    pub(super) fn settle(&self) {
        let mut state = self.state();
        if state.answers == 0 && state.idle_at.is_none() {
            state.idle_at = Some(self.crowd.present().add_idle(&self.sent_away));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Busy {
    /// The answer's end is made, which its client does not have yet.
    fn drop(&mut self) {
        self.0.state().answers -= 1;
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let idle_at = self.state.get_mut().unwrap_or_else(PoisonError::into_inner).idle_at;
        let mut present = self.crowd.present();
        present.count -= 1;
        if let Some(at) = idle_at {
            present.idle.remove(&at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_idle_goes_first_and_who_is_served_stays() {
        let crowd = Crowd::new(3);
        let [first, second, third] = [(); 3].map(|()| crowd.enter().unwrap());
        let answering = first.busy();
        let _fourth = crowd.enter().expect("the second gives its place");
        let gone = |visit: &Visit| visit.sent_away.is_cancelled();
        assert_eq!([&first, &second, &third].map(|visit| gone(visit)), [false, true, false]);
        drop(second);
        drop(answering);
        first.settle();
        let _answering = third.busy();
        let _fifth = crowd.enter().expect("the fourth gives its place");
        assert!(!gone(&first), "the first has been idle for less long than the fourth");
    }

    #[test]
    fn nobody_enters_when_all_are_served_and_a_place_is_given_back() {
        let crowd = Crowd::new(1);
        let visit = crowd.enter().unwrap();
        let (one, other) = (visit.busy(), visit.busy());
        drop(one);
        visit.settle();
        assert!(crowd.enter().is_none());
        drop(other);
        assert!(crowd.enter().is_none(), "its client still reads");
        drop(visit);
        assert!(crowd.enter().is_some());
        let present = crowd.present();
        assert_eq!((present.count, present.idle.len()), (0, 0));
    }
}
