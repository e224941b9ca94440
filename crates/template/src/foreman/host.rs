//! `host`: a machine as Foreman's templates see it.

use super::naming;
use super::network::{interface, interfaces, server_thing, subnet};
use super::params::{params, value_of};
use super::place::{domain, group, named, place, realm, user};
use super::ruby::{Answer, list_of, text_of};
use super::system::{medium, operating_system, variable};
use super::thing::{Thing, optional, texts};
use crate::facts::{Facts, Interface, InterfaceKind};
use crate::scope::Render;
use minijinja::Value;
use minijinja::value::{Object, ObjectRepr, Serde};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The machine of a render. It is kept in the render that it belongs to, and so does not own it.
#[derive(Debug)]
pub(super) struct Host {
    render: Weak<Render>,
    name: String,
    asked: Mutex<BTreeMap<String, Value>>,
}

/// What other plugins of Foreman know of a machine, and what we have no word for.
const NOTHING: [&str; 48] = [
    "chef_proxy",
    "compute_resource",
    "content_facet",
    "content_source",
    "content_view",
    "lifecycle_environment",
    "subscription_facet",
    "subscription_manager_configuration_url",
    "puppet_proxy",
    "puppet_ca_proxy",
    "puppetca_token",
    "openscap_proxy",
    "infrastructure_facet",
    "insights",
    "puppet_aspect",
    "puppet",
    "salt_environment",
    "salt_master",
    "salt_proxy",
    "environment",
    "otp",
    "image",
    "image_file",
    "compute_profile",
    "last_report",
    "last_compile",
    "reports",
    "expired_at",
    "token_expires",
    "sp_name",
    "sp_ip",
    "sp_mac",
    "sp_subnet",
    "use_image",
    "single_content_view",
    "single_lifecycle_environment",
    "content_view_environment",
    "purpose_role",
    "purpose_usage",
    "host_collections",
    "installed_packages",
    "ansible_roles",
    "config_groups",
    "dhcp_records",
    "bmc_proxy",
    "cloud_init",
    "kickstart_repository",
    "discovery_rule",
];

impl Host {
    pub(super) fn new(render: &Arc<Render>) -> Self {
        Self { render: Arc::downgrade(render), name: host_name(render.facts()), asked: Mutex::default() }
    }

    /// An attribute, made once: templates ask for the operating system on every other line.
    fn cached(&self, name: &str) -> Option<Value> {
        let asked = || self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = asked().get(name) {
            return Some(value.clone());
        }
        let value = self.attribute(name)?;
        asked().insert(name.to_owned(), value.clone());
        Some(value)
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        let render = self.render.upgrade()?;
        let facts = render.facts().clone();
        who(&facts, name)
            .or_else(|| wires(&facts, name))
            .or_else(|| software(&render, &facts, name))
            .or_else(|| hardware(&facts, name))
            .or_else(|| life(&facts, name))
            .or_else(|| NOTHING.contains(&name).then(|| Value::from(())))
    }

    /// A method with arguments.
    pub(super) fn call(&self, method: &str, args: &[Value]) -> Option<Answer> {
        let render = self.render.upgrade()?;
        match (method, args) {
            ("interfaces_with_identifier", [wanted]) => Some(list_of(wanted).map(|wanted| {
                let wanted: Vec<String> = wanted.iter().map(text_of).collect();
                let named = |nic: &Interface| nic.identifier.as_ref().is_some_and(|name| wanted.contains(name));
                interfaces(render.facts(), named)
            })),
            ("host_param" | "host_param_required", [name, default @ ..]) => {
                Some(value_of(&render, &text_of(name)).map(|value| match value {
                    Some(value) if super::ruby::given(&value) => value,
                    _ => default.first().cloned().unwrap_or_else(|| Value::from(())),
                }))
            }
            ("host_param_true" | "host_param_false", [name, ..]) => {
                Some(value_of(&render, &text_of(name)).map(|value| {
                    let truth = super::params::boolean(&value.unwrap_or_default());
                    Value::from(truth == Some(method == "host_param_true"))
                }))
            }
            ("url_for_boot", [which, ..]) => {
                let facts = render.facts();
                let initrd = which.as_str() == Some("initrd");
                Some(Ok(Value::from(if initrd { naming::initrd_uri(facts) } else { naming::kernel_uri(facts) })))
            }
            ("facts" | "params" | "info", [key]) => {
                let map = self.cached(method)?;
                super::ruby::call(&map, "dig", std::slice::from_ref(key))
            }
            _ => self.cached(method).map(Ok),
        }
    }
}

