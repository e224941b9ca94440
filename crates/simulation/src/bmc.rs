//! BMCs that are slow, lie and forget, in front of the simulated machines.
//!
//! They stand where `bmc::RedfishBmc` stands and give the answers that it gives: what it makes of a 202, a lost
//! answer or a stale state is tested with real HTTP in `bmc` and `redfish`. What a BMC was asked to do it does
//! whether or not the server lives to hear so.

use crate::happening::Happening;
use crate::ledger::Restarted;
use crate::machine::uuid_of;
use crate::timeline::{Timeline, sleep};
use crate::world::Shared;
use ::bmc::{
    BiosWrite, Bmc, BmcError, BootOverride, Connect, ConnectError, Identity, PowerAction, PowerState, VirtualMedia,
};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use types::bmc::BmcSpec;
use types::{Digest, How, Params};
use url::Url;

/// Connects to the BMCs of a world: the host's last label is the machine's number.
pub(crate) struct SimulatedBmcs {
    pub(crate) world: Shared,
    pub(crate) timeline: Arc<Timeline>,
}

impl Connect for SimulatedBmcs {
    fn connect(&self, spec: &BmcSpec, _: Option<Digest>) -> Result<Arc<dyn Bmc>, ConnectError> {
        let host = spec.url.host_str().unwrap_or_default();
        let machine = host.trim_start_matches("bmc").trim_end_matches(".test").parse().unwrap_or(usize::MAX);
        Ok(Arc::new(SimulatedBmc { machine, world: self.world.clone(), timeline: Arc::clone(&self.timeline) }))
    }
}

/// What a BMC remembers by itself.
#[derive(Debug, Clone)]
pub(crate) struct BmcState {
    /// Whether it keeps a record of resets.
    pub(crate) keeps_record: bool,
    /// Resets and power-ons so far.
    pub(crate) resets: u64,
    /// A power state that it shows until then, although it is over.
    pub(crate) stale: Option<(PowerState, Duration)>,
}

struct SimulatedBmc {
    machine: usize,
    world: Shared,
    timeline: Arc<Timeline>,
}

/// What becomes of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Made,
    Refused,
    Forgotten,
    MadeAndAnswerLost,
    NotMadeAndAnswerLost,
}

/// No answer, and nothing was done.
fn no_answer() -> BmcError {
    BmcError::Resting { retry_in: Duration::from_secs(10) }
}

/// Nobody knows what was done.
fn answer_lost() -> BmcError {
    BmcError::OutOfTime { operation: "a change", budget: Duration::from_secs(180) }
}

fn not_applied(change: &'static str) -> BmcError {
    BmcError::NotApplied { change, wanted: "it".to_owned(), found: "something else".to_owned() }
}

impl SimulatedBmc {
    /// Reads something, in the BMC's own time.
    async fn read<T>(&self, read: impl FnOnce(&mut crate::world::World) -> T) -> Result<T, BmcError> {
        let (wait, fails) = {
            let mut world = self.world.lock();
            let common = &mut world.common;
            let error = common.faults.bmc_error;
            (wait(common), common.goes_wrong(error))
        };
        sleep(&self.timeline, wait).await;
        if fails { Err(no_answer()) } else { Ok(read(&mut self.world.lock())) }
    }

    /// Asks for a change: draws what becomes of it, and how long the answer takes.
    fn change(&self, what: &str) -> (Fate, Duration) {
        let mut world = self.world.lock();
        let machine = self.machine;
        let common = &mut world.common;
        let (error, forgets, lost) =
            (common.faults.bmc_error, common.faults.bmc_forgets, common.faults.bmc_answer_lost);
        let fate = if common.goes_wrong(error) {
            Fate::Refused
        } else if common.goes_wrong(forgets) {
            Fate::Forgotten
        } else if common.goes_wrong(lost) {
            if common.dice.happens(0.5) { Fate::MadeAndAnswerLost } else { Fate::NotMadeAndAnswerLost }
        } else {
            Fate::Made
        };
        common.tell(|| format!("bmc{machine} is asked for {what}: {fate:?}"));
        (fate, wait(common))
    }

    /// A change that may be asked for twice.
    async fn set(&self, what: &'static str, set: impl FnOnce(&mut crate::world::World)) -> Result<How, BmcError> {
        let (fate, wait) = self.change(what);
        if matches!(fate, Fate::Made | Fate::MadeAndAnswerLost) {
            set(&mut self.world.lock());
        }
        sleep(&self.timeline, wait).await;
        match fate {
            // It is read back, so a lost answer costs nothing.
            Fate::Made | Fate::MadeAndAnswerLost => Ok(How::Changed),
            Fate::Refused => Err(no_answer()),
            Fate::Forgotten | Fate::NotMadeAndAnswerLost => Err(not_applied(what)),
        }
    }
}

fn wait(common: &mut crate::common::Common) -> Duration {
    let slow = common.faults.bmc_slow;
    if common.goes_wrong(slow) {
        common.dice.between(Duration::from_secs(5), Duration::from_secs(90))
    } else {
        common.dice.between(Duration::from_millis(100), Duration::from_secs(2))
    }
}

