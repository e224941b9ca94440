//! The one task that writes, and how writes share a transaction.
//!
//! What is queued when the task comes back from the disk is done together: one transaction, a savepoint for
//! each write, one flush. Answers go out after the flush, so that a caller is never told what a power cut could
//! take back. Writes must not wait for anything but the database, because every other write waits for them.

use crate::StoreError;
use crate::history::{Recorded, Recorder};
use crate::probe::{Moment, Probe};
use crate::room::{LOOK_AGAIN, Room};
use crate::seal::Sealer;
use crate::signals::{Effects, Signals};
use futures_util::future::BoxFuture;
use sqlx::SqliteConnection;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, error, warn};
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
    pub(crate) connection: SqliteConnection,
    pub(crate) effects: Effects,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) room: Arc<Room>,
    /// This server, among those that have had the store open.
    pub(crate) server: Uuid,
    clock: Arc<dyn Clock>,
}

impl Tx {
    pub(crate) fn new(
        connection: SqliteConnection,
        sealer: Arc<Sealer>,
        room: Arc<Room>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { connection, effects: Effects::default(), sealer, room, server: Uuid::new_v4(), clock }
    }

    /// Refuses new work while the disk is full: what room is left is for the work that was taken before.
    pub(crate) fn check_room(&self) -> Result<(), StoreError> {
        if self.room.is_full() { Err(StoreError::Full) } else { Ok(()) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn execute(&mut self, sql: &'static str) -> Result<(), StoreError> {
        sqlx::query(sql).execute(&mut self.connection).await?;
        Ok(())
    }
}

/// Tells a caller how it went, once it is known whether the transaction was.
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// A write that has been run and is not committed yet.
struct Ran {
    keep: bool,
    answer: Answer,
}

type Job = Box<dyn for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Ran> + Send>;

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
        signals: Arc<Signals>,
        probe: Arc<dyn Probe>,
    ) -> (Self, Recorder, tokio::task::JoinHandle<()>) {
        let (queue, requests) = mpsc::channel(QUEUE);
        let (recorder, recorded) = Recorder::new();
        let at_work = Arc::new(AtomicBool::new(false));
        let task = WriterTask { tx, signals, requests, recorded, probe, at_work: Arc::clone(&at_work) };
        (Self { queue, at_work }, recorder, tokio::spawn(task.run()))
    }

    /// Whether no write is queued or under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.capacity() == self.queue.max_capacity() && !self.at_work.load(Ordering::Acquire)
    }

    /// Does `work` in a transaction. It is durable when this returns Ok, and has not happened when it returns
    /// an error.
    pub(crate) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |tx| {
            Box::pin(async move {
                let result = work(tx).await;
                let keep = result.is_ok();
                let answer: Answer = Box::new(move |committed| {
                    // Nobody listens any more when the caller has given up; what was written stays.
                    let _unheard = sender.send(committed.map_err(E::from).and(result));
                });
                Ran { keep, answer }
            })
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
    tx: Tx,
    signals: Arc<Signals>,
    requests: mpsc::Receiver<Request>,
    recorded: Recorded,
    probe: Arc<dyn Probe>,
    at_work: Arc<AtomicBool>,
}

