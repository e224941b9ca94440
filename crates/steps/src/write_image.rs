//! `agent.write_image`: the image is on the machine's disk.

use crate::StepCatalogue;
use crate::problem::{StoreProblem, configuration};
use serde::Deserialize;
use serde_json::Value;
use store::{Images, Selector};
use types::Name;
use types::agent::{Work, WriteImage, min_bytes_per_second};
use types::disk::{DiskProtection, DiskSelector};
use workflow::{StepCx, StepError, StepResult};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// The image; parameter `image` when not given.
    #[serde(default)]
    image: Option<Name>,
    /// The disk; parameter `install_disk`, else the smallest that is large enough.
    #[serde(default)]
    disk: Option<DiskSelector>,
    /// Which disks it must never be, besides those that parameter `protected_disks` names.
    #[serde(default)]
    protect: DiskProtection,
    /// Whether the last partition and its filesystem grow to the disk's end.
    #[serde(default = "yes")]
    grow: bool,
    /// A connection on which less comes, over a minute, is given up for another; 0 for none.
    #[serde(default = "min_bytes_per_second")]
    min_bytes_per_second: u64,
}

fn yes() -> bool {
    true
}

pub(crate) async fn look(catalogue: &StepCatalogue, cx: &mut StepCx<'_>) -> StepResult {
    let Arguments { image, disk, protect, grow, min_bytes_per_second } = cx.arguments()?;
    let name = match image {
        Some(name) => name,
        None => image_param(cx)?,
    };
    let disk = match disk {
        Some(disk) => disk,
        None => disk_param(cx)?,
    };
    let found = catalogue.store.find::<Images>(&Selector::from(&name)).await;
    let image =
        found.or_problem("reading the image")?.ok_or_else(|| configuration(format!("there is no image {name}")))?;
    let file_size_bytes = image
        .status
        .file_size_bytes
        .ok_or_else(|| configuration(format!("image {name} is declared, but its content was not uploaded")))?;
    let work = WriteImage {
        path: format!("/agent/v1/images/{}", image.spec.digest),
        digest: image.spec.digest,
        file_size_bytes,
        format: image.spec.format,
        disk_size_bytes: image.spec.disk_size_bytes,
        disk,
        protect: protect.and(protection_param(cx)?),
        grow,
        min_bytes_per_second,
    };
    let machine = catalogue.machine(cx).await?;
    catalogue.order_once(cx, &machine, Work::WriteImage(work)).await
}

fn image_param(cx: &StepCx<'_>) -> Result<Name, StepError> {
    let value = cx.param("image").and_then(Value::as_str);
    let value = value.ok_or_else(|| configuration("no image is named: set parameter \"image\""))?;
    value.parse().map_err(|error| configuration(format!("parameter \"image\": {error}")))
}

fn disk_param(cx: &StepCx<'_>) -> Result<DiskSelector, StepError> {
    match cx.param("install_disk") {
        None => Ok(DiskSelector::Smallest),
        Some(Value::String(name)) => Ok(DiskSelector::Name(name.trim_start_matches("/dev/").to_owned())),
        Some(other) => serde_json::from_value(other.clone())
            .map_err(|error| configuration(format!("parameter \"install_disk\": {error}"))),
    }
}

/// What the machine's parameters protect.
pub(crate) fn protection_param(cx: &StepCx<'_>) -> Result<DiskProtection, StepError> {
    let Some(value) = cx.param("protected_disks") else { return Ok(DiskProtection::default()) };
    serde_json::from_value(value.clone())
        .map_err(|error| configuration(format!("parameter \"protected_disks\": {error}")))
}
