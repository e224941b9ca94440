//! Interfaces and subnets as Foreman's templates see them.

use super::place::domain;
use super::thing::{Thing, optional, texts};
use crate::facts::{Facts, Interface, InterfaceKind, Subnet};
use minijinja::Value;
use minijinja::value::Serde;

/// A subnet, or nothing.
pub(super) fn subnet(facts: &Facts, name: Option<&str>) -> Value {
    let found = name.and_then(|name| facts.subnet(name));
    found.map_or_else(|| Value::from(()), |subnet| subnet_thing(facts, subnet))
}

fn subnet_thing(facts: &Facts, subnet: &Subnet) -> Value {
    let servers = |at: usize| optional(subnet.dns.get(at).map(String::as_str));
    let mode = if subnet.dhcp { "DHCP" } else { "Static" };
    let title = format!("{} ({}/{})", subnet.name, subnet.network, subnet.prefix);
    let gateway = subnet.gateway.as_deref().filter(|gateway| !gateway.is_empty());
    let thing = Thing::new("subnet", &title).with("name", subnet.name.as_str());
    let thing = thing.with("network", subnet.network.as_str()).with_all(["mask", "netmask"], subnet.mask.as_str());
    let thing =
        thing.with("cidr", subnet.prefix).with("network_address", format!("{}/{}", subnet.network, subnet.prefix));
    let thing = thing.with_all(["gateway", "router"], optional(gateway)).with("dns_servers", texts(&subnet.dns));
    let thing = thing.with("dns_primary", servers(0)).with("dns_secondary", servers(1));
    let thing = thing.with("broadcast", optional(subnet.broadcast.as_deref()));
    let thing = thing.with_all(["vlanid", "vlan_id"], optional(subnet.vlan_id.map(i64::from)));
    let thing = thing.with("has_vlanid", subnet.vlan_id.is_some()).with("mtu", subnet.mtu.unwrap_or(1500));
    let thing = thing.with("nic_delay", optional(subnet.link_delay.map(i64::from))).with("boot_mode", mode);
    let thing = thing.with("dhcp_boot_mode", subnet.dhcp).with("static_boot_mode", !subnet.dhcp);
    let thing = thing.with("description", optional(subnet.description.as_deref())).with("ipam", mode);
    let thing =
        thing.with("from", optional(subnet.pool_first.as_deref())).with("to", optional(subnet.pool_last.as_deref()));
    let thing = thing.with("ntp_servers", texts(&subnet.ntp)).with("search", texts(&subnet.search));
    let thing = thing.with("params", Value::from(Serde(&subnet.params))).with("dhcp", server_thing(facts, subnet.dhcp));
    let thing = thing.with("tftp", server_thing(facts, true)).with("template", ()).with("httpboot", ());
    let thing = thing.with("parameters", parameters(subnet)).with("domain", domain(subnet.domain.as_deref()));
    let thing =
        thing.with("domains", Value::from(subnet.domain.iter().map(|name| domain(Some(name))).collect::<Vec<_>>()));
    thing.with_nothing(["dns", "bmc", "discovery", "externalipam", "id", "priority"]).value()
}

/// The parameters that a subnet has of its own, as things with a name and a value.
fn parameters(subnet: &Subnet) -> Value {
    let params = serde_json::to_value(&subnet.params).unwrap_or_default();
    let members = params.as_object().cloned().unwrap_or_default();
    let things = members.into_iter().map(|(name, value)| {
        Thing::new("parameter", &name).with("name", name.as_str()).with("value", Value::from(Serde(value))).value()
    });
    Value::from(things.collect::<Vec<_>>())
}

/// The server in the place of a smart proxy.
pub(super) fn server_thing(facts: &Facts, serves: bool) -> Value {
    if !serves {
        return Value::from(());
    }
    let urls = &facts.urls;
    let thing = Thing::new("smart_proxy", &urls.fqdn).with_all(["name", "hostname"], urls.fqdn.as_str());
    let thing = thing.with("url", urls.base.as_str()).with_nothing(["httpboot_http_port", "httpboot_https_port"]);
    thing.with("tftp_server", urls.host.as_str()).with_nothing(["id", "pulp_mirror", "rhsm_url"]).value()
}

