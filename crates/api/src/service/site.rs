//! What objects must be together: no address and no card may mean two things, no group is part of
//! itself, and a parameter is what its declaration says.
//!
//! Two changes at the same time could still contradict each other; the boot path then takes the first by name.

use crate::App;
use crate::error::ApiResult;
use crate::service::check::{Wrong, wrong};
use crate::service::object;
use lifecycle::{Declarations, check_declaration};
use std::collections::BTreeMap;
use store::{DeclaredParams, Groups, Reservations, Subnets};
use types::Name;
use types::object::Kind;
use types::param::ParamSpec;
use types::subnet::{ReservationSpec, SubnetSpec};

/// The subnets, reservations, groups and declarations as they would be.
#[derive(Debug, Default)]
pub(crate) struct Site {
    subnets: Vec<(Name, SubnetSpec)>,
    reservations: Vec<(Name, ReservationSpec)>,
    parents: BTreeMap<Name, Option<Name>>,
    declared: BTreeMap<Name, ParamSpec>,
}

impl Site {
    /// As they are now.
    pub(crate) async fn load(app: &App) -> ApiResult<Self> {
        let subnets = object::all::<Subnets>(app).await?;
        let reservations = object::all::<Reservations>(app).await?;
        let groups = object::all::<Groups>(app).await?;
        let declared = object::all::<DeclaredParams>(app).await?;
        Ok(Self {
            declared: declared.into_iter().map(|object| (object.name, object.spec)).collect(),
            parents: groups.into_iter().map(|object| (object.name, object.spec.parent)).collect(),
            subnets: subnets.into_iter().map(|object| (object.name, object.spec)).collect(),
            reservations: reservations.into_iter().map(|object| (object.name, object.spec)).collect(),
        })
    }

    /// Whether objects of this kind are part of it.
    pub(crate) fn holds(kind: Kind) -> bool {
        matches!(kind, Kind::Subnet | Kind::Reservation | Kind::Group | Kind::Param)
    }

    /// Puts a subnet in, in the place of the one with its name.
    pub(crate) fn put_subnet(&mut self, name: Name, spec: SubnetSpec) {
        self.subnets.retain(|(other, _)| *other != name);
        self.subnets.push((name, spec));
    }

    /// Puts a reservation in, in the place of the one with its name.
    pub(crate) fn put_reservation(&mut self, name: Name, spec: ReservationSpec) {
        self.reservations.retain(|(other, _)| *other != name);
        self.reservations.push((name, spec));
    }

    /// Puts a group in, in the place of the one with its name.
    pub(crate) fn put_group(&mut self, name: Name, parent: Option<Name>) {
        self.parents.insert(name, parent);
    }

    /// Puts a declaration in, in the place of the one with its name.
    pub(crate) fn put_declaration(&mut self, name: Name, spec: ParamSpec) {
        self.declared.insert(name, spec);
    }

    /// Another declaration of the same parameter.
    pub(crate) fn check_declaration(&self, name: &Name, spec: &ParamSpec) -> Option<Wrong> {
        let key = spec.key(name);
        let mut others = self.declared.iter().filter(|(other, _)| *other != name);
        let (other, _) = others.find(|(other, spec)| spec.key(other) == key)?;
        Some(wrong("/key", format!("{key} is declared by {other} already")))
    }

    /// What is known of parameters. A declaration that is no good by itself is told of as such, and left out here.
    pub(crate) fn declarations(&self) -> Declarations {
        let good = self.declared.iter().filter(|(_, spec)| check_declaration(spec).is_empty());
        let by_key = good.map(|(name, spec)| (spec.key(name).to_owned(), spec.clone()));
        Declarations::new(by_key).expect("each schema was compiled before")
    }

    /// The circle that the group would close.
    pub(crate) fn check_group(&self, name: &Name, parent: Option<&Name>) -> Option<Wrong> {
        let mut way = vec![name];
        let mut at = parent;
        while let Some(group) = at {
            way.push(group);
            if group == name {
                let way = way.into_iter().map(Name::as_str).collect::<Vec<_>>().join(" → ");
                return Some(wrong("/parent", format!("a group cannot be part of itself: {way}")));
            }
            // A circle that is there already, and does not pass through this group, ends the search too.
            at = self.parents.get(group).and_then(Option::as_ref).filter(|next| !way[1..].contains(next));
        }
        None
    }

    /// What the subnet contradicts.
    pub(crate) fn check_subnet(&self, name: &Name, spec: &SubnetSpec) -> Option<Wrong> {
        let others = || self.subnets.iter().filter(|(other, _)| other != name);
        if let Some((other, overlapped)) = others().find(|(_, other)| other.cidr.overlaps(&spec.cidr)) {
            return Some(wrong("/cidr", format!("{} overlaps {} of subnet {other}", spec.cidr, overlapped.cidr)));
        }
        let own = spec.ipv6.as_ref()?.cidr;
        let ipv6 = others().filter_map(|(other, spec)| Some((other, spec.ipv6.as_ref()?.cidr)));
        let (other, overlapped) = ipv6.into_iter().find(|(_, cidr)| cidr.overlaps(&own))?;
        Some(wrong("/ipv6/cidr", format!("{own} overlaps {overlapped} of subnet {other}")))
    }

    /// What the reservation contradicts.
    pub(crate) fn check_reservation(&self, name: &Name, spec: &ReservationSpec) -> Option<Wrong> {
        self.reservations.iter().filter(|(other, _)| other != name).find_map(|(other, taken)| {
            if taken.mac == spec.mac {
                Some(wrong("/mac", format!("{} has reservation {other} already", spec.mac)))
            } else if taken.address == spec.address {
                Some(wrong("/address", format!("{} is reserved for {} by {other}", spec.address, taken.mac)))
            } else {
                let same = spec.ipv6.filter(|address| taken.ipv6 == Some(*address));
                same.map(|address| wrong("/ipv6", format!("{address} is reserved for {} by {other}", taken.mac)))
            }
        })
    }
}
