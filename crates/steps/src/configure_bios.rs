//! `bios.configure`: the BIOS has the wanted attributes.
//!
//! Attributes are written to the pending settings, which the BIOS takes over at a restart (DSP0268, Bios and
//! `@Redfish.Settings`); the machine is restarted once, and the values are read back from the BIOS itself.

use crate::StepCatalogue;
use crate::problem::{BmcProblem, StoreProblem, configuration};
use crate::restart::{self, Restarted};
use bmc::{BiosWrite, BootOverride, BootTarget};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::json;
use types::event::kind;
use types::{ErrorClass, How, Name, Params};
use workflow::{StepCx, StepError, StepOutcome, StepResult};

/// A BIOS takes its settings over some seconds after the restart, and nothing tells us when.
const LOOK_EVERY: SignedDuration = SignedDuration::from_secs(15);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// Attributes wanted; parameter `bios_attributes` when not given.
    #[serde(default)]
    attributes: Option<Params>,
    /// What the machine boots after the restart.
    #[serde(default = "discovery")]
    env: Name,
}

fn discovery() -> Name {
    "discovery".parse().expect("the name is valid")
}

pub(crate) async fn look(catalogue: &StepCatalogue, cx: &mut StepCx<'_>) -> StepResult {
    let Arguments { attributes, env } = cx.arguments()?;
    let wanted = match attributes {
        Some(attributes) => attributes,
        None => attributes_param(cx)?,
    };
    if wanted.is_empty() {
        return Ok(StepOutcome::Skipped { reason: "no BIOS attributes are wanted".to_owned() });
    }
    let machine = catalogue.machine(cx).await?;
    let bmc = catalogue.bmc(&machine).await?;
    let restart = catalogue.restart_on_record(cx)?;
    let agent = machine.status.agent.as_ref();
    let agent_is_back =
        restart.as_ref().is_some_and(|restart| agent.is_some_and(|agent| Some(agent.boot_id) != restart.boot_before));
    let current = bmc.bios_attributes().await.or_problem("reading the BIOS attributes")?;
    let differing = differing(&current, &wanted)?;
    match (differing.is_empty(), &restart) {
        (true, None) => return Ok(StepOutcome::done(How::AlreadySo)),
        (true, Some(_)) if agent_is_back => {
            return Ok(StepOutcome::Done { how: How::Changed, outputs: json!({"attributes": wanted}) });
        }
        (false, Some(_)) if agent_is_back => {
            let names: Vec<&str> = differing.keys().map(String::as_str).collect();
            let reason = format!("the machine was restarted, but the BIOS did not take over {}", names.join(", "));
            restart::give_up(cx).await?;
            return Err(StepError::problem(ErrorClass::Transient, reason));
        }
        (true, Some(_)) => return Ok(cx.wait("the machine to come back", &[kind::AGENT_REGISTERED], LOOK_EVERY)),
        (false, Some(_)) => {}
        (false, None) => match bmc.set_bios_attributes(&differing).await.or_problem("writing the BIOS settings")? {
            BiosWrite::AlreadySo | BiosWrite::AppliesNow => return Ok(StepOutcome::done(How::Changed)),
            BiosWrite::AppliesAtReset => {}
        },
    }
    if machine.status.wanted_env.as_ref() != Some(&env) {
        let set = catalogue.store.set_wanted_env(cx.lease(), cx.run().machine, Some(env)).await;
        set.or_problem("recording what the machine boots next")?;
    }
    match catalogue.ensure_restarted(cx, &machine, bmc.as_ref(), &BootOverride::once(BootTarget::Pxe)).await? {
        Restarted::Yes => Ok(cx.wait("the BIOS to take over its settings", &[kind::AGENT_REGISTERED], LOOK_EVERY)),
        Restarted::Unsure(wait) => Ok(wait),
    }
}

fn differing(current: &Params, wanted: &Params) -> Result<Params, StepError> {
    if let Some(unknown) = wanted.keys().find(|name| !current.contains_key(*name)) {
        return Err(configuration(format!("the BIOS has no attribute {unknown:?}")));
    }
    Ok(bmc::differing(wanted, current))
}

fn attributes_param(cx: &StepCx<'_>) -> Result<Params, StepError> {
    match cx.param("bios_attributes") {
        None => Ok(Params::new()),
        Some(value) => serde_json::from_value(value.clone())
            .map_err(|error| configuration(format!("parameter \"bios_attributes\": {error}"))),
    }
}
