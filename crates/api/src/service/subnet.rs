//! Where a machine is: the subnet of its address, whose parameters are weaker than the machine's own.

use crate::App;
use crate::error::ApiResult;
use crate::service::object;
use std::net::IpAddr;
use store::{Machine, Subnets};
use types::Name;
use types::subnet::SubnetSpec;

/// The subnet that holds `address`; of several, the narrowest.
pub(crate) async fn of_address(app: &App, address: IpAddr) -> ApiResult<Option<(Name, SubnetSpec)>> {
    let subnets = object::all::<Subnets>(app).await?;
    let held = subnets.into_iter().filter_map(|subnet| Some((prefix_with(&subnet.spec, address)?, subnet)));
    Ok(held.max_by_key(|(prefix, _)| *prefix).map(|(_, subnet)| (subnet.name, subnet.spec)))
}

/// The length of the network's prefix, if it holds `address`.
fn prefix_with(spec: &SubnetSpec, address: IpAddr) -> Option<u8> {
    match address {
        IpAddr::V4(address) => spec.cidr.contains(address).then_some(spec.cidr.prefix()),
        IpAddr::V6(address) => {
            spec.ipv6.as_ref().map(|ipv6| ipv6.cidr).filter(|cidr| cidr.contains(address)).map(|cidr| cidr.prefix())
        }
    }
}

/// The subnet in which the machine last had an address from us.
pub(crate) async fn of_machine(app: &App, machine: &Machine) -> ApiResult<Option<(Name, SubnetSpec)>> {
    match app.store.last_address(machine.id.into()).await? {
        Some(address) => of_address(app, address).await,
        None => Ok(None),
    }
}
