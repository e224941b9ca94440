//! `agent.health_check`: CPU, memory, disks and network are fit.

use crate::StepCatalogue;
use serde::Deserialize;
use types::agent::{HealthLimits, Work};
use workflow::{StepCx, StepResult};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// What the machine must have.
    #[serde(default)]
    limits: HealthLimits,
}

pub(crate) async fn look(catalogue: &StepCatalogue, cx: &mut StepCx<'_>) -> StepResult {
    let Arguments { limits } = cx.arguments()?;
    let machine = catalogue.machine(cx).await?;
    catalogue.order(cx, &machine, Work::HealthCheck(limits)).await
}
