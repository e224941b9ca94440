//! The boot override.

use super::{Connection, quirks_of};
use crate::change::{Change, Found};
use crate::{BmcError, BootOverride};
use async_trait::async_trait;
use redfish::Effect;

/// A boot override to bring about.
pub(super) struct Override<'a>(pub(super) &'a BootOverride);

#[async_trait]
impl Change for Override<'_> {
    fn subject(&self) -> &'static str {
        "the boot override"
    }

    fn wanted(&self) -> String {
        self.0.to_string()
    }

    async fn look(&self, bmc: &Connection) -> Result<Found, BmcError> {
        let found = bmc.system().await?.boot_override();
        Ok(if found.satisfies(self.0) { Found::AsWanted } else { Found::Instead(found.to_string()) })
    }

    async fn write(&self, bmc: &Connection) -> Result<Effect, BmcError> {
        let system = bmc.system().await?;
        let mut wanted = self.0.clone();
        if quirks_of(&system).forgets_the_boot_mode_that_is_not_repeated() {
            wanted.mode = wanted.mode.or(system.boot_override().mode);
        }
        Ok(bmc.service.set_boot_override(&system, &wanted).await?)
    }
}
