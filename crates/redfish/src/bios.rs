//! BIOS attributes: what holds now, and what will hold after the next reset.

use crate::document::{Document, texts_of};
use crate::error::{ReadError, WriteError};
use crate::service::{Effect, Service};
use crate::system::System;
use serde_json::{Value, json};
use types::Params;

/// When a written attribute takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplyTime {
    /// The resource itself is written.
    Now,
    /// There is a settings object that the firmware reads at the next reset.
    AtReset,
}

/// The BIOS of a system as it was read.
#[derive(Debug, Clone)]
pub struct Bios {
    /// The resource.
    pub document: Document,
}

impl Bios {
    /// The attributes that hold now.
    pub fn attributes(&self) -> Params {
        attributes(&self.document)
    }

    /// Where changes are written (DSP0266, "Settings resource"): each vendor has another place.
    pub fn settings_link(&self) -> Option<&str> {
        self.document.value["@Redfish.Settings"]["SettingsObject"]["@odata.id"].as_str()
    }

    /// When a change takes effect.
    pub fn apply_time(&self) -> ApplyTime {
        if self.settings_link().is_some() { ApplyTime::AtReset } else { ApplyTime::Now }
    }

    /// iDRAC leaves a change pending for ever unless the apply time is named, and others refuse to hear it.
    fn wants_apply_time(&self) -> bool {
        texts_of(&self.document.value["@Redfish.Settings"]["SupportedApplyTimes"]).iter().any(|time| time == "OnReset")
    }
}

impl Service {
    /// The BIOS of `system`.
    pub async fn bios(&self, system: &System) -> Result<Bios, ReadError> {
        let link = system.document.link("Bios");
        let missing = || ReadError::Missing { path: system.document.path.clone(), member: "Bios" };
        Ok(Bios { document: self.get(link.ok_or_else(missing)?).await? })
    }

    /// The attributes that will change at the next reset.
    ///
    /// Some vendors list every attribute there and some only the changes, so what equals the current value
    /// is left out.
    pub async fn pending_bios_attributes(&self, bios: &Bios) -> Result<Params, ReadError> {
        let Some(link) = bios.settings_link() else { return Ok(Params::new()) };
        let current = bios.attributes();
        let mut pending = attributes(&self.get(link).await?);
        pending.retain(|name, value| current.get(name) != Some(value));
        Ok(pending)
    }

    /// Writes attributes: to the settings object, or to the resource itself when there is none.
    pub async fn write_bios_attributes(&self, bios: &Bios, wanted: &Params) -> Result<Effect, WriteError> {
        let mut body = json!({"Attributes": wanted});
        if bios.wants_apply_time() {
            body["@Redfish.SettingsApplyTime"] = json!({"ApplyTime": "OnReset"});
        }
        let link = bios.settings_link().unwrap_or(&bios.document.path);
        self.read_and_patch(link, &body).await
    }
}

fn attributes(document: &Document) -> Params {
    let attributes = document.value["Attributes"].as_object();
    let known = attributes.into_iter().flatten().filter(|(name, value)| is_attribute(name, value));
    known.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Annotations travel among the attributes; passwords are shown as null.
fn is_attribute(name: &str, value: &Value) -> bool {
    !name.contains('@') && !value.is_null()
}
