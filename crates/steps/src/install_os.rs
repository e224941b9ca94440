//! `os.install`: the operating system's own installer writes it to the machine's disk, and says so itself.
//!
//! The machine is restarted into the installer once. What counts is the installer's own report, which the store takes
//! together with what the machine boots next: it restarts itself right after it.

use crate::problem::{StoreProblem, configuration};
use crate::restart::Restarted;
use crate::{LOOK_UNWOKEN, StepCatalogue};
use bmc::{BootOverride, BootTarget};
use serde::Deserialize;
use serde_json::json;
use types::event::kind;
use types::machine::{InstallOutcome, Installation};
use types::{ErrorClass, How, Name};
use workflow::{StepCx, StepError, StepOutcome, StepResult};

/// What ends the wait for an installer.
const REPORTS: [&str; 2] = [kind::INSTALLER_BUILT, kind::INSTALLER_FAILED];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// The boot environment, where it is not the operating system's own.
    #[serde(default)]
    env: Option<Name>,
}

pub(crate) async fn look(catalogue: &StepCatalogue, cx: &mut StepCx<'_>) -> StepResult {
    let Arguments { env } = cx.arguments()?;
    let machine = catalogue.machine(cx).await?;
    let reported = machine.status.installation.as_ref().filter(|said| said.run == cx.run().id);
    match reported {
        Some(Installation { outcome: InstallOutcome::Built, report, .. }) => {
            return Ok(StepOutcome::Done { how: How::ByOther, outputs: json!({"report": report}) });
        }
        Some(Installation { outcome: InstallOutcome::Failed, report, at, .. }) if *at >= cx.attempt_started() => {
            return Err(StepError::Problem {
                class: ErrorClass::Configuration,
                reason: format!("the installer reports that it failed: {}", first_line(report)),
                evidence: json!({"report": report}),
            });
        }
        Some(_) | None => {}
    }
    let env = match env {
        Some(env) => env,
        None => catalogue.installer_of(&machine).await?,
    };
    if machine.status.wanted_env.as_ref() != Some(&env) {
        let wanted = catalogue.store.set_wanted_env(cx.lease(), cx.run().machine, Some(env.clone())).await;
        wanted.or_problem("recording what the machine boots next")?;
    }
    let Some(bmc) = catalogue.find_bmc(&machine).await? else {
        let reason =
            format!("somebody to restart {} from the network, which has no BMC, and {env} to end", machine.name);
        return Ok(cx.wait(reason, &REPORTS, LOOK_UNWOKEN));
    };
    match catalogue.ensure_restarted(cx, &machine, bmc.as_ref(), &BootOverride::once(BootTarget::Pxe)).await? {
        Restarted::Yes => Ok(cx.wait(format!("the report of the installer {env}"), &REPORTS, LOOK_UNWOKEN)),
        Restarted::Unsure(wait) => Ok(wait),
    }
}

impl StepCatalogue {
    /// What the machine's operating system is installed by.
    async fn installer_of(&self, machine: &crate::subject::Machine) -> Result<Name, StepError> {
        let site = self.sites.current().await.or_problem("reading what is declared")?;
        let (spec, inventory) = (&machine.spec, machine.status.inventory.as_ref());
        let effective = site.effective(&machine.name, spec, inventory, spec.address);
        if let Some(reason) = effective.contradiction() {
            return Err(configuration(reason));
        }
        let Some((name, os)) = effective.os.as_ref().map(|said| said.value) else {
            let reason = format!("no operating system is named for {}: name one in its group", machine.name);
            return Err(configuration(reason));
        };
        os.boot_env
            .clone()
            .ok_or_else(|| configuration(format!("the operating system {name} names no boot environment")))
    }
}

fn first_line(report: &str) -> &str {
    report.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it does not say why")
}
