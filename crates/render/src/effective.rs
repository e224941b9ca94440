//! What holds for a machine, and who says so.

use crate::Site;
use std::collections::BTreeMap;
use std::net::IpAddr;
use types::Name;
use types::design::{DesignRow, DesignSpec};
use types::group::GroupSpec;
use types::hardware::HardwareProfileSpec;
use types::inventory::Inventory;
use types::machine::{Arch, Loader, MachineSpec};
use types::object::Kind;
use types::os::{MediumSpec, OperatingSystemSpec, PartitionTableSpec};
use types::param::{ProfileLayer, ProfileSpec};
use types::subnet::SubnetSpec;

/// Something that holds, and who says so: `machine m1`, `group compute`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said<T> {
    /// What.
    pub value: T,
    /// Who.
    pub by: String,
}

/// An object by name.
type Named<'s, Spec> = (&'s Name, &'s Spec);

/// What holds for a machine.
#[derive(Debug, Clone, Default)]
pub struct Effective<'s> {
    /// Its group and the groups above it, root first.
    pub groups: Vec<Named<'s, GroupSpec>>,
    /// Its profiles, weakest first: those of its groups, then its own.
    pub profiles: Vec<Named<'s, ProfileSpec>>,
    /// Profiles that are a layer of their own, weakest first.
    pub layers: Vec<(ProfileLayer, Named<'s, ProfileSpec>)>,
    /// Its device type.
    pub hardware_profile: Option<Named<'s, HardwareProfileSpec>>,
    /// Its operating system.
    pub os: Option<Said<Named<'s, OperatingSystemSpec>>>,
    /// Where that is installed from.
    pub medium: Option<Said<Named<'s, MediumSpec>>>,
    /// How its disks are divided.
    pub partition_table: Option<Said<Named<'s, PartitionTableSpec>>>,
    /// Its provisioning network.
    pub subnet: Option<Said<Named<'s, SubnetSpec>>>,
    /// The workflow that provisions it.
    pub workflow: Option<Said<Name>>,
    /// Its architecture.
    pub arch: Arch,
    /// What its UEFI firmware is given to load.
    pub loader: Loader,
    /// Its DNS domain.
    pub domain: Option<String>,
    /// Stages that are switched on or off, and by whom.
    pub stages: BTreeMap<String, Said<bool>>,
    /// The design that it is a row of.
    pub design: Option<Named<'s, DesignSpec>>,
    /// Its row in that design.
    pub row: Option<&'s DesignRow>,
    /// What is named and not there, in the operator's words.
    pub missing: Vec<String>,
}

impl Site {
    /// The narrowest subnet that holds the address.
    pub fn subnet_of(&self, address: IpAddr) -> Option<(&Name, &SubnetSpec)> {
        let holding = self.subnets.iter().filter_map(|(name, spec)| Some((prefix_with(spec, address)?, name, spec)));
        holding.max_by_key(|(prefix, _, _)| *prefix).map(|(_, name, spec)| (name, spec))
    }

