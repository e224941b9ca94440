//! The image from the server onto the disk: looked at before the disk is touched, then written while it arrives.

use super::download::Download;
use super::{Device, Sharing, failed};
use crate::task::{Stop, TaskContext};
use artifact::qcow2::{Map, MapError};
use artifact::sink::{Compression, Expected, ImageSink, Packing, Written};
use artifact::{FileTarget, Piece, format};
use types::ErrorClass;
use types::agent::WriteImage;
use types::image::ImageFormat;

/// Everything up to the image being on the disk as it came.
pub(super) fn stream(device: &Device<'_>, order: &WriteImage, context: &TaskContext<'_>) -> Result<Written, Stop> {
    let mut download = Download::new(order, context);
    let first = first_piece(&mut download, order, context)?;
    format::check(order.format, first.bytes())
        .map_err(|error| Stop::failed(ErrorClass::Configuration, error.to_string()))?;
    let packing = packing(&mut download, order)?;
    context.confirm(order.disk_size_bytes, "bytes", "about to write the image")?;
    let mut sink = prepared(device, order, packing)?;
    let fed = sink.feed(first).map_err(|error| failed(&device.disk, &error));
    if let Err(stop) = fed.and_then(|()| feed(&mut sink, &mut download, device, order, context)) {
        // What stopped it is what the operator wants to know; nothing bootable has been written yet.
        sink.abandon().ok();
        return Err(stop);
    }
    sink.finish().map(|(_, written)| written).map_err(|error| failed(&device.disk, &error))
}

/// Enough to see what the file is.
fn first_piece(download: &mut Download<'_>, order: &WriteImage, context: &TaskContext<'_>) -> Result<Piece, Stop> {
    let mut piece = Piece::default();
    let mut filled = 0;
    while filled < format::HEAD_BYTES {
        let space = piece.space().get_mut(filled..).unwrap_or_default();
        let read =
            download.read(space, || context.progress(0, order.disk_size_bytes, "bytes", "reaching the image"))?;
        if read == 0 {
            break;
        }
        filled += read;
    }
    piece.fill(filled);
    Ok(piece)
}

fn packing(download: &mut Download<'_>, order: &WriteImage) -> Result<Packing, Stop> {
    let compression = match order.format {
        ImageFormat::Raw => Compression::None,
        ImageFormat::RawZst => Compression::Zstd,
        ImageFormat::RawGz => Compression::Gzip,
        ImageFormat::RawXz => Compression::Xz,
        ImageFormat::Qcow2 => return map_of(download, order).map(|map| Packing::Qcow2(map.into())),
    };
    Ok(Packing::Stream(compression))
}

fn map_of(download: &mut Download<'_>, order: &WriteImage) -> Result<Map, Stop> {
    let map = Map::read(order.file_size_bytes, |offset, buffer| download.read_at(offset, buffer));
    let map = map.map_err(|error| match error {
        MapError::Read(stop) => stop,
        MapError::Refused(error) => Stop::failed(ErrorClass::Configuration, error.to_string()),
    })?;
    let (found, declared) = (map.disk_bytes(), order.disk_size_bytes);
    if found != declared {
        let reason = format!("the qcow2 image holds a disk of {found} bytes, {declared} were declared");
        return Err(Stop::failed(ErrorClass::Configuration, reason));
    }
    Ok(map)
}

/// The disk, which does not boot any more, ready to take the file.
fn prepared(device: &Device<'_>, order: &WriteImage, packing: Packing) -> Result<ImageSink<FileTarget>, Stop> {
    let target = device.open(Sharing::Exclusive).map_err(|error| device.refused("opening", &error))?;
    let expected = Expected {
        digest: order.digest,
        file_size_bytes: order.file_size_bytes,
        packing,
        disk_size_bytes: order.disk_size_bytes,
    };
    ImageSink::new(target, expected).map_err(|error| failed(&device.disk, &error))
}

fn feed(
    sink: &mut ImageSink<FileTarget>,
    download: &mut Download<'_>,
    device: &Device<'_>,
    order: &WriteImage,
    context: &TaskContext<'_>,
) -> Result<(), Stop> {
    loop {
        let mut piece = sink.piece();
        let report = || context.progress(sink.disk_bytes(), order.disk_size_bytes, "bytes", "writing the image");
        let read = download.read(piece.space(), report)?;
        if read == 0 {
            return Ok(());
        }
        report()?;
        piece.fill(read);
        sink.feed(piece).map_err(|error| failed(&device.disk, &error))?;
    }
}
