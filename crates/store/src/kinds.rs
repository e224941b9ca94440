//! The kinds of object, each with its spec and status.

use crate::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use types::bmc::{BmcSpec, BmcStatus};
use types::bootenv::BootEnvSpec;
use types::image::{ImageSpec, ImageStatus};
use types::machine::{MachineSpec, MachineStatus};
use types::object::{Kind, NoStatus, Object};
use types::subnet::{ReservationSpec, SubnetSpec};
use types::template::TemplateSpec;
use workflow::WorkflowSpec;

/// A kind of object: which types its spec and status are.
pub trait ObjectKind: Send + Sync + 'static {
    /// Its name.
    const KIND: Kind;
    /// JSON pointers of the spec's secrets, which are encrypted at rest.
    const SECRETS: &'static [&'static str] = &[];
    /// What the user wants.
    type Spec: Serialize + DeserializeOwned + Send + Sync + 'static;
    /// What we know.
    type Status: Serialize + DeserializeOwned + Default + Send + Sync + 'static;

    /// The spec as JSON, secrets included.
    ///
    /// # Errors
    /// When the spec has no JSON form.
    fn reveal(spec: &Self::Spec) -> serde_json::Result<Value> {
        serde_json::to_value(spec)
    }
}

/// A machine with what is wanted and what is known of it.
pub type Machine = Object<MachineSpec, MachineStatus>;

/// One server.
#[derive(Debug, Clone, Copy)]
pub struct Machines;
/// BMCs and their credentials.
#[derive(Debug, Clone, Copy)]
pub struct Bmcs;
/// Networks that addresses are served on.
#[derive(Debug, Clone, Copy)]
pub struct Subnets;
/// Fixed addresses.
#[derive(Debug, Clone, Copy)]
pub struct Reservations;
/// Disk images.
#[derive(Debug, Clone, Copy)]
pub struct Images;
/// Workflows' definitions.
#[derive(Debug, Clone, Copy)]
pub struct Workflows;
/// What machines can boot.
#[derive(Debug, Clone, Copy)]
pub struct BootEnvs;
/// Texts that are rendered for machines.
#[derive(Debug, Clone, Copy)]
pub struct Templates;

impl ObjectKind for Machines {
    const KIND: Kind = Kind::Machine;
    type Spec = MachineSpec;
    type Status = MachineStatus;
}

impl ObjectKind for Bmcs {
    const KIND: Kind = Kind::Bmc;
    const SECRETS: &'static [&'static str] = &["/password"];
    type Spec = BmcSpec;
    type Status = BmcStatus;

    fn reveal(spec: &BmcSpec) -> serde_json::Result<Value> {
        let mut revealed = serde_json::to_value(spec)?;
        revealed["password"] = spec.password.expose().into();
        Ok(revealed)
    }
}

impl ObjectKind for Subnets {
    const KIND: Kind = Kind::Subnet;
    type Spec = SubnetSpec;
    type Status = NoStatus;
}

impl ObjectKind for Reservations {
    const KIND: Kind = Kind::Reservation;
    type Spec = ReservationSpec;
    type Status = NoStatus;
}

impl ObjectKind for Images {
    const KIND: Kind = Kind::Image;
    type Spec = ImageSpec;
    type Status = ImageStatus;
}

impl ObjectKind for Workflows {
    const KIND: Kind = Kind::Workflow;
    type Spec = WorkflowSpec;
    type Status = NoStatus;
}

impl ObjectKind for BootEnvs {
    const KIND: Kind = Kind::BootEnv;
    type Spec = BootEnvSpec;
    type Status = NoStatus;
}

impl ObjectKind for Templates {
    const KIND: Kind = Kind::Template;
    type Spec = TemplateSpec;
    type Status = NoStatus;
}

/// What the store must know of a kind when it has only its name.
pub(crate) struct Shape {
    /// See [`ObjectKind::SECRETS`].
    pub(crate) secrets: &'static [&'static str],
    /// Brings a spec into the form that its type writes: defaults filled in, secrets included.
    pub(crate) normalise: fn(Value) -> Result<Value, StoreError>,
}

impl Shape {
    fn of<K: ObjectKind>() -> Self {
        let normalise = |spec| {
            let read = serde_json::from_value(spec).and_then(|spec: K::Spec| K::reveal(&spec));
            read.map_err(|error| {
                // A reader quotes what it cannot read, and that may be the secret.
                let quotable = K::SECRETS.is_empty();
                let reason = if quotable { error.to_string() } else { "a field is missing or of another type".into() };
                StoreError::Malformed { kind: K::KIND, reason }
            })
        };
        Self { secrets: K::SECRETS, normalise }
    }
}

/// The shape of `kind`.
pub(crate) fn shape(kind: Kind) -> Shape {
    match kind {
        Kind::Machine => Shape::of::<Machines>(),
        Kind::Bmc => Shape::of::<Bmcs>(),
        Kind::Subnet => Shape::of::<Subnets>(),
        Kind::Reservation => Shape::of::<Reservations>(),
        Kind::Image => Shape::of::<Images>(),
        Kind::Workflow => Shape::of::<Workflows>(),
        Kind::BootEnv => Shape::of::<BootEnvs>(),
        Kind::Template => Shape::of::<Templates>(),
    }
}
