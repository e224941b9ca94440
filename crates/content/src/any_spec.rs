//! The spec of an object of any kind.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use types::bmc::BmcSpec;
use types::bootenv::BootEnvSpec;
use types::design::{DeploymentSpec, DesignSpec};
use types::group::GroupSpec;
use types::hardware::HardwareProfileSpec;
use types::image::ImageSpec;
use types::machine::MachineSpec;
use types::object::{Kind, Spec as _};
use types::os::{MediumSpec, OperatingSystemSpec, PartitionTableSpec};
use types::param::{ParamSpec, ProfileSpec};
use types::reference::Reference;
use types::subnet::{ReservationSpec, SubnetSpec};
use types::template::TemplateSpec;
use workflow::WorkflowSpec;

macro_rules! define_any_spec {
    ($($(#[$doc:meta])* $kind:ident, $plural:ident, $words:literal, $marker:ident, $spec:ident, $status:ident;)*) => {
        /// What is wanted of an object, by its kind.
        #[derive(Debug, Clone, PartialEq)]
        pub enum AnySpec {
            $($(#[$doc])* $kind(Box<$spec>),)*
        }

        impl AnySpec {
            /// Reads the spec of an object of this kind.
            pub fn deserialize<'de, D: Deserializer<'de>>(kind: Kind, deserializer: D) -> Result<Self, D::Error> {
                match kind {
                    $(Kind::$kind => $spec::deserialize(deserializer).map(Self::from),)*
                }
            }

            /// Its kind.
            pub fn kind(&self) -> Kind {
                match self {
                    $(Self::$kind(_) => Kind::$kind,)*
                }
            }

            /// The objects that it names.
            pub fn references(&self) -> Vec<Reference> {
                match self {
                    $(Self::$kind(spec) => spec.references(),)*
                }
            }

            /// As JSON, for the store: this is the one form that holds secrets in the clear.
            pub fn to_stored(&self) -> Value {
                let value = match self {
                    $(Self::$kind(spec) => spec.reveal(),)*
                };
                value.expect("specs have text keys and plain values")
            }
        }

        impl Serialize for AnySpec {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$kind(spec) => spec.serialize(serializer),)*
                }
            }
        }

        $(impl From<$spec> for AnySpec {
            fn from(spec: $spec) -> Self {
                Self::$kind(Box::new(spec))
            }
        })*
    };
}

types::for_each_kind!(define_any_spec);