impl WriterTask {
    async fn run(mut self) {
        let mut queued = Vec::with_capacity(BATCH);
        loop {
            let open = tokio::select! {
                biased;
                count = self.requests.recv_many(&mut queued, BATCH) => count > 0,
                () = self.recorded.wait(), if !self.requests.is_closed() => true,
                () = tokio::time::sleep(LOOK_AGAIN), if self.tx.room.is_unwell() => {
                    self.look_again().await;
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
            self.recorded.collect();
            if !jobs.is_empty() || self.recorded.has_some() {
                self.at_work.store(true, Ordering::Release);
                self.commit(jobs).await;
                self.at_work.store(false, Ordering::Release);
            }
            if !open {
                break;
            }
        }
        self.recorded.collect();
        while self.recorded.has_some() && !self.recorded.is_stuck() {
            self.commit(Vec::new()).await;
            self.recorded.collect();
        }
        let Tx { connection, .. } = self.tx;
        if let Err(error) = sqlx::Connection::close(connection).await {
            warn!(%error, "the database was not closed cleanly; it is checked at the next start");
        }
    }

    /// Does the jobs in one transaction and answers them all.
    async fn commit(&mut self, jobs: Vec<Job>) {
        let mut answers = Vec::with_capacity(jobs.len());
        self.tx.room.regain();
        self.tx.room.look(self.tx.now());
        let committed = match self.transact(jobs, &mut answers).await {
            Ok(()) => {
                self.tx.room.worked();
                self.recorded.settled();
                self.signals.count(answers.len());
                self.signals.publish(std::mem::take(&mut self.tx.effects));
                Ok(())
            }
            Err(failure) => {
                self.take_note_of(&failure, answers.len());
                self.roll_back().await;
                Err(failure)
            }
        };
        for answer in answers {
            answer(committed.clone());
        }
    }

    async fn transact(&mut self, jobs: Vec<Job>, answers: &mut Vec<Answer>) -> Result<(), StoreError> {
        self.begin().await?;
        let mut open = "SAVEPOINT write";
        let mut end = "COMMIT";
        for job in jobs {
            let before = self.tx.effects.clone();
            self.tx.execute(open).await?;
            let Ran { keep, answer } = job(&mut self.tx).await;
            answers.push(answer);
            if !keep {
                self.take_back_one().await?;
                self.tx.effects = before;
            }
            // Together with what comes next: each statement that is sent alone costs a change of threads.
            open = "RELEASE write; SAVEPOINT write";
            end = "RELEASE write; COMMIT";
        }
        self.probe.reached(Moment::BeforeCommit).await;
        self.tx.execute(end).await?;
        self.probe.reached(Moment::AfterCommit).await;
        Ok(())
    }

    /// Begins a transaction with what was recorded in it. When that cannot be written it is tried again later:
    /// nobody waits for it, and those who wait for their own writes must not wait for this.
    async fn begin(&mut self) -> Result<(), StoreError> {
        self.tx.execute("BEGIN IMMEDIATE").await?;
        if !self.recorded.has_some() {
            return Ok(());
        }
        let Err(error) = self.recorded.write(&mut self.tx).await else { return Ok(()) };
        if self.tx.room.is_unwell() {
            debug!(%error, "recorded events cannot be written; trying again");
        } else {
            warn!(%error, "recorded events cannot be written; trying again");
        }
        self.roll_back().await;
        self.tx.execute("BEGIN IMMEDIATE").await
    }

    /// Says once what is wrong with the disk, and not with every write that finds it so.
    fn take_note_of(&self, failure: &StoreError, writes: usize) {
        let (room, now) = (&self.tx.room, self.tx.now());
        if room.is_unwell() {
            debug!(error = %failure, writes, "a transaction failed; nothing of it was written");
        } else {
            error!(error = %failure, writes, "a transaction failed; nothing of it was written");
        }
        match failure {
            StoreError::Full => room.ran_out(now),
            StoreError::Disk(_) | StoreError::Corrupt { .. } => room.broke(now, &failure.to_string()),
            _ => {}
        }
    }

    /// Finds out whether a disk that was full or broken works again.
    async fn look_again(&mut self) {
        if !self.tx.room.regain() {
            return;
        }
        // A write that changes nothing goes through the log to the disk like any other.
        let touched = self.tx.execute("UPDATE meta SET value = value WHERE key = 'key_check'").await;
        match touched {
            Ok(()) => self.tx.room.worked(),
            Err(failure) => self.take_note_of(&failure, 0),
        }
    }

    /// A savepoint that is gone was taken back by SQLite together with the whole transaction, which it does when
    /// the disk is full or fails (<https://sqlite.org/lang_transaction.html>).
    async fn take_back_one(&mut self) -> Result<(), StoreError> {
        let taken_back = self.tx.execute("ROLLBACK TO write").await;
        self.tx.room.look(self.tx.now());
        taken_back.map_err(|error| match self.tx.room.is_full() {
            true => StoreError::Full,
            false => StoreError::Disk(format!("a write was cut off ({error})")),
        })
    }

    async fn roll_back(&mut self) {
        self.tx.effects = Effects::default();
        // There is no transaction to roll back when SQLite has done so itself (a full disk, an I/O error).
        let _rolled_back = self.tx.execute("ROLLBACK").await;
    }
}

#[cfg(test)]
mod tests;
