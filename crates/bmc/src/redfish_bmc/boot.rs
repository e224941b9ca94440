//! The boot override.

use super::{Connection, quirks_of};
use crate::change::{Change, Found};
use crate::{BmcError, BootOverride};
use async_trait::async_trait;
use redfish::{Effect, System};

/// A boot override to bring about.
pub(super) struct Override<'a>(pub(super) &'a BootOverride);

#[async_trait]
impl Change for Override<'_> {
    type Seen = System;

    fn subject(&self) -> &'static str {
        "the boot override"
    }

    fn wanted(&self) -> String {
        self.0.to_string()
    }

    async fn look(&self, bmc: &Connection) -> Result<System, BmcError> {
        Ok(bmc.system().await?)
    }

    fn judge(&self, seen: &System) -> Found {
        let found = seen.boot_override();
        if found.satisfies(self.0) { Found::AsWanted } else { Found::Instead(found.to_string()) }
    }

    async fn write(&self, bmc: &Connection, seen: &System) -> Result<Effect, BmcError> {
        let mut wanted = self.0.clone();
        if quirks_of(seen).forgets_the_boot_mode_that_is_not_repeated() {
            wanted.mode = wanted.mode.or(seen.boot_override().mode);
        }
        Ok(bmc.service.set_boot_override(seen, &wanted).await?)
    }
}
