//! `machine.register`: an agent is up and has said what the machine is made of.

use crate::{LOOK_UNWOKEN, NoArguments, StepCatalogue};
use serde_json::json;
use types::How;
use types::event::kind;
use workflow::{StepCx, StepOutcome, StepResult};

pub(crate) async fn look(catalogue: &StepCatalogue, cx: &mut StepCx<'_>) -> StepResult {
    let NoArguments {} = cx.arguments()?;
    let machine = catalogue.machine(cx).await?;
    let (Some(_), Some(inventory)) = (&machine.status.agent, &machine.status.inventory) else {
        return Ok(cx.wait("the agent to register with its inventory", &[kind::AGENT_REGISTERED], LOOK_UNWOKEN));
    };
    let outputs = json!({
        "product": inventory.system.product,
        "cpu_threads": inventory.cpu.threads,
        "memory_bytes": inventory.memory.total_bytes,
        "disks": inventory.disks.len(),
        "nics": inventory.nics.len(),
    });
    Ok(StepOutcome::Done { how: How::ByOther, outputs })
}
