//! What firmware does before it has a boot script: an address, a loader, and an address again for the loader.

use super::relay::{LeaseError, Program, Relay};
use super::tftp::{self, ReadFileError};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use types::MacAddr;
use types::machine::Firmware;
use url::Url;

/// PXE architecture types (RFC 4578 §2.1, and IANA's registry for UEFI).
const BIOS: u16 = 0;
const X64_UEFI: u16 = 7;

/// The network that simulated machines boot from.
pub struct BootNetwork {
    /// Their relay agent.
    pub relay: Arc<Relay>,
    /// The port of the TFTP server.
    pub tftp_port: u16,
}

/// Firmware or loader did not get on.
#[derive(Debug, thiserror::Error)]
pub enum NetworkBootError {
    /// No address.
    #[error("getting an address")]
    Lease(#[from] LeaseError),
    /// No loader.
    #[error("reading the loader {name}")]
    Loader {
        /// Its name.
        name: String,
        /// Why.
        source: ReadFileError,
    },
    /// The loader is sent to something that is no URL.
    #[error("the boot script's URL {0:?} cannot be read")]
    ScriptUrl(String),
}

impl BootNetwork {
    /// Where the loader's script is. None when nothing is offered: the machine goes on to its disk.
    pub(crate) async fn find_script(&self, mac: MacAddr, firmware: Firmware) -> Result<Option<Url>, NetworkBootError> {
        let architecture = match firmware {
            Firmware::Bios => BIOS,
            Firmware::Uefi => X64_UEFI,
        };
        let answer = self.relay.lease(mac, Program::Pxe(architecture)).await?;
        let Some(name) = answer.boot_file else { return Ok(None) };
        self.read_loader(answer.message.siaddr, name).await?;
        let answer = self.relay.lease(mac, Program::Ipxe(architecture)).await?;
        let Some(script) = answer.boot_file else { return Ok(None) };
        script.parse().map(Some).map_err(|_| NetworkBootError::ScriptUrl(script))
    }

    /// Gets an address as the installed system does.
    pub(crate) async fn lease_for_system(&self, mac: MacAddr) -> Result<(), NetworkBootError> {
        self.relay.lease(mac, Program::System).await?;
        Ok(())
    }

    async fn read_loader(&self, server: Ipv4Addr, name: String) -> Result<(), NetworkBootError> {
        let server = SocketAddr::from((server, self.tftp_port));
        match tftp::read_file(server, &name).await {
            Ok(_loader) => Ok(()),
            Err(source) => Err(NetworkBootError::Loader { name, source }),
        }
    }
}
