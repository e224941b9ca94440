//! A computer system: who it is, its power, and how to reset it.

use crate::action::Action;
use crate::document::Document;
use crate::error::{ReadError, WriteError};
use crate::service::{Effect, Service};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fmt;
use uuid::Uuid;

/// Whether a system has power, as its BMC tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PowerState {
    /// It runs.
    On,
    /// It is off.
    Off,
    /// On its way to running.
    PoweringOn,
    /// On its way to off.
    PoweringOff,
    /// The BMC says nothing, or something that DSP0268 does not know.
    Unknown,
}

impl fmt::Display for PowerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::On => "on",
            Self::Off => "off",
            Self::PoweringOn => "powering on",
            Self::PoweringOff => "powering off",
            Self::Unknown => "unknown",
        })
    }
}

/// Ways to reset a system (DSP0268, `Resource.ResetType`), those that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetType {
    /// Turn on.
    On,
    /// Turn on, even against the firmware's will.
    ForceOn,
    /// Cut the power.
    ForceOff,
    /// Ask the operating system to shut down.
    GracefulShutdown,
    /// Restart without asking.
    ForceRestart,
    /// Off and on again.
    PowerCycle,
}

impl ResetType {
    /// As DSP0268 spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::On => "On",
            Self::ForceOn => "ForceOn",
            Self::ForceOff => "ForceOff",
            Self::GracefulShutdown => "GracefulShutdown",
            Self::ForceRestart => "ForceRestart",
            Self::PowerCycle => "PowerCycle",
        }
    }
}

/// A computer system as it was read.
#[derive(Debug, Clone)]
pub struct System {
    /// The resource.
    pub document: Document,
}

impl System {
    pub(crate) fn new(document: Document) -> Self {
        Self { document }
    }

    /// The SMBIOS UUID.
    pub fn uuid(&self) -> Option<Uuid> {
        self.document.text("UUID")?.parse().ok()
    }

    /// Whether it has power.
    pub fn power_state(&self) -> PowerState {
        match self.document.text("PowerState") {
            Some("On") => PowerState::On,
            Some("Off") => PowerState::Off,
            Some("PoweringOn") => PowerState::PoweringOn,
            Some("PoweringOff") => PowerState::PoweringOff,
            Some(_) | None => PowerState::Unknown,
        }
    }

    /// When it was last reset, in the BMC's own words: good for comparing only.
    pub fn last_reset(&self) -> Option<&str> {
        self.document.text("LastResetTime")
    }

    /// How much this looks like the host rather than a part of it.
    pub(crate) fn host_likeness(&self) -> u8 {
        u8::from(Action::find(&self.document, "#ComputerSystem.Reset").is_some()) * 2
            + u8::from(self.document.link("Bios").is_some())
    }
}

impl Service {
    /// The kinds of reset that `system` offers; `None` when it does not say.
    pub async fn reset_types(&self, system: &System) -> Result<Option<Vec<String>>, ReadError> {
        self.reset_action(system)?.allowable(self, "ResetType").await
    }

    /// Resets `system`, once, in the first of the `kinds` that it offers.
    pub async fn reset(&self, system: &System, kinds: &[ResetType]) -> Result<Effect, WriteError> {
        let action = self.reset_action(system)?;
        let offered = action.allowable(self, "ResetType").await?;
        let offers = |kind: &&ResetType| match &offered {
            Some(offered) => offered.iter().any(|name| name == kind.as_str()),
            None => true,
        };
        let Some(kind) = kinds.iter().find(offers) else {
            return Err(WriteError::NotOffered {
                path: system.document.path.clone(),
                member: "ResetType",
                wanted: kinds.first().map_or("", |kind| kind.as_str()).to_owned(),
                offered: offered.unwrap_or_default(),
            });
        };
        Ok(self.post(&action.target, &json!({"ResetType": kind.as_str()})).await?)
    }

    fn reset_action(&self, system: &System) -> Result<Action, ReadError> {
        Action::find(&system.document, "#ComputerSystem.Reset")
            .ok_or_else(|| ReadError::Missing { path: system.document.path.clone(), member: "reset action" })
    }
}
