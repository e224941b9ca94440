//! Requests that are held in the server go on one after the other.
//!
//! A commit wakes every long poll that waits for it. Which of them would go on first, and whether before the one
//! that committed, is the scheduler's choice and would differ from run to run. So a request that was parked while
//! all was quiet is woken by an entry of the timeline.

use crate::happening::Happening;
use crate::timeline::Timeline;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// Whether a request may go on by itself.
pub(crate) struct Gate {
    timeline: Arc<Timeline>,
    /// Requests that are woken together go on in this order, whatever the order in which they are woken.
    number: u64,
    parked: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Gate {
    pub(crate) fn open(timeline: &Arc<Timeline>) -> Arc<Self> {
        let (timeline, number) = (Arc::clone(timeline), timeline.new_number());
        Arc::new(Self { timeline, number, parked: AtomicBool::new(false), waker: Mutex::default() })
    }

    /// All is quiet: whatever wakes the request from now on is an entry of the timeline.
    pub(crate) fn park(&self) {
        self.parked.store(true, Ordering::Release);
    }

    /// Lets the request go on.
    pub(crate) fn proceed(&self) {
        self.parked.store(false, Ordering::Release);
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Wake for Gate {
    fn wake(self: Arc<Self>) {
        if self.parked.load(Ordering::Acquire) {
            self.timeline.at_as(Duration::ZERO, self.number, Happening::Proceed(Arc::clone(&self)));
        } else {
            self.proceed();
        }
    }
}

/// A future behind a gate.
pub(crate) struct Gated<F> {
    pub(crate) gate: Arc<Gate>,
    pub(crate) inside: Pin<Box<F>>,
}

impl<F: Future> Future for Gated<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        *self.gate.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.waker().clone());
        let waker = Waker::from(Arc::clone(&self.gate));
        self.inside.as_mut().poll(&mut Context::from_waker(&waker))
    }
}
