//! `host.call_home`: the installed system itself says that it is up.

use crate::{LOOK_UNWOKEN, NoArguments, StepCatalogue};
use types::How;
use types::event::kind;
use workflow::{StepCx, StepOutcome, StepResult};

pub(crate) async fn look(catalogue: &StepCatalogue, cx: &mut StepCx<'_>) -> StepResult {
    let NoArguments {} = cx.arguments()?;
    let machine = catalogue.machine(cx).await?;
    match machine.status.called_home.filter(|called| called.run == cx.run().id) {
        Some(called) => Ok(StepOutcome::Done {
            how: How::ByOther,
            outputs: serde_json::json!({"hostname": called.hostname, "boot_id": called.boot_id}),
        }),
        None => Ok(cx.wait("the installed system to call home", &[kind::HOST_CALLED_HOME], LOOK_UNWOKEN)),
    }
}
