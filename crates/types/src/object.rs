//! The shape that every stored object shares.

use crate::bmc::{BmcSpec, BmcStatus};
use crate::bootenv::BootEnvSpec;
use crate::image::{ImageSpec, ImageStatus};
use crate::machine::{MachineSpec, MachineStatus};
use crate::subnet::{ReservationSpec, SubnetSpec};
use crate::template::TemplateSpec;
use crate::{Name, ObjectId, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
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

/// What an operator can want of a kind of object.
pub trait Spec: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its kind.
    const KIND: Kind;
    /// JSON pointers of its secrets, which are encrypted at rest.
    const SECRETS: &'static [&'static str] = &[];
    /// What is known of such an object.
    type Status: Serialize + DeserializeOwned + Default + Send + Sync + 'static;

    /// As JSON with its secrets in the clear, for the store.
    ///
    /// # Errors
    /// When it has no JSON form.
    fn reveal(&self) -> serde_json::Result<Value> {
        serde_json::to_value(self)
    }
}

/// Calls the macro `$with` with the table of kinds, in the order in which `apply` creates them: what is referred to
/// comes first. A row has the kind's name, the path segment of its collection, what an operator calls it, the store's
/// name of it, its spec and its status.
#[macro_export]
macro_rules! for_each_kind {
    ($with:ident) => {
        $with! {
            /// A text that is rendered for a machine.
            Template, "templates", "template", Templates, TemplateSpec, NoStatus;
            /// A disk image.
            Image, "images", "image", Images, ImageSpec, ImageStatus;
            /// What a machine can boot.
            BootEnv, "bootenvs", "boot environment", BootEnvs, BootEnvSpec, NoStatus;
            /// A workflow's definition.
            Workflow, "workflows", "workflow", Workflows, WorkflowSpec, NoStatus;
            /// A network Slipway serves addresses on.
            Subnet, "subnets", "subnet", Subnets, SubnetSpec, NoStatus;
            /// A fixed address for one MAC.
            Reservation, "reservations", "reservation", Reservations, ReservationSpec, NoStatus;
            /// A baseboard management controller and its credentials.
            Bmc, "bmcs", "BMC", Bmcs, BmcSpec, BmcStatus;
            /// One server.
            Machine, "machines", "machine", Machines, MachineSpec, MachineStatus;
        }
    };
}

macro_rules! define_kind {
    ($($(#[$doc:meta])* $kind:ident, $plural:literal, $words:literal, $marker:ident, $spec:ident, $status:ident;)*) => {
        /// The kinds of object, as they are named in YAML (`kind: Machine`) and in the store.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// Every kind, in the order in which `apply` creates them: what is referred to comes first.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// The name in YAML.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => stringify!($kind),)*
                }
            }

            /// The path segment of its collection: `/api/v1/machines`.
            pub fn plural(self) -> &'static str {
                match self {
                    $(Self::$kind => $plural,)*
                }
            }

            /// What an operator calls it.
            pub fn words(self) -> &'static str {
                match self {
                    $(Self::$kind => $words,)*
                }
            }
        }
    };
}

for_each_kind!(define_kind);

macro_rules! plain_specs {
    ($($spec:ty => $kind:ident, $status:ty;)*) => {
        $(impl Spec for $spec {
            const KIND: Kind = Kind::$kind;
            type Status = $status;
        })*
    };
}

plain_specs! {
    TemplateSpec => Template, NoStatus;
    ImageSpec => Image, ImageStatus;
    BootEnvSpec => BootEnv, NoStatus;
    SubnetSpec => Subnet, NoStatus;
    ReservationSpec => Reservation, NoStatus;
    MachineSpec => Machine, MachineStatus;
}

impl Spec for BmcSpec {
    const KIND: Kind = Kind::Bmc;
    const SECRETS: &'static [&'static str] = &["/password"];
    type Status = BmcStatus;

    fn reveal(&self) -> serde_json::Result<Value> {
        let mut revealed = serde_json::to_value(self)?;
        revealed["password"] = self.password.expose().into();
        Ok(revealed)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
