//! What subnets and reservations must be together: no address and no card may mean two things.
//!
//! Two changes at the same time could still contradict each other; the boot path then takes the first by name.

use crate::App;
use crate::error::ApiResult;
use crate::service::check::{Wrong, wrong};
use crate::service::object;
use store::{Reservations, Subnets};
use types::Name;
use types::object::Kind;
use types::subnet::{ReservationSpec, SubnetSpec};

/// The subnets and reservations as they would be.
#[derive(Debug, Default)]
pub(crate) struct Site {
    subnets: Vec<(Name, SubnetSpec)>,
    reservations: Vec<(Name, ReservationSpec)>,
}

impl Site {
    /// As they are now.
    pub(crate) async fn load(app: &App) -> ApiResult<Self> {
        let subnets = object::all::<Subnets>(app).await?;
        let reservations = object::all::<Reservations>(app).await?;
        Ok(Self {
            subnets: subnets.into_iter().map(|object| (object.name, object.spec)).collect(),
            reservations: reservations.into_iter().map(|object| (object.name, object.spec)).collect(),
        })
    }

    /// Whether objects of this kind are part of it.
    pub(crate) fn holds(kind: Kind) -> bool {
        matches!(kind, Kind::Subnet | Kind::Reservation)
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
