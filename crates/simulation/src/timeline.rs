//! The one owner of simulated time: what happens next, and when.
//!
//! Time stands still while anything is at work; it jumps to the next entry when all is quiet. Entries of the same
//! time happen in the order of their numbers.

use crate::happening::Happening;
use async_trait::async_trait;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use types::Timestamp;
use workflow::ports::Clock;

/// When every simulation begins.
const BEGINNING: i64 = 1_700_000_000;

/// What is to happen, and the present.
pub(crate) struct Timeline(Mutex<State>);

#[derive(Default)]
struct State {
    now: Duration,
    /// What the server's clock shows more than it should.
    clock_error: SignedDuration,
    /// By time, by number, and by the order in which they were made.
    entries: BTreeMap<(Duration, u64, u64), Happening>,
    numbers: u64,
}

impl Timeline {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::default()))
    }

    /// Time since the beginning.
    pub(crate) fn now(&self) -> Duration {
        self.lock().now
    }

    /// The true time.
    pub(crate) fn true_time(&self) -> Timestamp {
        beginning() + self.now()
    }

    /// Sets the server's clock wrong. Only a server that starts reads it.
    pub(crate) fn set_clock_error(&self, error: SignedDuration) {
        self.lock().clock_error = error;
    }

    /// Lets something happen after a while.
    pub(crate) fn after(&self, wait: Duration, happening: Happening) {
        let at = self.now() + wait;
        self.at(at, happening);
    }

    /// Lets something happen at a time, or now when that has passed.
    pub(crate) fn at(&self, at: Duration, happening: Happening) {
        let number = self.new_number();
        self.at_as(at, number, happening);
    }

    /// As [`Timeline::at`], under a number that was drawn before: for what is made in an order that differs.
    pub(crate) fn at_as(&self, at: Duration, number: u64, happening: Happening) {
        let made = self.new_number();
        let mut state = self.lock();
        let key = (at.max(state.now), number, made);
        state.entries.insert(key, happening);
    }

    /// A number that is higher than all before.
    pub(crate) fn new_number(&self) -> u64 {
        let mut state = self.lock();
        state.numbers += 1;
        state.numbers
    }

    /// Goes on to what happens next.
    pub(crate) fn next(&self) -> Option<Happening> {
        let mut state = self.lock();
        let ((at, ..), happening) = state.entries.pop_first()?;
        state.now = at;
        Some(happening)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn beginning() -> Timestamp {
    Timestamp::from_second(BEGINNING).expect("it is a time")
}

/// The server's clock: as wrong as it was when the server started, and steady since.
pub(crate) struct ServerClock {
    timeline: Arc<Timeline>,
    error: SignedDuration,
}

impl ServerClock {
    pub(crate) fn start(timeline: &Arc<Timeline>) -> Self {
        Self { timeline: Arc::clone(timeline), error: timeline.lock().clock_error }
    }
}

#[async_trait]
impl Clock for ServerClock {
    fn now(&self) -> Timestamp {
        self.timeline.true_time().checked_add(self.error).expect("the simulation ends within this age")
    }

    async fn sleep_until(&self, at: Timestamp) {
        let wait = Duration::try_from(at.duration_since(self.now())).unwrap_or_default();
        sleep(&self.timeline, wait).await;
    }
}

/// Returns when simulated time has moved on by `wait`; at once is a little later too.
pub(crate) fn sleep(timeline: &Arc<Timeline>, wait: Duration) -> Sleep {
    Sleep { timeline: Arc::clone(timeline), wait, alarm: None }
}

/// A wait for simulated time.
pub(crate) struct Sleep {
    timeline: Arc<Timeline>,
    wait: Duration,
    alarm: Option<Arc<Alarm>>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if let Some(alarm) = &self.alarm {
            return alarm.poll(context);
        }
        let alarm = Arc::new(Alarm(Mutex::new(AlarmState::Set(context.waker().clone()))));
        self.timeline.after(self.wait, Happening::Alarm(Arc::clone(&alarm)));
        self.alarm = Some(alarm);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(alarm) = &self.alarm {
            *alarm.lock() = AlarmState::Cancelled;
        }
    }
}

/// What wakes a sleeper.
pub(crate) struct Alarm(Mutex<AlarmState>);

enum AlarmState {
    Set(Waker),
    Rung,
    Cancelled,
}

impl Alarm {
    /// Wakes whoever sleeps; false when nobody does any more.
    pub(crate) fn ring(&self) -> bool {
        match std::mem::replace(&mut *self.lock(), AlarmState::Rung) {
            AlarmState::Set(waker) => {
                waker.wake();
                true
            }
            AlarmState::Rung | AlarmState::Cancelled => false,
        }
    }

    fn poll(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        match &*state {
            AlarmState::Rung => Poll::Ready(()),
            AlarmState::Set(_) | AlarmState::Cancelled => {
                *state = AlarmState::Set(context.waker().clone());
                Poll::Pending
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, AlarmState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
