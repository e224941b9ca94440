//! One simulated machine behind one simulated BMC, and what an operator would declare to have it provisioned.
//!
//! The smallest rack there is: tests put a server in front of it and kill it. All of it is on the loopback.

use crate::power::PowerBackend;
use crate::redfish::{BmcOptions, BmcSimulator, Firmware as BmcFirmware, StartError};
use crate::simulated::{SimulatedMachine, SimulatedSpec};
use anyhow::Context as _;
use client::Client;
use serde_json::{Value, json};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use types::bmc::BmcSpec;
use types::machine::Firmware;
use types::{Digest, MacAddr, Secret};
use url::Url;
use uuid::Uuid;
use wire::ApplyFile;

/// The machine's name, which is its serial number.
pub const NAME: &str = "m1";
/// Its network card.
pub const MAC: MacAddr = MacAddr([0x52, 0x54, 0, 0, 0, 1]);
/// The name that it has once it is discovered.
pub const DISCOVERED: &str = "m-525400000001";
const UUID: Uuid = Uuid::from_u128(0x1001);
const PASSWORD: &str = "bmc-password";
/// What stands for a disk image.
const IMAGE: &[u8] = b"the bytes of a disk";
/// What a maintenance OS consists of.
const BOOT_FILES: [&str; 2] = ["vmlinuz", "initrd.zst"];

/// A machine with its BMC.
pub struct Solo {
    /// The machine, which is off at first.
    pub machine: Arc<SimulatedMachine>,
    /// Its BMC.
    pub bmc: BmcSimulator,
}

impl Solo {
    /// A machine that boots from `server`.
    pub async fn start(server: Url) -> Result<Self, StartError> {
        let name = NAME.to_owned();
        let spec = SimulatedSpec { name: name.clone(), mac: MAC, uuid: UUID, firmware: Firmware::Uefi, server };
        let machine = SimulatedMachine::new(spec, reqwest::Client::new());
        let bmc = BmcSimulator::start(BmcOptions {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            name: name.clone(),
            uuid: UUID,
            serial: name,
            model: "Simulated".to_owned(),
            firmware: BmcFirmware::Uefi,
            username: "admin".to_owned(),
            password: Secret::new(PASSWORD),
            backend: Arc::clone(&machine) as Arc<dyn PowerBackend>,
        })
        .await?;
        Ok(Self { machine, bmc })
    }

    /// How an operator reaches the BMC.
    pub fn login(&self) -> BmcSpec {
        BmcSpec {
            url: self.bmc.url(),
            username: "admin".to_owned(),
            password: Secret::new(PASSWORD),
            certificate: Some(self.bmc.certificate_digest()),
        }
    }

    /// Declares subnet, image and BMC, and uploads the image by way of `folder`. The machine is not declared: it is
    /// discovered when it boots, and then taken through `workflow`.
    pub async fn declare(&self, client: &Client, folder: &Path, workflow: &str) -> anyhow::Result<()> {
        let documents = [subnet(workflow), image(), self.bmc_document()];
        let text = documents.iter().map(|document| format!("---\n{document}\n")).collect();
        let file = ApplyFile { file: "site.yaml".to_owned(), text };
        client.apply(vec![file], false).await.context("declaring the site")?;
        let path = folder.join("disk.raw");
        std::fs::write(&path, IMAGE).with_context(|| format!("writing {}", path.display()))?;
        client.upload_image("disk", &path, |_| {}).await.context("uploading the image")?;
        Ok(())
    }

    /// Declares the machine, to be installed with Debian by its own installer from a tree in the server's folder of
    /// media, of which as much is there as is asked for.
    pub async fn declare_installer(&self, client: &Client, data: &Path) -> anyhow::Result<()> {
        let release = data.join("media/debian/dists/bookworm/Release");
        let folder = release.parent().expect("it has one");
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        std::fs::write(&release, "Suite: stable\n").with_context(|| format!("writing {}", release.display()))?;
        let documents = [
            json!({"kind": "Medium", "name": "tree", "url": "local:debian", "family": "debian"}),
            json!({"kind": "Group", "name": "installed", "os": "debian-12", "medium": "tree"}),
            json!({"kind": "Machine", "name": DISCOVERED, "macs": [MAC], "uuid": UUID, "group": "installed"}),
        ];
        let text = documents.iter().map(|document| format!("---\n{document}\n")).collect();
        let file = ApplyFile { file: "installer.yaml".to_owned(), text };
        client.apply(vec![file], false).await.context("declaring what is installed")?;
        Ok(())
    }

    fn bmc_document(&self) -> Value {
        let login = self.login();
        json!({
            "kind": "Bmc", "name": "m1-bmc", "url": login.url, "username": login.username,
            "password": login.password.expose(), "certificate": login.certificate,
        })
    }
}

/// Fills a folder with what stands for a maintenance OS.
pub fn write_boot_files(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    BOOT_FILES.iter().try_for_each(|name| std::fs::write(folder.join(name), name))
}

/// An address that is free now: a server that is killed binds it again, so it cannot be left to chance each time.
///
/// It is one of the loopback that nobody's connections come from, so that none of them takes the port meanwhile.
pub fn free_address() -> io::Result<SocketAddr> {
    let host =
        Ipv4Addr::new(127, rand::random_range(128..=254), rand::random_range(1..=254), rand::random_range(1..=254));
    std::net::TcpListener::bind((host, 0))?.local_addr()
}

fn subnet(workflow: &str) -> Value {
    json!({
        "kind": "Subnet", "name": "rack", "cidr": "127.0.0.0/8", "unknown": "discover",
        "discovery_workflow": workflow,
        "params": {"image": "disk", "bios_attributes": {"SriovGlobalEnable": "Enabled"}},
    })
}

fn image() -> Value {
    json!({
        "kind": "Image", "name": "disk", "format": "raw", "digest": Digest::of(IMAGE),
        "disk_size_bytes": IMAGE.len(),
    })
}
