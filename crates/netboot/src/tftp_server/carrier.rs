//! A thread that carries many transfers.
//!
//! A block costs one wait for all sockets, one receive and one send. A task for each transfer would cost a wake-up
//! as well, which is as dear as the rest.

use super::lane::{Lane, Next};
use super::reader::Piece;
use super::vigil::{MOMENT, Vigil};
use crate::{Inner, event};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use tftp::{Action, Outcome};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// Orders that may wait: more than there are transfers at a time.
const QUEUE: usize = 8192;
/// Sockets answered between two looks at the clock.
const BATCH: usize = 256;
/// The event of an order; lanes have their number.
const ORDERED: u64 = u64::MAX;

enum Order {
    /// A transfer begins with an action.
    Start(Box<Lane>, Action),
    /// The client at this address has asked again.
    Repeat(SocketAddr),
    /// A piece of a file for a lane.
    Piece(u64, io::Result<Piece>),
    Stop,
}

/// Threads that carry transfers, from outside. They end when this is dropped.
pub(super) struct Carriers {
    orders: Vec<Orders>,
    threads: JoinSet<io::Result<()>>,
}

/// The way to a thread.
#[derive(Clone)]
pub(super) struct Orders {
    queue: SyncSender<Order>,
    bell: Arc<EventFd>,
}

impl Orders {
    /// Begins a transfer with an action.
    pub(super) fn start(&self, lane: Lane, first: Action) {
        self.give(Order::Start(Box::new(lane), first));
    }

    /// Says that the client at this address has asked again.
    pub(super) fn repeat(&self, peer: SocketAddr) {
        self.give(Order::Repeat(peer));
    }

    /// An order that finds no room is dropped: its client asks again.
    fn give(&self, order: Order) {
        if self.queue.try_send(order).is_ok() {
            self.ring();
        }
    }

    /// As [`Self::give`], and waits for room.
    fn give_surely(&self, order: Order) {
        if self.queue.send(order).is_ok() {
            self.ring();
        }
    }

    fn ring(&self) {
        // It fails only when it has rung more often than can be counted, and then it rings.
        self.bell.write(1).ok();
    }
}

impl Carriers {
    pub(super) fn start(count: usize, inner: &Arc<Inner>) -> io::Result<Self> {
        let mut carriers = Self { orders: Vec::new(), threads: JoinSet::new() };
        for _ in 0..count {
            let road = Road::new(Arc::clone(inner))?;
            carriers.orders.push(road.orders.clone());
            carriers.threads.spawn_blocking(move || road.run());
        }
        Ok(carriers)
    }

    /// The thread that carries this client's transfers.
    pub(super) fn carrier_of(&self, peer: SocketAddr) -> &Orders {
        let mut hasher = DefaultHasher::new();
        peer.hash(&mut hasher);
        let count = self.orders.len() as u64;
        let at = usize::try_from(hasher.finish() % count).expect("there are few threads");
        &self.orders[at]
    }

    /// Returns when a thread fails, which it does not do for one transfer's sake.
    pub(super) async fn failure(&mut self) -> io::Error {
        match self.threads.join_next().await {
            Some(Ok(Err(error))) => error,
            Some(Err(panic)) => io::Error::other(panic),
            Some(Ok(Ok(()))) | None => io::Error::other("a TFTP thread ended"),
        }
    }

    /// Ends all transfers.
    pub(super) async fn stop(mut self) -> io::Result<()> {
        self.order_stop();
        while let Some(ended) = self.threads.join_next().await {
            ended.map_err(io::Error::other)??;
        }
        Ok(())
    }

    fn order_stop(&self) {
        for orders in &self.orders {
            orders.give_surely(Order::Stop);
        }
    }
}

impl Drop for Carriers {
    fn drop(&mut self) {
        self.order_stop();
    }
}

/// The thread, from inside.
struct Road {
    inner: Arc<Inner>,
    epoll: Epoll,
    orders: Orders,
    incoming: Receiver<Order>,
    lanes: HashMap<u64, Lane>,
    numbers: HashMap<SocketAddr, u64>,
    next_number: u64,
    /// Each lane's alarm, which is at or before its deadline: a packet moves the deadline and seldom the alarm.
    alarms: BinaryHeap<Reverse<(Instant, u64)>>,
    packet: Vec<u8>,
    vigil: Vigil,
    runtime: Handle,
}

