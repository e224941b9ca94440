//! The kinds of object, as the store's users name them: `store.find::<Machines>(…)`.

use crate::StoreError;
use serde_json::Value;
use types::bmc::{BmcSpec, BmcStatus};
use types::bootenv::BootEnvSpec;
use types::design::{DeploymentSpec, DeploymentStatus, DesignSpec};
use types::group::GroupSpec;
use types::hardware::HardwareProfileSpec;
use types::image::{ImageSpec, ImageStatus};
use types::machine::{MachineSpec, MachineStatus};
use types::object::{Kind, NoStatus, Object, Spec};
use types::os::{MediumSpec, OperatingSystemSpec, PartitionTableSpec};
use types::param::{ParamSpec, ProfileSpec};
use types::reference::Reference;
use types::subnet::{ReservationSpec, SubnetSpec};
use types::template::TemplateSpec;
use workflow::WorkflowSpec;

/// A kind of object: which types its spec and status are.
pub trait ObjectKind: Send + Sync + 'static {
    /// Its name.
    const KIND: Kind;
    /// What the user wants.
    type Spec: Spec<Status = Self::Status>;
    /// What we know.
    type Status: serde::Serialize + serde::de::DeserializeOwned + Default + Send + Sync + 'static;
}

/// A machine with what is wanted and what is known of it.
pub type Machine = Object<MachineSpec, MachineStatus>;

macro_rules! define_markers {
    ($($(#[$doc:meta])* $kind:ident, $plural:ident, $words:literal, $marker:ident, $spec:ident, $status:ident;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy)]
            pub struct $marker;

            impl ObjectKind for $marker {
                const KIND: Kind = Kind::$kind;
                type Spec = $spec;
                type Status = $status;
            }
        )*

        /// The shape of `kind`.
        pub(crate) fn shape(kind: Kind) -> Shape {
            match kind {
                $(Kind::$kind => Shape::of::<$spec>(),)*
            }
        }
    };
}

types::for_each_kind!(define_markers);

/// What the store must know of a kind when it has only its name.
pub(crate) struct Shape {
    /// See [`Spec::SECRETS`].
    pub(crate) secrets: &'static [&'static str],
    /// Brings a spec into the form that its type writes: defaults filled in, secrets included.
    pub(crate) normalise: fn(Value) -> Result<Value, StoreError>,
    /// See [`Spec::references`]; of a spec that does not fit its kind, none.
    pub(crate) references: fn(&Value) -> Vec<Reference>,
}

impl Shape {
    fn of<S: Spec>() -> Self {
        let normalise = |spec| {
            let read = serde_json::from_value(spec).and_then(|spec: S| spec.reveal());
            read.map_err(|error| {
                // A reader quotes what it cannot read, and that may be the secret.
                let quotable = S::SECRETS.is_empty();
                let reason = if quotable { error.to_string() } else { "a field is missing or of another type".into() };
                StoreError::Malformed { kind: S::KIND, reason }
            })
        };
        let references = |spec: &Value| S::deserialize(spec).map_or_else(|_| Vec::new(), |spec| spec.references());
        Self { secrets: S::SECRETS, normalise, references }
    }
}
