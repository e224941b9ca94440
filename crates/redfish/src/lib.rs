//! A Redfish client (DSP0266) for controllers that are slow, forgetful and sometimes hostile.
//!
//! Every resource is found by following links from `/redfish/v1`; no vendor's path is written down here.
//! What each BMC gets wrong in its own way is not this crate's business: see `bmc::quirks`.
//! A write whose answer was lost is reported as [`RequestError::UnknownEffect`] and never repeated here,
//! because only the caller can look at the machine again and decide.

mod action;
mod answer;
mod bios;
mod boot;
mod document;
mod error;
mod media;
mod service;
mod session;
mod system;
mod task;
mod transport;
mod trust;

pub use action::Action;
pub use bios::{ApplyTime, Bios};
pub use boot::{BootMode, BootOverride, BootTarget, OverrideEnabled};
pub use document::Document;
pub use error::{ConnectError, ReadError, RequestError, Target, TaskError, WriteError};
pub use media::MediaSlot;
pub use service::{Effect, Endpoint, Service};
pub use system::{PowerState, ResetType, System};
pub use transport::Options;
