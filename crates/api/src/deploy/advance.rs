//! One look at a deployment: what has become of its runs, what follows, and that done.

use crate::App;
use crate::deploy::row::{Beginning, Reservations, begin};
use crate::error::{ApiError, ApiResult};
use futures_util::StreamExt as _;
use futures_util::stream;
use lifecycle::{DeployedRun, DeploymentFacts, decide_deployment, refuse_deployed};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use store::{Deployments, Selector};
use types::design::{DeployedMachine, DeploymentState, DeploymentStatus};
use types::event::NewEvent;
use types::{MachineId, Name, ObjectId, RunId, Timestamp};
use wire::Deployment;
use workflow::{Command, Run, RunState};

/// Machines that are begun side by side: their writes share flushes to disk.
const SIDE_BY_SIDE: usize = 16;

/// Whose runs are looked at.
#[derive(Clone, Copy)]
pub(super) enum Looked<'a> {
    /// Of all machines at work.
    All,
    /// These, which have ended.
    These(&'a HashSet<RunId>),
}

/// Where a deployment stands after a look.
pub(super) struct Standing {
    pub(super) design: Name,
    /// The runs of its machines at work.
    pub(super) runs: HashSet<RunId>,
    /// When it goes on by itself.
    pub(super) next: Option<Timestamp>,
    /// Whether something could not be done now that can be done later.
    pub(super) held_up: bool,
}

/// What became of a machine whose turn it was.
enum Begun {
    Yes(MachineId),
    Refused(String),
    /// The server cannot do it now.
    Later,
}

/// Moves a deployment as far as it goes now. None when it has ended or is gone.
pub(super) async fn advance(app: &App, id: ObjectId, mut looked: Looked<'_>) -> ApiResult<Option<Standing>> {
    let none = HashSet::new();
    loop {
        let Some(deployment) = app.store.find::<Deployments>(&Selector::Id(id)).await? else { return Ok(None) };
        if deployment.status.ended.is_some() {
            return Ok(None);
        }
        let site = app.sites.current().await?;
        let facts = DeploymentFacts {
            id,
            spec: &deployment.spec,
            status: &deployment.status,
            design: site.designs.get(&deployment.spec.design),
            runs: &look_at_runs(app, &deployment.status, looked).await?,
            now: app.now(),
        };
        let decision = decide_deployment(facts);
        if !put_on_record(app, &deployment, &decision.status).await? {
            // Somebody gave machines another try meanwhile.
            continue;
        }
        tell(app, &deployment, &decision.status).await?;
        cancel(app, &deployment, &decision.status, &decision.cancel).await?;
        let deployment = Deployment { status: decision.status, ..deployment };
        let begun = begin_all(app, &deployment, &decision.begin).await?;
        let held_up = begun.iter().any(|(_, begun)| matches!(begun, Begun::Later));
        let refused = begun.iter().any(|(_, begun)| matches!(begun, Begun::Refused(_)));
        if !begun.is_empty() {
            record_begun(app, &deployment, begun).await?;
        }
        if refused {
            // Others may have their turn instead.
            looked = Looked::These(&none);
            continue;
        }
        if deployment.status.ended.is_some() {
            return Ok(None);
        }
        let runs = at_work(&deployment.status).filter_map(|(_, machine)| machine.run).collect();
        return Ok(Some(Standing { design: deployment.spec.design, runs, next: deployment.status.next, held_up }));
    }
}

fn at_work(status: &DeploymentStatus) -> impl Iterator<Item = (&Name, &DeployedMachine)> {
    status.machines.iter().filter(|(_, machine)| machine.state == DeploymentState::Processing)
}

async fn look_at_runs(
    app: &App,
    status: &DeploymentStatus,
    looked: Looked<'_>,
) -> ApiResult<BTreeMap<Name, DeployedRun>> {
    let mut runs = BTreeMap::new();
    for (name, machine) in at_work(status) {
        let Some(id) = machine.run else { continue };
        let is_wanted = match looked {
            Looked::All => true,
            Looked::These(ended) => ended.contains(&id),
        };
        if is_wanted {
            let run = app.store.run(id).await?;
            runs.insert(name.clone(), run.map_or(DeployedRun::Missing, |run| standing(&run)));
        }
    }
    Ok(runs)
}

fn standing(run: &Run) -> DeployedRun {
    let ended = run.ended.unwrap_or(run.created);
    match run.state() {
        RunState::Succeeded => DeployedRun::Succeeded(ended),
        RunState::Failed => {
            let reason = run.failure.as_ref().map(|failure| format!("{}: {}", failure.stage, failure.reason));
            DeployedRun::Failed(ended, reason.unwrap_or_else(|| "its run failed".to_owned()))
        }
        RunState::Cancelled => DeployedRun::Failed(ended, "its run was cancelled".to_owned()),
        RunState::Queued | RunState::Running | RunState::Waiting | RunState::Paused => DeployedRun::Active,
    }
}

