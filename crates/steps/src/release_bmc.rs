//! `bmc.release`: the run gives back what it took of the machine's BMC and boot.

use crate::problem::{BmcProblem, StoreProblem};
use crate::{NoArguments, StepCatalogue};
use bmc::BootOverride;
use types::How;
use workflow::{StepCx, StepOutcome, StepResult};

pub(crate) async fn look(catalogue: &StepCatalogue, cx: &mut StepCx<'_>) -> StepResult {
    let NoArguments {} = cx.arguments()?;
    let machine = catalogue.machine(cx).await?;
    let mut how = How::AlreadySo;
    if machine.status.wanted_env.is_some() {
        let unset = catalogue.store.set_wanted_env(cx.lease(), cx.run().machine, None).await;
        unset.or_problem("recording that the machine boots from its disk")?;
        how = How::Changed;
    }
    let Some(bmc) = catalogue.find_bmc(&machine).await? else {
        return Ok(StepOutcome::done(how));
    };
    let cleared = bmc.set_boot_override(&BootOverride::disabled()).await.or_problem("clearing the boot override")?;
    let ejected = bmc.eject_media().await.or_problem("ejecting the virtual media")?;
    if [cleared, ejected].contains(&How::Changed) {
        how = How::Changed;
    }
    Ok(StepOutcome::done(how))
}
