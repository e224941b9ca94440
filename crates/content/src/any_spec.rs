//! The spec of an object of any kind.

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use types::bmc::BmcSpec;
use types::bootenv::BootEnvSpec;
use types::image::ImageSpec;
use types::machine::MachineSpec;
use types::object::Kind;
use types::subnet::{ReservationSpec, SubnetSpec};
use types::template::TemplateSpec;
use workflow::WorkflowSpec;

/// What is wanted of an object, by its kind.
#[derive(Debug, Clone, PartialEq)]
pub enum AnySpec {
    /// One server.
    Machine(Box<MachineSpec>),
    /// A baseboard management controller.
    Bmc(BmcSpec),
    /// A network.
    Subnet(Box<SubnetSpec>),
    /// A fixed address.
    Reservation(ReservationSpec),
    /// A disk image.
    Image(ImageSpec),
    /// A workflow's definition.
    Workflow(WorkflowSpec),
    /// What a machine can boot.
    BootEnv(BootEnvSpec),
    /// A text that is rendered for a machine.
    Template(TemplateSpec),
}

impl AnySpec {
    /// Reads the spec of an object of this kind.
    pub fn deserialize<'de, D: Deserializer<'de>>(kind: Kind, deserializer: D) -> Result<Self, D::Error> {
        match kind {
            Kind::Machine => MachineSpec::deserialize(deserializer).map(|spec| Self::Machine(Box::new(spec))),
            Kind::Bmc => BmcSpec::deserialize(deserializer).map(Self::Bmc),
            Kind::Subnet => SubnetSpec::deserialize(deserializer).map(|spec| Self::Subnet(Box::new(spec))),
            Kind::Reservation => ReservationSpec::deserialize(deserializer).map(Self::Reservation),
            Kind::Image => ImageSpec::deserialize(deserializer).map(Self::Image),
            Kind::Workflow => WorkflowSpec::deserialize(deserializer).map(Self::Workflow),
            Kind::BootEnv => BootEnvSpec::deserialize(deserializer).map(Self::BootEnv),
            Kind::Template => TemplateSpec::deserialize(deserializer).map(Self::Template),
        }
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Machine(_) => Kind::Machine,
            Self::Bmc(_) => Kind::Bmc,
            Self::Subnet(_) => Kind::Subnet,
            Self::Reservation(_) => Kind::Reservation,
            Self::Image(_) => Kind::Image,
            Self::Workflow(_) => Kind::Workflow,
            Self::BootEnv(_) => Kind::BootEnv,
            Self::Template(_) => Kind::Template,
        }
    }

    /// As JSON, for the store: this is the one form that holds secrets in the clear.
    pub fn to_stored(&self) -> Value {
        let value = match self {
            Self::Machine(spec) => serde_json::to_value(spec),
            Self::Bmc(spec) => serde_json::to_value(spec).map(|mut value| {
                value["password"] = Value::String(spec.password.expose().to_owned());
                value
            }),
            Self::Subnet(spec) => serde_json::to_value(spec),
            Self::Reservation(spec) => serde_json::to_value(spec),
            Self::Image(spec) => serde_json::to_value(spec),
            Self::Workflow(spec) => serde_json::to_value(spec),
            Self::BootEnv(spec) => serde_json::to_value(spec),
            Self::Template(spec) => serde_json::to_value(spec),
        };
        value.expect("specs have text keys and plain values")
    }
}

impl From<MachineSpec> for AnySpec {
    fn from(spec: MachineSpec) -> Self {
        Self::Machine(Box::new(spec))
    }
}

impl From<SubnetSpec> for AnySpec {
    fn from(spec: SubnetSpec) -> Self {
        Self::Subnet(Box::new(spec))
    }
}

macro_rules! from_spec {
    ($($spec:ty => $variant:ident),*) => {
        $(impl From<$spec> for AnySpec {
            fn from(spec: $spec) -> Self {
                Self::$variant(spec)
            }
        })*
    };
}

from_spec!(
    BmcSpec => Bmc, ReservationSpec => Reservation, ImageSpec => Image,
    WorkflowSpec => Workflow, BootEnvSpec => BootEnv, TemplateSpec => Template
);
