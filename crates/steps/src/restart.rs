//! Restarting a machine, once.
//!
//! A restart cannot be asked for twice, and a BMC's answer can be lost together with the server that waits for
//! it. So the intent is on record before the call, and whoever finds an intent without an end looks for what the
//! restart left behind before asking again: the BMC's own record of its last reset, or the machine's first words
//! on the network. The record outlives an attempt: a BMC that stutters while its machine restarts does not make
//! the machine restart again.

use crate::StepCatalogue;
use crate::problem::{BmcProblem, StoreProblem, configuration};
use crate::subject::Machine;
use bmc::{Bmc, BootOverride, PowerAction, PowerState};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use store::EventFilter;
use types::event::{NewEvent, kind};
use types::{Timestamp, chain};
use uuid::Uuid;
use workflow::{StepCx, StepError, StepOutcome};

/// Without a trace of it for so long, a restart did not happen: twice the slowest way seen from reset to the first
/// packet of a server (memory training, about 2.5 min).
const GRACE: SignedDuration = SignedDuration::from_secs(300);
/// The same where the BMC keeps a record of resets and shows none: long enough for a BMC that answers first and
/// resets then (up to 5 s seen), three times over.
const GRACE_WITH_RECORD: SignedDuration = SignedDuration::from_secs(15);
/// How often to look for a trace.
const LOOK_EVERY: SignedDuration = SignedDuration::from_secs(10);
/// What a restarted machine does.
const TRACES: [&str; 3] = [kind::BOOT_DHCP, kind::AGENT_REGISTERED, kind::HOST_CALLED_HOME];
const NOTE: &str = "restart";

/// What a restart has left behind.
enum Trace {
    /// It happened.
    Found,
    /// The BMC keeps a record of resets, and this one is not in it.
    NoneOnRecord,
    /// Nothing, which says little.
    None,
}

/// What is on record of a restart.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Restart {
    /// When it was about to be asked for.
    pub(crate) asked: Timestamp,
    /// By which attempt.
    attempt: u32,
    /// The history's last entry then.
    seen: u64,
    /// The agent's boot then; an agent with another one is up after the restart.
    pub(crate) boot_before: Option<Uuid>,
    /// The BMC's record of the machine's last reset then.
    reset_before: Option<String>,
    /// The BMC has done it.
    done: bool,
}

/// Where a restart stands.
pub(crate) enum Restarted {
    /// It has happened.
    Yes,
    /// It is not known yet; look again as this says.
    Unsure(StepOutcome),
}

/// Takes the restart off the record: it did not bring about what it was for, and the next attempt restarts anew.
pub(crate) async fn give_up(cx: &mut StepCx<'_>) -> Result<(), StepError> {
    cx.note(NOTE, serde_json::Value::Null).await
}

impl StepCatalogue {
    /// The restart that the step has asked for and that may still bring about what it was for. A record that cannot
    /// be read is no leave to restart again.
    pub(crate) fn restart_on_record(&self, cx: &StepCx<'_>) -> Result<Option<Restart>, StepError> {
        let Some(note) = cx.noted(NOTE) else { return Ok(None) };
        let restart: Restart = serde_json::from_value(note.clone())
            .map_err(|error| configuration(format!("the record of a restart cannot be read: {error}")))?;
        let spent = restart.attempt != cx.attempt() && self.watched_since(cx, restart.asked) >= GRACE;
        Ok((!spent).then_some(restart))
    }

    /// Restarts the machine so that it boots `boot`, unless this attempt has done so already.
    pub(crate) async fn ensure_restarted(
        &self,
        cx: &mut StepCx<'_>,
        machine: &Machine,
        bmc: &dyn Bmc,
        boot: &BootOverride,
    ) -> Result<Restarted, StepError> {
        if let Some(restart) = self.restart_on_record(cx)? {
            if restart.done {
                return Ok(Restarted::Yes);
            }
            let may_still_come = match self.find_trace(machine, bmc, &restart).await? {
                Trace::Found => {
                    self.note_done(cx, restart).await?;
                    return Ok(Restarted::Yes);
                }
                // The BMC keeps its record whether or not a server is there to read it.
                Trace::NoneOnRecord => {
                    let elapsed = cx.now().duration_since(restart.asked);
                    elapsed.max(self.watched_since(cx, restart.asked)) < GRACE_WITH_RECORD
                }
                Trace::None => self.watched_since(cx, restart.asked) < GRACE,
            };
            if may_still_come {
                let wait = cx.wait("a trace of the restart that was under way", &TRACES, LOOK_EVERY);
                return Ok(Restarted::Unsure(wait));
            }
        }
        bmc.set_boot_override(boot).await.or_problem("setting what the machine boots next")?;
        let power = bmc.power_state().await.or_problem("reading the power state")?;
        let action = if power == PowerState::Off { PowerAction::On } else { PowerAction::ForceRestart };
        let boot_before = machine.status.agent.as_ref().map(|agent| agent.boot_id);
        let reset_before = bmc.last_reset().await.or_problem("reading when the machine was last reset")?;
        let seen = *self.store.last_seq().borrow();
        let restart = Restart { asked: cx.now(), attempt: cx.attempt(), seen, boot_before, reset_before, done: false };
        cx.note(NOTE, as_note(&restart)).await?;
        match bmc.power(action).await {
            Err(error) if error.effect_is_unknown() => {
                let reason = format!("a trace of the restart, whose answer was lost ({})", chain(&error));
                return Ok(Restarted::Unsure(cx.wait(reason, &TRACES, LOOK_EVERY)));
            }
            Err(error) => {
                give_up(cx).await?;
                return Err(error).or_problem("restarting the machine");
            }
            Ok(_) => {}
        }
        self.store.record(NewEvent {
            at: cx.now(),
            kind: kind::BMC_CALL.to_owned(),
            machine: Some(cx.run().machine),
            run: Some(cx.run().id),
            actor: "bmc".to_owned(),
            data: serde_json::json!({"operation": format!("{action:?}"), "boot": format!("{boot:?}")}),
        });
        self.note_done(cx, restart).await?;
        Ok(Restarted::Yes)
    }

    async fn note_done(&self, cx: &mut StepCx<'_>, restart: Restart) -> Result<(), StepError> {
        cx.note(NOTE, as_note(&Restart { done: true, ..restart })).await
    }

    async fn find_trace(&self, machine: &Machine, bmc: &dyn Bmc, restart: &Restart) -> Result<Trace, StepError> {
        if let Some(agent) = &machine.status.agent
            && Some(agent.boot_id) != restart.boot_before
        {
            return Ok(Trace::Found);
        }
        let last_reset = bmc.last_reset().await.or_problem("reading when the machine was last reset")?;
        if last_reset.is_some() && last_reset != restart.reset_before {
            return Ok(Trace::Found);
        }
        let filter = EventFilter {
            machine: Some(machine.id.into()),
            kinds: vec![kind::BOOT_DHCP.to_owned()],
            after: Some(restart.seen),
            ..EventFilter::default()
        };
        let events = self.store.events(&filter, 50).await.or_problem("reading the history")?;
        // A running system renews its lease too; only firmware and boot loaders say their architecture (RFC 4578 §2.1).
        if events.iter().any(|event| event.data.get("arch").is_some_and(|arch| !arch.is_null())) {
            return Ok(Trace::Found);
        }
        Ok(if last_reset.is_some() { Trace::NoneOnRecord } else { Trace::None })
    }
}

fn as_note(restart: &Restart) -> serde_json::Value {
    serde_json::json!(restart)
}
