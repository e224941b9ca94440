//! Runs as operators see them.

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::redact::redact;
use crate::service::find;
use std::collections::HashMap;
use store::{EventFilter, Machines, RunFilter, Selector, TaskState};
use types::{MachineId, Name, RunId, TaskId};
use wire::{Page, RunView, TaskView};
use workflow::Run;

/// One run.
pub(crate) async fn view(app: &App, run: &Run) -> ApiResult<RunView> {
    let name = machine_name(app, run.machine).await?;
    view_named(app, run, name).await
}

async fn view_named(app: &App, run: &Run, name: Option<Name>) -> ApiResult<RunView> {
    let task = task(app, run).await?;
    let mut view = RunView::of(run, name, task, app.now());
    redact(&mut view.params);
    Ok(view)
}

async fn machine_name(app: &App, machine: MachineId) -> ApiResult<Option<Name>> {
    let found = app.store.find::<Machines>(&Selector::Id(machine.into())).await?;
    Ok(found.map(|machine| machine.name))
}

/// What the machine's agent does for the run now: the last order that the history names, if it is not done.
async fn task(app: &App, run: &Run) -> ApiResult<Option<TaskView>> {
    if run.current_step().is_none() {
        return Ok(None);
    }
    let filter = EventFilter { run: Some(run.id), kinds: vec!["task.".to_owned()], ..EventFilter::default() };
    let newest = find::newest_event(app, filter).await?;
    let named = newest.and_then(|event| event.data.get("task")?.as_str()?.parse::<TaskId>().ok());
    let Some(id) = named else { return Ok(None) };
    let Some(row) = app.store.task(id).await? else { return Ok(None) };
    let at_work = matches!(row.state, TaskState::Started { .. }) && !row.withdrawn;
    Ok(at_work.then_some(TaskView { id, progress: row.progress }))
}

/// A part of the runs, newest first.
pub(crate) async fn list(
    app: &App,
    filter: &RunFilter,
    after: Option<RunId>,
    limit: usize,
) -> ApiResult<Page<RunView>> {
    if let Some(after) = after
        && app.store.run(after).await?.is_none()
    {
        return Err(ApiError::Query { name: "after", detail: format!("there is no run {after}") });
    }
    let runs = app.store.list_runs(filter, after, limit + 1).await?;
    let more = runs.len() > limit;
    let mut names: HashMap<MachineId, Option<Name>> = HashMap::new();
    let mut items = Vec::with_capacity(runs.len());
    for run in runs.iter().take(limit) {
        let name = match names.get(&run.machine) {
            Some(name) => name.clone(),
            None => {
                let name = machine_name(app, run.machine).await?;
                names.insert(run.machine, name.clone());
                name
            }
        };
        items.push(view_named(app, run, name).await?);
    }
    let next = items.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(Page { items, next })
}
