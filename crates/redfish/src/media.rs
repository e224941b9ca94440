//! Virtual media: images that a BMC shows to its system as drives.

use crate::action::Action;
use crate::document::{Document, texts_of};
use crate::error::{ReadError, WriteError};
use crate::service::{Effect, Service};
use crate::system::System;
use serde_json::json;
use url::Url;

/// A virtual drive as it was read.
#[derive(Debug, Clone)]
pub struct MediaSlot {
    /// The resource.
    pub document: Document,
}

impl MediaSlot {
    /// The slot's own name, such as `CD` or `EXT1`.
    pub fn id(&self) -> &str {
        self.document.text("Id").unwrap_or_default()
    }

    /// The image in it, by the URL it came from.
    pub fn image(&self) -> Option<&str> {
        self.document.text("Image")
    }

    /// Whether something is in it. Some BMCs keep showing the image of an ejected medium, so `Inserted` decides.
    pub fn is_inserted(&self) -> bool {
        self.document.value["Inserted"].as_bool().unwrap_or_else(|| self.image().is_some())
    }

    /// Whether it can be a CD.
    pub fn takes_cd(&self) -> bool {
        texts_of(&self.document.value["MediaTypes"]).iter().any(|kind| kind == "CD" || kind == "DVD")
    }
}

impl Service {
    /// The virtual drives of `system`: its own, or those of its managers where it has none.
    ///
    /// DMTF moved them from the manager to the system in 2022. BMCs that have both show the same drives twice
    /// (Lenovo under the same names, Dell under others), so only one place is used.
    pub async fn media_slots(&self, system: &System) -> Result<Vec<MediaSlot>, ReadError> {
        if let Some(link) = system.document.link("VirtualMedia") {
            let slots = self.slots_at(link).await?;
            if !slots.is_empty() {
                return Ok(slots);
            }
        }
        let mut slots = Vec::new();
        for manager in self.managers(system).await? {
            if let Some(link) = manager.link("VirtualMedia") {
                slots.extend(self.slots_at(link).await?);
            }
        }
        Ok(slots)
    }

    async fn slots_at(&self, collection: &str) -> Result<Vec<MediaSlot>, ReadError> {
        let mut slots = Vec::new();
        for link in self.member_links(collection).await? {
            slots.push(MediaSlot { document: self.get(&link).await? });
        }
        Ok(slots)
    }

    /// Puts the image at `url` into `slot`, by action where it has one.
    ///
    /// Only the image is named: inserted and write-protected are the action's defaults (DSP2046, VirtualMedia).
    pub async fn insert_media(&self, slot: &MediaSlot, url: &Url) -> Result<Effect, WriteError> {
        match Action::find(&slot.document, "#VirtualMedia.InsertMedia") {
            Some(action) => Ok(self.post(&action.target, &json!({"Image": url.as_str()})).await?),
            None => {
                let body = json!({"Image": url.as_str(), "Inserted": true, "WriteProtected": true});
                self.read_and_patch(&slot.document.path, &body).await
            }
        }
    }

    /// Takes the image out of `slot`.
    pub async fn eject_media(&self, slot: &MediaSlot) -> Result<Effect, WriteError> {
        match Action::find(&slot.document, "#VirtualMedia.EjectMedia") {
            Some(action) => Ok(self.post(&action.target, &json!({})).await?),
            None => self.read_and_patch(&slot.document.path, &json!({"Image": null, "Inserted": false})).await,
        }
    }
}
