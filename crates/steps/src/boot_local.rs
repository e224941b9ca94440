//! `boot.local`: the machine is restarted into its own disk.

use crate::problem::StoreProblem;
use crate::restart::Restarted;
use crate::{NoArguments, StepCatalogue};
use bmc::{BootOverride, BootTarget};
use types::How;
use workflow::{StepCx, StepOutcome, StepResult};

pub(crate) async fn look(catalogue: &StepCatalogue, cx: &mut StepCx<'_>) -> StepResult {
    let NoArguments {} = cx.arguments()?;
    let machine = catalogue.machine(cx).await?;
    if machine.status.called_home.as_ref().is_some_and(|called| called.run == cx.run().id) {
        return Ok(StepOutcome::done(How::AlreadySo));
    }
    if machine.status.wanted_env.is_some() {
        let unset = catalogue.store.set_wanted_env(cx.lease(), cx.run().machine, None).await;
        unset.or_problem("recording that the machine boots from its disk")?;
    }
    let bmc = catalogue.bmc(&machine).await?;
    match catalogue.ensure_restarted(cx, &machine, bmc.as_ref(), &BootOverride::once(BootTarget::Hdd)).await? {
        Restarted::Yes => Ok(StepOutcome::done(How::Changed)),
        Restarted::Unsure(wait) => Ok(wait),
    }
}