impl Road {
    fn new(inner: Arc<Inner>) -> io::Result<Self> {
        let (queue, incoming) = sync_channel(QUEUE);
        let bell = Arc::new(EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?);
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&bell, EpollEvent::new(EpollFlags::EPOLLIN, ORDERED))?;
        Ok(Self {
            inner,
            epoll,
            orders: Orders { queue, bell },
            incoming,
            lanes: HashMap::new(),
            numbers: HashMap::new(),
            next_number: 0,
            alarms: BinaryHeap::new(),
            packet: Vec::new(),
            vigil: Vigil::default(),
            runtime: Handle::current(),
        })
    }

    fn run(mut self) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); BATCH];
        loop {
            let ready = self.wait(&mut events)?;
            let now = Instant::now();
            for event in &events[..ready] {
                match event.data() {
                    ORDERED if !self.follow_orders(now) => return Ok(()),
                    ORDERED => {}
                    number => self.with(number, |lane, packet| lane.on_readable(now, packet)),
                }
            }
            self.look_at_alarms(now);
        }
    }

    /// Waits for sockets and orders, until the next alarm at the latest.
    fn wait(&mut self, events: &mut [EpollEvent]) -> io::Result<usize> {
        let start = Instant::now();
        if self.vigil.is_worth_it() {
            let ready = self.look(events, start)?;
            self.vigil.learn(start.elapsed());
            if ready > 0 {
                return Ok(ready);
            }
            return self.sleep(events);
        }
        let ready = self.sleep(events)?;
        self.vigil.learn(start.elapsed());
        Ok(ready)
    }

    /// Looks again and again for a [`MOMENT`].
    fn look(&self, events: &mut [EpollEvent], start: Instant) -> io::Result<usize> {
        loop {
            let ready = self.poll(events, EpollTimeout::ZERO)?;
            if ready > 0 || start.elapsed() > MOMENT {
                return Ok(ready);
            }
        }
    }

    fn sleep(&self, events: &mut [EpollEvent]) -> io::Result<usize> {
        let until = self.alarms.peek().map(|Reverse((at, _))| at.saturating_duration_since(Instant::now()));
        // Rounded up, or it would be looked at again and again within the last millisecond.
        let wait = until.map(|wait| wait + Duration::from_millis(1));
        let wait = wait.and_then(|wait| EpollTimeout::try_from(wait).ok()).unwrap_or(EpollTimeout::NONE);
        self.poll(events, wait)
    }

    fn poll(&self, events: &mut [EpollEvent], wait: EpollTimeout) -> io::Result<usize> {
        match self.epoll.wait(events, wait) {
            Err(nix::errno::Errno::EINTR) => Ok(0),
            ready => Ok(ready?),
        }
    }

    /// Whether to go on.
    fn follow_orders(&mut self, now: Instant) -> bool {
        self.orders.bell.read().ok();
        while let Ok(order) = self.incoming.try_recv() {
            match order {
                Order::Start(lane, first) => self.start(*lane, first, now),
                Order::Repeat(peer) => {
                    if let Some(number) = self.numbers.get(&peer) {
                        self.with(*number, |lane, packet| lane.on_repeated_request(now, packet));
                    }
                }
                Order::Piece(number, piece) => self.with(number, |lane, packet| lane.on_piece(piece, now, packet)),
                Order::Stop => return false,
            }
        }
        true
    }

    fn start(&mut self, lane: Lane, first: Action, now: Instant) {
        let number = self.next_number;
        self.next_number += 1;
        if let Err(error) = self.epoll.add(&lane.socket, EpollEvent::new(EpollFlags::EPOLLIN, number)) {
            return self.end(&lane, Err(error.into()));
        }
        self.numbers.insert(lane.about.peer, number);
        self.lanes.insert(number, lane);
        self.with(number, |lane, packet| lane.perform(first, now, packet));
    }

    fn look_at_alarms(&mut self, now: Instant) {
        while let Some(Reverse((at, number))) = self.alarms.peek().copied()
            && at <= now
        {
            self.alarms.pop();
            if let Some(lane) = self.lanes.get_mut(&number)
                && lane.alarm == Some(at)
            {
                lane.alarm = None;
                self.with(number, |lane, packet| lane.on_time(now, packet));
            }
        }
    }

    fn with(&mut self, number: u64, act: impl FnOnce(&mut Lane, &mut Vec<u8>) -> Next) {
        let Some(lane) = self.lanes.get_mut(&number) else { return };
        let next = act(lane, &mut self.packet);
        if lane.alarm.is_none_or(|alarm| lane.deadline < alarm) {
            lane.alarm = Some(lane.deadline);
            self.alarms.push(Reverse((lane.deadline, number)));
        }
        match next {
            Next::Client => {}
            Next::Disk(cold) => {
                let orders = self.orders.clone();
                self.runtime.spawn_blocking(move || orders.give_surely(Order::Piece(number, cold.run())));
            }
            Next::End(outcome) => {
                if let Some(lane) = self.lanes.remove(&number) {
                    self.numbers.remove(&lane.about.peer);
                    self.end(&lane, outcome);
                }
            }
        }
    }

    fn end(&self, lane: &Lane, outcome: io::Result<Outcome>) {
        let about = &lane.about;
        let outcome = match outcome {
            Ok(Outcome::Complete) => "complete",
            Ok(Outcome::Stopped { .. }) => "stopped by the client",
            Ok(Outcome::Vanished) => "the client vanished",
            Err(error) => {
                let peer = about.peer;
                tracing::info!(%peer, error = &error as &dyn std::error::Error, "A TFTP transfer to {peer} failed");
                "failed"
            }
        };
        let now = self.inner.config.clock.now();
        let event = event::tftp(now, &about.name, about.mac, about.peer.ip(), lane.delivered(), outcome);
        self.inner.backend.record(event);
    }
}
