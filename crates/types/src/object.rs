//! The shape that every stored object shares.

use crate::{Name, ObjectId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A stored object: what the user wants (`spec`) and what we know (`status`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Object<Spec, Status> {
    /// Never changes.
    pub id: ObjectId,
    /// Unique within its kind; can be changed.
    pub name: Name,
    /// What the user wants.
    pub spec: Spec,
    /// What Slipway knows.
    pub status: Status,
    /// Rises with every change of the spec or name; an update that names an older version is refused.
    pub version: u64,
    /// Where the object came from.
    pub source: Source,
    /// When it was created.
    pub created: Timestamp,
    /// When its spec or name last changed.
    pub updated: Timestamp,
}

/// The status of an object of which nothing is known beyond its spec.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NoStatus {}

/// Where an object came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Part of this program; read-only, cloned to change.
    Builtin,
    /// Applied from a file.
    File,
    /// Made over the API.
    Api,
    /// Found by Slipway itself: a machine that booted from the network.
    Discovered,
}

/// The kinds of object, as they are named in YAML (`kind: Machine`) and in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub enum Kind {
    /// One server.
    Machine,
    /// A baseboard management controller and its credentials.
    Bmc,
    /// A network Slipway serves addresses on.
    Subnet,
    /// A fixed address for one MAC.
    Reservation,
    /// A disk image.
    Image,
    /// A workflow's definition.
    Workflow,
    /// What a machine can boot.
    BootEnv,
    /// A text that is rendered for a machine.
    Template,
}

impl Kind {
    /// Every kind, in the order in which `apply` creates them: what is referred to comes first.
    pub const ALL: [Self; 8] = [
        Self::Template,
        Self::Image,
        Self::BootEnv,
        Self::Workflow,
        Self::Subnet,
        Self::Reservation,
        Self::Bmc,
        Self::Machine,
    ];

    /// The name in YAML.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Machine => "Machine",
            Self::Bmc => "Bmc",
            Self::Subnet => "Subnet",
            Self::Reservation => "Reservation",
            Self::Image => "Image",
            Self::Workflow => "Workflow",
            Self::BootEnv => "BootEnv",
            Self::Template => "Template",
        }
    }

    /// The path segment of its collection: `/api/v1/machines`.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Machine => "machines",
            Self::Bmc => "bmcs",
            Self::Subnet => "subnets",
            Self::Reservation => "reservations",
            Self::Image => "images",
            Self::Workflow => "workflows",
            Self::BootEnv => "bootenvs",
            Self::Template => "templates",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
