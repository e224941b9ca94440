//! Look, act, look again: the one way in which anything is changed through a BMC.

use crate::BmcError;
use crate::looks::Looks;
use crate::redfish_bmc::Connection;
use async_trait::async_trait;
use redfish::{Effect, TaskError};
use std::time::Duration;
use types::How;

/// How often a change that does not show is written in all. Only changes that are the same when made twice
/// come here, so a second write never does more than the first.
const WRITES: u32 = 3;

/// What a look found.
pub(crate) enum Found {
    /// It is as wanted.
    AsWanted,
    /// It is not; this is what there is instead.
    Instead(String),
}

/// A state to bring about that may be asked for twice.
#[async_trait]
pub(crate) trait Change: Send + Sync {
    /// What a look reads.
    type Seen: Send + Sync;
    /// What is changed, for errors.
    fn subject(&self) -> &'static str;
    /// What it is to become, for errors.
    fn wanted(&self) -> String;
    /// Reads the present state.
    async fn look(&self, bmc: &Connection) -> Result<Self::Seen, BmcError>;
    /// Whether that is as wanted.
    fn judge(&self, seen: &Self::Seen) -> Found;
    /// Asks the BMC for the change, once, of what was seen last.
    async fn write(&self, bmc: &Connection, seen: &Self::Seen) -> Result<Effect, BmcError>;
}

/// Makes `change` so, and proves it by reading.
///
/// The answer to a write only says where to look next: a refusal may mean "already so", a lost answer may
/// hide a success, and a success may be forgotten.
pub(crate) async fn bring_about<C: Change>(bmc: &Connection, change: &C) -> Result<How, BmcError> {
    let seen = change.look(bmc).await?;
    bring_about_from(bmc, change, seen).await
}

/// As [`bring_about`], for a caller who has just looked.
pub(crate) async fn bring_about_from<C: Change>(
    bmc: &Connection,
    change: &C,
    mut seen: C::Seen,
) -> Result<How, BmcError> {
    let mut found = match change.judge(&seen) {
        Found::AsWanted => return Ok(How::AlreadySo),
        Found::Instead(found) => found,
    };
    let mut refusal = None;
    for write in 1..=WRITES {
        let task = match change.write(bmc, &seen).await {
            Ok(Effect::Task(task)) => Some(task),
            Ok(Effect::Done | Effect::Accepted) => None,
            Err(error) if error.effect_is_unknown() || error.is_conflict() => {
                refusal = Some(error);
                None
            }
            Err(error) => return Err(error),
        };
        seen = wait_until_shown(bmc, change, task.as_deref()).await?;
        match change.judge(&seen) {
            Found::AsWanted => return Ok(How::Changed),
            Found::Instead(instead) => found = instead,
        }
        if refusal.as_ref().is_some_and(BmcError::is_conflict) {
            break;
        }
        tracing::info!(subject = change.subject(), write, "BMC does not show a change that was asked for");
    }
    Err(refusal.unwrap_or_else(|| BmcError::NotApplied { change: change.subject(), wanted: change.wanted(), found }))
}

/// Looks until the change shows, or the time for it is over. That time begins when no task works on it any more.
/// A look that fails says nothing; only when the last one fails is that the answer.
async fn wait_until_shown<C: Change>(bmc: &Connection, change: &C, task: Option<&str>) -> Result<C::Seen, BmcError> {
    let mut looks = Looks::new(bmc.limits.settle, bmc.limits.look_every);
    let mut working = task;
    loop {
        let looked = match change.look(bmc).await {
            Ok(seen) if matches!(change.judge(&seen), Found::AsWanted) => return Ok(seen),
            Err(error) if !error.class().is_worth_retrying() => return Err(error),
            looked => looked,
        };
        if let Some(task) = working {
            if is_working(bmc, task).await? {
                tokio::time::sleep(bmc.limits.look_every).await;
            } else {
                working = None;
                looks = Looks::new(bmc.limits.settle, bmc.limits.look_every);
            }
        } else if !looks.another().await {
            return looked;
        }
    }
}

/// Waits until the BMC does not work on `task` any more; the operation's budget is the limit.
pub(crate) async fn wait_for_task(bmc: &Connection, task: &str) -> Result<(), BmcError> {
    while is_working(bmc, task).await? {
        tokio::time::sleep(bmc.limits.look_every).await;
    }
    Ok(())
}

/// Whether the BMC is still at it. Only a task that says that it failed is an error: what counts is what shows.
async fn is_working(bmc: &Connection, task: &str) -> Result<bool, BmcError> {
    match bmc.service.await_task(task, Duration::ZERO).await {
        Err(TaskError::Unfinished { .. }) => Ok(true),
        Ok(()) | Err(TaskError::Vanished { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
