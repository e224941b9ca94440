//! The one task that writes, and how writes share a transaction.
//!
//! What is queued when the task comes back from the disk is done together: one transaction, a savepoint for
//! each write, one flush. Answers go out after the flush, so that a caller is never told what a power cut could
//! take back. The task lends what it works with to a thread that may wait for the disk, and writes are plain
//! functions there: they have nothing to wait for but the database.

mod desk;
mod thread;

use crate::StoreError;
use crate::history::Recorder;
use crate::probe::{Moment, Probe};
use crate::room::{LOOK_AGAIN, Room};
use crate::seal::Sealer;
use crate::signals::{Effects, Signals};
use crate::sql::Connection;
use desk::Desk;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use thread::DiskThread;
use tokio::sync::{mpsc, oneshot};
use tracing::warn;
use types::Timestamp;
use uuid::Uuid;
use workflow::ports::Clock;

/// Writes that may wait. One that finds the queue full is refused at once: its caller can try again, and knows
/// better than a queue whether it still wants to.
const QUEUE: usize = 4096;
/// Writes in one transaction: enough to make the flush a small part of each, few enough (some 50 ms) that the
/// first is not kept waiting for long.
const BATCH: usize = 256;

/// What a write works with.
pub(crate) struct Tx {
    pub(crate) connection: Connection,
    pub(crate) effects: Effects,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) room: Arc<Room>,
    /// This server, among those that have had the store open.
    pub(crate) server: Uuid,
    clock: Arc<dyn Clock>,
}

impl Tx {
    pub(crate) fn new(connection: Connection, sealer: Arc<Sealer>, room: Arc<Room>, clock: Arc<dyn Clock>) -> Self {
        Self { connection, effects: Effects::default(), sealer, room, server: Uuid::new_v4(), clock }
    }

    /// Refuses new work while the disk is full: what room is left is for the work that was taken before.
    pub(crate) fn check_room(&self) -> Result<(), StoreError> {
        if self.room.is_full() { Err(StoreError::Full) } else { Ok(()) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// Tells a caller how it went, once it is known whether the transaction was.
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// A write that has been run and is not committed yet.
struct Ran {
    keep: bool,
    answer: Answer,
}

type Job = Box<dyn FnOnce(&mut Tx) -> Ran + Send>;

enum Request {
    Write(Job),
    Close,
}

/// The way to the writing task.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Request>,
    at_work: Arc<AtomicBool>,
}

impl Writer {
    /// Starts the writing task over `tx`.
    pub(crate) fn start(
        tx: Tx,
        lock: File,
        signals: Arc<Signals>,
        probe: Arc<dyn Probe>,
    ) -> io::Result<(Self, Recorder, tokio::task::JoinHandle<()>)> {
        let (queue, requests) = mpsc::channel(QUEUE);
        let (recorder, recorded) = Recorder::new();
        let at_work = Arc::new(AtomicBool::new(false));
        let desk = Desk { tx, recorded, lock };
        let task = WriterTask { disk: DiskThread::start()?, signals, requests, probe, at_work: Arc::clone(&at_work) };
        Ok((Self { queue, at_work }, recorder, tokio::spawn(task.run(desk))))
    }

    /// Whether no write is queued or under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.capacity() == self.queue.max_capacity() && !self.at_work.load(Ordering::Acquire)
    }

    /// Does `work` in a transaction. It is durable when this returns Ok, and has not happened when it returns
    /// an error.
    pub(crate) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&mut Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |tx| {
            let result = work(tx);
            let keep = result.is_ok();
            let answer: Answer = Box::new(move |committed| {
                // Nobody listens any more when the caller has given up; what was written stays.
                let _unheard = sender.send(committed.map_err(E::from).and(result));
            });
            Ran { keep, answer }
        });
        self.queue.try_send(Request::Write(job)).map_err(|refused| {
            E::from(StoreError::Unavailable(match refused {
                mpsc::error::TrySendError::Full(_) => format!("{QUEUE} writes are waiting already"),
                mpsc::error::TrySendError::Closed(_) => "the store is closed".to_owned(),
            }))
        })?;
        let dropped = || E::from(StoreError::Unavailable("the transaction was given up".to_owned()));
        receiver.await.unwrap_or_else(|_| Err(dropped()))
    }

    /// Returns when the task takes no more writes.
    pub(crate) async fn closed(&self) {
        self.queue.closed().await;
    }

    /// Asks the task to write what is queued and end.
    pub(crate) async fn close(&self) {
        // The only way this fails is that the task has ended already.
        let _ended = self.queue.send(Request::Close).await;
    }
}

