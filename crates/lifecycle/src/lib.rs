//! Pure decisions about machines: what one boots next, which loader it is given, what its boot script says,
//! and where a parameter's value comes from.
//!
//! DHCP, TFTP, the iPXE script and the power steps all ask here, so that they give the same answer. No I/O,
//! no clock, no store: facts in, decision out.

mod boot;
mod client;
mod declared;
mod deployment;
mod grub;
pub mod medium;
mod params;
mod pxelinux;
mod script;
mod session;

pub use boot::{BootDecision, BootFacts, BootReason, BootTarget, MachineFacts, decide_boot};
pub use client::{BootOffer, BootServer, Client, ClientArch, LoaderFiles, Program, boot_offer};
pub use declared::{Declarations, SchemaError, WrongParam, check_declaration};
pub use deployment::{
    DeployedRun, DeploymentDecision, DeploymentFacts, decide_deployment, refuse_deployed, retry_failed,
};
pub use grub::{GRUB_START, GRUB_START_NAME, grub_config, grub_local_config, grub_wait_config};
pub use params::{DEFAULT, Layer, Resolved, resolve_params};
pub use pxelinux::{pxelinux_config, pxelinux_local_config, pxelinux_wait_config};
pub use script::{BootEnvFiles, ScriptError, boot_script, file_url, no_boot_script, wait_script};
pub use session::{BootRequest, boot_sessions};
