//! What objects name of each other.

use crate::Name;
use crate::bootenv::BootEnvSpec;
use crate::design::{DeploymentSpec, DesignSpec};
use crate::group::GroupSpec;
use crate::machine::MachineSpec;
use crate::object::Kind;
use crate::os::OperatingSystemSpec;
use crate::subnet::SubnetSpec;

/// One object's name in another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The kind of what is named.
    pub kind: Kind,
    /// Its name, as it was given.
    pub name: String,
    /// Where, as a JSON pointer within the spec that names it.
    pub pointer: String,
}

/// What a spec names, put together place by place.
#[derive(Debug, Default)]
pub struct References(Vec<Reference>);

impl References {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With the object that is named at `pointer`, if one is.
    #[must_use]
    pub fn one(mut self, kind: Kind, name: Option<&Name>, pointer: &str) -> Self {
        self.0.extend(name.map(|name| reference(kind, name, pointer.to_owned())));
        self
    }

    /// With each object that the list at `pointer` names.
    #[must_use]
    pub fn each<'a>(mut self, kind: Kind, names: impl IntoIterator<Item = &'a Name>, pointer: &str) -> Self {
        let named = names.into_iter().enumerate();
        self.0.extend(named.map(|(index, name)| reference(kind, name, format!("{pointer}/{index}"))));
        self
    }

    /// All of them.
    pub fn all(self) -> Vec<Reference> {
        self.0
    }
}

fn reference(kind: Kind, name: &Name, pointer: String) -> Reference {
    Reference { kind, name: name.to_string(), pointer }
}

pub(crate) fn of_machine(spec: &MachineSpec) -> Vec<Reference> {
    References::new()
        .one(Kind::Bmc, spec.bmc.as_ref(), "/bmc")
        .one(Kind::Group, spec.group.as_ref(), "/group")
        .one(Kind::Design, spec.design.as_ref(), "/design")
        .each(Kind::Profile, &spec.profiles, "/profiles")
        .one(Kind::HardwareProfile, spec.hardware_profile.as_ref(), "/hardware_profile")
        .all()
}

pub(crate) fn of_group(spec: &GroupSpec) -> Vec<Reference> {
    References::new()
        .one(Kind::Group, spec.parent.as_ref(), "/parent")
        .one(Kind::OperatingSystem, spec.os.as_ref(), "/os")
        .one(Kind::Medium, spec.medium.as_ref(), "/medium")
        .one(Kind::PartitionTable, spec.partition_table.as_ref(), "/partition_table")
        .one(Kind::Subnet, spec.subnet.as_ref(), "/subnet")
        .one(Kind::Workflow, spec.workflow.as_ref(), "/workflow")
        .one(Kind::HardwareProfile, spec.hardware_profile.as_ref(), "/hardware_profile")
        .each(Kind::Profile, &spec.profiles, "/profiles")
        .all()
}

pub(crate) fn of_operating_system(spec: &OperatingSystemSpec) -> Vec<Reference> {
    let references = References::new()
        .one(Kind::Medium, spec.medium.as_ref(), "/medium")
        .one(Kind::PartitionTable, spec.partition_table.as_ref(), "/partition_table")
        .one(Kind::BootEnv, spec.boot_env.as_ref(), "/boot_env")
        .one(Kind::Workflow, spec.workflow.as_ref(), "/workflow");
    let templates = spec.templates.iter();
    templates
        .fold(references, |all, (kind, name)| all.one(Kind::Template, Some(name), &format!("/templates/{kind}")))
        .all()
}

pub(crate) fn of_boot_env(spec: &BootEnvSpec) -> Vec<Reference> {
    let references = References::new().one(Kind::OperatingSystem, spec.os.as_ref(), "/os");
    let templates = spec.templates.iter().enumerate();
    templates
        .fold(references, |all, (index, served)| {
            all.one(Kind::Template, Some(&served.template), &format!("/templates/{index}/template"))
        })
        .all()
}

pub(crate) fn of_subnet(spec: &SubnetSpec) -> Vec<Reference> {
    References::new().one(Kind::Workflow, spec.discovery_workflow.as_ref(), "/discovery_workflow").all()
}

pub(crate) fn of_design(spec: &DesignSpec) -> Vec<Reference> {
    let references = References::new()
        .one(Kind::Group, Some(&spec.group), "/group")
        .one(Kind::Group, spec.health_check_group.as_ref(), "/health_check_group")
        .one(Kind::Subnet, spec.subnet.as_ref(), "/subnet")
        .one(Kind::Workflow, spec.workflow.as_ref(), "/workflow");
    let rows = spec.rows.iter();
    rows.fold(references, |all, (name, row)| {
        let place = |field: &str| format!("/rows/{name}/{field}");
        all.one(Kind::Group, row.group.as_ref(), &place("group"))
            .one(Kind::Subnet, row.subnet.as_ref(), &place("subnet"))
            .one(Kind::Bmc, row.bmc.as_ref(), &place("bmc"))
            .one(Kind::HardwareProfile, row.hardware_profile.as_ref(), &place("hardware_profile"))
            .each(Kind::Profile, &row.profiles, &place("profiles"))
    })
    .all()
}

pub(crate) fn of_deployment(spec: &DeploymentSpec) -> Vec<Reference> {
    References::new().one(Kind::Design, Some(&spec.design), "/design").all()
}
