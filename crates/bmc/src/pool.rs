//! Connections to BMCs, kept by name so that a session is used again instead of made again.

use crate::{Bmc, Limits, RedfishBmc};
use redfish::ConnectError;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use types::bmc::BmcSpec;
use types::{Digest, Name};

/// Makes and keeps connections.
pub struct BmcPool {
    limits: Limits,
    connections: Mutex<HashMap<Name, Connection>>,
}

struct Connection {
    spec: BmcSpec,
    bmc: Arc<RedfishBmc>,
}

impl BmcPool {
    /// A pool that keeps `limits` with each BMC.
    pub fn new(limits: Limits) -> Self {
        Self { limits, connections: Mutex::default() }
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
        let bmc = Arc::new(RedfishBmc::new(spec, expected, self.limits.clone())?);
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
