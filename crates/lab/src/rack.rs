//! A rack of QEMU machines, each behind a simulated BMC, on a bridge in the present network namespace.

use crate::network::{Network, NetworkError};
use crate::power::PowerBackend;
use crate::qemu::{DiskSpec, MachineSpec, NetworkBoot, QemuMachine};
use crate::redfish::{self, BmcOptions, BmcSimulator};
use serde::Serialize;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use types::machine::Firmware;
use types::{Digest, MacAddr, Name, Secret};
use url::Url;
use uuid::Uuid;

/// What a rack is made of.
#[derive(Debug, Clone)]
pub struct RackOptions {
    /// Machines; BIOS and UEFI in turn.
    pub machines: u8,
    /// Where their disks and logs are.
    pub folder: PathBuf,
    /// The address that the BMCs listen on, each on a port of its own.
    pub bmc_address: IpAddr,
    /// Memory of each machine.
    pub memory_mib: u32,
    /// Disk of each machine.
    pub disk_bytes: u64,
    /// Disks of each machine besides that one.
    pub more_disks: Vec<DiskSpec>,
}

/// A rack.
pub struct Rack {
    /// Its machines, all off at first.
    pub machines: Vec<RackMachine>,
}

/// A machine of a rack, with its BMC.
pub struct RackMachine {
    /// Its name, which is its serial number.
    pub name: Name,
    /// How it boots.
    pub firmware: Firmware,
    /// Its network card.
    pub mac: MacAddr,
    /// The machine.
    pub qemu: Arc<QemuMachine>,
    /// Its BMC.
    pub bmc: BmcSimulator,
    login: BmcLogin,
}

/// How an operator reaches a machine's BMC.
#[derive(Debug, Clone, Serialize)]
pub struct BmcLogin {
    /// The Redfish service.
    pub url: Url,
    /// Login.
    pub username: String,
    /// Password.
    #[serde(serialize_with = "Secret::serialize_exposed")]
    pub password: Secret,
    /// The certificate that it presents.
    pub certificate: Digest,
}

/// The rack could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum RackError {
    /// The network.
    #[error("plugging the machines in")]
    Network(#[from] NetworkError),
    /// A BMC.
    #[error("starting the BMC of {name}")]
    Bmc {
        /// Whose.
        name: Name,
        /// Why.
        source: redfish::StartError,
    },
}

impl Rack {
    /// Plugs the machines into the bridge and starts their BMCs. The machines are off.
    pub async fn set_up(network: &Network, options: &RackOptions) -> Result<Self, RackError> {
        let mut machines = Vec::new();
        for number in 1..=options.machines {
            machines.push(RackMachine::set_up(network, options, number).await?);
        }
        Ok(Self { machines })
    }
}

impl RackMachine {
    async fn set_up(network: &Network, options: &RackOptions, number: u8) -> Result<Self, RackError> {
        let firmware = if number % 2 == 1 { Firmware::Bios } else { Firmware::Uefi };
        let kind = match firmware {
            Firmware::Bios => "bios",
            Firmware::Uefi => "uefi",
        };
        let name: Name = format!("{kind}-{number}").parse().expect("the parts are plain");
        // The locally administered range that QEMU uses.
        let mac = MacAddr([0x52, 0x54, 0x00, 0x77, 0x00, number]);
        let uuid = Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_str().as_bytes());
        let tap = format!("tap{number}");
        network.add_tap(&tap).await?;
        let qemu = Arc::new(QemuMachine::new(MachineSpec {
            name: name.to_string(),
            firmware,
            network_boot: NetworkBoot::Pxe,
            mac,
            tap,
            uuid,
            processors: 1,
            memory_mib: options.memory_mib,
            disk_bytes: options.disk_bytes,
            more_disks: options.more_disks.clone(),
            directory: options.folder.join(name.as_str()),
        }));
        let password = Secret::new(Uuid::new_v4().simple().to_string());
        let bmc = BmcSimulator::start(BmcOptions {
            listen: SocketAddr::new(options.bmc_address, 0),
            name: name.to_string(),
            uuid,
            serial: name.to_string(),
            model: "Virtual Server".to_owned(),
            firmware: match firmware {
                Firmware::Bios => redfish::Firmware::Bios,
                Firmware::Uefi => redfish::Firmware::Uefi,
            },
            username: "admin".to_owned(),
            password: password.clone(),
            backend: Arc::clone(&qemu) as Arc<dyn PowerBackend>,
        })
        .await
        .map_err(|source| RackError::Bmc { name: name.clone(), source })?;
        let login =
            BmcLogin { url: bmc.url(), username: "admin".to_owned(), password, certificate: bmc.certificate_digest() };
        Ok(Self { name, firmware, mac, qemu, bmc, login })
    }

    /// How an operator reaches its BMC.
    pub fn login(&self) -> &BmcLogin {
        &self.login
    }
}