    /// What holds for a machine that has this address, where that is known.
    pub fn effective<'s>(
        &'s self,
        name: &Name,
        spec: &MachineSpec,
        inventory: Option<&Inventory>,
        address: Option<IpAddr>,
    ) -> Effective<'s> {
        let mut effective = Effective::default();
        let machine = format!("machine {name}");
        if let Some(design) = &spec.design {
            effective.design = find(&self.designs, design, &machine, Kind::Design, &mut effective.missing);
            effective.row = effective.design.and_then(|(_, design)| design.rows.get(name));
        }
        effective.groups = self.chain(spec.group.as_ref(), &machine, &mut effective.missing);
        self.add_profiles(spec, &machine, &mut effective);
        self.add_attributes(spec, &mut effective);
        self.add_network(spec, address, &mut effective);
        effective.hardware_profile = self.hardware_profile(spec, inventory, &mut effective);
        effective.stages = switches(&effective, spec, &machine);
        effective
    }

    /// The group and those above it, root first.
    fn chain<'s>(
        &'s self,
        group: Option<&Name>,
        machine: &str,
        missing: &mut Vec<String>,
    ) -> Vec<Named<'s, GroupSpec>> {
        let mut chain: Vec<Named<'s, GroupSpec>> = Vec::new();
        let (mut by, mut next) = (machine.to_owned(), group);
        while let Some(group) = next {
            let Some(found) = find(&self.groups, group, &by, Kind::Group, missing) else { break };
            if chain.iter().any(|(name, _)| *name == found.0) {
                missing.push(format!("group {group} is part of itself"));
                break;
            }
            chain.push(found);
            by = format!("group {group}");
            next = found.1.parent.as_ref();
        }
        chain.reverse();
        chain
    }

    fn add_profiles<'s>(&'s self, spec: &MachineSpec, machine: &str, effective: &mut Effective<'s>) {
        let mut named: Vec<Named<'s, ProfileSpec>> = Vec::new();
        let of_groups = effective.groups.iter().map(|(name, spec)| (format!("group {name}"), &spec.profiles));
        let lists: Vec<(String, Vec<Name>)> = of_groups
            .map(|(by, profiles)| (by, profiles.clone()))
            .chain([(machine.to_owned(), spec.profiles.clone())])
            .collect();
        for (by, profiles) in lists {
            // Of a list the first is strongest, so it comes last here.
            for profile in profiles.iter().rev() {
                let found = find(&self.profiles, profile, &by, Kind::Profile, &mut effective.missing);
                if let Some(found) = found {
                    named.retain(|(name, _)| *name != found.0);
                    named.push(found);
                }
            }
        }
        let global = self.profiles.iter().filter(|(_, spec)| spec.layer == Some(ProfileLayer::Global));
        let layered = named.iter().copied().filter(|(_, spec)| spec.layer.is_some_and(|l| l != ProfileLayer::Global));
        effective.layers = global.chain(layered).filter_map(|(name, spec)| Some((spec.layer?, (name, spec)))).collect();
        effective.layers.sort_by_key(|(layer, _)| *layer);
        effective.profiles = named.into_iter().filter(|(_, spec)| spec.layer.is_none()).collect();
    }

    /// What the machine says itself, else its nearest group, else its operating system.
    fn add_attributes<'s>(&'s self, spec: &MachineSpec, effective: &mut Effective<'s>) {
        let nearest: Vec<Named<'s, GroupSpec>> = effective.groups.iter().rev().copied().collect();
        let missing = &mut effective.missing;
        effective.os = said(&nearest, |group| group.os.as_ref())
            .and_then(|said| look_up(&self.operating_systems, said, Kind::OperatingSystem, missing));
        let os = effective.os.as_ref().map(|said| said.value);
        let by_os = |pick: fn(&'s OperatingSystemSpec) -> Option<&'s Name>| {
            let (name, spec) = os?;
            Some(Said { value: pick(spec)?, by: format!("operating system {name}") })
        };
        effective.medium = said(&nearest, |group| group.medium.as_ref())
            .or_else(|| by_os(|os| os.medium.as_ref()))
            .and_then(|said| look_up(&self.media, said, Kind::Medium, missing));
        effective.partition_table = said(&nearest, |group| group.partition_table.as_ref())
            .or_else(|| by_os(|os| os.partition_table.as_ref()))
            .and_then(|said| look_up(&self.partition_tables, said, Kind::PartitionTable, missing));
        let by_design = effective
            .design
            .and_then(|(name, design)| Some(Said { value: design.workflow.as_ref()?, by: format!("design {name}") }));
        effective.workflow = by_design
            .or_else(|| said(&nearest, |group| group.workflow.as_ref()))
            .or_else(|| by_os(|os| os.workflow.as_ref()))
            .map(|said| Said { value: said.value.clone(), by: said.by });
        effective.arch = said(&nearest, |group| group.arch.as_ref()).map_or(Arch::default(), |said| *said.value);
        let loader = said(&nearest, |group| group.loader.as_ref()).map(|said| *said.value);
        effective.loader = spec.loader.or(loader).unwrap_or_default();
        effective.domain = said(&nearest, |group| group.domain.as_ref()).map(|said| said.value.clone());
    }

    /// Where the machine is: the narrowest subnet that holds its address, else the one that is named for it.
    fn add_network<'s>(&'s self, spec: &MachineSpec, address: Option<IpAddr>, effective: &mut Effective<'s>) {
        let by_address = address
            .or(spec.address)
            .and_then(|address| Some(Said { value: self.subnet_of(address)?, by: format!("address {address}") }));
        let nearest: Vec<Named<'s, GroupSpec>> = effective.groups.iter().rev().copied().collect();
        let by_design = effective
            .design
            .and_then(|(name, design)| Some(Said { value: design.subnet.as_ref()?, by: format!("design {name}") }));
        let by_row =
            effective.row.and_then(|row| Some(Said { value: row.subnet.as_ref()?, by: "design row".to_owned() }));
        let named = by_row.or(by_design).or_else(|| said(&nearest, |group| group.subnet.as_ref()));
        let missing = &mut effective.missing;
        effective.subnet =
            by_address.or_else(|| named.and_then(|said| look_up(&self.subnets, said, Kind::Subnet, missing)));
        let domain = effective.subnet.as_ref().and_then(|said| said.value.1.domain.clone());
        effective.domain = effective.domain.take().or(domain);
    }

    fn hardware_profile<'s>(
        &'s self,
        spec: &MachineSpec,
        inventory: Option<&Inventory>,
        effective: &mut Effective<'s>,
    ) -> Option<Named<'s, HardwareProfileSpec>> {
        let own = spec.hardware_profile.as_ref().or(effective.row.and_then(|row| row.hardware_profile.as_ref()));
        let of_group = || {
            said(&effective.groups.iter().rev().copied().collect::<Vec<_>>(), |group| group.hardware_profile.as_ref())
        };
        let named = own.map(|name| (name.clone(), "the machine".to_owned()));
        let named = named.or_else(|| of_group().map(|said| (said.value.clone(), said.by)));
        if let Some((name, by)) = named {
            return find(&self.hardware_profiles, &name, &by, Kind::HardwareProfile, &mut effective.missing);
        }
        let inventory = inventory?;
        self.hardware_profiles.iter().find(|(_, profile)| fits(profile, inventory))
    }
}

