//! Networks as templates see them.

use std::net::Ipv4Addr;
use template::facts::{Interface, InterfaceKind, Route, Subnet};
use types::Name;
use types::inventory::Inventory;
use types::machine::MachineSpec;
use types::subnet::SubnetSpec;

/// The network.
pub(crate) fn subnet(name: &Name, spec: &SubnetSpec) -> Subnet {
    let prefix = spec.cidr.prefix();
    let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
    let network = u32::from(spec.cidr.network()) & mask;
    let text = |address: Ipv4Addr| address.to_string();
    Subnet {
        name: name.to_string(),
        network: text(network.into()),
        mask: text(mask.into()),
        prefix,
        cidr: format!("{}/{prefix}", Ipv4Addr::from(network)),
        broadcast: (prefix < 31).then(|| text((network | !mask).into())),
        gateway: spec.gateway.map(text),
        dns: spec.dns.iter().map(ToString::to_string).collect(),
        ntp: spec.ntp.iter().map(ToString::to_string).collect(),
        domain: spec.domain.clone(),
        search: spec.search.clone(),
        mtu: spec.mtu.map(u32::from),
        dhcp: true,
        pool_first: spec.pool.map(|pool| text(pool.first)),
        pool_last: spec.pool.map(|pool| text(pool.last)),
        routes: spec
            .routes
            .iter()
            .map(|route| Route { to: route.to.to_string(), via: route.via.to_string() })
            .collect(),
        params: spec.params.clone(),
        ..Subnet::default()
    }
}

/// The machine's interfaces: the declared cards first, then what else was found in it.
pub(crate) fn interfaces(
    spec: &MachineSpec,
    inventory: Option<&Inventory>,
    subnet: Option<&Name>,
    address: Option<std::net::IpAddr>,
    hostname: &str,
) -> Vec<Interface> {
    let found = inventory.map(|inventory| inventory.nics.as_slice()).unwrap_or_default();
    let further = found.iter().map(|nic| nic.mac).filter(|mac| !spec.macs.contains(mac));
    let macs = spec.macs.iter().copied().chain(further);
    macs.enumerate()
        .map(|(index, mac)| {
            let nic = found.iter().find(|nic| nic.mac == mac);
            let is_first = index == 0;
            let own = address.filter(|_| is_first);
            Interface {
                identifier: nic.map(|nic| nic.name.clone()),
                kind: InterfaceKind::Physical,
                mac: Some(mac),
                ip: own.filter(std::net::IpAddr::is_ipv4).map(|address| address.to_string()),
                ip6: own.filter(std::net::IpAddr::is_ipv6).map(|address| address.to_string()),
                name: is_first.then(|| hostname.to_owned()),
                subnet: subnet.filter(|_| is_first).map(Name::to_string),
                primary: is_first,
                provision: is_first,
                managed: is_first,
                link: nic.map(|nic| nic.link),
                speed_mbit: nic.and_then(|nic| nic.speed_mbit),
                driver: nic.and_then(|nic| nic.driver.clone()),
                ..Interface::default()
            }
        })
        .collect()
}
