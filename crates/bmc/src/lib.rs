//! Out-of-band control of one machine, the same over every kind of BMC.
//!
//! [`Bmc`] is what steps see. Every change looks first, acts only when something differs, and looks again:
//! an answer of a BMC is not believed, what it shows afterwards is. What a vendor does differently is
//! discovered from the BMC itself; what it does wrongly is in [`quirks`].
//! Nothing here remembers a machine's state: it is read anew each time.

mod change;
mod error;
mod gate;
mod looks;
mod pool;
pub mod quirks;
mod redfish_bmc;

pub use error::BmcError;
pub use gate::Limits;
pub use pool::{BmcPool, Connect};
pub use redfish::{BootMode, BootOverride, BootTarget, ConnectError, OverrideEnabled, PowerState};
pub use redfish_bmc::RedfishBmc;
pub use redfish_bmc::bios::differing;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use types::{Digest, How, Params};
use url::Url;
use uuid::Uuid;

/// What to do with a machine's power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PowerAction {
    /// Turn it on. A machine that is on is left alone.
    On,
    /// Cut the power. A machine that is off is left alone.
    ForceOff,
    /// Ask the operating system to shut down. Done when asked: whether and when it goes off is to be looked at.
    GracefulShutdown,
    /// Restart without asking. A machine that is off is turned on.
    ForceRestart,
    /// Off and on again. A machine that is off is turned on.
    PowerCycle,
}

/// Who a BMC and its machine are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The SMBIOS UUID of the machine, which its agent reports too.
    pub system_uuid: Option<Uuid>,
    /// The serial number on the machine's label, which SMBIOS reports too.
    pub serial: Option<String>,
    /// Such as `PowerEdge R750`.
    pub model: Option<String>,
    /// Such as `Dell Inc.`.
    pub vendor: Option<String>,
    /// The version of the machine's firmware.
    pub bios_version: Option<String>,
    /// Such as `iLO 5`.
    pub bmc_model: Option<String>,
    /// The version of the BMC's firmware.
    pub bmc_firmware: Option<String>,
}

/// What came of writing BIOS attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BiosWrite {
    /// They hold already.
    AlreadySo,
    /// They hold now.
    AppliesNow,
    /// They will hold after the next reset; they were seen among the pending ones.
    AppliesAtReset,
}

/// A virtual drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VirtualMedia {
    /// The drive's own name, such as `CD`.
    pub slot: String,
    /// Whether something is in it.
    pub inserted: bool,
    /// The URL of what is in it.
    pub image: Option<String>,
    /// Whether it can be a CD with an image by URL.
    pub takes_cd: bool,
}

/// One machine's BMC.
///
/// Every operation may be repeated at any time, also after a crash in the middle, except where
/// [`BmcError::effect_is_unknown`] says that nobody knows what happened.
#[async_trait]
pub trait Bmc: Send + Sync {
    /// Who answers, and which machine it manages.
    async fn identity(&self) -> Result<Identity, BmcError>;

    /// Whether the machine has power.
    async fn power_state(&self) -> Result<PowerState, BmcError>;

    /// Brings the power about and waits until the BMC shows it (a graceful shutdown is only asked for).
    ///
    /// A restart is sent at most once. When its answer is lost and the BMC keeps no time of the last reset,
    /// the error says that the effect is unknown: wait for the machine to boot before restarting it again.
    async fn power(&self, action: PowerAction) -> Result<How, BmcError>;

    /// The BMC's record of the machine's last reset, if it keeps one that changes with every reset, at once; empty
    /// before the first. A BMC's clock may be wrong: two of these can be told apart, and no more.
    async fn last_reset(&self) -> Result<Option<String>, BmcError>;

    /// What the machine boots instead of its own order.
    async fn boot_override(&self) -> Result<BootOverride, BmcError>;

    /// Sets the boot override and reads it back. Without a mode, the mode stays.
    async fn set_boot_override(&self, wanted: &BootOverride) -> Result<How, BmcError>;

    /// The BIOS attributes that hold now.
    async fn bios_attributes(&self) -> Result<Params, BmcError>;

    /// Writes the attributes that differ and reads them back.
    async fn set_bios_attributes(&self, wanted: &Params) -> Result<BiosWrite, BmcError>;

    /// The BIOS attributes that will change at the next reset.
    async fn pending_bios_attributes(&self) -> Result<Params, BmcError>;

    /// The virtual drives.
    async fn virtual_media(&self) -> Result<Vec<VirtualMedia>, BmcError>;

    /// Puts the image at `url` into a virtual CD drive, in place of what is in it.
    async fn insert_media(&self, url: &Url) -> Result<How, BmcError>;

    /// Empties the virtual CD drives.
    async fn eject_media(&self) -> Result<How, BmcError>;

    /// The certificate that is accepted; without a pin, the first one seen, to be pinned.
    fn certificate(&self) -> Option<Digest>;

    /// Ends the session at the BMC.
    async fn close(&self);
}
