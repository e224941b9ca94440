//! Starting and stopping one simulated BMC, and the handle to its levers.

use super::actions;
use super::faults::Faults;
use super::state::State;
use super::tls::{Handler, Listener};
use crate::power::{BootPlan, PowerBackend};
use axum::body::{Body, Bytes};
use http::{Request, Response};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;
use types::{Digest, Params, Secret};
use url::Url;
use uuid::Uuid;

/// The firmware of the machine behind a BMC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firmware {
    /// BIOS.
    Bios,
    /// UEFI.
    Uefi,
}

impl Firmware {
    pub(super) fn boot_mode(self) -> &'static str {
        match self {
            Self::Bios => "Legacy",
            Self::Uefi => "UEFI",
        }
    }
}

/// A BMC to start.
pub struct BmcOptions {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The machine's name.
    pub name: String,
    /// The machine's SMBIOS UUID.
    pub uuid: Uuid,
    /// The machine's serial number.
    pub serial: String,
    /// The machine's model.
    pub model: String,
    /// The machine's firmware.
    pub firmware: Firmware,
    /// Administrator's login.
    pub username: String,
    /// Administrator's password.
    pub password: Secret,
    /// The machine.
    pub backend: Arc<dyn PowerBackend>,
}

/// A BMC could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The certificate could not be made.
    #[error("making a certificate")]
    Certificate(#[source] rcgen::Error),
    /// TLS could not be set up.
    #[error("setting up TLS")]
    Tls(#[source] rustls::Error),
    /// The address could not be listened on.
    #[error("listening for requests")]
    Listen(#[source] std::io::Error),
    /// A captured tree could not be read.
    #[error("reading a captured tree")]
    Tree(#[source] std::io::Error),
}

/// Who the BMC says it is.
pub(super) struct Identity {
    pub(super) name: String,
    pub(super) uuid: Uuid,
    pub(super) serial: String,
    pub(super) model: String,
    pub(super) service_uuid: Uuid,
}

/// A BMC that somebody else listens for, at the address of its options.
pub struct BmcService {
    shared: Shared,
}

impl BmcService {
    /// A BMC whose machine is as `options` say.
    pub fn new(options: BmcOptions) -> Self {
        Self { shared: Shared::new(options) }
    }

    /// Its answer. None when it closes the connection instead.
    pub async fn answer(&self, request: Request<Bytes>) -> Option<Response<Body>> {
        self.shared.answer(request).await.ok()
    }
}

/// What requests work on.
pub(super) struct Shared {
    pub(super) identity: Identity,
    pub(super) backend: Arc<dyn PowerBackend>,
    /// Made for the first image: of a fleet's BMCs, most never see one.
    media_folder: Mutex<Option<TempDir>>,
    /// Held over each write, so that writes happen one after the other and conditions hold while they do.
    pub(super) writing: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    faults: Arc<Mutex<Faults>>,
    requests: Mutex<BTreeMap<String, u64>>,
}

impl Shared {
    fn new(options: BmcOptions) -> Self {
        let BmcOptions { listen: _, name, uuid, serial, model, firmware, username, password, backend } = options;
        let service_uuid = Uuid::new_v5(&uuid, b"bmc");
        Self {
            identity: Identity { name, uuid, serial, model, service_uuid },
            backend,
            media_folder: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            state: Mutex::new(State::new(username, password, firmware)),
            faults: Arc::default(),
            requests: Mutex::default(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where inserted images are kept.
    pub(super) fn media_folder(&self) -> std::io::Result<PathBuf> {
        let mut folder = self.media_folder.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = &*folder {
            return Ok(folder.path().to_owned());
        }
        Ok(folder.insert(TempDir::new()?).path().to_owned())
    }

    pub(super) fn count(&self, request: String) {
        *self.requests.lock().unwrap_or_else(PoisonError::into_inner).entry(request).or_default() += 1;
    }
}

/// A BMC that runs until it is stopped.
pub struct BmcSimulator {
    shared: Arc<Shared>,
    listener: Listener,
}

impl BmcSimulator {
    /// Starts a BMC with a new certificate.
    pub async fn start(options: BmcOptions) -> Result<Self, StartError> {
        let listen = options.listen;
        let shared = Arc::new(Shared::new(options));
        let listener = Listener::start(listen, shared.clone()).await?;
        Ok(Self { shared, listener })
    }

    /// Where it answers.
    pub fn url(&self) -> Url {
        format!("https://{}/", self.listener.address).parse().expect("an address makes a URL")
    }

    /// SHA-256 of its certificate.
    pub fn certificate_digest(&self) -> Digest {
        self.listener.certificate
    }

    /// The levers.
    pub fn faults(&self) -> Arc<Mutex<Faults>> {
        self.shared.faults.clone()
    }

    /// Pulls the levers that `change` pulls.
    pub fn set_faults(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.shared.faults());
    }

    /// How often each kind of request came, such as `POST Systems/{id}/Actions/ComputerSystem.Reset`.
    pub fn requests(&self) -> BTreeMap<String, u64> {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The BIOS attributes that hold now.
    pub fn bios_attributes(&self) -> Params {
        self.shared.state().bios.clone()
    }

    /// Forgets every session, as a restart of the BMC does.
    pub fn expire_sessions(&self) {
        self.shared.state().sessions.clear();
    }

    /// How many sessions there are.
    pub fn session_count(&self) -> usize {
        self.shared.state().sessions.len()
    }

    /// What the machine boots when it restarts by itself; the same as a reset, for a backend that notices.
    pub fn plan_boot(&self) -> BootPlan {
        actions::next_boot(&self.shared)
    }

    /// Stops listening and closes every connection.
    pub async fn stop(self) {
        self.listener.stop().await;
    }
}