/// An interface; attributes of its machine are told by its own names.
pub(super) fn interface(facts: &Facts, nic: &Interface) -> Value {
    let machine = &facts.machine;
    let is = |other: Option<&Interface>| other.is_some_and(|other| std::ptr::eq(other, nic));
    let (primary, provision) = (is(facts.primary_interface()), is(facts.provision_interface()));
    let domain_name = nic.domain.as_deref().or(if primary { machine.domain.as_deref() } else { None });
    let short = nic.name.clone().or_else(|| primary.then(|| machine.shortname.clone()));
    let fqdn = match (&short, domain_name) {
        (Some(name), Some(domain)) if !name.contains('.') => Some(format!("{name}.{domain}")),
        (name, _) => name.clone(),
    };
    let vlan = nic.vlan_id.map(|id| id.to_string());
    let physical = matches!(nic.kind, InterfaceKind::Physical | InterfaceKind::Bmc);
    let text = fqdn
        .clone()
        .or_else(|| nic.identifier.clone())
        .or_else(|| nic.mac.map(|mac| mac.to_string()))
        .unwrap_or_default();
    let thing = Thing::new("interface", text).with("identifier", optional(nic.identifier.as_deref()));
    let thing = thing.with_all(["mac", "inheriting_mac"], mac(nic)).with("ip", optional(nic.ip.as_deref()));
    let thing = thing.with("ip6", optional(nic.ip6.as_deref())).with_all(["name", "fqdn"], optional(fqdn.as_deref()));
    let thing = thing.with("shortname", optional(short.as_deref())).with("domain", domain(domain_name));
    let thing = thing
        .with("subnet", subnet(facts, nic.subnet.as_deref()))
        .with("subnet6", subnet(facts, nic.subnet6.as_deref()));
    let thing = thing.with("primary", primary).with("provision", provision).with("managed", nic.managed);
    let thing =
        thing.with("virtual", !physical).with("physical", physical).with("bond", nic.kind == InterfaceKind::Bond);
    let thing = thing.with("bridge", nic.kind == InterfaceKind::Bridge).with("bmc", nic.kind == InterfaceKind::Bmc);
    let thing = thing.with("alias", nic.kind == InterfaceKind::Alias).with("vlan", nic.kind == InterfaceKind::Vlan);
    let thing = thing
        .with("tag", vlan.as_deref().unwrap_or_default())
        .with("vlanid", optional(vlan_of(facts, nic, vlan.as_deref())));
    let thing = thing
        .with("mtu", optional(mtu(facts, nic)))
        .with("attached_to", nic.attached_to.as_deref().unwrap_or_default());
    let thing = thing.with("attached_devices", nic.attached_devices.join(","));
    let thing = thing.with("attached_devices_identifiers", texts(&nic.attached_devices));
    let thing = thing.with("mode", optional(nic.bond_mode.as_deref()));
    let thing = thing.with("bond_options", nic.bond_options.as_deref().unwrap_or_default());
    let thing = thing.with("link", nic.link.unwrap_or(true)).with("type", class(nic.kind));
    let thing = thing.with_all(["attrs", "compute_attributes"], Value::from(Serde(&nic.attributes)));
    let thing = thing.with("host", ()).with("to_param", text_of_mac(nic)).with("execution", primary);
    thing.with_nothing(["provider", "username", "password", "id", "children_mac_addresses"]).value()
}

fn mac(nic: &Interface) -> Value {
    optional(nic.mac.map(|mac| mac.to_string()))
}

fn text_of_mac(nic: &Interface) -> String {
    nic.mac.map(|mac| mac.to_string()).unwrap_or_default()
}

fn mtu(facts: &Facts, nic: &Interface) -> Option<i64> {
    let subnet = nic.subnet.as_deref().and_then(|name| facts.subnet(name));
    nic.mtu.or_else(|| subnet.and_then(|subnet| subnet.mtu)).map(i64::from)
}

/// The VLAN of an interface, else that of its subnet.
fn vlan_of(facts: &Facts, nic: &Interface, own: Option<&str>) -> Option<String> {
    let subnet = nic.subnet.as_deref().and_then(|name| facts.subnet(name));
    own.map(str::to_owned).or_else(|| subnet.and_then(|subnet| subnet.vlan_id).map(|id| id.to_string()))
}

fn class(kind: InterfaceKind) -> &'static str {
    match kind {
        InterfaceKind::Bond => "Nic::Bond",
        InterfaceKind::Bridge => "Nic::Bridge",
        InterfaceKind::Bmc => "Nic::BMC",
        InterfaceKind::Physical | InterfaceKind::Vlan | InterfaceKind::Alias => "Nic::Managed",
    }
}

/// The interfaces that `keep` keeps.
pub(super) fn interfaces(facts: &Facts, keep: impl Fn(&Interface) -> bool) -> Value {
    let kept = facts.machine.interfaces.iter().filter(|nic| keep(nic)).map(|nic| interface(facts, nic));
    Value::from(kept.collect::<Vec<_>>())
}
