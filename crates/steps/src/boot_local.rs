//! `boot.local`: the machine is restarted into its own disk.

use crate::problem::StoreProblem;
use crate::restart::Restarted;
use crate::subject::Machine;
use crate::{NoArguments, StepCatalogue};
use bmc::{BootOverride, BootTarget};
use serde_json::{Value, json};
use types::How;
use workflow::{StepCx, StepOutcome, StepResult};

/// The catalogue's name of the step, under which runs keep its outputs.
const STEP: &str = "boot.local";

pub(crate) async fn look(catalogue: &StepCatalogue, cx: &mut StepCx<'_>) -> StepResult {
    let NoArguments {} = cx.arguments()?;
    let machine = catalogue.machine(cx).await?;
    if machine.status.called_home.as_ref().is_some_and(|called| called.run == cx.run().id) {
        return Ok(done(How::AlreadySo, cx, &machine));
    }
    if machine.status.wanted_env.is_some() {
        let unset = catalogue.store.set_wanted_env(cx.lease(), cx.run().machine, None).await;
        unset.or_problem("recording that the machine boots from its disk")?;
    } else if left_for_its_disk(cx, &machine) {
        return Ok(done(How::AlreadySo, cx, &machine));
    }
    let bmc = catalogue.bmc(&machine).await?;
    match catalogue.ensure_restarted(cx, &machine, bmc.as_ref(), &BootOverride::once(BootTarget::Hdd)).await? {
        Restarted::Yes => Ok(done(How::Changed, cx, &machine)),
        Restarted::Unsure(wait) => Ok(wait),
    }
}

fn done(how: How, cx: &StepCx<'_>, machine: &Machine) -> StepOutcome {
    StepOutcome::Done { how, outputs: departure(cx, machine) }
}

/// What stays as it is until the stage is tried anew or something comes up on the network: until then a machine
/// that was sent to its disk is on its way there.
fn departure(cx: &StepCx<'_>, machine: &Machine) -> Value {
    let boot = machine.status.agent.as_ref().map(|agent| agent.boot_id);
    json!({"stage": cx.stage_path(), "left_boot": boot})
}

fn left_for_its_disk(cx: &StepCx<'_>, machine: &Machine) -> bool {
    cx.run().outputs.get(STEP) == Some(&departure(cx, machine))
}
