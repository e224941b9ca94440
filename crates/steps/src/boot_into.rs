//! `boot.into`: the maintenance OS, or another environment with an agent, runs on the machine.

use crate::problem::StoreProblem;
use crate::restart::Restarted;
use crate::{LOOK_UNWOKEN, StepCatalogue};
use bmc::{BootOverride, BootTarget};
use serde::Deserialize;
use types::event::kind;
use types::machine::AgentPresence;
use types::{How, Name};
use workflow::{StepCx, StepOutcome, StepResult};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// The boot environment.
    env: Name,
}

pub(crate) async fn look(catalogue: &StepCatalogue, cx: &mut StepCx<'_>) -> StepResult {
    let Arguments { env } = cx.arguments()?;
    let machine = catalogue.machine(cx).await?;
    if machine.status.wanted_env.as_ref() != Some(&env) {
        let wanted = catalogue.store.set_wanted_env(cx.lease(), cx.run().machine, Some(env.clone())).await;
        wanted.or_problem("recording what the machine boots next")?;
    }
    let agent = machine.status.agent.as_ref().filter(|agent| agent.env == env);
    if let Some(restart) = catalogue.restart_on_record(cx)? {
        if agent.is_some_and(|agent| Some(agent.boot_id) != restart.boot_before) {
            return Ok(StepOutcome::done(How::Changed));
        }
    } else if cx.attempt() == 1 && agent.is_some() {
        return Ok(StepOutcome::done(How::AlreadySo));
    }
    let Some(bmc) = catalogue.find_bmc(&machine).await? else {
        if agent.is_some_and(|agent| came_up_since(cx, agent)) {
            return Ok(StepOutcome::done(How::ByOther));
        }
        let reason =
            format!("somebody to switch {} on, which has no BMC, and let it boot from the network", machine.name);
        return Ok(cx.wait(reason, &[kind::AGENT_REGISTERED], LOOK_UNWOKEN));
    };
    match catalogue.ensure_restarted(cx, &machine, bmc.as_ref(), &BootOverride::once(BootTarget::Pxe)).await? {
        Restarted::Yes => {
            Ok(cx.wait(format!("the agent to come up in {env}"), &[kind::AGENT_REGISTERED], LOOK_UNWOKEN))
        }
        Restarted::Unsure(wait) => Ok(wait),
    }
}

fn came_up_since(cx: &StepCx<'_>, agent: &AgentPresence) -> bool {
    agent.since >= cx.attempt_started()
}
