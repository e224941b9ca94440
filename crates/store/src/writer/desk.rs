//! One transaction: what is done in the thread that waits for the disk.

use super::{Answer, Job, Ran, Tx};
use crate::StoreError;
use crate::history::Recorded;
use crate::sql::query;
use std::fs::File;
use tracing::{debug, error, warn};

/// What it is done with. It travels between the writing task and that thread.
pub(super) struct Desk {
    pub(super) tx: Tx,
    pub(super) recorded: Recorded,
    /// The lock on the file: let go of after the connection.
    pub(super) lock: File,
}

impl Desk {
    /// Does the jobs in a transaction that [`Desk::commit`] ends. When it fails, nothing of it is left.
    pub(super) fn write(&mut self, jobs: Vec<Job>) -> (Vec<Answer>, Result<(), StoreError>) {
        let mut answers = Vec::with_capacity(jobs.len());
        self.tx.room.regain();
        self.tx.room.look(self.tx.now());
        let done = self.write_all(jobs, &mut answers);
        (answers, self.settle(done))
    }

    /// Does the jobs in a transaction of their own.
    pub(super) fn write_and_commit(&mut self, jobs: Vec<Job>) -> (Vec<Answer>, Result<(), StoreError>) {
        let (answers, written) = self.write(jobs);
        let done = written.and_then(|()| self.commit());
        (answers, done)
    }

    /// Makes durable what was written.
    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        let committed = self.execute("COMMIT");
        self.settle(committed)?;
        self.tx.room.worked();
        self.recorded.settled();
        Ok(())
    }

    /// Finds out whether a disk that was full or broken works again.
    pub(super) fn look_again(&mut self) {
        if !self.tx.room.regain() {
            return;
        }
        // A write that changes nothing goes through the log to the disk like any other.
        match self.execute("UPDATE meta SET value = value WHERE key = 'key_check'") {
            Ok(()) => self.tx.room.worked(),
            Err(failure) => self.take_note_of(&failure),
        }
    }

    fn write_all(&mut self, jobs: Vec<Job>, answers: &mut Vec<Answer>) -> Result<(), StoreError> {
        self.begin()?;
        for job in jobs {
            let before = self.tx.effects.clone();
            self.execute("SAVEPOINT write")?;
            let Ran { keep, answer } = job(&mut self.tx);
            answers.push(answer);
            if !keep {
                self.take_back_one()?;
                self.tx.effects = before;
            } else if !self.tx.connection.is_in_transaction() {
                return Err(StoreError::Disk("a write was cut off and did not notice".to_owned()));
            }
            self.execute("RELEASE write")?;
        }
        Ok(())
    }

    /// Begins a transaction with what was recorded in it. When that cannot be written it is tried again later:
    /// nobody waits for it, and those who wait for their own writes must not wait for this.
    fn begin(&mut self) -> Result<(), StoreError> {
        self.execute("BEGIN IMMEDIATE")?;
        if !self.recorded.has_some() {
            return Ok(());
        }
        let Err(error) = self.recorded.write(&mut self.tx) else { return Ok(()) };
        if self.tx.room.is_unwell() {
            debug!(%error, "recorded events cannot be written; trying again");
        } else {
            warn!(%error, "recorded events cannot be written; trying again");
        }
        self.roll_back();
        self.execute("BEGIN IMMEDIATE")
    }

    fn settle(&mut self, done: Result<(), StoreError>) -> Result<(), StoreError> {
        if let Err(failure) = &done {
            self.take_note_of(failure);
            self.roll_back();
        }
        done
    }

    /// Says once what is wrong with the disk, and not with every write that finds it so.
    fn take_note_of(&self, failure: &StoreError) {
        let (room, now) = (&self.tx.room, self.tx.now());
        if room.is_unwell() {
            debug!(error = %failure, "a transaction failed; nothing of it was written");
        } else {
            error!(error = %failure, "a transaction failed; nothing of it was written");
        }
        match failure {
            StoreError::Full => room.ran_out(now),
            StoreError::Disk(_) | StoreError::Corrupt { .. } => room.broke(now, &failure.to_string()),
            _ => {}
        }
    }

    /// A savepoint that is gone was taken back by SQLite together with the whole transaction, which it does when
    /// the disk is full or fails (<https://sqlite.org/lang_transaction.html>).
    fn take_back_one(&mut self) -> Result<(), StoreError> {
        let taken_back = self.execute("ROLLBACK TO write");
        self.tx.room.look(self.tx.now());
        taken_back.map_err(|error| match self.tx.room.is_full() {
            true => StoreError::Full,
            false => StoreError::Disk(format!("a write was cut off ({error})")),
        })
    }

    fn roll_back(&mut self) {
        self.tx.effects = Default::default();
        // There is no transaction to roll back when SQLite has done so itself (a full disk, an I/O error).
        let _rolled_back = self.execute("ROLLBACK");
    }

    fn execute(&mut self, sql: &'static str) -> Result<(), StoreError> {
        query(sql).execute(&mut self.tx.connection)?;
        Ok(())
    }
}