/// Whether the device type is this machine's, by what its firmware says.
fn fits(profile: &HardwareProfileSpec, inventory: &Inventory) -> bool {
    let same = |wanted: &str, found: &Option<String>| found.as_ref().is_some_and(|found| matches(wanted, found));
    let vendor = profile.vendor.as_ref().is_none_or(|vendor| {
        same(vendor, &inventory.system.manufacturer) || same(vendor, &inventory.board.manufacturer)
    });
    vendor
        && profile
            .models
            .iter()
            .any(|model| same(model, &inventory.system.product) || same(model, &inventory.board.product))
}

/// Whether `text` is what `pattern` says, in which `*` stands for any text. Case does not matter: vendors change theirs.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.trim().to_lowercase(), text.trim().to_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
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

/// What the nearest group says that says anything.
fn said<'s, T: ?Sized>(
    nearest: &[Named<'s, GroupSpec>],
    pick: impl Fn(&'s GroupSpec) -> Option<&'s T>,
) -> Option<Said<&'s T>> {
    nearest.iter().find_map(|(name, group)| Some(Said { value: pick(group)?, by: format!("group {name}") }))
}

fn look_up<'s, Spec>(
    declared: &'s BTreeMap<Name, Spec>,
    said: Said<&Name>,
    kind: Kind,
    missing: &mut Vec<String>,
) -> Option<Said<Named<'s, Spec>>> {
    let found = find(declared, said.value, &said.by, kind, missing)?;
    Some(Said { value: found, by: said.by })
}

fn find<'s, Spec>(
    declared: &'s BTreeMap<Name, Spec>,
    name: &Name,
    by: &str,
    kind: Kind,
    missing: &mut Vec<String>,
) -> Option<Named<'s, Spec>> {
    let found = declared.get_key_value(name);
    if found.is_none() {
        missing.push(format!("{by} names {} {name}, which is not there", kind.words()));
    }
    found
}

