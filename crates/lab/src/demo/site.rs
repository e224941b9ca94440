//! The demo's site: what an operator would write down about this rack.

use super::{DemoOptions, SERVER_ADDRESS, description_of};
use crate::rack::{Rack, RackMachine};
use anyhow::Context;
use client::Client;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use types::Digest;
use types::image::ImageFormat;
use wire::ApplyFile;

/// The name of the demo's image.
const IMAGE: &str = "debian-12";
/// A key whose private half nobody has: the demo shows that a key arrives, not a way in.
const SSH_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDemoDemoDemoDemoDemoDemoDemoDemoDemoDemo demo";

/// The description that `cargo xtask image` writes beside the image.
#[derive(Deserialize)]
struct ImageDescription {
    digest: Digest,
    disk_size_bytes: u64,
    #[serde(default = "packed_raw")]
    format: ImageFormat,
}

fn packed_raw() -> ImageFormat {
    ImageFormat::RawZst
}

/// Writes the server's configuration.
pub(super) fn write_config(options: &DemoOptions) -> anyhow::Result<PathBuf> {
    let config = json!({
        "data": options.folder.join("data"),
        "listen": format!("{SERVER_ADDRESS}:8080"),
        "dhcp": {"interface": "br0", "address": SERVER_ADDRESS, "no_ipv6_router": true},
        "tftp": format!("{SERVER_ADDRESS}:69"),
        "boot": {"loaders": "/usr/lib/ipxe", "maintenance_os": options.maintenance_os},
    });
    let path = options.folder.join("slipway.yaml");
    // JSON is YAML too.
    std::fs::write(&path, serde_json::to_vec_pretty(&config)?).context("writing the server's configuration")?;
    Ok(path)
}

/// Declares subnet, BMCs and image, and uploads the image. The machines are not declared: they are to be found.
pub(super) async fn declare(client: &Client, rack: &Rack, image: &Path) -> anyhow::Result<()> {
    let description = description_of(image);
    let text = std::fs::read_to_string(&description).with_context(|| format!("reading {}", description.display()))?;
    let description: ImageDescription = serde_json::from_str(&text).context("reading the image's description")?;
    let mut documents = vec![subnet(), image_object(&description)];
    documents.extend(rack.machines.iter().map(bmc));
    let text = documents.iter().map(|document| format!("---\n{document:#}\n")).collect();
    client.apply(vec![ApplyFile { file: "demo.yaml".to_owned(), text }], false).await.context("declaring the site")?;
    client.upload_image(IMAGE, image, |_sent| {}).await.context("uploading the image")?;
    Ok(())
}

fn subnet() -> Value {
    json!({
        "kind": "Subnet",
        "name": "rack",
        "cidr": "10.77.0.0/24",
        "pool": {"first": "10.77.0.100", "last": "10.77.0.199"},
        "unknown": "discover",
        "discovery_workflow": "default",
        "params": {
            "image": IMAGE,
            "bios_attributes": {"SriovGlobalEnable": "Enabled"},
            "admin_user": "operator",
            "ssh_authorized_keys": [SSH_KEY],
        },
    })
}

fn image_object(description: &ImageDescription) -> Value {
    json!({
        "kind": "Image",
        "name": IMAGE,
        "digest": description.digest,
        "format": description.format,
        "disk_size_bytes": description.disk_size_bytes,
    })
}

fn bmc(machine: &RackMachine) -> Value {
    let login = machine.login();
    json!({
        "kind": "Bmc",
        "name": format!("{}-bmc", machine.name),
        "url": login.url,
        "username": login.username,
        "password": login.password.expose(),
        "certificate": login.certificate,
    })
}
