//! Where a machine is: the subnet of its address, whose parameters are weaker than the machine's own.

use crate::App;
use crate::error::ApiResult;
use crate::service::object;
use std::net::Ipv4Addr;
use store::{Machine, Subnets};
use types::Name;
use types::subnet::SubnetSpec;

/// The subnet that holds `address`; of several, the narrowest.
pub(crate) async fn of_address(app: &App, address: Ipv4Addr) -> ApiResult<Option<(Name, SubnetSpec)>> {
    let subnets = object::all::<Subnets>(app).await?;
    let holding = subnets.into_iter().filter(|subnet| subnet.spec.cidr.contains(address));
    Ok(holding.max_by_key(|subnet| subnet.spec.cidr.prefix()).map(|subnet| (subnet.name, subnet.spec)))
}

/// The subnet in which the machine last had an address from us.
pub(crate) async fn of_machine(app: &App, machine: &Machine) -> ApiResult<Option<(Name, SubnetSpec)>> {
    match app.store.last_address(machine.id.into()).await? {
        Some(address) => of_address(app, address).await,
        None => Ok(None),
    }
}