impl Object for Host {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.cached(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.cached(key)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Foreman's hosts are called by their full names.
pub(super) fn host_name(facts: &Facts) -> String {
    let machine = &facts.machine;
    if machine.fqdn.is_empty() { machine.name.clone() } else { machine.fqdn.clone() }
}

/// Names, and who it belongs to.
fn who(facts: &Facts, name: &str) -> Option<Value> {
    let machine = &facts.machine;
    Some(match name {
        "name" | "hostname" | "fqdn" | "to_s" | "to_label" | "certname" => Value::from(host_name(facts)),
        "shortname" => Value::from(machine.shortname.as_str()),
        "domain" => domain(machine.domain.as_deref()),
        "id" | "uuid" => optional(machine.uuid.as_deref()),
        "comment" | "description" => optional(machine.description.as_deref()),
        "hostgroup" => group(&facts.groups),
        "organization" => place("organization", facts.organization.as_ref()),
        "location" => place("location", facts.location.as_ref()),
        "rhsm_organization_label" => optional(facts.organization.as_ref().map(|place| place.name.as_str())),
        "owner" => user(facts.owner.as_ref()),
        "owner_type" => Value::from(if facts.owner.is_some() { "User" } else { "" }),
        "ssh_authorized_keys" => texts(&facts.ssh_keys),
        "realm" => realm(facts),
        "otp" => optional(facts.realm.as_ref().and_then(|realm| realm.one_time_password.as_deref())),
        _ => return None,
    })
}

/// Interfaces and addresses.
fn wires(facts: &Facts, name: &str) -> Option<Value> {
    let machine = &facts.machine;
    let nic = |nic: Option<&Interface>| match nic {
        Some(nic) => interface(facts, nic),
        None => interface(facts, &only_interface(facts)),
    };
    let primary = facts.primary_interface();
    Some(match name {
        "mac" => optional(machine.mac.or_else(|| primary.and_then(|nic| nic.mac)).map(|mac| mac.to_string())),
        "ip" => optional(machine.ip.as_deref().or_else(|| primary.and_then(|nic| nic.ip.as_deref()))),
        "ip6" => optional(machine.ip6.as_deref().or_else(|| primary.and_then(|nic| nic.ip6.as_deref()))),
        "subnet" => subnet(facts, subnet_name(facts, primary.and_then(|nic| nic.subnet.as_deref()))),
        "subnet6" => subnet(facts, primary.and_then(|nic| nic.subnet6.as_deref())),
        "primary_interface" => nic(primary),
        "provision_interface" => nic(facts.provision_interface()),
        "interfaces" => interfaces(facts, |_| true),
        "managed_interfaces" => interfaces(facts, |nic| nic.managed && nic.kind != InterfaceKind::Bmc),
        "bond_interfaces" => interfaces(facts, |nic| nic.kind == InterfaceKind::Bond),
        "bridge_interfaces" => interfaces(facts, |nic| nic.kind == InterfaceKind::Bridge),
        "bmc_nic" => bmc(facts),
        "token" => optional(facts.tokens.build.as_deref()),
        "pxe_loader" => Value::from(pxe_loader(facts)),
        "pxe_loader_efi" => Value::from(is_efi(facts)),
        "url_for_boot" => Value::from(naming::kernel_uri(facts)),
        "smart_proxies" => Value::from(vec![server_thing(facts, true)]),
        _ => return None,
    })
}

/// A machine whose only interface is not described has one all the same.
fn only_interface(facts: &Facts) -> Interface {
    let machine = &facts.machine;
    let subnet = facts.subnets.first().map(|subnet| subnet.name.clone());
    Interface {
        mac: machine.mac,
        ip: machine.ip.clone(),
        ip6: machine.ip6.clone(),
        subnet,
        primary: true,
        provision: true,
        ..Interface::default()
    }
}

fn subnet_name<'f>(facts: &'f Facts, of_interface: Option<&'f str>) -> Option<&'f str> {
    let only = facts.machine.interfaces.is_empty().then(|| facts.subnets.first().map(|subnet| subnet.name.as_str()));
    of_interface.or(only.flatten())
}

fn is_efi(facts: &Facts) -> bool {
    facts.machine.firmware.as_deref() == Some("uefi")
}

/// Foreman's name of the loader.
fn pxe_loader(facts: &Facts) -> &'static str {
    let secure = facts.machine.secure_boot == Some(true);
    match (is_efi(facts), facts.machine.loader.as_deref().unwrap_or_default()) {
        (true, loader) if loader.starts_with("ipxe") => "iPXE UEFI HTTP",
        (true, _) if secure => "Grub2 UEFI SecureBoot",
        (true, _) => "Grub2 UEFI",
        (false, loader) if loader.starts_with("ipxe") => "iPXE Chain BIOS",
        (false, loader) if loader.starts_with("grub") => "Grub2 BIOS",
        (false, _) => "PXELinux BIOS",
    }
}

fn bmc(facts: &Facts) -> Value {
    let Some(bmc) = &facts.bmc else { return Value::from(()) };
    let subnet = Thing::new("subnet", &bmc.name).with("mask", optional(bmc.mask.as_deref()));
    let subnet = subnet.with("gateway", optional(bmc.gateway.as_deref())).with_nothing(["vlanid", "name"]);
    let thing = Thing::new("interface", &bmc.name).with("ip", bmc.address.as_str()).with("subnet", subnet.value());
    let thing =
        thing.with("mac", optional(bmc.mac.map(|mac| mac.to_string()))).with("provider", bmc.kind.to_uppercase());
    let thing = thing.with("username", optional(bmc.username.as_deref())).with("identifier", bmc.name.as_str());
    thing.with_nothing(["password", "attrs"]).with("managed", true).with("bmc", true).value()
}

/// The operating system and what it is installed with.
fn software(render: &Arc<Render>, facts: &Facts, name: &str) -> Option<Value> {
    Some(match name {
        "operatingsystem" | "os" => operating_system(facts),
        "medium" => medium(facts),
        "medium_provider" | "additional_media" => variable(facts, name)?,
        "ptable" => named("ptable", facts.partition_table.as_ref().map(|table| table.name.as_str())),
        "diskLayout" | "disk_layout" => disk_layout(render).unwrap_or_else(Value::from),
        "root_pass" => optional(facts.os.as_ref().and_then(|os| os.root_password_hash.as_deref())),
        "grub_pass" => optional(facts.os.as_ref().and_then(|os| os.grub_password_hash.as_deref())),
        "params" | "host_params" | "host_params_hash" | "parameters" => params(render),
        "info" => super::params::info(render),
        "puppetmaster" | "puppet_server" => Value::from(super::params::puppet_server(render)),
        "puppet_ca_server" => Value::from(super::params::puppet_ca_server(render)),
        "puppetclasses" | "all_puppetclasses" | "classes" => Value::from(Vec::<Value>::new()),
        "templates_used" => Value::from(Serde(facts.os.as_ref().map(|os| os.templates.clone()))),
        "install_path" | "jumpstart_path" | "miniroot" | "boot_server" => variable(facts, "mediapath")?,
        _ => return None,
    })
}

/// The text of the partition table, rendered for this machine.
pub(super) fn disk_layout(render: &Arc<Render>) -> Answer {
    let Some(table) = &render.facts().partition_table else { return Ok(Value::from("")) };
    match &table.text {
        Some(text) => render.render_text(&table.name, text).map(Value::from),
        None => {
            let template = render.library().find(&table.name)?;
            let scope = crate::scope::Scope::new(render.clone(), template.name(), Default::default());
            render.render_nested(&template, scope).map(Value::from)
        }
    }
}

/// What it is made of.
fn hardware(facts: &Facts, name: &str) -> Option<Value> {
    let machine = &facts.machine;
    Some(match name {
        "architecture" | "arch" => named("architecture", Some(arch(facts))),
        "model" => named("model", machine.model.as_deref()),
        "serial" => optional(machine.serial.as_deref()),
        "facts" | "facts_hash" => Value::from(Serde(&machine.facts)),
        "virtual" => Value::from(machine.kind.as_deref() == Some("virtual")),
        "cores" => machine.facts.get("processors::count").map_or_else(|| Value::from(()), |v| Value::from(Serde(v))),
        "ram" | "sockets" | "disks_total" | "bios_vendor" | "bios_version" | "bios_release_date" | "kernel_version"
        | "uptime_seconds" | "boot_time" => {
            machine.facts.get(name).map_or_else(|| Value::from(()), |value| Value::from(Serde(value)))
        }
        "advisory_ids" | "traces_helpers" | "package_names_for_job_template" => texts([""; 0]),
        "capabilities" => texts(["build"]),
        "provider" => Value::from("BareMetal"),
        _ => return None,
    })
}

fn arch(facts: &Facts) -> &str {
    let of_os = facts.os.as_ref().map(|os| os.arch.as_str()).filter(|arch| !arch.is_empty());
    of_os.unwrap_or(&facts.machine.arch)
}

/// Where it is in its life.
fn life(facts: &Facts, name: &str) -> Option<Value> {
    let machine = &facts.machine;
    let time = |at: Option<types::Timestamp>| at.map_or_else(|| Value::from(()), |at| Value::from(Serde(at)));
    let method = machine.provision_method.as_deref().unwrap_or("build");
    Some(match name {
        "provision_method" => Value::from(method),
        "image_build" => Value::from(method == "image"),
        "pxe_build" => Value::from(method == "build"),
        "bootdisk_build" => return None,
        "build" => Value::from(machine.build),
        "managed" | "enabled" => Value::from(true),
        "global_status" | "build_status" => Value::from(i64::from(machine.build)),
        "created_at" | "updated_at" => time(machine.created_at),
        "installed_at" => time(machine.installed_at),
        "initiated_at" => time(machine.initiated_at),
        "tags" => Value::from(Serde(&machine.labels)),
        _ => return None,
    })
}
