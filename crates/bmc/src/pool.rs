//! Connections to BMCs, kept by name so that a session is used again instead of made again.

use crate::{Bmc, Limits, RedfishBmc};
use redfish::ConnectError;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use types::bmc::BmcSpec;
use types::{Digest, Name};

/// Makes a connection to a BMC.
pub trait Connect: Send + Sync {
    /// The BMC that `spec` describes, which must present `certificate` if that is given. Nothing is sent.
    fn connect(&self, spec: &BmcSpec, certificate: Option<Digest>) -> Result<Arc<dyn Bmc>, ConnectError>;
}

/// Connections over Redfish that keep these limits.
impl Connect for Limits {
    fn connect(&self, spec: &BmcSpec, certificate: Option<Digest>) -> Result<Arc<dyn Bmc>, ConnectError> {
        Ok(Arc::new(RedfishBmc::new(spec, certificate, self.clone())?))
    }
}

/// Makes and keeps connections.
pub struct BmcPool {
    connect: Arc<dyn Connect>,
    connections: Mutex<HashMap<Name, Connection>>,
}

struct Connection {
    spec: BmcSpec,
    bmc: Arc<dyn Bmc>,
}

impl BmcPool {
    /// A pool that keeps `limits` with each BMC.
    pub fn new(limits: Limits) -> Self {
        Self::over(Arc::new(limits))
    }

    /// A pool of connections that `connect` makes.
    pub fn over(connect: Arc<dyn Connect>) -> Self {
        Self { connect, connections: Mutex::default() }
    }

    /// The BMC called `name`, reached as `spec` says. Nothing is sent.
    ///
    /// `pinned` is the certificate pinned at first use, for a spec that names none. A connection made for
    /// another spec or pin is dropped; its session expires at the BMC.
    pub fn connect(&self, name: &Name, spec: &BmcSpec, pinned: Option<Digest>) -> Result<Arc<dyn Bmc>, ConnectError> {
        let expected = spec.certificate.or(pinned);
        let mut connections = self.connections();
        if let Some(known) = connections.get(name)
            && known.spec == *spec
            && (expected.is_none() || known.bmc.certificate() == expected)
        {
            return Ok(known.bmc.clone());
        }
        let bmc = self.connect.connect(spec, expected)?;
        connections.insert(name.clone(), Connection { spec: spec.clone(), bmc: bmc.clone() });
        Ok(bmc)
    }

    /// Ends every session, for a shutdown.
    pub async fn close(&self) {
        let connections = std::mem::take(&mut *self.connections());
        futures_util::future::join_all(connections.values().map(|connection| connection.bmc.close())).await;
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<Name, Connection>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
