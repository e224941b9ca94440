//! The demo's disk image once more, as `qemu-img` makes a packed qcow2 of it: what many publish images as.

use crate::image::{Image, ImageFacts};
use crate::{command, fingerprint, place};
use anyhow::{Context, Result};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::process::Command;

const RECIPE: &[u8] = include_str!("qcow2_image.rs").as_bytes();

/// Converts the image if it is another than the one converted last.
pub(crate) fn build(image: &Image) -> Result<()> {
    let directory = place::target().join("image-qcow2");
    let stamp = directory.join("fingerprint");
    let mut inputs = fingerprint::Inputs::default();
    inputs.add("recipe", RECIPE).add("image", image.facts.digest.as_bytes());
    let fingerprint = inputs.fingerprint();
    if fingerprint::is_current(&stamp, &fingerprint) {
        return Ok(());
    }
    fs::create_dir_all(&directory)?;
    let scratch = tempfile::Builder::new().prefix("build-").tempdir_in(&directory)?;
    let (raw, packed) = (scratch.path().join("disk.raw"), scratch.path().join("disk.qcow2"));
    zstd::stream::copy_decode(File::open(&image.file)?, File::create(&raw)?).context("unpacking the image")?;
    command::run(Command::new("qemu-img").args(["convert", "-O", "qcow2", "-c", "-W"]).arg(&raw).arg(&packed))?;
    let file = fs::read(&packed)?;
    let digest = format!("sha256:{}", fingerprint::hex(&Sha256::digest(&file)));
    let disk_size_bytes = image.facts.disk_size_bytes;
    let facts = ImageFacts { digest, disk_size_bytes, file_size_bytes: file.len() as u64 };
    let mut description = serde_json::to_value(&facts)?;
    description["format"] = json!("qcow2");
    fs::rename(&packed, directory.join("debian-12.qcow2"))?;
    fs::write(directory.join("debian-12.json"), serde_json::to_vec_pretty(&description)?)?;
    fingerprint::record(&stamp, &fingerprint)
}
