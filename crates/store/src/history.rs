//! The one ordered history.
//!
//! Every entry gets its place in the transaction that writes it, and there is one writer: what a reader has seen
//! up to a place is all there is up to it. An event of a machine whose run waits for its kind makes that run due
//! in the same transaction, so that no wake-up is lost between the two.

use crate::column::{from_json, nanos, parse, signed, timestamp, to_json, unsigned};
use crate::machine::machine_of_mac;
use crate::sql::{Connection, QueryBuilder, Row, query, query_scalar};
use crate::writer::Tx;
use crate::{Store, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tracing::warn;
use types::event::{Event, NewEvent};
use types::{MachineId, RunId};

/// The largest `data` of an event, in bytes of JSON. The history says what happened; contents belong elsewhere.
pub(crate) const MAX_EVENT_BYTES: usize = 64 << 10;
/// Recorded events that may wait to be written: the packets of some thousand machines that boot at once.
const RECORDED: usize = 8192;
/// Recorded events in one transaction.
const RECORDED_BATCH: usize = 1024;
/// Pause before recorded events are tried again that could not be written, when nothing else is.
const RETRY: Duration = Duration::from_secs(1);
/// The kind of the entry that says how many recorded events were dropped. Data: count.
const DROPPED: &str = "history.dropped";

/// Which entries of the history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Of this machine.
    pub machine: Option<MachineId>,
    /// Of this run.
    pub run: Option<RunId>,
    /// Whose kind begins with one of these; all when empty.
    pub kinds: Vec<String>,
    /// After this entry.
    pub after: Option<u64>,
    /// Before this entry. Without `after` the newest are given, else the oldest; always in order.
    pub before: Option<u64>,
}

impl Store {
    /// Puts an event on record with the next write, without waiting. One that finds the queue full, or is too
    /// large, is dropped; the history says how many were.
    pub fn record(&self, event: NewEvent) {
        self.inner.recorder.record(event);
    }

    /// Puts events on record, all or none. Durable when it returns; gives the place of the last.
    pub async fn append(&self, events: Vec<NewEvent>) -> Result<u64, StoreError> {
        self.write(move |tx| {
            for event in &events {
                tx.append(event)?;
            }
            tx.last_seq()
        })
        .await
    }

    /// Entries of the history in their order, `limit` at most.
    pub async fn events(&self, filter: &EventFilter, limit: usize) -> Result<Vec<Event>, StoreError> {
        let newest = filter.before.is_some() && filter.after.is_none();
        let mut query = QueryBuilder::new("SELECT seq, at, kind, machine, run, actor, data FROM events");
        let after = signed(filter.after.unwrap_or(0));
        if let Some(run) = filter.run {
            // A run's entries are among its machine's, since it began. One bound, because SQLite seeks by one only.
            let run = run.to_string();
            query.push(" WHERE machine = (SELECT machine FROM runs WHERE id = ").push_bind(run.clone());
            query.push(") AND seq > max(").push_bind(after);
            query.push(", (SELECT began_at - 1 FROM runs WHERE id = ").push_bind(run.clone());
            query.push(")) AND run = ").push_bind(run);
        } else {
            query.push(" WHERE seq > ").push_bind(after);
        }
        query.push(" AND seq < ").push_bind(signed(filter.before.unwrap_or(u64::MAX)));
        if let Some(machine) = filter.machine {
            query.push(" AND machine = ").push_bind(machine.to_string());
        }
        if !filter.kinds.is_empty() {
            query.push(" AND EXISTS (SELECT 1 FROM json_each(").push_bind(to_json(&filter.kinds));
            query.push(") WHERE substr(kind, 1, length(value)) = value)");
        }
        query.push(if newest { " ORDER BY seq DESC" } else { " ORDER BY seq" });
        query.push(" LIMIT ").push_bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let mut events = query.build().fetch_at_length(self.readers(), |row| read_event(&row)).await?;
        if newest {
            events.reverse();
        }
        Ok(events)
    }

    /// The place of the last entry: level triggered.
    pub fn last_seq(&self) -> watch::Receiver<u64> {
        self.inner.signals.last_seq.subscribe()
    }
}

