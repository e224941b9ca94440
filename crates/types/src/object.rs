//! The shape that every stored object shares.

use crate::bmc::{BmcSpec, BmcStatus};
use crate::bootenv::BootEnvSpec;
use crate::design::{DeploymentSpec, DeploymentStatus, DesignSpec};
use crate::group::GroupSpec;
use crate::hardware::HardwareProfileSpec;
use crate::image::{ImageSpec, ImageStatus};
use crate::machine::{MachineSpec, MachineStatus};
use crate::os::{MediumSpec, OperatingSystemSpec, PartitionTableSpec};
use crate::param::{ParamSpec, ProfileSpec, Secrets};
use crate::reference::{self, Reference};
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
    /// JSON pointers of its secrets, which are encrypted at rest; `*` stands for every member.
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

    /// The objects that it names.
    fn references(&self) -> Vec<Reference> {
        Vec::new()
    }
}

/// Calls the macro `$with` with the table of kinds, in the order in which `apply` creates them: what is referred to
/// comes first. A row has the kind's name, the path segment of its collection, what an operator calls it, the store's
/// name of it, its spec and its status.
#[macro_export]
macro_rules! for_each_kind {
    ($with:ident) => {
        $with! {
            /// What is known of a parameter.
            Param, params, "parameter", DeclaredParams, ParamSpec, NoStatus;
            /// A text that is rendered for a machine.
            Template, templates, "template", Templates, TemplateSpec, NoStatus;
            /// A disk image.
            Image, images, "image", Images, ImageSpec, ImageStatus;
            /// Where an operating system is installed from.
            Medium, media, "medium", Media, MediumSpec, NoStatus;
            /// How disks are divided.
            PartitionTable, partitiontables, "partition table", PartitionTables, PartitionTableSpec, NoStatus;
            /// What a machine can boot.
            BootEnv, bootenvs, "boot environment", BootEnvs, BootEnvSpec, NoStatus;
            /// A workflow's definition.
            Workflow, workflows, "workflow", Workflows, WorkflowSpec, NoStatus;
            /// An operating system.
            OperatingSystem, operatingsystems, "operating system", OperatingSystems, OperatingSystemSpec, NoStatus;
            /// Named parameters.
            Profile, profiles, "profile", Profiles, ProfileSpec, NoStatus;
            /// A device type.
            HardwareProfile, hardwareprofiles, "hardware profile", HardwareProfiles, HardwareProfileSpec, NoStatus;
            /// A network Slipway serves addresses on.
            Subnet, subnets, "subnet", Subnets, SubnetSpec, NoStatus;
            /// A fixed address for one MAC.
            Reservation, reservations, "reservation", Reservations, ReservationSpec, NoStatus;
            /// A group of machines.
            Group, groups, "group", Groups, GroupSpec, NoStatus;
            /// A baseboard management controller and its credentials.
            Bmc, bmcs, "BMC", Bmcs, BmcSpec, BmcStatus;
            /// One server.
            Machine, machines, "machine", Machines, MachineSpec, MachineStatus;
            /// A table of machines to be.
            Design, designs, "design", Designs, DesignSpec, NoStatus;
            /// One go of a design.
            Deployment, deployments, "deployment", Deployments, DeploymentSpec, DeploymentStatus;
        }
    };
}

macro_rules! define_kind {
    ($($(#[$doc:meta])* $kind:ident, $plural:ident, $words:literal, $marker:ident, $spec:ident, $status:ident;)*) => {
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
                    $(Self::$kind => stringify!($plural),)*
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

/// Specs of this crate: kind, status, where their secrets are, and what they name.
macro_rules! specs {
    ($($spec:ty => $kind:ident, $status:ty $(, secrets: $secrets:expr)? $(, names: $names:path)?;)*) => {
        $(impl Spec for $spec {
            const KIND: Kind = Kind::$kind;
            $(const SECRETS: &'static [&'static str] = &$secrets;)?
            type Status = $status;

            $(fn reveal(&self) -> serde_json::Result<Value> {
                // Of a spec with secrets, its own way.
                const { assert!(!$secrets.is_empty()) };
                self.reveal()
            })?

            $(fn references(&self) -> Vec<Reference> {
                $names(self)
            })?
        })*
    };
}

specs! {
    ParamSpec => Param, NoStatus;
    TemplateSpec => Template, NoStatus;
    ImageSpec => Image, ImageStatus;
    MediumSpec => Medium, NoStatus;
    PartitionTableSpec => PartitionTable, NoStatus;
    BootEnvSpec => BootEnv, NoStatus, names: reference::of_boot_env;
    OperatingSystemSpec => OperatingSystem, NoStatus, secrets: ["/secrets/*"], names: reference::of_operating_system;
    ProfileSpec => Profile, NoStatus, secrets: ["/secrets/*"];
    HardwareProfileSpec => HardwareProfile, NoStatus;
    SubnetSpec => Subnet, NoStatus, secrets: ["/secrets/*"], names: reference::of_subnet;
    ReservationSpec => Reservation, NoStatus;
    GroupSpec => Group, NoStatus, secrets: ["/secrets/*"], names: reference::of_group;
    BmcSpec => Bmc, BmcStatus, secrets: ["/password"];
    MachineSpec => Machine, MachineStatus, secrets: ["/secrets/*"], names: reference::of_machine;
    DesignSpec => Design, NoStatus, secrets: ["/secrets/*", "/rows/*/secrets/*"], names: reference::of_design;
    DeploymentSpec => Deployment, DeploymentStatus, names: reference::of_deployment;
}

/// Puts the secret parameters of a spec into its JSON form, which has `[secret]` for each.
pub(crate) fn reveal_secrets(spec: &mut Value, secrets: &Secrets) {
    for (name, secret) in secrets {
        spec["secrets"][name] = secret.expose().clone();
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
