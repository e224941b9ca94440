//! The virtual CD.

use super::{Connection, quirks_of};
use crate::change::{Change, Found, bring_about};
use crate::quirks::Quirks;
use crate::{BmcError, VirtualMedia};
use async_trait::async_trait;
use redfish::{Effect, MediaSlot};
use types::How;
use url::Url;

pub(super) async fn list(bmc: &Connection) -> Result<Vec<VirtualMedia>, BmcError> {
    let system = bmc.system().await?;
    let quirks = quirks_of(&system);
    Ok(bmc.service.media_slots(&system).await?.iter().map(|slot| view(slot, quirks)).collect())
}

/// Puts the image at `url` into the first virtual CD drive, which is emptied first when another image is in it.
pub(super) async fn insert(bmc: &Connection, url: &Url) -> Result<How, BmcError> {
    let drives = cd_drives(bmc).await?;
    if drives.iter().any(|drive| drive.is_inserted() && drive.image() != Some(url.as_str())) {
        bring_about(bmc, &Ejected).await?;
    }
    bring_about(bmc, &Inserted(url)).await
}

fn view(slot: &MediaSlot, quirks: Quirks) -> VirtualMedia {
    VirtualMedia {
        slot: slot.id().to_owned(),
        inserted: slot.is_inserted(),
        image: slot.image().map(str::to_owned),
        takes_cd: takes_cd(slot, quirks),
    }
}

fn takes_cd(slot: &MediaSlot, quirks: Quirks) -> bool {
    slot.takes_cd() && !quirks.refuses_images_in_drive(slot.id())
}

async fn cd_drives(bmc: &Connection) -> Result<Vec<MediaSlot>, BmcError> {
    let system = bmc.system().await?;
    let quirks = quirks_of(&system);
    let mut drives = bmc.service.media_slots(&system).await?;
    drives.retain(|drive| takes_cd(drive, quirks));
    Ok(drives)
}

struct Inserted<'a>(&'a Url);

#[async_trait]
impl Change for Inserted<'_> {
    type Seen = Vec<MediaSlot>;

    fn subject(&self) -> &'static str {
        "the image in the virtual CD"
    }

    fn wanted(&self) -> String {
        self.0.path().to_owned()
    }

    async fn look(&self, bmc: &Connection) -> Result<Vec<MediaSlot>, BmcError> {
        let drives = cd_drives(bmc).await?;
        if drives.is_empty() { Err(BmcError::NoVirtualCd) } else { Ok(drives) }
    }

    fn judge(&self, drives: &Vec<MediaSlot>) -> Found {
        let holds_it = |drive: &MediaSlot| drive.is_inserted() && drive.image() == Some(self.0.as_str());
        if drives.iter().any(holds_it) { Found::AsWanted } else { Found::Instead("another or none".to_owned()) }
    }

    async fn write(&self, bmc: &Connection, drives: &Vec<MediaSlot>) -> Result<Effect, BmcError> {
        let drive = drives.iter().find(|drive| !drive.is_inserted()).or(drives.first()).ok_or(BmcError::NoVirtualCd)?;
        Ok(bmc.service.insert_media(drive, self.0).await?)
    }
}

/// No image in any virtual CD drive.
pub(super) struct Ejected;

#[async_trait]
impl Change for Ejected {
    type Seen = Vec<MediaSlot>;

    fn subject(&self) -> &'static str {
        "the virtual CD"
    }

    fn wanted(&self) -> String {
        "empty".to_owned()
    }

    async fn look(&self, bmc: &Connection) -> Result<Vec<MediaSlot>, BmcError> {
        cd_drives(bmc).await
    }

    fn judge(&self, drives: &Vec<MediaSlot>) -> Found {
        let full = drives.iter().filter(|drive| drive.is_inserted());
        let full: Vec<&str> = full.map(MediaSlot::id).collect();
        if full.is_empty() { Found::AsWanted } else { Found::Instead(format!("an image in {}", full.join(", "))) }
    }

    async fn write(&self, bmc: &Connection, drives: &Vec<MediaSlot>) -> Result<Effect, BmcError> {
        let mut effect = Effect::Done;
        for drive in drives.iter().filter(|drive| drive.is_inserted()) {
            effect = bmc.service.eject_media(drive).await?;
        }
        Ok(effect)
    }
}