fn read_event(row: &Row) -> Result<Event, StoreError> {
    let seq: i64 = row.get("seq")?;
    let what = || format!("history entry {seq}");
    let machine: Option<String> = row.get("machine")?;
    let run: Option<String> = row.get("run")?;
    Ok(Event {
        seq: unsigned(seq),
        at: timestamp(row.get("at")?),
        kind: row.get("kind")?,
        machine: machine.map(|id| parse(&id, what)).transpose()?,
        run: run.map(|id| parse(&id, what)).transpose()?,
        actor: row.get("actor")?,
        data: from_json(row.text("data")?, what)?,
    })
}

/// The place of the last entry there ever was.
pub(crate) fn last_seq(connection: &mut Connection) -> Result<u64, StoreError> {
    let seq: Option<i64> =
        query_scalar("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetch_optional(connection)?;
    Ok(unsigned(seq.unwrap_or(0)))
}

/// Refuses what is too large for the history.
pub(crate) fn check_size(what: &'static str, json: &str) -> Result<(), StoreError> {
    if json.len() > MAX_EVENT_BYTES {
        return Err(StoreError::TooLarge { what, size: json.len(), limit: MAX_EVENT_BYTES });
    }
    Ok(())
}

impl Tx {
    /// The place of the last entry there ever was.
    pub(crate) fn last_seq(&mut self) -> Result<u64, StoreError> {
        self.effects.last_seq.map_or_else(|| last_seq(&mut self.connection), Ok)
    }

    /// Puts an event on record, and wakes the run that waits for it.
    pub(crate) fn append(&mut self, event: &NewEvent) -> Result<(), StoreError> {
        let data = to_json(&event.data);
        check_size("an event", &data)?;
        let machine = match event.machine {
            Some(machine) => Some(machine),
            None => self.machine_of(event)?,
        };
        self.insert_event(&NewEvent { machine, ..event.clone() }, data)?;
        if let Some(machine) = machine {
            self.wake(machine, &event.kind)?;
        }
        Ok(())
    }

    /// The machine that an event is about which names only a network card: who sends a boot file knows no more.
    fn machine_of(&mut self, event: &NewEvent) -> Result<Option<MachineId>, StoreError> {
        let Some(mac) = event.data.get("mac").and_then(serde_json::Value::as_str).and_then(|mac| mac.parse().ok())
        else {
            return Ok(None);
        };
        machine_of_mac(&mut self.connection, mac)
    }

    /// Puts an event on record whose data is `data`.
    pub(crate) fn insert_event(&mut self, event: &NewEvent, data: String) -> Result<(), StoreError> {
        let seq = query("INSERT INTO events (at, kind, machine, run, actor, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
            .bind(nanos(event.at))
            .bind(event.kind.clone())
            .bind(event.machine.map(|id| id.to_string()))
            .bind(event.run.map(|id| id.to_string()))
            .bind(event.actor.clone())
            .bind(data)
            .insert(&mut self.connection)?;
        self.effects.last_seq = Some(unsigned(seq));
        Ok(())
    }

    /// Puts events on record, each with its data, in their order.
    pub(crate) fn insert_events(&mut self, events: &[(NewEvent, String)]) -> Result<(), StoreError> {
        events.iter().try_for_each(|(event, data)| self.insert_event(event, data.clone()))
    }

    /// Makes the machine's run due if it waits for `kind`: for just that, or for all kinds below a word that
    /// ends with a dot.
    fn wake(&mut self, machine: MachineId, kind: &str) -> Result<(), StoreError> {
        let woken = query(
            "UPDATE runs SET wake_at = ?3, event_woke = 1
             WHERE machine = ?1 AND ended IS NULL AND EXISTS (
                 SELECT 1 FROM json_each(wake_on)
                 WHERE value = ?2 OR (substr(value, -1) = '.' AND substr(?2, 1, length(value)) = value)
             )",
        )
        .bind(machine.to_string())
        .bind(kind.to_owned())
        .bind(nanos(self.now()))
        .execute(&mut self.connection)?;
        self.effects.due |= woken > 0;
        Ok(())
    }

    /// Whether one of `kinds` has happened to the machine after entry `seen`.
    pub(crate) fn happened_after(
        &mut self,
        machine: MachineId,
        seen: u64,
        kinds: &[String],
    ) -> Result<bool, StoreError> {
        if kinds.is_empty() {
            return Ok(false);
        }
        let found: Option<i64> = query_scalar(
            "SELECT 1 FROM events
             WHERE machine = ?1 AND seq > ?2 AND EXISTS (
                 SELECT 1 FROM json_each(?3)
                 WHERE value = kind OR (substr(value, -1) = '.' AND substr(kind, 1, length(value)) = value)
             ) LIMIT 1",
        )
        .bind(machine.to_string())
        .bind(signed(seen))
        .bind(to_json(kinds))
        .fetch_optional(&mut self.connection)?;
        Ok(found.is_some())
    }
}

/// Where events are left that nobody waits for.
pub(crate) struct Recorder {
    queue: mpsc::Sender<NewEvent>,
    dropped: Arc<AtomicU64>,
}

/// The writer's end of it.
pub(crate) struct Recorded {
    queue: mpsc::Receiver<NewEvent>,
    dropped: Arc<AtomicU64>,
    pending: Vec<NewEvent>,
    /// How many of them, and of the dropped, the present transaction has put on record.
    in_transaction: Option<(usize, u64)>,
    /// The last transaction could not take them.
    stuck: bool,
}

impl Recorder {
    pub(crate) fn new() -> (Self, Recorded) {
        let (sender, receiver) = mpsc::channel(RECORDED);
        let dropped = Arc::new(AtomicU64::new(0));
        let recorder = Self { queue: sender, dropped: Arc::clone(&dropped) };
        (recorder, Recorded { queue: receiver, dropped, pending: Vec::new(), in_transaction: None, stuck: false })
    }

    /// Whether the writer has taken everything.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.capacity() == self.queue.max_capacity()
    }

    fn record(&self, event: NewEvent) {
        let fits = check_size("an event", &to_json(&event.data)).is_ok();
        if !fits {
            warn!(event.kind, "an event is too large for the history and is dropped");
        }
        if !fits || self.queue.try_send(event).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Recorded {
    /// Returns when there is something to write, and has been for as long as `gathering`. A write that somebody waits
    /// for may come first, and takes it along.
    pub(crate) async fn wait(&mut self, gathering: Duration) {
        if self.stuck {
            return tokio::time::sleep(RETRY).await;
        }
        match self.queue.recv().await {
            Some(event) => self.pending.push(event),
            None => std::future::pending().await,
        }
        if !gathering.is_zero() {
            tokio::time::sleep(gathering).await;
        }
    }

    /// Takes what has come in.
    pub(crate) fn collect(&mut self) {
        while self.pending.len() < RECORDED_BATCH
            && let Ok(event) = self.queue.try_recv()
        {
            self.pending.push(event);
        }
    }

    pub(crate) fn has_some(&self) -> bool {
        !self.pending.is_empty() || self.dropped.load(Ordering::Relaxed) > 0
    }

    /// Whether the last transaction could not take them.
    pub(crate) fn is_stuck(&self) -> bool {
        self.stuck
    }

    /// Writes them as part of a transaction. They stay until [`Recorded::settled`].
    pub(crate) fn write(&mut self, tx: &mut Tx) -> Result<(), StoreError> {
        self.stuck = true;
        self.in_transaction = None;
        for event in &self.pending {
            tx.append(event)?;
        }
        let dropped = self.dropped.load(Ordering::Relaxed);
        if dropped > 0 {
            let data = serde_json::json!({ "count": dropped });
            let (at, kind) = (tx.now(), DROPPED.to_owned());
            tx.append(&NewEvent { at, kind, machine: None, run: None, actor: "store".to_owned(), data })?;
        }
        self.in_transaction = Some((self.pending.len(), dropped));
        Ok(())
    }

    /// The transaction is durable, and so is what it took of them.
    pub(crate) fn settled(&mut self) {
        let Some((count, dropped)) = self.in_transaction.take() else { return };
        self.stuck = false;
        self.pending.drain(..count);
        self.dropped.fetch_sub(dropped, Ordering::Relaxed);
    }
}
