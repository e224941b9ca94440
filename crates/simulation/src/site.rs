//! What the folder of every simulated server begins with: a declared site, its image, and boot files.

use crate::life::request;
use crate::machine::SERVER;
use crate::network::{Answer, Question};
use crate::timeline::{ServerClock, Timeline};
use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::json;
use server::{Config, Core, Surroundings};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::Grant;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use types::Digest;
use wire::{ApplyFile, ApplyRequest};

/// BMCs that are declared, whether or not their machines exist.
const BMCS: usize = 4;
/// What is installed.
const IMAGE: &[u8] = b"a very small disk";

/// What a folder begins with. It is kept in memory, so that nothing stays behind when the process ends.
pub(crate) struct Site {
    folders: Vec<PathBuf>,
    files: Vec<(PathBuf, Vec<u8>)>,
    token: String,
}

/// A copy of the site for one simulation.
pub(crate) struct Folder {
    folder: TempDir,
    pub(crate) operator_token: String,
}

/// The digest of the image that runs install.
pub(crate) fn image() -> Digest {
    Digest::of(IMAGE)
}

/// A folder in memory, where the machine has one: simulated commits need no disk.
fn temporary_folder() -> Result<TempDir> {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.context("making a folder for the simulation")
}

impl Site {
    /// Declares the site once, on a server like those that are simulated.
    pub(crate) fn declare(few_addresses: bool) -> Result<Self> {
        let folder = temporary_folder()?;
        for name in ["loaders", "boot"] {
            std::fs::create_dir(folder.path().join(name))?;
        }
        for name in ["vmlinuz", "initrd.zst"] {
            std::fs::write(folder.path().join("boot").join(name), name)?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let token = runtime.block_on(declare(folder.path(), few_addresses))?;
        let mut site = Self { folders: Vec::new(), files: Vec::new(), token };
        site.read(folder.path(), Path::new(""))?;
        Ok(site)
    }

    fn read(&mut self, root: &Path, below: &Path) -> Result<()> {
        for entry in std::fs::read_dir(root.join(below))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                self.folders.push(path.clone());
                self.read(root, &path)?;
            } else {
                self.files.push((path, std::fs::read(entry.path())?));
            }
        }
        Ok(())
    }

    pub(crate) fn copy(&self) -> Result<Folder> {
        let folder = temporary_folder()?;
        for path in &self.folders {
            std::fs::create_dir_all(folder.path().join(path))?;
        }
        for (path, content) in &self.files {
            std::fs::write(folder.path().join(path), content)?;
        }
        Ok(Folder { folder, operator_token: self.token.clone() })
    }
}

impl Folder {
    pub(crate) fn config(&self) -> Result<Config> {
        config(self.folder.path())
    }
}

fn config(folder: &Path) -> Result<Config> {
    let config = json!({
        "data": folder.join("data"),
        "listen": format!("{SERVER}:80"),
        "boot": {"loaders": folder.join("loaders"), "maintenance_os": folder.join("boot")},
    });
    Ok(Config::parse(&config.to_string(), Path::new("simulation.yaml"))?)
}

async fn declare(folder: &Path, few_addresses: bool) -> Result<String> {
    let config = config(folder)?;
    let clock = Arc::new(ServerClock::start(&Timeline::new()));
    let core = Core::open(&config, Surroundings { clock, ..Surroundings::default() }).await?;
    let netboot = core.netboot(80).await?;
    let router = core.router(&config, 80, &netboot, CancellationToken::new()).await?;
    let token = core.store().issue_token(Grant::User { name: "operator".parse()? }, None).await?;
    let token = token.expose().to_owned();
    let question = |method, path: &str, body: Vec<u8>| {
        let path = path.to_owned();
        Question::Http { method, path, token: Some(token.clone()), body }
    };
    let apply = ApplyRequest {
        files: vec![ApplyFile { file: "site.yaml".to_owned(), text: documents(few_addresses) }],
        dry_run: false,
    };
    let apply = question(Method::POST, "/api/v1/apply", serde_json::to_vec(&apply)?);
    let upload = question(Method::PUT, "/api/v1/images/disk/content", IMAGE.to_vec());
    for step in [apply, upload] {
        let Answer::Http(status, body) = request(router.clone(), step, SERVER).await else { continue };
        ensure!(status == 200, "declaring the site: {status} {}", String::from_utf8_lossy(&body));
    }
    drop(router);
    drop(netboot);
    core.store().clone().close().await;
    Ok(token)
}

fn documents(few_addresses: bool) -> String {
    let (last, lease) = if few_addresses { ("10.0.0.20", "8m") } else { ("10.0.0.60", "1h") };
    let subnet = json!({
        "kind": "Subnet", "name": "rack", "cidr": "10.0.0.0/24", "unknown": "discover",
        "pool": {"first": "10.0.0.10", "last": last}, "lease": lease, "discovery_workflow": "default",
        "params": {"image": "disk", "bios_attributes": {"SriovGlobalEnable": "Enabled"}},
    });
    let image = json!({
        "kind": "Image", "name": "disk", "format": "raw", "digest": image(), "disk_size_bytes": IMAGE.len(),
    });
    let bmc = |index| {
        json!({
            "kind": "Bmc", "name": format!("bmc{index}"), "url": format!("https://bmc{index}.test/"),
            "username": "admin", "password": "secret",
        })
    };
    let documents = [subnet, image].into_iter().chain((0..BMCS).map(bmc));
    documents.map(|document| format!("---\n{document}\n")).collect()
}
