//! Finding what a path names, by id or by name.

use crate::App;
use crate::error::{ApiError, ApiResult};
use store::{EventFilter, Machine, Machines, ObjectKind, Selector};
use types::RunId;
use types::event::Event;
use types::object::Object;
use workflow::Run;

/// The object, or a 404 that says what was looked for.
pub(crate) async fn object<K: ObjectKind>(app: &App, named: &str) -> ApiResult<Object<K::Spec, K::Status>> {
    let selector: Selector = named.parse().unwrap_or_else(|never: std::convert::Infallible| match never {});
    let found = app.store.find::<K>(&selector).await?;
    found.ok_or_else(|| ApiError::NotFound { what: K::KIND.words(), id: shown(named) })
}

/// The machine, or a 404.
pub(crate) async fn machine(app: &App, named: &str) -> ApiResult<Machine> {
    object::<Machines>(app, named).await
}

/// The run, or a 404.
pub(crate) async fn run(app: &App, id: &str) -> ApiResult<Run> {
    let missing = || ApiError::NotFound { what: "run", id: shown(id) };
    let id: RunId = id.parse().map_err(|_| missing())?;
    app.store.run(id).await?.ok_or_else(missing)
}

/// The newest entry of the history that the filter lets through.
pub(crate) async fn newest_event(app: &App, filter: EventFilter) -> ApiResult<Option<Event>> {
    let filter = EventFilter { after: None, before: Some(u64::MAX), ..filter };
    Ok(app.store.events(&filter, 1).await?.pop())
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}
