//! The step catalogue: what workflows can be made of.
//!
//! A step looks at the real state first, changes only what differs, and looks again; so it may run twice, at any
//! time, after a crash between any two of its lines. What must not happen twice (a restart, an order to an agent)
//! is put on record before it happens and found again by what it left behind. Power and boot are the BMC's
//! matter, disks are the agent's; a step only tells them.

mod agent_task;
mod attach_bmc;
mod boot_into;
mod boot_local;
mod call_home;
mod check_medium;
mod configure_bios;
mod configure_system;
mod health_check;
mod install_os;
mod problem;
mod register;
mod release_bmc;
mod restart;
mod subject;
mod wipe_disks;
mod write_image;

use artifact::MediaFolder;
use async_trait::async_trait;
use bmc::BmcPool;
use jiff::SignedDuration;
use render::Sites;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::{Arc, OnceLock};
use store::Store;
use types::Timestamp;
use workflow::ports::Catalogue;
use workflow::{StepCx, StepResult, StepSpec};

/// How often a step looks that is woken by what it waits for, should the waking fail.
const LOOK_UNWOKEN: SignedDuration = SignedDuration::from_secs(60);

/// What steps act through.
pub struct StepCatalogue {
    store: Store,
    sites: Sites,
    bmcs: BmcPool,
    media: Arc<MediaFolder>,
    /// Held by the look that asks BMCs what they manage.
    survey: tokio::sync::Mutex<()>,
    first_look: OnceLock<Timestamp>,
}

impl StepCatalogue {
    /// The catalogue over these parts.
    pub fn new(store: Store, sites: Sites, bmcs: BmcPool, media: Arc<MediaFolder>) -> Self {
        Self { store, sites, bmcs, media, survey: tokio::sync::Mutex::default(), first_look: OnceLock::new() }
    }

    /// Ends the sessions at the BMCs, of which many take few: for a shutdown, when no step is at work any more.
    pub async fn close(&self) {
        self.bmcs.close().await;
    }

    /// Since when this server does its work, as far as it matters to steps: its first look.
    fn serves_since(&self, cx: &StepCx<'_>) -> Timestamp {
        *self.first_look.get_or_init(|| cx.now())
    }

    /// How much of the time since `since` this server was there to see what happened. What was recorded before, or
    /// lies in the future of a clock that was set back, counts from its first look.
    fn watched_since(&self, cx: &StepCx<'_>, since: Timestamp) -> SignedDuration {
        let serves = self.serves_since(cx);
        cx.now().duration_since(if since > cx.now() { serves } else { since.max(serves) })
    }

    /// Whether a step exists and its arguments can be read: what a workflow is checked with before it is stored.
    pub fn check_step(step: &StepSpec) -> Result<(), String> {
        match step.uses.as_str() {
            "agent.configure" => readable::<configure_system::Arguments>(step),
            "agent.health_check" => readable::<health_check::Arguments>(step),
            "agent.wipe" => readable::<wipe_disks::Arguments>(step),
            "agent.write_image" => readable::<write_image::Arguments>(step),
            "bios.configure" => readable::<configure_bios::Arguments>(step),
            "bmc.attach" | "bmc.release" | "boot.local" | "host.call_home" | "machine.register" | "medium.check" => {
                readable::<NoArguments>(step)
            }
            "boot.into" => readable::<boot_into::Arguments>(step),
            "os.install" => readable::<install_os::Arguments>(step),
            other => Err(format!("there is no step {other:?}; there are {}", Self::NAMES.join(", "))),
        }
    }

    /// Every step, by name.
    pub const NAMES: [&str; 13] = [
        "agent.configure",
        "agent.health_check",
        "agent.wipe",
        "agent.write_image",
        "bios.configure",
        "bmc.attach",
        "bmc.release",
        "boot.into",
        "boot.local",
        "host.call_home",
        "machine.register",
        "medium.check",
        "os.install",
    ];
}

#[async_trait]
impl Catalogue for StepCatalogue {
    fn check(&self, step: &StepSpec) -> Result<(), String> {
        Self::check_step(step)
    }

    async fn look(&self, uses: &str, cx: &mut StepCx<'_>) -> StepResult {
        self.serves_since(cx);
        match uses {
            "agent.configure" => configure_system::look(self, cx).await,
            "agent.health_check" => health_check::look(self, cx).await,
            "agent.wipe" => wipe_disks::look(self, cx).await,
            "agent.write_image" => write_image::look(self, cx).await,
            "bios.configure" => configure_bios::look(self, cx).await,
            "bmc.attach" => attach_bmc::look(self, cx).await,
            "bmc.release" => release_bmc::look(self, cx).await,
            "boot.into" => boot_into::look(self, cx).await,
            "boot.local" => boot_local::look(self, cx).await,
            "host.call_home" => call_home::look(self, cx).await,
            "machine.register" => register::look(self, cx).await,
            "medium.check" => check_medium::look(self, cx).await,
            "os.install" => install_os::look(self, cx).await,
            other => Err(problem::configuration(format!("this server knows no step {other:?}"))),
        }
    }
}

/// A step without arguments.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct NoArguments {}

fn readable<T: DeserializeOwned>(step: &StepSpec) -> Result<(), String> {
    serde_json::from_value::<T>(Value::Object(step.with.clone())).map(drop).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(uses: &str, with: &Value) -> StepSpec {
        let with = with.as_object().cloned().unwrap_or_default();
        StepSpec { uses: uses.to_owned(), with, timeout: None }
    }

    #[test]
    fn every_listed_step_exists() {
        for name in StepCatalogue::NAMES {
            let error = StepCatalogue::check_step(&step(name, &Value::Null)).err().unwrap_or_default();
            assert!(!error.contains("there is no step"), "{error}");
        }
    }

    #[test]
    fn wrong_arguments_are_named() {
        let error = StepCatalogue::check_step(&step("boot.into", &serde_json::json!({"enviroment": "x"}))).unwrap_err();
        assert!(error.contains("enviroment"), "{error}");
    }
}
