//! Stored objects as they travel.

use serde::{Deserialize, Serialize};
use types::Name;
use types::bmc::{BmcSpec, BmcStatus};
use types::bootenv::BootEnvSpec;
use types::image::{ImageSpec, ImageStatus};
use types::machine::{MachineSpec, MachineStatus};
pub use types::object::NoStatus;
use types::object::Object;
use types::subnet::{ReservationSpec, SubnetSpec};
use types::template::TemplateSpec;
use utoipa::ToSchema;
use workflow::WorkflowSpec;

/// A machine.
pub type Machine = Object<MachineSpec, MachineStatus>;
/// A BMC.
pub type Bmc = Object<BmcSpec, BmcStatus>;
/// A subnet.
pub type Subnet = Object<SubnetSpec, NoStatus>;
/// A reservation.
pub type Reservation = Object<ReservationSpec, NoStatus>;
/// An image.
pub type Image = Object<ImageSpec, ImageStatus>;
/// A workflow.
pub type Workflow = Object<WorkflowSpec, NoStatus>;
/// A boot environment.
pub type BootEnv = Object<BootEnvSpec, NoStatus>;
/// A template.
pub type Template = Object<TemplateSpec, NoStatus>;

/// `POST` to a collection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Create<Spec> {
    /// Unique within its kind.
    pub name: Name,
    /// What is wanted.
    pub spec: Spec,
}

/// `PUT` of an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Update<Spec> {
    /// The version that the change is based on. `If-Match` may say it instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// What is wanted.
    pub spec: Spec,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// In the list's order.
    pub items: Vec<T>,
    /// `after` of the next part; none when this is the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// An object as it is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct View<Spec, Status> {
    /// The object.
    #[serde(flatten)]
    pub object: Object<Spec, Status>,
    /// Why it cannot be used as it is, though it is valid: what it names that is not there, or does not fit.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub unavailable: Vec<String>,
}
