//! Writes an image onto a disk: chooses the disk, makes it unbootable, streams the image, grows it, and leaves a stamp.
//!
//! The disk is not touched before the server has confirmed the order and the image's first bytes are what they
//! were declared to be.

mod download;
mod filesystem;
mod pace;
mod partitions;
mod stamp;
mod stream;

use crate::disk::{candidates, choose, trouble};
use crate::host::Host;
use crate::task::{Done, Stop, TaskContext};
use artifact::gpt::{self, GptError, Growth};
use artifact::sink::{self, ImageError};
use artifact::target::{BlockTarget, FileTarget};
use rustix::fs::OFlags;
use serde_json::{Value, json};
use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use types::agent::WriteImage;
use types::chain;
use types::inventory::Disk;
use types::{ErrorClass, How};

/// Carries out an order to write an image. An order that was carried out before, in this boot or an earlier one,
/// touches nothing.
///
/// # Errors
/// When the image is not on the disk; the disk does not boot then.
pub fn write(host: &Host, order: &WriteImage, context: &TaskContext<'_>) -> Result<Done, Stop> {
    let disk = choose::choose(&candidates(host, &order.protect), &order.disk, order.disk_size_bytes)
        .map_err(|error| Stop::failed(error.class(), error.to_string()))?;
    let device = Device { path: host.device_path(&disk.name), disk, host };
    let stamp = stamp::stamp(context.id, order);
    if device.open(Sharing::Shared).is_ok_and(|mut target| stamp::is_there(&mut target, &stamp)) {
        context.journal.info(&format!("disk {} already holds this order's image", device.disk.name));
        return Ok(Done { how: How::AlreadySo, outputs: device.outputs(order) });
    }
    context.journal.info(&format!("image {} goes to disk {}", order.digest, device.disk.name));
    let written = stream::stream(&device, order, context)?;
    let finished = finish(&device, order, &stamp, context);
    if let Err(stop) = finished {
        device.make_unbootable();
        return Err(stop);
    }
    let mut outputs = device.outputs(order);
    outputs["disk_bytes"] = json!(written.disk_bytes);
    outputs["written_bytes"] = json!(written.written_bytes);
    outputs["grown_partition"] = finished?;
    Ok(Done { how: How::Changed, outputs })
}

/// Everything after: partitions known to the kernel, the last one grown, and the stamp.
fn finish(
    device: &Device<'_>,
    order: &WriteImage,
    stamp: &stamp::Stamp,
    context: &TaskContext<'_>,
) -> Result<Value, Stop> {
    let growth = if order.grow { Some(device.grow()?) } else { None };
    partitions::reread(&device.path).map_err(|error| device.refused("reading the partition table of", &error))?;
    if let Some(growth) = &growth {
        context.progress(0, 1, "filesystems", "growing the last filesystem")?;
        let volume = partitions::volume(device.host, &device.disk.name, &growth.partition, context.clock);
        filesystem::grow(&volume, context.journal).map_err(|error| Stop::failed(error.class(), chain(&error)))?;
    }
    let mut target = device.open(Sharing::Shared).map_err(|error| device.refused("opening", &error))?;
    if !stamp::put(&mut target, stamp).map_err(|error| device.refused("stamping", &error))? {
        context.journal.info("the disk has no room for a stamp: the same order after a reboot would write it again");
    }
    Ok(growth.map_or(Value::Null, |Growth { partition, .. }| {
        json!({ "number": partition.number, "start_bytes": partition.start_bytes, "size_bytes": partition.size_bytes })
    }))
}

/// The chosen disk.
struct Device<'a> {
    disk: Disk,
    path: PathBuf,
    host: &'a Host,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    /// Others may have it open.
    Shared,
    /// The kernel refuses if anything is mounted from it or built on it (open(2), O_EXCL on block devices).
    Exclusive,
}

impl Device<'_> {
    fn open(&self, sharing: Sharing) -> io::Result<FileTarget> {
        let flags = if sharing == Sharing::Exclusive { OFlags::EXCL } else { OFlags::empty() };
        let file = File::options().read(true).write(true).custom_flags(flags.bits().cast_signed()).open(&self.path)?;
        FileTarget::direct(file, &self.path)
    }

    fn grow(&self) -> Result<Growth, Stop> {
        let sector_size_file = format!("sys/block/{}/queue/logical_block_size", self.disk.name);
        let sector_bytes = self.host.number(&sector_size_file).unwrap_or(512);
        let grown = self.open(Sharing::Exclusive).map_err(GptError::Io).and_then(|mut target| {
            let growth = gpt::grow_last(&mut target.file(), sector_bytes)?;
            target.sync()?;
            Ok(growth)
        });
        grown.map_err(|error| {
            let class = match &error {
                GptError::Io(_) => ErrorClass::Hardware,
                GptError::NoTable | GptError::NoPartition | GptError::SectorSize { .. } | GptError::BeyondEnd => {
                    ErrorClass::Configuration
                }
            };
            Stop::failed(class, format!("growing the last partition of disk {}: {}", self.disk.name, chain(&error)))
        })
    }

    /// The failure that led here is reported; a disk that refuses this too is what was reported.
    fn make_unbootable(&self) {
        if let Ok(mut target) = self.open(Sharing::Shared) {
            sink::wipe_ends(&mut target).ok();
        }
    }

    fn refused(&self, doing: &str, error: &io::Error) -> Stop {
        Stop::failed(ErrorClass::Hardware, format!("{doing} disk {}: {error}", self.disk.name))
    }

    fn outputs(&self, order: &WriteImage) -> Value {
        json!({
            "disk": self.disk.name,
            "disk_serial": self.disk.serial,
            "disk_size_bytes": self.disk.size_bytes,
            "digest": order.digest,
        })
    }
}

/// A failure of the image or the disk, in the protocol's words.
fn failed(disk: &Disk, error: &ImageError) -> Stop {
    let class = match error {
        ImageError::Disk(error) => {
            let reason = format!("disk {}: {}", disk.name, chain(error));
            return Stop::Failed { class: ErrorClass::Hardware, reason, evidence: trouble(disk, error) };
        }
        ImageError::DiskTooSmall { .. } | ImageError::DigestMismatch { .. } => ErrorClass::Hardware,
        ImageError::Start(_) => ErrorClass::Transient,
        ImageError::FileTooLong { .. }
        | ImageError::DiskTooLong { .. }
        | ImageError::Truncated { .. }
        | ImageError::DiskTooShort { .. }
        | ImageError::BrokenOff { .. }
        | ImageError::Malformed { .. }
        | ImageError::Nested { .. }
        | ImageError::Qcow2(_)
        | ImageError::GivenUp => ErrorClass::Configuration,
    };
    Stop::failed(class, chain(error))
}
