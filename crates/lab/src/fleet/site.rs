//! What an operator would write down about the fleet: its subnet, its image and its BMCs.

use super::{FleetOptions, bmc_address, machine_name};
use anyhow::Context;
use client::Client;
use serde_json::{Value, json};
use types::{Digest, Secret};
use wire::ApplyFile;

pub(super) const BMC_USER: &str = "admin";
const IMAGE: &str = "fleet-image";
/// Objects declared at once.
const PAGE: usize = 500;

pub(super) struct Site<'a> {
    pub(super) options: &'a FleetOptions,
    pub(super) password: &'a Secret,
    pub(super) certificate: Digest,
}

impl Site<'_> {
    pub(super) async fn declare(&self, client: &Client) -> anyhow::Result<()> {
        let content: Vec<u8> = (0..self.options.image_bytes).map(|place| (place % 251) as u8).collect();
        let numbers: Vec<u32> = (0..self.options.machines).collect();
        apply(client, &[self.subnet(), image(&content)]).await?;
        for numbers in numbers.chunks(PAGE) {
            let bmcs: Vec<Value> = numbers.iter().map(|number| self.bmc(*number)).collect();
            apply(client, &bmcs).await?;
        }
        let file = tempfile::NamedTempFile::new().context("making a file for the image")?;
        std::fs::write(file.path(), &content).context("writing the image")?;
        client.upload_image(IMAGE, file.path(), |_sent| {}).await.context("uploading the image")?;
        Ok(())
    }

    fn subnet(&self) -> Value {
        json!({
            "kind": "Subnet",
            "name": "fleet",
            "cidr": "127.0.0.0/8",
            "pool": {"first": "127.64.0.1", "last": "127.66.255.254"},
            // Every address of the loopback network answers a ping.
            "probe": "never",
            "unknown": "discover",
            "discovery_workflow": "default",
            "params": {
                "image": IMAGE,
                "bios_attributes": {"SriovGlobalEnable": "Enabled"},
                "admin_user": "operator",
            },
        })
    }

    fn bmc(&self, number: u32) -> Value {
        json!({
            "kind": "Bmc",
            "name": format!("{}-bmc", machine_name(number)),
            "url": format!("https://{}:{}/", bmc_address(number), self.options.bmc_port),
            "username": BMC_USER,
            "password": self.password.expose(),
            "certificate": self.certificate,
        })
    }
}

fn image(content: &[u8]) -> Value {
    json!({
        "kind": "Image",
        "name": IMAGE,
        "format": "raw",
        "digest": Digest::of(content),
        "disk_size_bytes": content.len(),
    })
}

async fn apply(client: &Client, documents: &[Value]) -> anyhow::Result<()> {
    let text = documents.iter().map(|document| format!("---\n{document}\n")).collect();
    client.apply(vec![ApplyFile { file: "fleet.yaml".to_owned(), text }], false).await?;
    Ok(())
}
