//! What operators tell deployments.

use crate::App;
use crate::auth::User;
use crate::error::{ApiError, ApiResult};
use crate::service::find;
use lifecycle::retry_failed;
use serde_json::json;
use store::{Deployments, StoreError};
use types::design::{DeploymentSpec, DeploymentStatus};
use types::event::NewEvent;
use wire::{Deployment, DeploymentCommand};

/// The kind of event that says that machines of a deployment are to be tried again. Data: deployment, id.
pub(crate) const RETRIED: &str = "deployment.retried";
/// How often a change is tried again that somebody else's came before.
const TRIES: usize = 10;

/// Gives a command to a deployment. It is carried out as soon as the deployment is looked at.
pub(crate) async fn command(app: &App, user: &User, named: &str, command: DeploymentCommand) -> ApiResult<Deployment> {
    let found = find::object::<Deployments>(app, named).await?;
    let is_over = found.status.ended.is_some();
    match command {
        DeploymentCommand::RetryFailed => retry(app, user, found).await,
        _ if is_over => Err(ApiError::DeploymentOver { name: found.name }),
        DeploymentCommand::Pause => wish(app, user, found, |spec| spec.paused = true).await,
        DeploymentCommand::Resume => wish(app, user, found, |spec| spec.paused = false).await,
        DeploymentCommand::Cancel => wish(app, user, found, |spec| spec.cancelled = true).await,
    }
}

async fn wish(
    app: &App,
    user: &User,
    mut found: Deployment,
    change: impl Fn(&mut DeploymentSpec),
) -> ApiResult<Deployment> {
    for _ in 0..TRIES {
        change(&mut found.spec);
        match app.store.update::<Deployments>(found.id, found.version, found.spec, &user.actor()).await {
            Err(StoreError::Stale { .. }) => found = find::object::<Deployments>(app, &found.id.to_string()).await?,
            answer => return Ok(answer?),
        }
    }
    Err(StoreError::Stale { current: found.version }.into())
}

async fn retry(app: &App, user: &User, found: Deployment) -> ApiResult<Deployment> {
    if found.spec.cancelled {
        return Err(ApiError::DeploymentOver { name: found.name });
    }
    if found.status.counts.failed == 0 {
        return Err(ApiError::NothingFailed { name: found.name });
    }
    let again = |status: &mut DeploymentStatus| {
        retry_failed(status);
    };
    let changed = app.store.update_status::<Deployments>(found.id, again).await?;
    let data = json!({"deployment": changed.name, "id": changed.id});
    let (at, kind, actor) = (app.now(), RETRIED.to_owned(), user.actor());
    // Whoever deploys learns of it by this.
    app.store.append(vec![NewEvent { at, kind, machine: None, run: None, actor, data }]).await?;
    Ok(changed)
}
