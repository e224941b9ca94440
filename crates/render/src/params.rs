//! A machine's parameters, with the origin of each.

use crate::{Effective, Site};
use lifecycle::{Layer, Resolved, resolve_params};
use std::collections::BTreeMap;
use types::machine::MachineSpec;
use types::param::{ProfileLayer, Secrets};
use types::{Name, Params};

/// Parameters that are set for one purpose and stored with no object.
#[derive(Debug, Clone, Copy, Default)]
pub struct Own<'a> {
    /// The stage's, and its name.
    pub stage: Option<(&'a str, &'a Params)>,
    /// The run's.
    pub run: Option<&'a Params>,
}

/// The parameters of a machine, by key.
pub type Resolution = BTreeMap<String, Resolved>;

impl Effective<'_> {
    /// Resolves the parameters of the machine over all layers, of which docs/operate/parameters.md has the order.
    pub fn params(&self, site: &Site, name: &Name, spec: &MachineSpec, own: Own<'_>) -> Resolution {
        let mut layers = Layers::default();
        for (_, (profile, spec)) in self.layers.iter().filter(|(layer, _)| *layer == ProfileLayer::Global) {
            layers.add(format!("global {profile}"), &spec.params, Some(&spec.secrets));
        }
        if let Some((profile, spec)) = self.hardware_profile {
            layers.add(format!("hardware profile {profile}"), &spec.params, None);
        }
        if let Some((stage, params)) = own.stage {
            layers.add(format!("stage {stage}"), params, None);
        }
        for (layer, (profile, spec)) in self.layers.iter().filter(|(layer, _)| *layer != ProfileLayer::Global) {
            layers.add(format!("{} {profile}", word(*layer)), &spec.params, Some(&spec.secrets));
        }
        if let Some(said) = &self.subnet {
            let (subnet, spec) = said.value;
            layers.add(format!("subnet {subnet}"), &spec.params, Some(&spec.secrets));
        }
        if let Some(said) = &self.os {
            let (os, spec) = said.value;
            layers.add(format!("operating system {os}"), &spec.params, Some(&spec.secrets));
        }
        for (group, spec) in &self.groups {
            layers.add(format!("group {group}"), &spec.params, Some(&spec.secrets));
        }
        if let Some((design, spec)) = self.design {
            layers.add(format!("design {design}"), &spec.params, Some(&spec.secrets));
        }
        for (profile, spec) in &self.profiles {
            layers.add(format!("profile {profile}"), &spec.params, Some(&spec.secrets));
        }
        layers.add(format!("machine {name}"), &spec.params, Some(&spec.secrets));
        if let (Some((design, _)), Some(row)) = (self.design, self.row) {
            layers.add(format!("row {name} of design {design}"), &row.params, Some(&row.secrets));
        }
        if let Some(run) = own.run {
            layers.add("run".to_owned(), run, None);
        }
        layers.resolve(site)
    }
}

fn word(layer: ProfileLayer) -> &'static str {
    match layer {
        ProfileLayer::Global => "global",
        ProfileLayer::Organization => "organization",
        ProfileLayer::Location => "location",
        ProfileLayer::Domain => "domain",
    }
}

#[derive(Default)]
struct Layers<'a>(Vec<(String, &'a Params, Option<&'a Secrets>)>);

impl<'a> Layers<'a> {
    fn add(&mut self, source: String, params: &'a Params, secrets: Option<&'a Secrets>) {
        self.0.push((source, params, secrets));
    }

    fn resolve(&self, site: &Site) -> Resolution {
        let layers: Vec<Layer<'_>> =
            self.0.iter().map(|(source, params, secrets)| Layer { source, params, secrets: *secrets }).collect();
        resolve_params(&layers, &site.declarations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn declared<Spec: serde::de::DeserializeOwned>(objects: Value) -> BTreeMap<Name, Spec> {
        serde_json::from_value(objects).expect("specs")
    }

    /// Every layer sets the same parameter; taking the strongest away shows the next.
    #[test]
    fn layers_are_in_the_documented_order() {
        let all = json!({"x": 1});
        let params = |_: &str| json!({"params": all});
        let site = Site {
            profiles: declared(json!({
                "g": {"layer": "global", "params": all}, "o": {"layer": "organization", "params": all},
                "l": {"layer": "location", "params": all}, "d": {"layer": "domain", "params": all},
                "first": params(""), "second": params(""),
            })),
            hardware_profiles: declared(json!({"h": {"params": all}})),
            subnets: declared(json!({"s": {"cidr": "10.0.0.0/24", "params": all}})),
            operating_systems: declared(json!({"os": {"title": "D", "family": "debian", "major": "1", "params": all}})),
            groups: declared(json!({"root": {"os": "os", "params": all}, "leaf": {"parent": "root", "params": all}})),
            designs: declared(json!({"design": {"group": "leaf", "params": all, "rows": {"m1": {"params": all}}}})),
            ..Site::default()
        }
        .compile(&declared(json!({"x": {"default": 0}})));
        let spec: MachineSpec = serde_json::from_value(json!({
            "group": "leaf", "design": "design", "hardware_profile": "h", "address": "10.0.0.7", "params": all,
            "profiles": ["first", "second", "o", "l", "d"],
        }))
        .unwrap();
        let name: Name = "m1".parse().unwrap();
        let own: Params = serde_json::from_value(all.clone()).unwrap();
        let effective = site.effective(&name, &spec, None, None);
        let own = Own { stage: Some(("CHECK", &own)), run: Some(&own) };
        let resolved = &effective.params(&site, &name, &spec, own)["x"];
        assert_eq!(resolved.source, "run");
        let expected = [
            "default",
            "global g",
            "hardware profile h",
            "stage CHECK",
            "organization o",
            "location l",
            "domain d",
            "subnet s",
            "operating system os",
            "group root",
            "group leaf",
            "design design",
            "profile second",
            "profile first",
            "machine m1",
            "row m1 of design design",
        ];
        assert_eq!(resolved.overrides, expected);
    }
}
