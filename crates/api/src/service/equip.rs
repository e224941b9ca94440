//! What an order needs that must not be stored with it: secrets of its own.

use crate::App;
use crate::error::ApiResult;
use jiff::SignedDuration;
use store::Grant;
use types::MachineId;
use types::agent::{CallHomeConfig, TaskOrder, Work};

/// How long an installed system may take to call home: a day, for a server that waits for somebody to plug it in.
const CALL_HOME_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// Adds to an order what is made only when it is given out. An order that is given out again gets a token of its
/// own; each is good for calling home and nothing else.
pub(crate) async fn equip(app: &App, machine: MachineId, order: TaskOrder) -> ApiResult<TaskOrder> {
    let TaskOrder { id, work: Work::Configure(mut setup) } = order else { return Ok(order) };
    if let Some(task) = app.store.task(id).await? {
        let expires = app.now().checked_add(CALL_HOME_LIFETIME).ok();
        let token = app.store.issue_token(Grant::CallHome { machine, run: task.run }, expires).await?;
        setup.call_home = Some(CallHomeConfig { server: app.machine_url.clone(), token });
    }
    Ok(TaskOrder { id, work: Work::Configure(setup) })
}
