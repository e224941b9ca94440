//! Identifiers. Each kind of thing has its own type, so that a run's id cannot be passed for a machine's.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id. The caller supplies the randomness, so that a simulation can repeat it.
            pub fn from_random(bytes: [u8; 16]) -> Self {
                Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
            }

            /// A new id from the operating system's randomness, ordered by time (UUID version 7, RFC 9562 §5.7).
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

id!(
    /// Identifies a machine for as long as Slipway knows it.
    MachineId
);
id!(
    /// Identifies one run of a workflow on one machine.
    RunId
);
id!(
    /// Identifies one order to an agent. A step derives it from its run, stage and attempt, so that giving
    /// the same order twice is harmless.
    TaskId
);
id!(
    /// Identifies any stored object, whatever its kind.
    ObjectId
);

impl TaskId {
    /// The id of the task that `name` (unique within the run) stands for (UUID version 5).
    pub fn derived(run: RunId, name: &str) -> Self {
        Self(Uuid::new_v5(&run.0, name.as_bytes()))
    }
}

impl From<ObjectId> for MachineId {
    fn from(id: ObjectId) -> Self {
        Self(id.0)
    }
}

impl From<MachineId> for ObjectId {
    fn from(id: MachineId) -> Self {
        Self(id.0)
    }
}
