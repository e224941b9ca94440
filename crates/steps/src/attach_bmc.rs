//! `bmc.attach`: the machine's BMC is known, and is really this machine's.
//!
//! A discovered machine says its SMBIOS UUID; a BMC says the UUID of the system that it manages. Where they are
//! equal, they belong together. Nothing is done to a machine through a BMC before that.

use crate::problem::{BmcProblem, StoreProblem};
use crate::subject::Machine;
use crate::{NoArguments, StepCatalogue};
use futures_util::future::join_all;
use serde_json::json;
use store::{Bmcs, Selector};
use types::bmc::{BmcSpec, BmcStatus};
use types::object::Object;
use types::{How, Name};
use uuid::Uuid;
use workflow::{StepCx, StepError, StepOutcome, StepResult};

/// BMCs asked at a time: enough that one that answers late does not hold up the others of a large site for long.
const AT_ONCE: usize = 64;

pub(crate) async fn look(catalogue: &StepCatalogue, cx: &mut StepCx<'_>) -> StepResult {
    let NoArguments {} = cx.arguments()?;
    let machine = catalogue.machine(cx).await?;
    let inventory_uuid = machine.status.inventory.as_ref().and_then(|inventory| inventory.system.uuid);
    let Some(uuid) = machine.spec.uuid.or(inventory_uuid) else {
        return match &machine.spec.bmc {
            // Declared in advance and never seen: its BMC alone can bring it up.
            Some(name) if machine.status.inventory.is_none() => catalogue.take_word_of(&machine, name).await,
            Some(_) | None => Ok(needs_operator(&machine, "its firmware reports no system UUID")),
        };
    };
    if let Some(name) = &machine.spec.bmc {
        return catalogue.verify(&machine, name, uuid).await;
    }
    if catalogue.store.is_uuid_ambiguous(uuid).await.or_problem("looking for the machine's twins")? {
        // Its BMC may be another machine's.
        return Ok(needs_operator(&machine, &format!("system UUID {uuid} is not this machine's alone")));
    }
    match catalogue.find_managing(uuid).await? {
        Some(name) => {
            let set = catalogue.store.set_machine_bmc(cx.lease(), cx.run().machine, name.clone()).await;
            set.or_problem("recording the machine's BMC")?;
            Ok(StepOutcome::Done { how: How::Changed, outputs: json!({"bmc": name}) })
        }
        None => Ok(needs_operator(&machine, &format!("no declared BMC manages system {uuid}"))),
    }
}

fn needs_operator(machine: &Machine, reason: &str) -> StepOutcome {
    StepOutcome::NeedsOperator {
        reason: format!("machine {} has no BMC: {reason}", machine.name),
        hint: "declare the BMC with `slipway apply` (kind: Bmc), or name it in the machine's spec; then retry"
            .to_owned(),
    }
}

impl StepCatalogue {
    async fn verify(&self, machine: &Machine, name: &Name, uuid: Uuid) -> StepResult {
        let found = self.store.find::<Bmcs>(&Selector::from(name)).await;
        let Some(object) = found.or_problem("reading the BMC")? else {
            return Ok(needs_operator(machine, &format!("its spec names {name}, which is not declared")));
        };
        match self.managed_uuid(&object).await? {
            Some(managed) if managed == uuid => Ok(StepOutcome::done(How::AlreadySo)),
            managed => Ok(StepOutcome::NeedsOperator {
                reason: format!(
                    "BMC {name} manages system {}, but machine {} is {uuid}",
                    managed.map_or_else(|| "without UUID".to_owned(), |uuid| uuid.to_string()),
                    machine.name
                ),
                hint: "correct the machine's `bmc` or the BMC's address; then retry".to_owned(),
            }),
        }
    }

    /// Takes the operator's word that the BMC is that of a machine which nobody has seen yet, unless the BMC manages
    /// another one that is known: that must not be restarted by mistake.
    async fn take_word_of(&self, machine: &Machine, name: &Name) -> StepResult {
        let found = self.store.find::<Bmcs>(&Selector::from(name)).await;
        let Some(object) = found.or_problem("reading the BMC")? else {
            return Ok(needs_operator(machine, &format!("its spec names {name}, which is not declared")));
        };
        let Some(uuid) = self.managed_uuid(&object).await? else {
            return Ok(needs_operator(machine, &format!("BMC {name} does not say which system it manages")));
        };
        let owner = self.store.machine_by_uuid(uuid).await.or_problem("looking for the BMC's machine")?;
        match owner.filter(|owner| owner.id != machine.id) {
            None => Ok(StepOutcome::done(How::AlreadySo)),
            Some(owner) => Ok(StepOutcome::NeedsOperator {
                reason: format!("BMC {name} manages the system of machine {}, not of {}", owner.name, machine.name),
                hint: "correct the machine's `bmc` or the BMC's address; then retry".to_owned(),
            }),
        }
    }

    /// The declared BMC that manages the system.
    ///
    /// BMCs that have not said yet what they manage are asked now: by one look at a time, which stops when its own
    /// is found. The looks that wait for it find theirs known, so that each BMC of a large site is asked once.
    async fn find_managing(&self, uuid: Uuid) -> Result<Option<Name>, StepError> {
        let known = async || self.store.bmc_of_system(uuid).await.or_problem("looking for the machine's BMC");
        if let Some(name) = known().await? {
            return Ok(Some(name));
        }
        let _only = self.survey.lock().await;
        if let Some(name) = known().await? {
            return Ok(Some(name));
        }
        self.ask_unidentified(uuid).await
    }

    /// Asks what it manages each BMC of which that is not known. One that cannot be reached is passed over: it may be
    /// any machine's, and this one's may still be found.
    async fn ask_unidentified(&self, uuid: Uuid) -> Result<Option<Name>, StepError> {
        let mut unreachable = None;
        let mut after = None;
        loop {
            let page = self.store.unidentified_bmcs(after.as_ref(), AT_ONCE).await.or_problem("reading the BMCs")?;
            let answers = join_all(page.iter().map(|object| self.managed_uuid(object))).await;
            for (object, managed) in page.iter().zip(answers) {
                match managed {
                    Ok(managed) if managed == Some(uuid) => return Ok(Some(object.name.clone())),
                    Ok(_) => {}
                    Err(error @ StepError::Problem { .. }) => unreachable = Some(error),
                    Err(ours @ (StepError::LeaseLost | StepError::StoreUnavailable(_))) => return Err(ours),
                }
            }
            match page.last() {
                Some(last) if page.len() == AT_ONCE => after = Some(last.name.clone()),
                Some(_) | None => break,
            }
        }
        unreachable.map_or(Ok(None), Err)
    }

    /// The UUID of the system that the BMC manages: asked once, then remembered, with the certificate it showed.
    async fn managed_uuid(&self, object: &Object<BmcSpec, BmcStatus>) -> Result<Option<Uuid>, StepError> {
        if object.status.system_uuid.is_some() {
            return Ok(object.status.system_uuid);
        }
        let doing = format!("asking BMC {} which system it manages", object.name);
        let bmc = self.connect(object)?;
        let identity = bmc.identity().await.or_problem(&doing)?;
        let pinned = bmc.certificate();
        let remember = move |status: &mut BmcStatus| {
            status.system_uuid = identity.system_uuid;
            status.system_serial.clone_from(&identity.serial);
            status.pinned_certificate = status.pinned_certificate.or(pinned);
        };
        let remembered = self.store.update_status::<Bmcs>(object.id, remember).await;
        Ok(remembered.or_problem("remembering what the BMC manages")?.status.system_uuid)
    }
}