/// Switches of stages, weakest first: groups, design, machine, row.
fn switches(effective: &Effective<'_>, spec: &MachineSpec, machine: &str) -> BTreeMap<String, Said<bool>> {
    let groups = effective.groups.iter().map(|(name, group)| (format!("group {name}"), &group.stages));
    let design = effective.design.map(|(name, design)| (format!("design {name}"), &design.stages));
    let row = effective.row.map(|row| ("design row".to_owned(), &row.stages));
    let all = groups.chain(design).chain([(machine.to_owned(), &spec.stages)]).chain(row);
    let switched = all.flat_map(|(by, stages)| {
        stages.iter().map(move |(stage, on)| (stage.clone(), Said { value: *on, by: by.clone() }))
    });
    switched.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn name(text: &str) -> Name {
        text.parse().expect("a name")
    }

    fn declared<Spec: serde::de::DeserializeOwned>(objects: Value) -> BTreeMap<Name, Spec> {
        serde_json::from_value(objects).expect("specs")
    }

    fn site() -> Site {
        Site {
            groups: declared(json!({
                "all": {"os": "debian-12", "profiles": ["base"], "stages": {"BIOS_SETUP": false}, "domain": "example.net"},
                "compute": {"parent": "all", "medium": "mirror", "workflow": "fast"},
            })),
            operating_systems: declared(json!({
                "debian-12": {"title": "Debian", "family": "debian", "major": "12", "medium": "debian", "partition_table": "lvm"},
            })),
            media: declared(json!({"debian": {"url": "http://a/"}, "mirror": {"url": "http://b/"}})),
            profiles: declared(json!({
                "base": {}, "web": {}, "site": {"layer": "global"}, "berlin": {"layer": "location"},
            })),
            hardware_profiles: declared(json!({
                "r740": {"vendor": "Dell*", "models": ["PowerEdge R740*"]},
            })),
            subnets: declared(json!({"wide": {"cidr": "10.0.0.0/8"}, "lab": {"cidr": "10.7.0.0/24"}})),
            ..Site::default()
        }
    }

    fn spec(value: Value) -> MachineSpec {
        serde_json::from_value(value).expect("a machine")
    }

    #[test]
    fn what_a_group_does_not_say_its_parent_or_the_operating_system_says() {
        let site = site();
        let effective = site.effective(&name("m1"), &spec(json!({"group": "compute"})), None, None);
        let os = effective.os.unwrap();
        assert_eq!((os.value.0.as_str(), os.by.as_str()), ("debian-12", "group all"));
        let medium = effective.medium.unwrap();
        assert_eq!((medium.value.0.as_str(), medium.by.as_str()), ("mirror", "group compute"));
        assert_eq!(effective.workflow.unwrap().value.as_str(), "fast");
        assert_eq!(effective.missing, ["operating system debian-12 names partition table lvm, which is not there"]);
    }

    #[test]
    fn profiles_come_from_the_groups_and_then_the_machine_and_layers_by_themselves() {
        let site = site();
        let machine = spec(json!({"group": "compute", "profiles": ["web", "berlin"]}));
        let effective = site.effective(&name("m1"), &machine, None, None);
        let names: Vec<&str> = effective.profiles.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["base", "web"]);
        let layers: Vec<&str> = effective.layers.iter().map(|(_, (name, _))| name.as_str()).collect();
        assert_eq!(layers, ["site", "berlin"]);
    }

    #[test]
    fn the_narrowest_subnet_holds_a_machine() {
        let site = site();
        let at = |address: &str| {
            let effective = site.effective(&name("m1"), &spec(json!({})), None, Some(address.parse().unwrap()));
            effective.subnet.map(|said| said.value.0.to_string())
        };
        assert_eq!(
            (at("10.7.0.9").as_deref(), at("10.8.0.9").as_deref(), at("192.0.2.1")),
            (Some("lab"), Some("wide"), None)
        );
    }

    #[test]
    fn without_an_address_the_row_names_the_subnet_before_its_design() {
        let mut site = site();
        let rows = json!({"m1": {"subnet": "lab"}, "m2": {}});
        site.designs = declared(json!({"d": {"group": "compute", "subnet": "wide", "rows": rows}}));
        let of = |machine: &str| {
            let effective = site.effective(&name(machine), &spec(json!({"design": "d"})), None, None);
            effective.subnet.map(|said| said.value.0.to_string())
        };
        assert_eq!((of("m1").as_deref(), of("m2").as_deref()), (Some("lab"), Some("wide")));
    }

    #[test]
    fn a_device_type_is_known_by_vendor_and_model() {
        let site = site();
        let mut inventory = Inventory::default();
        inventory.system.manufacturer = Some("DELL Inc.".to_owned());
        inventory.system.product = Some("PowerEdge R740xd".to_owned());
        let of = |inventory: &Inventory| {
            let effective = site.effective(&name("m1"), &spec(json!({})), Some(inventory), None);
            effective.hardware_profile.map(|(name, _)| name.to_string())
        };
        assert_eq!(of(&inventory).as_deref(), Some("r740"));
        inventory.system.product = Some("PowerEdge R640".to_owned());
        assert_eq!(of(&inventory), None);
    }

    #[test]
    fn a_switch_of_a_machine_is_stronger_than_its_groups() {
        let site = site();
        let machine = spec(json!({"group": "compute", "stages": {"BIOS_SETUP": true, "HEALTH_CHECK": false}}));
        let stages = site.effective(&name("m1"), &machine, None, None).stages;
        assert_eq!(stages["BIOS_SETUP"], Said { value: true, by: "machine m1".to_owned() });
        assert!(!stages["HEALTH_CHECK"].value);
    }

    #[test]
    fn groups_in_a_circle_end_the_search_and_are_told() {
        let site = Site { groups: declared(json!({"a": {"parent": "b"}, "b": {"parent": "a"}})), ..Site::default() };
        let effective = site.effective(&name("m1"), &spec(json!({"group": "a"})), None, None);
        assert_eq!(effective.missing, ["group a is part of itself"]);
    }
}
