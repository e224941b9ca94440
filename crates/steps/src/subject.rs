//! What a step works on: its machine and the machine's BMC, as they are now.

use crate::StepCatalogue;
use crate::problem::{BmcProblem, StoreProblem, configuration};
use bmc::{Bmc, BmcError};
use std::sync::Arc;
use store::{Bmcs, Machines, Selector};
use types::bmc::{BmcSpec, BmcStatus};
use types::machine::{MachineSpec, MachineStatus};
use types::object::Object;
use workflow::{StepCx, StepError};

pub(crate) type Machine = Object<MachineSpec, MachineStatus>;

impl StepCatalogue {
    /// The machine of the run.
    pub(crate) async fn machine(&self, cx: &StepCx<'_>) -> Result<Machine, StepError> {
        let machine = cx.run().machine;
        let found = self.store.find::<Machines>(&Selector::Id(machine.into())).await;
        found.or_problem("reading the machine")?.ok_or_else(|| configuration(format!("machine {machine} is gone")))
    }

    /// The machine's BMC; none when it has none.
    pub(crate) async fn find_bmc(&self, machine: &Machine) -> Result<Option<Arc<dyn Bmc>>, StepError> {
        let Some(name) = &machine.spec.bmc else { return Ok(None) };
        let found = self.store.find::<Bmcs>(&Selector::from(name)).await;
        let object = found.or_problem("reading the BMC")?;
        let object = object.ok_or_else(|| configuration(format!("BMC {name} of {} is gone", machine.name)))?;
        self.connect(&object).map(Some)
    }

    /// A connection to a declared BMC. Nothing is sent yet.
    pub(crate) fn connect(&self, object: &Object<BmcSpec, BmcStatus>) -> Result<Arc<dyn Bmc>, StepError> {
        let connected = self.bmcs.connect(&object.name, &object.spec, object.status.pinned_certificate);
        connected.map_err(BmcError::from).or_problem(&format!("connecting to BMC {}", object.name))
    }

    /// The machine's BMC, for a step that cannot do without.
    pub(crate) async fn bmc(&self, machine: &Machine) -> Result<Arc<dyn Bmc>, StepError> {
        let found = self.find_bmc(machine).await?;
        found.ok_or_else(|| {
            configuration(format!("machine {} has no BMC; declare one and attach it with `bmc.attach`", machine.name))
        })
    }
}
