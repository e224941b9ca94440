//! A machine in memory, its simulated BMC, and our side of it.

use bmc::{Bmc, BmcError, Limits, RedfishBmc};
use lab::power::{BootPlan, MemoryMachine};
use lab::redfish::{BmcOptions, BmcSimulator, Faults, Firmware};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use types::bmc::BmcSpec;
use types::{Params, Secret};
use uuid::Uuid;

pub(crate) const UUID: Uuid = Uuid::from_u128(0x4c4c_4544_0035_3410_8050_c6c0_4f31_4733);
pub(crate) const PASSWORD: &str = "correct-horse";

pub(crate) struct Rig {
    pub(crate) simulator: BmcSimulator,
    pub(crate) machine: Arc<MemoryMachine>,
    pub(crate) bmc: RedfishBmc,
}

/// The limits of production with the waits of a test.
pub(crate) fn limits() -> Limits {
    Limits {
        operation_budget: Duration::from_secs(60),
        settle: Duration::from_secs(10),
        look_every: Duration::from_millis(2),
        failures_before_rest: u32::MAX,
        requests: redfish::Options {
            first_backoff: Duration::from_millis(2),
            max_backoff: Duration::from_millis(20),
            task_poll: Duration::from_millis(2),
            ..redfish::Options::default()
        },
        ..Limits::default()
    }
}

/// Limits under which a change that never shows is given up soon.
pub(crate) fn impatient() -> Limits {
    Limits { settle: Duration::from_millis(50), ..limits() }
}

pub(crate) async fn simulator(machine: &Arc<MemoryMachine>) -> BmcSimulator {
    BmcSimulator::start(BmcOptions {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        name: "m1".to_owned(),
        uuid: UUID,
        serial: "LAB0001".to_owned(),
        model: "Lab machine".to_owned(),
        firmware: Firmware::Uefi,
        username: "admin".to_owned(),
        password: Secret::new(PASSWORD),
        backend: machine.clone(),
    })
    .await
    .unwrap()
}

pub(crate) fn spec(simulator: &BmcSimulator) -> BmcSpec {
    BmcSpec {
        url: simulator.url(),
        username: "admin".to_owned(),
        password: Secret::new(PASSWORD),
        certificate: Some(simulator.certificate_digest()),
    }
}

pub(crate) fn client(spec: &BmcSpec, limits: Limits) -> RedfishBmc {
    RedfishBmc::new(spec, spec.certificate, limits).unwrap()
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::with(limits()).await
    }

    pub(crate) async fn with(limits: Limits) -> Self {
        let machine = Arc::new(MemoryMachine::default());
        let simulator = simulator(&machine).await;
        let bmc = client(&spec(&simulator), limits);
        Self { simulator, machine, bmc }
    }

    /// A rig whose machine is on, after one boot.
    pub(crate) async fn powered_on(limits: Limits) -> Self {
        let rig = Self::with(limits).await;
        rig.bmc.power(bmc::PowerAction::On).await.unwrap();
        rig
    }

    pub(crate) fn faults(&self, change: impl FnOnce(&mut Faults)) {
        self.simulator.set_faults(change);
    }

    /// How many requests of this kind came.
    pub(crate) fn count(&self, kind: &str) -> u64 {
        self.simulator.requests().get(kind).copied().unwrap_or_default()
    }

    pub(crate) fn boots(&self) -> Vec<BootPlan> {
        self.machine.boots()
    }
}

pub(crate) fn attributes(pairs: &[(&str, serde_json::Value)]) -> Params {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

/// The whole chain of causes, as a log would show it.
pub(crate) fn chain(error: &BmcError) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}
