//! Carries deployments out: looks at each when something happened that concerns it, or when its time comes.
//!
//! What is done next is decided by `lifecycle::decide_deployment`; here is what it is told, and who does it. Everything
//! that is needed after a crash is in the store, so this may be dropped between any two awaits.

mod advance;
mod row;

use crate::App;
use crate::error::ApiResult;
use crate::service::deployment::RETRIED;
use advance::{Looked, Standing, advance};
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;
use store::{Deployments, EventFilter};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use types::event::{Event, kind};
use types::object::Kind;
use types::{Name, ObjectId, RunId, Timestamp, chain};

/// The pause after a look. Of ten thousand machines one ends every few milliseconds, and each look at their deployment
/// reads and writes all of their standings.
const PACE: Duration = Duration::from_millis(200);
/// The pause after which something is tried again that the store could not do.
const RETRY: Duration = Duration::from_secs(2);
/// Entries of the history that are read in one go, and deployments.
const BATCH: usize = 1000;
/// The kinds of event that concern deployments.
const KINDS: [&str; 5] = ["run.succeeded", "run.failed", "run.cancelled", kind::OPERATOR, RETRIED];

/// A deployment that has not ended.
#[derive(Debug, Default)]
struct Open {
    design: Option<Name>,
    /// The runs of its machines at work.
    runs: HashSet<RunId>,
    /// When it goes on by itself.
    next: Option<Timestamp>,
    /// Whether it must be looked at, whatever the time.
    concerned: bool,
    /// Runs that have ended since it was last looked at.
    ended: HashSet<RunId>,
    /// Whether any of its runs may have ended unseen.
    unsure: bool,
}

/// What is known between two looks.
#[derive(Debug, Default)]
struct Watch {
    open: BTreeMap<ObjectId, Open>,
    /// The place in the history up to which everything is known. None before the first look.
    seen: Option<u64>,
}

/// Carries deployments out, until `stop`.
pub async fn run_deployments(app: App, stop: CancellationToken) {
    let work = async {
        let mut happened = app.store.last_seq();
        let mut watch = Watch::default();
        loop {
            let seen = *happened.borrow_and_update();
            let looked = look(&app, &mut watch, seen).await;
            let mut next = watch.next();
            if let Err(error) = looked {
                // Nothing is lost: what was not taken note of is read again.
                warn!(error = %chain(&error), "Deployments cannot be looked at; trying again");
                next = app.now().checked_add(RETRY).ok();
            }
            app.clock.sleep_until(app.now() + PACE).await;
            tokio::select! {
                changed = happened.changed() => if changed.is_err() { return },
                () = sleep_until(&app, next) => {}
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

async fn sleep_until(app: &App, at: Option<Timestamp>) {
    match at {
        Some(at) => app.clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Takes note of what happened up to `seen`, and moves each deployment that it concerns.
async fn look(app: &App, watch: &mut Watch, seen: u64) -> ApiResult<()> {
    match watch.seen {
        None => find_open(app, watch).await?,
        Some(after) => take_note(app, watch, after, seen).await?,
    }
    watch.seen = Some(seen);
    for id in watch.due(app.now()) {
        let open = watch.open.entry(id).or_default();
        let looked = if open.unsure { Looked::All } else { Looked::These(&open.ended) };
        match advance(app, id, looked).await? {
            None => drop(watch.open.remove(&id)),
            Some(Standing { design, runs, next, held_up }) => {
                let retry = held_up.then(|| app.now() + RETRY);
                let next = [next, retry].into_iter().flatten().min();
                *open = Open { design: Some(design), runs, next, unsure: held_up, ..Open::default() };
            }
        }
    }
    Ok(())
}

/// Finds the deployments that have not ended: after a start, anything may have happened to them.
async fn find_open(app: &App, watch: &mut Watch) -> ApiResult<()> {
    let mut after: Option<Name> = None;
    loop {
        let batch = app.store.list::<Deployments>(after.as_ref(), BATCH).await?;
        let Some(last) = batch.last() else { return Ok(()) };
        after = Some(last.name.clone());
        for deployment in batch.iter().filter(|deployment| deployment.status.ended.is_none()) {
            watch.open.insert(deployment.id, Open { concerned: true, unsure: true, ..Open::default() });
        }
    }
}

async fn take_note(app: &App, watch: &mut Watch, mut after: u64, seen: u64) -> ApiResult<()> {
    let kinds = KINDS.map(str::to_owned).to_vec();
    while after < seen {
        let filter = EventFilter {
            after: Some(after),
            before: seen.checked_add(1),
            kinds: kinds.clone(),
            ..EventFilter::default()
        };
        let events = app.store.events(&filter, BATCH).await?;
        events.iter().for_each(|event| watch.note(event));
        match events.last() {
            Some(last) if events.len() == BATCH => after = last.seq,
            _ => return Ok(()),
        }
    }
    Ok(())
}

impl Watch {
    fn note(&mut self, event: &Event) {
        let text = |field: &str| event.data.get(field).and_then(serde_json::Value::as_str);
        let id = text("id").and_then(|id| id.parse::<ObjectId>().ok());
        if event.kind == RETRIED {
            self.concern(id);
        } else if event.kind == kind::OPERATOR {
            match text("kind") {
                Some(of) if of == Kind::Deployment.as_str() => self.concern(id),
                Some(of) if of == Kind::Design.as_str() => self.concern_design(text("name")),
                _ => {}
            }
        } else if let Some(run) = event.run {
            for open in self.open.values_mut().filter(|open| open.runs.contains(&run)) {
                open.concerned = true;
                open.ended.insert(run);
            }
        }
    }

    /// A deployment was made or changed. One that had ended may have begun again.
    fn concern(&mut self, id: Option<ObjectId>) {
        let Some(id) = id else { return };
        let open = self.open.entry(id).or_insert_with(|| Open { unsure: true, ..Open::default() });
        open.concerned = true;
    }

    fn concern_design(&mut self, name: Option<&str>) {
        for open in self.open.values_mut() {
            open.concerned |= open.design.as_ref().map(Name::as_str) == name;
        }
    }

    fn due(&self, now: Timestamp) -> Vec<ObjectId> {
        let is_due = |open: &Open| open.concerned || open.next.is_some_and(|next| next <= now);
        self.open.iter().filter(|(_, open)| is_due(open)).map(|(id, _)| *id).collect()
    }

    fn next(&self) -> Option<Timestamp> {
        self.open.values().filter_map(|open| open.next).min()
    }
}
