//! Until when a server was there, and what the next one does about the time between.
//!
//! While a server serves it says so every few seconds, and whenever it claims runs. The first time that it does, it
//! moves what lies ahead of every open run by the time that nobody was there, in the transaction that says that it
//! is there now. So each absence counts once, whatever happens to the server that comes after it, and before that
//! server works on any run.

use crate::column::{nanos, timestamp, to_json};
use crate::run_row::{SELECT_RUNS, read_run};
use crate::sql::{Row, query, query_scalar};
use crate::writer::Tx;
use crate::{Store, StoreError};
use jiff::SignedDuration;
use tracing::{error, info};
use types::Timestamp;
use types::event::NewEvent;
use uuid::Uuid;
use workflow::{RUN_FORMAT, Run, RunEvent};

/// How often a server says that it is there. What it served after its last word counts as time without a server.
pub const ATTEND_EVERY: SignedDuration = SignedDuration::from_secs(5);
/// A shorter absence is not worth an entry in the history of every open run.
const WORTH_TELLING: SignedDuration = SignedDuration::from_secs(1);

impl Store {
    /// Puts on record that a server is there now.
    pub async fn attend(&self) -> Result<(), StoreError> {
        self.write(Tx::attend).await
    }
}

/// The last word of a server.
struct LastWord {
    at: Timestamp,
    /// Which server: each that opens the store is another one.
    by: Uuid,
}

impl LastWord {
    fn read(value: &str) -> Option<Self> {
        let (at, by) = value.split_once(' ')?;
        Some(Self { at: timestamp(at.parse().ok()?), by: by.parse().ok()? })
    }
}

impl Tx {
    /// Puts on record that this server is there now. When another one was the last to say so, its runs are taken over.
    pub(crate) fn attend(&mut self) -> Result<(), StoreError> {
        let now = self.now();
        if let Some(last) = self.last_word()?
            && last.by != self.server
            && now.duration_since(last.at).abs() >= WORTH_TELLING
        {
            self.pass_over(last.at, now)?;
        }
        query("INSERT OR REPLACE INTO meta (key, value) VALUES ('attended', ?1)")
            .bind(format!("{} {}", nanos(now), self.server))
            .execute(&mut self.connection)?;
        Ok(())
    }

    fn last_word(&mut self) -> Result<Option<LastWord>, StoreError> {
        let value: Option<String> =
            query_scalar("SELECT value FROM meta WHERE key = 'attended'").fetch_optional(&mut self.connection)?;
        Ok(value.and_then(|value| {
            let word = LastWord::read(&value);
            if word.is_none() {
                error!(value, "the record of the last server's attendance cannot be read; its absence counts");
            }
            word
        }))
    }

    fn pass_over(&mut self, from: Timestamp, to: Timestamp) -> Result<(), StoreError> {
        let away = to.duration_since(from);
        let rows = query(format!("{SELECT_RUNS} WHERE r.ended IS NULL AND r.format <= ?1"))
            .bind(i64::from(RUN_FORMAT))
            .fetch_all(&mut self.connection)?;
        info!(%from, %to, runs = rows.len(), "no server was there for {away:#}: it does not count against open runs");
        for row in &rows {
            self.pass_over_run(row, from, to)?;
        }
        if away.is_negative() {
            self.bring_forward(away)?;
        }
        Ok(())
    }

    fn pass_over_run(&mut self, row: &Row, from: Timestamp, to: Timestamp) -> Result<(), StoreError> {
        let mut run = match read_run(row) {
            Ok(run) => run,
            Err(unreadable) => {
                let id: String = row.get("id")?;
                error!(run.id = id, error = %unreadable, "run {id} cannot be read; its deadlines stay as they are");
                return Ok(());
            }
        };
        let Some(event) = run.left_alone(from, to) else { return Ok(()) };
        run.apply(&event, to);
        self.record_absence(&run, &event, to)?;
        self.save_run_doc(run.id, to_json(&run))
    }

    fn record_absence(&mut self, run: &Run, event: &RunEvent, at: Timestamp) -> Result<(), StoreError> {
        let entry = NewEvent {
            at,
            kind: event.kind().to_owned(),
            machine: Some(run.machine),
            run: Some(run.id),
            actor: "engine".to_owned(),
            data: serde_json::Value::Null,
        };
        self.insert_event(&entry, to_json(event))
    }

    /// Runs that sleep until a time of the old clock sleep as long by the new one.
    fn bring_forward(&mut self, away: SignedDuration) -> Result<(), StoreError> {
        query("UPDATE runs SET wake_at = wake_at + ?1 WHERE ended IS NULL AND wake_at IS NOT NULL")
            .bind(i64::try_from(away.as_nanos()).unwrap_or(i64::MIN))
            .execute(&mut self.connection)?;
        Ok(())
    }
}