struct WriterTask {
    disk: DiskThread,
    signals: Arc<Signals>,
    requests: mpsc::Receiver<Request>,
    probe: Arc<dyn Probe>,
    at_work: Arc<AtomicBool>,
}

impl WriterTask {
    async fn run(mut self, mut desk: Desk) {
        let mut queued = Vec::with_capacity(BATCH);
        loop {
            let open = tokio::select! {
                biased;
                count = self.requests.recv_many(&mut queued, BATCH) => count > 0,
                () = desk.recorded.wait(self.probe.gathering()), if !self.requests.is_closed() => true,
                () = tokio::time::sleep(LOOK_AGAIN), if desk.tx.room.is_unwell() => {
                    self.at_work.store(true, Ordering::Release);
                    (desk, ()) = self.disk.lend(desk, Desk::look_again).await;
                    self.at_work.store(false, Ordering::Release);
                    true
                }
            };
            let mut jobs = Vec::with_capacity(queued.len());
            for request in queued.drain(..) {
                match request {
                    Request::Write(job) => jobs.push(job),
                    Request::Close => self.requests.close(),
                }
            }
            desk.recorded.collect();
            if !jobs.is_empty() || desk.recorded.has_some() {
                self.at_work.store(true, Ordering::Release);
                desk = self.commit(desk, jobs).await;
                self.at_work.store(false, Ordering::Release);
            }
            if !open {
                break;
            }
        }
        desk.recorded.collect();
        while desk.recorded.has_some() && !desk.recorded.is_stuck() {
            desk = self.commit(desk, Vec::new()).await;
            desk.recorded.collect();
        }
        let Desk { tx, lock, .. } = desk;
        let close = |connection: &mut Option<Connection>| connection.take().map_or(Ok(()), Connection::close);
        if let (_, Err(error)) = self.disk.lend(Some(tx.connection), close).await {
            warn!(%error, "the database was not closed cleanly; it is checked at the next start");
        }
        drop(lock);
    }

    /// Does the jobs in one transaction and answers them all.
    async fn commit(&self, desk: Desk, jobs: Vec<Job>) -> Desk {
        let (mut desk, (answers, done)) = match self.probe.holds() {
            true => self.commit_slowly(desk, jobs).await,
            false => self.disk.lend(desk, |desk| desk.write_and_commit(jobs)).await,
        };
        if done.is_ok() {
            self.signals.count(answers.len());
            self.signals.publish(std::mem::take(&mut desk.tx.effects));
        }
        for answer in answers {
            answer(done.clone());
        }
        desk
    }

    /// As one whom the probe may hold.
    async fn commit_slowly(&self, desk: Desk, jobs: Vec<Job>) -> (Desk, (Vec<Answer>, Result<(), StoreError>)) {
        let (mut desk, (answers, mut done)) = self.disk.lend(desk, |desk| desk.write(jobs)).await;
        if done.is_ok() {
            self.probe.reached(Moment::BeforeCommit).await;
            (desk, done) = self.disk.lend(desk, Desk::commit).await;
        }
        if done.is_ok() {
            self.probe.reached(Moment::AfterCommit).await;
        }
        (desk, (answers, done))
    }
}

#[cfg(test)]
mod tests;
