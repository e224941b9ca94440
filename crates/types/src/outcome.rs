//! How things end: words shared by the engine, which decides on them, and the agent, which reports them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a finished step came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// The machine was already as wanted; nothing was touched.
    AlreadySo,
    /// This step changed it, and read the change back.
    Changed,
    /// Somebody or something else brought it about while the step waited.
    ByOther,
}

/// What kind of thing went wrong, which decides whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// May pass by itself: a busy controller, a refused command during a reboot.
    Transient,
    /// The other side could not be reached or the connection broke.
    Network,
    /// It took longer than it may.
    Timeout,
    /// What was asked for cannot work however often it is tried: a missing image, a refused password.
    Configuration,
    /// The machine does not pass: too little memory, a failing disk, a digest that does not match.
    Hardware,
}

impl ErrorClass {
    /// Whether the same attempt may succeed later.
    pub fn is_worth_retrying(self) -> bool {
        match self {
            Self::Transient | Self::Network | Self::Timeout => true,
            Self::Configuration | Self::Hardware => false,
        }
    }
}

impl std::fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Transient => "transient",
            Self::Network => "network",
            Self::Timeout => "timeout",
            Self::Configuration => "configuration",
            Self::Hardware => "hardware",
        })
    }
}
