//! `agent.wipe`: the machine's disks are empty, and it was read back.

use crate::StepCatalogue;
use crate::write_image::protection_param;
use serde::Deserialize;
use types::agent::{ReadBack, WipeDisks, WipeMethod, Work};
use types::disk::{DiskProtection, DiskSelector};
use workflow::{StepCx, StepResult};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// Which disk; every disk that is not protected, when left out.
    #[serde(default)]
    disk: Option<DiskSelector>,
    /// What must not be touched, besides what parameter `protected_disks` names.
    #[serde(default)]
    protect: DiskProtection,
    /// How.
    #[serde(default)]
    method: WipeMethod,
    /// How much is read back.
    #[serde(default)]
    read_back: ReadBack,
}

pub(crate) async fn look(catalogue: &StepCatalogue, cx: &mut StepCx<'_>) -> StepResult {
    let Arguments { disk, protect, method, read_back } = cx.arguments()?;
    let protect = protect.and(protection_param(cx)?);
    let machine = catalogue.machine(cx).await?;
    catalogue.order_once(cx, &machine, Work::Wipe(WipeDisks { disk, protect, method, read_back })).await
}
