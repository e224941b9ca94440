//! The history: read in parts, or followed as it grows.

use crate::App;
use crate::auth::User;
use crate::body::Json;
use crate::error::{ApiError, ApiResult};
use crate::extract::Query;
use crate::redact::redact_event;
use crate::service::{find, object};
use axum::extract::State;
use axum::response::sse::{self, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use http::HeaderMap;
use serde::Deserialize;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use store::{EventFilter, StoreError};
use tokio::sync::watch;
use tokio::time::Instant;
use types::RunId;
use types::event::Event;
use utoipa::IntoParams;
use wire::{Page, Problem};

/// Entries that are read in one go while following.
const BATCH: usize = 500;
/// A stream that has nothing to say says so: shorter than the usual idle limits (60 s) of what may stand between.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A stream ends after so long, and its client comes back: with a token that is still good, or not at all.
const LIFE: Duration = Duration::from_secs(3600);

/// Which entries.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventQuery {
    /// Of the machine with this id or name.
    machine: Option<String>,
    /// Of this run.
    #[param(value_type = Option<String>)]
    run: Option<RunId>,
    /// Whose kinds begin with one of these, separated by commas.
    kind: Option<String>,
    /// After this entry.
    after: Option<u64>,
    /// Before this entry. Without `after`, the newest are given.
    before: Option<u64>,
    /// At most so many; 100 when not given, 1000 at most.
    limit: Option<usize>,
}

impl EventQuery {
    async fn filter(&self, app: &App) -> ApiResult<EventFilter> {
        let machine = match &self.machine {
            Some(machine) => Some(find::machine(app, machine).await?.id.into()),
            None => None,
        };
        if let Some(run) = self.run {
            find::run(app, &run.to_string()).await?;
        }
        let kinds = self.kind.iter().flat_map(|kinds| kinds.split(',')).map(str::trim).filter(|kind| !kind.is_empty());
        Ok(EventFilter {
            machine,
            run: self.run,
            kinds: kinds.map(str::to_owned).collect(),
            after: self.after,
            before: self.before,
        })
    }
}

/// Entries of the history, in order.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "events", operation_id = "list_events",
    params(EventQuery),
    responses((status = 200, body = Page<Event>), (status = "4XX", body = Problem))
)]
pub(crate) async fn list(
    State(app): State<App>,
    _: User,
    Query(query): Query<EventQuery>,
) -> ApiResult<Json<Page<Event>>> {
    let mut filter = query.filter(&app).await?;
    if filter.after.is_none() {
        filter.before = filter.before.or(Some(u64::MAX));
    }
    let limit = object::limit(query.limit)?;
    let items: Vec<Event> = app.store.events(&filter, limit).await?.into_iter().map(redact_event).collect();
    let next = items.last().filter(|_| items.len() == limit).map(|last| last.seq.to_string());
    Ok(Json(Page { items, next }))
}

/// The history as it grows, as server-sent events. Each has its place in the history as id; a client that comes
/// back with `Last-Event-ID` misses nothing. Without it, and without `after`, it begins now.
#[utoipa::path(
    get, path = "/api/v1/events/stream", tag = "events", operation_id = "follow_events",
    params(
        EventQuery,
        ("Last-Event-ID" = Option<u64>, Header, description = "The last entry that was seen; stronger than `after`")
    ),
    responses((status = 200, body = Event, content_type = "text/event-stream"), (status = "4XX", body = Problem))
)]
pub(crate) async fn follow(
    State(app): State<App>,
    _: User,
    Query(query): Query<EventQuery>,
    headers: HeaderMap,
) -> ApiResult<Sse<impl Stream<Item = Result<sse::Event, Infallible>>>> {
    let mut filter = query.filter(&app).await?;
    let last = last_event_id(&headers)?;
    let grown = app.store.last_seq();
    let from = last.or(query.after).unwrap_or_else(|| *grown.borrow());
    filter.after = Some(from);
    filter.before = None;
    let ends = Instant::now() + LIFE;
    let follower = Follower { app, filter, grown, ready: VecDeque::new(), ends };
    let events = stream::unfold(follower, |mut follower| async {
        let event = follower.next().await?;
        Some((Ok(as_sse(&event)), follower))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE).text("")))
}

fn last_event_id(headers: &HeaderMap) -> ApiResult<Option<u64>> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let id = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    let wrong = || ApiError::Query { name: "Last-Event-ID", detail: "give the number of an entry".to_owned() };
    id.map(Some).ok_or_else(wrong)
}

fn as_sse(event: &Event) -> sse::Event {
    let data = serde_json::to_string(event).expect("an event has text keys and plain values");
    sse::Event::default().id(event.seq.to_string()).data(data)
}

/// Reads the history from a place on, and waits at its end.
struct Follower {
    app: App,
    /// `after` is the place up to which everything has been seen.
    filter: EventFilter,
    grown: watch::Receiver<u64>,
    ready: VecDeque<Event>,
    ends: Instant,
}

impl Follower {
    /// The next entry. None when the stream has lived its time, or the server stops or cannot read any more: the
    /// client comes back.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let shutdown = self.app.shutdown.clone();
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return None,
                () = tokio::time::sleep_until(self.ends) => return None,
                read = self.read() => read.ok()?,
            }
        }
    }

    /// Reads what is there. Waits when there is nothing new of any kind, wanted or not.
    async fn read(&mut self) -> Result<(), StoreError> {
        let seen = self.filter.after.unwrap_or(0);
        let stopped = |_| StoreError::Unavailable("the store is closed".to_owned());
        let upto = *self.grown.wait_for(|last| *last > seen).await.map_err(stopped)?;
        let events = self.app.store.events(&self.filter, BATCH).await?;
        let read_all = events.len() < BATCH;
        let last = events.last().map_or(seen, |last| last.seq);
        // Entries that are not wanted are passed over for good, so that the wait is for what is new.
        self.filter.after = Some(if read_all { last.max(upto) } else { last });
        self.ready.extend(events.into_iter().map(redact_event));
        Ok(())
    }
}
