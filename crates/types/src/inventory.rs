//! What a machine is made of, as the agent found it.

use crate::MacAddr;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A machine's hardware in six classes: CPU, memory, disks, network cards, board, system.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Inventory {
    /// The whole server as its maker names it.
    pub system: System,
    /// The main board and its firmware.
    pub board: Board,
    /// Processors.
    pub cpu: Cpu,
    /// Memory.
    pub memory: Memory,
    /// Block devices that an operating system could be installed on.
    pub disks: Vec<Disk>,
    /// Ethernet ports.
    pub nics: Vec<Nic>,
}

/// SMBIOS type 1 (DSP0134 §7.2).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct System {
    /// Maker.
    pub manufacturer: Option<String>,
    /// Model.
    pub product: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// The UUID that the firmware reports, which the BMC reports too.
    pub uuid: Option<Uuid>,
}

/// SMBIOS types 0 and 2 (DSP0134 §7.1, §7.3).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Board {
    /// Maker.
    pub manufacturer: Option<String>,
    /// Model.
    pub product: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// Maker of the firmware.
    pub firmware_vendor: Option<String>,
    /// Version of the firmware.
    pub firmware_version: Option<String>,
    /// Whether UEFI firmware started only what is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secure_boot: Option<bool>,
}

/// The processors together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Cpu {
    /// Model name of the first.
    pub model: Option<String>,
    /// Sockets with a processor in them.
    pub sockets: u32,
    /// Logical processors in all.
    pub threads: u32,
}

/// Memory.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Memory {
    /// What the kernel can use.
    pub total_bytes: u64,
    /// The modules in their slots, where the firmware lists them (SMBIOS type 17, DSP0134 §7.18).
    pub modules: Vec<MemoryModule>,
}

/// One memory module.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MemoryModule {
    /// The slot's name.
    pub slot: String,
    /// Size.
    pub size_bytes: u64,
    /// Serial number.
    pub serial: Option<String>,
}

/// One disk.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Disk {
    /// Kernel name, such as `sda`.
    pub name: String,
    /// Size.
    pub size_bytes: u64,
    /// Model.
    pub model: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// World-wide name or NVMe EUI, which stays when the disk moves to another port.
    pub wwid: Option<String>,
    /// Whether it spins.
    pub rotational: bool,
    /// How it is attached, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<Transport>,
    /// Where it is attached, as udev names it in `/dev/disk/by-path`: the slot stays when the name does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// How a disk is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// NVM Express.
    Nvme,
    /// Serial ATA.
    Sata,
    /// Serial attached SCSI.
    Sas,
    /// Virtio.
    Virtio,
    /// USB.
    Usb,
    /// SD or eMMC.
    Mmc,
    /// Fibre Channel.
    FibreChannel,
    /// iSCSI.
    Iscsi,
    /// SCSI of another kind, such as a RAID controller's volume.
    Scsi,
}

/// One Ethernet port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Nic {
    /// Kernel name, such as `eth0`.
    pub name: String,
    /// Hardware address.
    pub mac: MacAddr,
    /// Link speed, where there is a link.
    pub speed_mbit: Option<u32>,
    /// Whether the port has a link.
    pub link: bool,
    /// Kernel driver.
    pub driver: Option<String>,
}
