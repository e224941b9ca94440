//! [`Bmc`] over Redfish.

pub(crate) mod bios;
mod boot;
mod media;
mod power;

use crate::change::{Change, bring_about};
use crate::gate::{Gate, Limits};
use crate::quirks::Quirks;
use crate::{BiosWrite, Bmc, BmcError, BootOverride, Identity, PowerAction, PowerState, VirtualMedia};
use async_trait::async_trait;
use redfish::{ConnectError, Endpoint, ReadError, Service, System};
use std::time::Duration;
use types::bmc::BmcSpec;
use types::{Digest, How, Params};
use url::Url;

/// Long enough for a BMC that answers at all; a shutdown does not wait for the others.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// A BMC that speaks Redfish.
pub struct RedfishBmc {
    connection: Connection,
    gate: Gate,
}

/// What the operations work with.
pub(crate) struct Connection {
    pub(crate) service: Service,
    pub(crate) limits: Limits,
}

impl Connection {
    pub(crate) async fn system(&self) -> Result<System, ReadError> {
        self.service.system().await
    }
}

impl RedfishBmc {
    /// A client for the BMC that `spec` describes, which must present `certificate` if that is given. Nothing is sent.
    pub fn new(spec: &BmcSpec, certificate: Option<Digest>, limits: Limits) -> Result<Self, ConnectError> {
        let endpoint = Endpoint {
            url: spec.url.clone(),
            username: spec.username.clone(),
            password: spec.password.clone(),
            certificate,
        };
        let service = Service::new(endpoint, limits.requests.clone())?;
        let gate = Gate::new(&limits);
        Ok(Self { connection: Connection { service, limits }, gate })
    }

    async fn change<C: Change>(&self, operation: &'static str, change: &C) -> Result<How, BmcError> {
        self.gate.run(operation, bring_about(&self.connection, change)).await
    }
}

/// The defects of the BMC of `system`.
pub(crate) fn quirks_of(system: &System) -> Quirks {
    Quirks::of(system.document.text("Manufacturer").unwrap_or_default())
}

async fn read_identity(connection: &Connection) -> Result<Identity, BmcError> {
    let system = connection.system().await?;
    let managers = connection.service.managers(&system).await?;
    let manager = managers.first();
    let text = |name: &str| system.document.text(name).map(str::to_owned);
    let serial = if quirks_of(&system).shows_the_board_serial_as_the_systems() {
        text("SKU").or_else(|| text("SerialNumber"))
    } else {
        text("SerialNumber")
    };
    Ok(Identity {
        system_uuid: system.uuid(),
        serial,
        model: text("Model"),
        vendor: text("Manufacturer"),
        bios_version: text("BiosVersion"),
        bmc_model: manager.and_then(|manager| manager.text("Model")).map(str::to_owned),
        bmc_firmware: manager.and_then(|manager| manager.text("FirmwareVersion")).map(str::to_owned),
    })
}

#[async_trait]
impl Bmc for RedfishBmc {
    async fn identity(&self) -> Result<Identity, BmcError> {
        self.gate.run("reading the identity", read_identity(&self.connection)).await
    }

    async fn power_state(&self) -> Result<PowerState, BmcError> {
        self.gate.run("reading the power state", async { Ok(self.connection.system().await?.power_state()) }).await
    }

    async fn power(&self, action: PowerAction) -> Result<How, BmcError> {
        self.gate.run("switching the power", power::switch(&self.connection, action)).await
    }

    async fn last_reset(&self) -> Result<Option<String>, BmcError> {
        let read = async {
            let system = self.connection.system().await?;
            let proves = quirks_of(&system).proves_resets();
            Ok(proves.then(|| system.last_reset().unwrap_or_default().to_owned()))
        };
        self.gate.run("reading when the machine was last reset", read).await
    }

    async fn boot_override(&self) -> Result<BootOverride, BmcError> {
        self.gate.run("reading the boot override", async { Ok(self.connection.system().await?.boot_override()) }).await
    }

    async fn set_boot_override(&self, wanted: &BootOverride) -> Result<How, BmcError> {
        self.change("setting the boot override", &boot::Override(wanted)).await
    }

    async fn bios_attributes(&self) -> Result<Params, BmcError> {
        self.gate.run("reading BIOS attributes", bios::current(&self.connection)).await
    }

    async fn set_bios_attributes(&self, wanted: &Params) -> Result<BiosWrite, BmcError> {
        self.gate.run("writing BIOS attributes", bios::write(&self.connection, wanted)).await
    }

    async fn pending_bios_attributes(&self) -> Result<Params, BmcError> {
        self.gate.run("reading pending BIOS attributes", bios::pending(&self.connection)).await
    }

    async fn virtual_media(&self) -> Result<Vec<VirtualMedia>, BmcError> {
        self.gate.run("reading virtual media", media::list(&self.connection)).await
    }

    async fn insert_media(&self, url: &Url) -> Result<How, BmcError> {
        self.gate.run("inserting virtual media", media::insert(&self.connection, url)).await
    }

    async fn eject_media(&self) -> Result<How, BmcError> {
        self.change("ejecting virtual media", &media::Ejected).await
    }

    fn certificate(&self) -> Option<Digest> {
        self.connection.service.certificate()
    }

    async fn close(&self) {
        if let Ok(Err(error)) = tokio::time::timeout(CLOSE_LIMIT, self.connection.service.log_out()).await {
            tracing::debug!(%error, "BMC session could not be ended and is left to expire");
        }
    }
}
