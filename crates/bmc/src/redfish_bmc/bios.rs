//! BIOS attributes: written to the settings object, seen there as pending, effective after a reset.

use super::Connection;
use crate::change::{Change, Found, bring_about_from};
use crate::{BiosWrite, BmcError};
use async_trait::async_trait;
use redfish::{ApplyTime, Bios, Effect};
use serde_json::Value;
use types::{How, Params};

pub(super) async fn current(bmc: &Connection) -> Result<Params, BmcError> {
    Ok(read(bmc).await?.attributes())
}

pub(super) async fn pending(bmc: &Connection) -> Result<Params, BmcError> {
    let bios = read(bmc).await?;
    Ok(bmc.service.pending_bios_attributes(&bios).await?)
}

/// Brings `wanted` about, now or for the next reset.
pub(super) async fn write(bmc: &Connection, wanted: &Params) -> Result<BiosWrite, BmcError> {
    let bios = read(bmc).await?;
    let (current, apply_time) = (bios.attributes(), bios.apply_time());
    let names: Vec<String> = wanted.keys().filter(|name| !current.contains_key(*name)).cloned().collect();
    if !names.is_empty() {
        return Err(BmcError::NoSuchAttribute { names });
    }
    let how = bring_about_from(bmc, &Attributes(wanted), look_at_settings(bmc, bios).await?).await?;
    let holds_now = differing(wanted, &current).is_empty();
    Ok(match (apply_time, how) {
        (ApplyTime::AtReset, _) if !holds_now => BiosWrite::AppliesAtReset,
        (_, How::AlreadySo) | (ApplyTime::AtReset, _) => BiosWrite::AlreadySo,
        (ApplyTime::Now, How::Changed | How::ByOther) => BiosWrite::AppliesNow,
    })
}

async fn read(bmc: &Connection) -> Result<Bios, BmcError> {
    Ok(bmc.service.bios(&bmc.system().await?).await?)
}

struct Attributes<'a>(&'a Params);

/// What the BIOS and its settings object say.
struct Settings {
    bios: Bios,
    /// What will hold after the next reset.
    next: Params,
}

async fn look_at_settings(bmc: &Connection, bios: Bios) -> Result<Settings, BmcError> {
    let mut next = bios.attributes();
    next.extend(bmc.service.pending_bios_attributes(&bios).await?);
    Ok(Settings { bios, next })
}

#[async_trait]
impl Change for Attributes<'_> {
    type Seen = Settings;

    fn subject(&self) -> &'static str {
        "the BIOS attributes"
    }

    fn wanted(&self) -> String {
        shown(self.0)
    }

    async fn look(&self, bmc: &Connection) -> Result<Settings, BmcError> {
        look_at_settings(bmc, read(bmc).await?).await
    }

    fn judge(&self, seen: &Settings) -> Found {
        let differing = differing(self.0, &seen.next);
        if differing.is_empty() {
            return Found::AsWanted;
        }
        let instead = seen.next.iter().filter(|(name, _)| differing.contains_key(*name));
        Found::Instead(shown(&instead.map(|(name, value)| (name.clone(), value.clone())).collect()))
    }

    async fn write(&self, bmc: &Connection, seen: &Settings) -> Result<Effect, BmcError> {
        let change = differing(self.0, &seen.next);
        Ok(bmc.service.write_bios_attributes(&seen.bios, &change).await?)
    }
}

/// Those of `wanted` that are otherwise in `found`.
pub fn differing(wanted: &Params, found: &Params) -> Params {
    let differs = |name: &String, value: &Value| found.get(name).is_none_or(|found| !same(found, value));
    wanted
        .iter()
        .filter(|(name, value)| differs(name, value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// JSON has one kind of number: `2` and `2.0` are the same setting.
fn same(left: &Value, right: &Value) -> bool {
    match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => left == right,
        _ => left == right,
    }
}

fn shown(attributes: &Params) -> String {
    let pairs: Vec<String> = attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join(" ").chars().take(300).collect()
}
