//! Power: states can be asked for twice, restarts cannot.

use super::{Connection, quirks_of};
use crate::change::{Change, Found, bring_about, wait_for_task};
use crate::looks::Looks;
use crate::{BmcError, PowerAction, PowerState};
use async_trait::async_trait;
use redfish::{Effect, ResetType, System, TaskError};
use types::How;

/// Carries out `action`.
pub(super) async fn switch(bmc: &Connection, action: PowerAction) -> Result<How, BmcError> {
    match action {
        PowerAction::On => bring_about(bmc, &ON).await,
        PowerAction::ForceOff => bring_about(bmc, &OFF).await,
        PowerAction::GracefulShutdown => ask_to_shut_down(bmc).await,
        PowerAction::ForceRestart => restart(bmc, ResetType::ForceRestart).await,
        PowerAction::PowerCycle => power_cycle(bmc).await,
    }
}

const ON: Power = Power { wanted: PowerState::On, kinds: &[ResetType::On, ResetType::ForceOn] };
const OFF: Power = Power { wanted: PowerState::Off, kinds: &[ResetType::ForceOff] };

struct Power {
    wanted: PowerState,
    kinds: &'static [ResetType],
}

#[async_trait]
impl Change for Power {
    type Seen = System;

    fn subject(&self) -> &'static str {
        "the power state"
    }

    fn wanted(&self) -> String {
        self.wanted.to_string()
    }

    async fn look(&self, bmc: &Connection) -> Result<System, BmcError> {
        Ok(bmc.system().await?)
    }

    fn judge(&self, seen: &System) -> Found {
        let state = seen.power_state();
        if state == self.wanted { Found::AsWanted } else { Found::Instead(state.to_string()) }
    }

    async fn write(&self, bmc: &Connection, seen: &System) -> Result<Effect, BmcError> {
        Ok(bmc.service.reset(seen, self.kinds).await?)
    }
}

async fn ask_to_shut_down(bmc: &Connection) -> Result<How, BmcError> {
    let system = bmc.system().await?;
    if system.power_state() == PowerState::Off {
        return Ok(How::AlreadySo);
    }
    bmc.service.reset(&system, &[ResetType::GracefulShutdown]).await?;
    Ok(How::Changed)
}

/// Off and on in two steps where the BMC has no such reset (HPE iLO 5, Lenovo XCC).
async fn power_cycle(bmc: &Connection) -> Result<How, BmcError> {
    let system = bmc.system().await?;
    let offered = bmc.service.reset_types(&system).await?;
    if offered.is_none_or(|offered| offered.iter().any(|kind| kind == ResetType::PowerCycle.as_str())) {
        return restart(bmc, ResetType::PowerCycle).await;
    }
    bring_about(bmc, &OFF).await?;
    bring_about(bmc, &ON).await
}

/// Restarts once. A restart leaves the power state as it was, so the proof is the time of the last reset,
/// where the BMC keeps one.
async fn restart(bmc: &Connection, kind: ResetType) -> Result<How, BmcError> {
    let before = bmc.system().await?;
    if before.power_state() == PowerState::Off {
        return bring_about(bmc, &ON).await;
    }
    match ask_to_restart(bmc, &before, kind).await? {
        Asked::Restarted(seen) => wait_until_on(bmc, seen).await.map_err(unproven),
        Asked::InVain => {
            let found = before.last_reset().unwrap_or("none").to_owned();
            Err(BmcError::NotApplied { change: "a restart", wanted: "now".to_owned(), found })
        }
    }
}

/// What came of asking for a restart.
enum Asked {
    /// It happened, as this shows where anything does.
    Restarted(Option<System>),
    /// It provably did not happen.
    InVain,
}

async fn ask_to_restart(bmc: &Connection, before: &System, kind: ResetType) -> Result<Asked, BmcError> {
    let proves_resets = quirks_of(before).proves_resets();
    let unknown = match bmc.service.reset(before, &[kind]).await.map_err(BmcError::from) {
        Err(error) if !error.effect_is_unknown() => return Err(error),
        Err(error) => Some(error),
        Ok(Effect::Task(task)) => {
            wait_for_task(bmc, &task).await.map_err(unproven)?;
            None
        }
        Ok(Effect::Done | Effect::Accepted) => None,
    };
    if unknown.is_none() && !proves_resets {
        return Ok(Asked::Restarted(None));
    }
    match (find_proof(bmc, before).await?, unknown) {
        (Some(seen), _) => Ok(Asked::Restarted(Some(seen))),
        (None, Some(error)) if !proves_resets => Err(error),
        (None, _) => Ok(Asked::InVain),
    }
}

/// Looks for a sign of the restart. A look that fails says nothing; only when the last one fails is that the answer.
async fn find_proof(bmc: &Connection, before: &System) -> Result<Option<System>, BmcError> {
    let looks = Looks::new(bmc.limits.settle, bmc.limits.look_every);
    loop {
        let failure = match bmc.system().await {
            Ok(now) if now.last_reset().is_some() && now.last_reset() != before.last_reset() => return Ok(Some(now)),
            Ok(_) => None,
            Err(error) => Some(error),
        };
        if !looks.another().await {
            return failure.map_or(Ok(None), |error| Err(unproven(error.into())));
        }
    }
}

/// Says of an error that came after the restart was sent that the restart may have happened.
fn unproven(error: BmcError) -> BmcError {
    match error {
        BmcError::NotApplied { .. } | BmcError::Task(TaskError::Failed { .. }) => error,
        error if error.effect_is_unknown() => error,
        error => BmcError::Unproven { change: "a restart", source: Box::new(error) },
    }
}

async fn wait_until_on(bmc: &Connection, mut seen: Option<System>) -> Result<How, BmcError> {
    let looks = Looks::new(bmc.limits.settle, bmc.limits.look_every);
    loop {
        let system = match seen.take() {
            Some(system) => system,
            None => bmc.system().await?,
        };
        let state = system.power_state();
        if state == PowerState::On {
            return Ok(How::Changed);
        }
        if !looks.another().await {
            let (wanted, found) = (PowerState::On.to_string(), state.to_string());
            return Err(BmcError::NotApplied { change: "the power state", wanted, found });
        }
    }
}