#[async_trait]
impl Bmc for SimulatedBmc {
    async fn identity(&self) -> Result<Identity, BmcError> {
        let machine = self.machine;
        self.read(move |_| Identity { system_uuid: Some(uuid_of(machine)), ..Identity::default() }).await
    }

    async fn power_state(&self) -> Result<PowerState, BmcError> {
        let now = self.timeline.now();
        self.read(|world| {
            let on = if world.machines[self.machine].on { PowerState::On } else { PowerState::Off };
            world.bmcs[self.machine].stale.filter(|(_, until)| now < *until).map_or(on, |(stale, _)| stale)
        })
        .await
    }

    async fn power(&self, action: PowerAction) -> Result<How, BmcError> {
        let (fate, wait) = self.change(&format!("{action:?}"));
        let keeps_record = {
            let mut world = self.world.lock();
            let keeps_record = world.bmcs[self.machine].keeps_record;
            let restart = !matches!(action, PowerAction::On);
            if let Err(violation) = world.common.ledger.restart_asked(self.machine) {
                world.common.violation(violation);
            }
            if matches!(fate, Fate::Made | Fate::MadeAndAnswerLost) {
                let at = world.common.dice.between(Duration::ZERO, wait.min(Duration::from_secs(4)));
                world.common.timeline.after(at, Happening::BmcActs { machine: self.machine, restart });
            }
            keeps_record
        };
        sleep(&self.timeline, wait).await;
        match fate {
            Fate::Made => Ok(How::Changed),
            // With a record, the client looks for the proof and finds it; without, it believes.
            Fate::Forgotten if !keeps_record => Ok(How::Changed),
            Fate::MadeAndAnswerLost if keeps_record => Ok(How::Changed),
            Fate::NotMadeAndAnswerLost | Fate::Forgotten if keeps_record => Err(not_applied("a restart")),
            Fate::MadeAndAnswerLost | Fate::NotMadeAndAnswerLost | Fate::Forgotten => Err(answer_lost()),
            Fate::Refused => Err(no_answer()),
        }
    }

    async fn last_reset(&self) -> Result<Option<String>, BmcError> {
        self.read(|world| {
            let bmc = &world.bmcs[self.machine];
            bmc.keeps_record.then(|| if bmc.resets == 0 { String::new() } else { format!("reset {}", bmc.resets) })
        })
        .await
    }

    async fn boot_override(&self) -> Result<BootOverride, BmcError> {
        self.read(|world| world.machines[self.machine].boot_override.clone()).await
    }

    async fn set_boot_override(&self, wanted: &BootOverride) -> Result<How, BmcError> {
        let now = self.boot_override().await?;
        if now.satisfies(wanted) {
            return Ok(How::AlreadySo);
        }
        let wanted = wanted.clone();
        self.set("the boot override", |world| world.machines[self.machine].boot_override = wanted).await
    }

    async fn bios_attributes(&self) -> Result<Params, BmcError> {
        self.read(|world| world.machines[self.machine].bios.clone()).await
    }

    async fn set_bios_attributes(&self, wanted: &Params) -> Result<BiosWrite, BmcError> {
        let current = self.bios_attributes().await?;
        if wanted.iter().all(|(name, value)| current.get(name) == Some(value)) {
            return Ok(BiosWrite::AlreadySo);
        }
        let wanted = wanted.clone();
        self.set("BIOS attributes", |world| world.machines[self.machine].pending_bios = wanted).await?;
        Ok(BiosWrite::AppliesAtReset)
    }

    async fn pending_bios_attributes(&self) -> Result<Params, BmcError> {
        self.read(|world| world.machines[self.machine].pending_bios.clone()).await
    }

    async fn virtual_media(&self) -> Result<Vec<VirtualMedia>, BmcError> {
        self.read(|_| Vec::new()).await
    }

    async fn insert_media(&self, _: &Url) -> Result<How, BmcError> {
        Err(BmcError::NoVirtualCd)
    }

    async fn eject_media(&self) -> Result<How, BmcError> {
        self.read(|_| How::AlreadySo).await
    }

    fn certificate(&self) -> Option<Digest> {
        None
    }

    async fn close(&self) {}
}

impl crate::world::World {
    /// A BMC does what it was asked to do.
    pub(crate) fn bmc_acts(&mut self, index: usize, restart: bool) {
        let machine = &mut self.machines[index];
        let was = if machine.on { PowerState::On } else { PowerState::Off };
        if machine.on && !restart {
            self.common.tell(|| format!("bmc{index} finds its machine on"));
            return;
        }
        let stale = self.common.faults.bmc_stale;
        let bmc = &mut self.bmcs[index];
        bmc.resets += 1;
        if self.common.goes_wrong(stale) {
            let until = self.common.timeline.now() + self.common.dice.between(Duration::ZERO, Duration::from_secs(11));
            bmc.stale = Some((was, until));
        }
        let name = if was == PowerState::On { "resets" } else { "switches on" };
        self.common.tell(|| format!("bmc{index} {name} its machine"));
        if let Restarted::Again(violation) = self.common.ledger.restart_happened(index) {
            self.common.violation(violation);
        }
        machine.restart(&mut self.common);
    }
}
