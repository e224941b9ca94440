//! What can be said against groups, profiles, operating systems, designs and what belongs to them.

use crate::app::CheckStep;
use crate::service::check::{Check, Wrong, wrong};
use crate::service::site::Site;
use lifecycle::check_declaration;
use std::collections::BTreeMap;
use std::hash::Hash;
use types::design::{DeploymentSpec, DesignSpec};
use types::group::GroupSpec;
use types::hardware::HardwareProfileSpec;
use types::os::{MediumSpec, OperatingSystemSpec, PartitionTableSpec};
use types::param::{ParamSpec, ProfileSpec, Secrets};
use types::{Name, Params};

/// Where an installation medium may lie.
const SCHEMES: [&str; 4] = ["http://", "https://", "nfs://", "local:"];
/// What the address of a medium may hold for an operating system to fill in.
const VARIABLES: [&str; 5] = ["arch", "version", "major", "minor", "release"];

impl Check for ParamSpec {
    fn check(&self, _: &CheckStep) -> Vec<Wrong> {
        check_declaration(self).into_iter().map(|found| wrong(found.pointer, found.message)).collect()
    }

    fn put(&self, name: &Name, site: &mut Site) {
        site.put_declaration(name.clone(), self.clone());
    }

    fn contradiction(&self, name: &Name, site: &Site) -> Option<Wrong> {
        site.check_declaration(name, self)
    }
}

impl Check for ProfileSpec {
    fn check(&self, _: &CheckStep) -> Vec<Wrong> {
        Vec::new()
    }

    fn params(&self) -> Vec<(String, &Params, &Secrets)> {
        vec![(String::new(), &self.params, &self.secrets)]
    }
}

impl Check for HardwareProfileSpec {
    fn check(&self, _: &CheckStep) -> Vec<Wrong> {
        let inner_star = |text: &String| text.trim_end_matches('*').contains('*');
        let wrongs = self.preserve.iter().enumerate().filter(|(_, text)| inner_star(text));
        wrongs.map(|(index, _)| wrong(format!("/preserve/{index}"), "`*` may stand at the end only")).collect()
    }
}

impl Check for MediumSpec {
    fn check(&self, _: &CheckStep) -> Vec<Wrong> {
        if !SCHEMES.iter().any(|scheme| self.url.starts_with(scheme)) {
            let message = format!("{:?} begins with none of {}", self.url, SCHEMES.join(", "));
            return vec![wrong("/url", message)];
        }
        if self.url.chars().any(|character| character.is_whitespace() || character.is_control()) {
            return vec![wrong("/url", "an address has no spaces")];
        }
        let named = self.url.split('$').skip(1);
        let unknown = named.filter(|rest| !VARIABLES.iter().any(|variable| rest.starts_with(variable)));
        let known = VARIABLES.map(|variable| format!("${variable}")).join(", ");
        unknown
            .map(|rest| {
                let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                wrong("/url", format!("${name} is none of {known}"))
            })
            .collect()
    }
}

impl Check for PartitionTableSpec {
    fn check(&self, _: &CheckStep) -> Vec<Wrong> {
        check_text("/text", &self.text).into_iter().collect()
    }
}

/// Says what is wrong with a template's text.
pub(crate) fn check_text(pointer: &str, text: &str) -> Option<Wrong> {
    let source = template::TemplateSource { name: "text", text };
    template::check(source).err().map(|error| wrong(pointer, error.to_string()))
}

impl Check for OperatingSystemSpec {
    fn check(&self, _: &CheckStep) -> Vec<Wrong> {
        let mut wrongs = Vec::new();
        for (pointer, text) in
            [("/title", Some(&self.title)), ("/major", Some(&self.major)), ("/minor", self.minor.as_ref())]
        {
            if text.is_some_and(|text| text.is_empty() || text.contains(char::is_control)) {
                wrongs.push(wrong(pointer, "must not be empty"));
            }
        }
        wrongs
    }

    fn params(&self) -> Vec<(String, &Params, &Secrets)> {
        vec![(String::new(), &self.params, &self.secrets)]
    }
}

impl Check for GroupSpec {
    fn check(&self, _: &CheckStep) -> Vec<Wrong> {
        let profiles = self.profiles.iter().enumerate();
        let twice = profiles.filter(|(index, name)| self.profiles[..*index].contains(name));
        twice.map(|(index, name)| wrong(format!("/profiles/{index}"), format!("{name} is there twice"))).collect()
    }

    fn params(&self) -> Vec<(String, &Params, &Secrets)> {
        vec![(String::new(), &self.params, &self.secrets)]
    }

    fn put(&self, name: &Name, site: &mut Site) {
        site.put_group(name.clone(), self.parent.clone());
    }

    fn contradiction(&self, name: &Name, site: &Site) -> Option<Wrong> {
        site.check_group(name, self.parent.as_ref())
    }
}

impl Check for DesignSpec {
    fn check(&self, _: &CheckStep) -> Vec<Wrong> {
        let macs = self.rows.iter().flat_map(|(name, row)| {
            let own = row.macs.iter().enumerate();
            own.map(move |(index, mac)| (*mac, name, format!("/rows/{name}/macs/{index}")))
        });
        let addresses = self.rows.iter().flat_map(|(name, row)| {
            let own = [(row.address, "address"), (row.bmc_address, "bmc_address")];
            own.into_iter().filter_map(move |(address, field)| Some((address?, name, format!("/rows/{name}/{field}"))))
        });
        let mut wrongs = find_twice(macs);
        wrongs.extend(find_twice(addresses));
        wrongs
    }

    fn params(&self) -> Vec<(String, &Params, &Secrets)> {
        let rows = self.rows.iter().map(|(name, row)| (format!("/rows/{name}"), &row.params, &row.secrets));
        std::iter::once((String::new(), &self.params, &self.secrets)).chain(rows).collect()
    }
}

/// What two rows both have.
fn find_twice<'a, T: Hash + Ord + std::fmt::Display>(
    values: impl Iterator<Item = (T, &'a Name, String)>,
) -> Vec<Wrong> {
    let mut seen: BTreeMap<T, &Name> = BTreeMap::new();
    let mut wrongs = Vec::new();
    for (value, row, pointer) in values {
        match seen.get(&value) {
            Some(other) => wrongs.push(wrong(pointer, format!("{value} is that of row {other} already"))),
            None => {
                seen.insert(value, row);
            }
        }
    }
    wrongs
}

impl Check for DeploymentSpec {
    fn check(&self, _: &CheckStep) -> Vec<Wrong> {
        let mut wrongs = Vec::new();
        if self.parallel == Some(0) {
            wrongs.push(wrong("/parallel", "at least one machine is worked on at once"));
        }
        if let Some(waves) = &self.waves {
            if waves.sizes.is_empty() {
                wrongs.push(wrong("/waves/sizes", "there is at least one wave"));
            }
            let empty = waves.sizes.iter().position(|size| *size == 0);
            wrongs.extend(empty.map(|index| wrong(format!("/waves/sizes/{index}"), "a wave has at least one machine")));
        }
        wrongs
    }
}