/// Stores the status, if it is still the one that the decision was made on.
async fn put_on_record(app: &App, before: &Deployment, status: &DeploymentStatus) -> ApiResult<bool> {
    if *status == before.status {
        return Ok(true);
    }
    let (expected, wanted) = (before.status.clone(), status.clone());
    let stored = Arc::new(AtomicBool::new(false));
    let is_stored = Arc::clone(&stored);
    let change = move |status: &mut DeploymentStatus| {
        if *status == expected {
            *status = wanted;
            is_stored.store(true, Ordering::Relaxed);
        }
    };
    app.store.update_status::<Deployments>(before.id, change).await?;
    Ok(stored.load(Ordering::Relaxed))
}

/// Puts what became of a deployment on record.
async fn tell(app: &App, before: &Deployment, status: &DeploymentStatus) -> ApiResult<()> {
    let shown = |status: &DeploymentStatus| (status.state, status.reason.clone(), status.counts);
    let kind = match status.ended {
        Some(_) => "deployment.ended",
        None if before.status.started.is_none() && status.started.is_some() => "deployment.began",
        None if shown(&before.status) != shown(status) => "deployment.changed",
        None => return Ok(()),
    };
    let DeploymentStatus { state, counts, reason, .. } = status;
    let data = json!({"deployment": before.name, "state": state, "counts": counts, "reason": reason});
    append(app, vec![event(app, before, kind, data)]).await
}

fn event(app: &App, deployment: &Deployment, kind: &str, data: Value) -> NewEvent {
    NewEvent { at: app.now(), kind: kind.to_owned(), machine: None, run: None, actor: actor(deployment), data }
}

async fn append(app: &App, events: Vec<NewEvent>) -> ApiResult<()> {
    if !events.is_empty() {
        app.store.append(events).await?;
    }
    Ok(())
}

/// As the history names the deployment.
fn actor(deployment: &Deployment) -> String {
    format!("deployment {}", deployment.name)
}

async fn cancel(app: &App, deployment: &Deployment, status: &DeploymentStatus, rows: &[Name]) -> ApiResult<()> {
    for run in rows.iter().filter_map(|row| status.machines.get(row)?.run) {
        let reason = "the deployment was cancelled".to_owned();
        match app.store.push_command(run, Command::Cancel { reason }, &actor(deployment)).await {
            // It is on its way to its end already, or was never started.
            Ok(()) | Err(store::PushCommandError::Refused(_) | store::PushCommandError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

async fn begin_all(app: &App, deployment: &Deployment, rows: &[Name]) -> ApiResult<Vec<(Name, Begun)>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let (reservations, actor) = (Reservations::load(app).await?, actor(deployment));
    let begun = stream::iter(rows.to_vec()).map(|row| {
        let (reservations, actor) = (&reservations, &actor);
        async move {
            let run = deployment.status.machines.get(&row).and_then(|machine| machine.run);
            let Some(run) = run else { return (row, Begun::Refused("it has no run".to_owned())) };
            let beginning = Beginning { spec: &deployment.spec, row: &row, run, reservations, actor };
            let begun = outcome(begin(app, beginning).await);
            (row, begun)
        }
    });
    Ok(begun.buffer_unordered(SIDE_BY_SIDE).collect().await)
}

fn outcome(begun: ApiResult<MachineId>) -> Begun {
    match begun {
        Ok(machine) => Begun::Yes(machine),
        Err(error) if error.is_passing() => Begun::Later,
        Err(error) => {
            if matches!(error, ApiError::Fault { .. }) {
                tracing::error!(error = %types::chain(&error), "A machine of a deployment cannot begin");
            }
            Begun::Refused(error.problem().detail)
        }
    }
}

/// Records which machines were begun, and why others were not.
async fn record_begun(app: &App, deployment: &Deployment, begun: Vec<(Name, Begun)>) -> ApiResult<()> {
    let refusals = begun.iter().filter_map(|(row, begun)| match begun {
        Begun::Refused(reason) => {
            let data = json!({"deployment": deployment.name, "row": row, "reason": reason});
            Some(event(app, deployment, "deployment.refused", data))
        }
        Begun::Yes(_) | Begun::Later => None,
    });
    append(app, refusals.collect()).await?;
    let (now, runs) = (app.now(), deployment.status.machines.clone());
    let change = move |status: &mut DeploymentStatus| {
        for (row, begun) in begun {
            let Some(run) = runs.get(&row).and_then(|machine| machine.run) else { continue };
            match begun {
                Begun::Yes(id) => {
                    let machine = status.machines.get_mut(&row).filter(|machine| machine.run == Some(run));
                    machine.into_iter().for_each(|machine| machine.machine = Some(id));
                }
                Begun::Refused(reason) => refuse_deployed(status, &row, run, reason, now),
                Begun::Later => {}
            }
        }
    };
    app.store.update_status::<Deployments>(deployment.id, change).await?;
    Ok(())
}
