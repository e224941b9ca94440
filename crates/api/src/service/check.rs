//! What can be said against a spec that is of the right shape.

use crate::app::CheckStep;
use crate::service::check_objects::check_text;
use crate::service::site::Site;
use crate::service::{check_dhcp, check_ipv6};
use content::AnySpec;
use lifecycle::Declarations;
use types::bmc::BmcSpec;
use types::bootenv::BootEnvSpec;
use types::image::ImageSpec;
use types::machine::MachineSpec;
use types::param::Secrets;
use types::subnet::{ReservationSpec, SubnetSpec};
use types::template::TemplateSpec;
use types::{MacAddr, Name, Params, chain};
use workflow::{DefinitionError, WorkflowSpec};

/// Something wrong in a spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// Where, as a JSON pointer within the spec.
    pub(crate) pointer: String,
    /// What.
    pub(crate) message: String,
}

/// Something wrong at `pointer`.
pub(crate) fn wrong(pointer: impl Into<String>, message: impl Into<String>) -> Wrong {
    Wrong { pointer: pointer.into(), message: message.into() }
}

/// A spec that can be checked by itself.
pub(crate) trait Check {
    /// Says what is wrong, if anything is.
    fn check(&self, check_step: &CheckStep) -> Vec<Wrong>;

    /// Why it cannot become `new`, or be removed where there is no new one.
    fn refusal(&self, _new: Option<&Self>) -> Option<&'static str> {
        None
    }

    /// The parameters that it sets, and where: as a JSON pointer to what holds `params` and `secrets`.
    fn params(&self) -> Vec<(String, &Params, &Secrets)> {
        Vec::new()
    }

    /// Puts it among the specs that must not contradict each other, if it is one of them.
    fn put(&self, _name: &Name, _site: &mut Site) {}

    /// What among those it contradicts.
    fn contradiction(&self, _name: &Name, _site: &Site) -> Option<Wrong> {
        None
    }
}

/// What is wrong with the parameters that a spec sets.
pub(crate) fn check_params(spec: &impl Check, declarations: &Declarations) -> Vec<Wrong> {
    let places = spec.params().into_iter();
    let wrongs = places.flat_map(|(place, params, secrets)| {
        let found = declarations.check(params, secrets).into_iter();
        found.map(move |found| wrong(format!("{place}{}", found.pointer), found.message))
    });
    wrongs.collect()
}

/// Whether a spec sets any parameter.
pub(crate) fn sets_params(spec: &impl Check) -> bool {
    spec.params().iter().any(|(_, params, secrets)| !params.is_empty() || !secrets.is_empty())
}

impl Check for MachineSpec {
    fn check(&self, _: &CheckStep) -> Vec<Wrong> {
        let mut wrongs = Vec::new();
        for (index, mac) in self.macs.iter().enumerate() {
            wrongs.extend(check_mac(&format!("/macs/{index}"), *mac));
            if self.macs[..index].contains(mac) {
                wrongs.push(wrong(format!("/macs/{index}"), format!("{mac} is there twice")));
            }
        }
        if self.hostname.as_ref().is_some_and(|name| !is_host_name(name)) {
            wrongs.push(wrong("/hostname", "use letters, digits, '-' and '.', as a host name has (RFC 1123 §2.1)"));
        }
        for tag in self.tags.iter().filter(|tag| !is_tag(tag)) {
            wrongs.push(wrong("/tags", format!("{tag:?} is not 1 to 100 characters without spaces")));
        }
        wrongs
    }

    fn params(&self) -> Vec<(String, &Params, &Secrets)> {
        vec![(String::new(), &self.params, &self.secrets)]
    }
}

fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        plain && !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

fn is_tag(text: &str) -> bool {
    !text.is_empty() && text.len() <= 100 && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn check_mac(pointer: &str, mac: MacAddr) -> Option<Wrong> {
    (!mac.is_unicast()).then(|| wrong(pointer, format!("{mac} is not the address of one network card")))
}

impl Check for BmcSpec {
    fn check(&self, _: &CheckStep) -> Vec<Wrong> {
        let mut wrongs = Vec::new();
        if self.url.scheme() != "https" {
            wrongs.push(wrong("/url", "the URL must begin with https://, which keeps the login secret"));
        }
        if !self.url.username().is_empty() || self.url.password().is_some() {
            wrongs.push(wrong("/url", "credentials belong into username and password, not into the URL"));
        }
        wrongs
    }
}

impl Check for SubnetSpec {
    fn check(&self, _: &CheckStep) -> Vec<Wrong> {
        let mut wrongs = Vec::new();
        let outside = |what, address| format!("{what} {address} is not in {}", self.cidr);
        if let Some(pool) = self.pool {
            for (pointer, address) in [("/pool/first", pool.first), ("/pool/last", pool.last)] {
                if !self.cidr.contains(address) {
                    wrongs.push(wrong(pointer, outside("address", address)));
                }
            }
            if pool.first > pool.last {
                wrongs
                    .push(wrong("/pool", format!("the pool ends at {} before it begins at {}", pool.last, pool.first)));
            }
        }
        if let Some(gateway) = self.gateway.filter(|gateway| !self.cidr.contains(*gateway)) {
            wrongs.push(wrong("/gateway", outside("gateway", gateway)));
        }
        if self.lease.0.as_secs() < 60 {
            wrongs.push(wrong("/lease", "a lease is at least 1m: clients renew at half of it"));
        }
        wrongs.extend(check_dhcp::check(self));
        wrongs.extend(self.ipv6.iter().flat_map(check_ipv6::check));
        wrongs
    }

    fn params(&self) -> Vec<(String, &Params, &Secrets)> {
        vec![(String::new(), &self.params, &self.secrets)]
    }

    fn put(&self, name: &Name, site: &mut Site) {
        site.put_subnet(name.clone(), self.clone());
    }

    fn contradiction(&self, name: &Name, site: &Site) -> Option<Wrong> {
        site.check_subnet(name, self)
    }
}

impl Check for ReservationSpec {
    fn check(&self, _: &CheckStep) -> Vec<Wrong> {
        check_mac("/mac", self.mac).into_iter().collect()
    }

    fn put(&self, name: &Name, site: &mut Site) {
        site.put_reservation(name.clone(), self.clone());
    }

    fn contradiction(&self, name: &Name, site: &Site) -> Option<Wrong> {
        site.check_reservation(name, self)
    }
}

impl Check for ImageSpec {
    fn check(&self, _: &CheckStep) -> Vec<Wrong> {
        if self.disk_size_bytes == 0 {
            return vec![wrong("/disk_size_bytes", "a disk of no bytes holds nothing")];
        }
        Vec::new()
    }
}

impl Check for BootEnvSpec {
    fn check(&self, _: &CheckStep) -> Vec<Wrong> {
        let mut wrongs = Vec::new();
        if self.is_local() && (!self.initrds.is_empty() || self.agent || !self.args.is_empty()) {
            wrongs.push(wrong(
                "",
                "without a kernel it is the machine's own disk, which takes no initrds, args or agent",
            ));
        }
        wrongs.extend(check_files("", self.kernel.as_deref(), &self.initrds));
        for (arch, files) in &self.arches {
            let place = format!("/arches/{}", serde_json::to_value(arch).expect("a word").as_str().unwrap_or_default());
            wrongs.extend(check_files(&place, Some(&files.kernel), &files.initrds));
        }
        for (index, served) in self.templates.iter().enumerate() {
            if self.templates[..index].iter().any(|other| other.path == served.path) {
                wrongs.push(wrong(format!("/templates/{index}/path"), format!("{:?} is there twice", served.path)));
            }
            wrongs.extend(check_path(&format!("/templates/{index}/path"), &served.path));
        }
        if self.args.contains(['\n', '\r']) {
            wrongs.push(wrong("/args", "a kernel command line is one line"));
        }
        wrongs
    }
}

fn check_files(place: &str, kernel: Option<&str>, initrds: &[String]) -> Vec<Wrong> {
    let kernel = kernel.into_iter().map(|file| (format!("{place}/kernel"), file));
    let initrds = initrds.iter().enumerate().map(|(index, file)| (format!("{place}/initrds/{index}"), file.as_str()));
    kernel.chain(initrds).filter_map(|(pointer, file)| check_path(&pointer, file)).collect()
}

fn check_path(pointer: &str, file: &str) -> Option<Wrong> {
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    let is_path = file.split('/').all(plain);
    (!is_path).then(|| wrong(pointer, format!("{file:?} is not a path within the folder of boot files")))
}

impl Check for TemplateSpec {
    fn check(&self, _: &CheckStep) -> Vec<Wrong> {
        check_text("/text", &self.text).into_iter().collect()
    }

    fn refusal(&self, new: Option<&Self>) -> Option<&'static str> {
        let stays_locked = self.locked && new.is_none_or(|new| new.locked && new != self);
        stays_locked.then_some("unlock it first, with locked: false")
    }
}

impl Check for WorkflowSpec {
    fn check(&self, check_step: &CheckStep) -> Vec<Wrong> {
        match self.validate(&|step| check_step(step)) {
            Ok(()) => Vec::new(),
            Err(error) => vec![wrong(place_of(self, &error), chain(&error))],
        }
    }
}

/// Where in the workflow the error is.
fn place_of(workflow: &WorkflowSpec, error: &DefinitionError) -> String {
    let stage = |name: &str, rest: &str| {
        let index = workflow.stages.iter().rposition(|stage| stage.name == name);
        index.map_or_else(|| "/stages".to_owned(), |index| format!("/stages/{index}{rest}"))
    };
    match error {
        DefinitionError::NoStages => "/stages".to_owned(),
        DefinitionError::DuplicateStage(name) | DefinitionError::BadStageName(name) => stage(name, "/name"),
        DefinitionError::NoAttempts { stage: name } => stage(name, "/attempts"),
        DefinitionError::BadBackoff { stage: name, field, .. } => stage(name, &format!("/backoff/{field}")),
        DefinitionError::NoSteps { stage: name } => stage(name, "/steps"),
        DefinitionError::BadCondition { stage: name, .. } => stage(name, "/when"),
        DefinitionError::BadStep { stage: name, index, .. } => {
            if workflow.stages.iter().any(|stage| stage.name == *name) {
                stage(name, &format!("/steps/{index}"))
            } else {
                format!("/finally/{index}")
            }
        }
    }
}

macro_rules! check_any {
    ($($(#[$doc:meta])* $kind:ident, $plural:ident, $words:literal, $marker:ident, $spec:ident, $status:ident;)*) => {
        impl Check for AnySpec {
            fn params(&self) -> Vec<(String, &Params, &Secrets)> {
                match self {
                    $(Self::$kind(spec) => spec.params(),)*
                }
            }

            fn check(&self, check_step: &CheckStep) -> Vec<Wrong> {
                match self {
                    $(Self::$kind(spec) => spec.check(check_step),)*
                }
            }

            fn put(&self, name: &Name, site: &mut Site) {
                match self {
                    $(Self::$kind(spec) => spec.put(name, site),)*
                }
            }

            fn contradiction(&self, name: &Name, site: &Site) -> Option<Wrong> {
                match self {
                    $(Self::$kind(spec) => spec.contradiction(name, site),)*
                }
            }
        }
    };
}

types::for_each_kind!(check_any);

#[cfg(test)]
mod tests {
    use super::*;

    fn check(yaml: &str) -> Vec<String> {
        let document = content::read("x.yaml", yaml).pop().unwrap().unwrap();
        let check_step = |step: &workflow::StepSpec| match step.uses.as_str() {
            "a.b" => Ok(()),
            other => Err(format!("there is no step {other}")),
        };
        let wrongs = document.spec.check(&check_step);
        wrongs.into_iter().map(|wrong| document.problem(&wrong.pointer, wrong.message).to_string()).collect()
    }

    #[test]
    fn what_cannot_be_is_named_with_its_place() {
        let cases = [
            "kind: Machine\nname: m\nmacs: ['ff:ff:ff:ff:ff:ff', '52:54:00:00:00:01', '52:54:00:00:00:01']\n",
            "kind: Subnet\nname: s\ncidr: 10.0.0.0/24\nlease: 1s\ngateway: 10.0.1.1\npool: {first: 10.0.0.9, last: 10.0.0.1}\n",
            "kind: Workflow\nname: w\nstages:\n  - name: A\n    steps: [{use: a.b}, {use: a.c}]\n",
            "kind: Workflow\nname: w\nstages:\n  - name: A\n    when: 'params.x =='\n    steps: []\n",
            "kind: Workflow\nname: w\nstages:\n  - {name: A, steps: []}\n",
            "kind: Workflow\nname: w\nstages:\n  - {name: A, steps: [{use: a.b}]}\n  - {name: A, steps: [{use: a.b}]}\n",
            "kind: Workflow\nname: w\nstages:\n  - {name: A, steps: [{use: a.b}]}\nfinally:\n  - use: a.c\n",
            "kind: BootEnv\nname: b\nkernel: ../vmlinuz\n",
            "kind: BootEnv\nname: b\nagent: true\n",
            "kind: Bmc\nname: b\nurl: ftp://u:p@x/\nusername: u\npassword: p\n",
            "kind: Template\nname: t\noutput: platform\ntext: |\n  {% if %}\n",
        ];
        let found: Vec<String> = cases.iter().flat_map(|yaml| check(yaml)).collect();
        insta::assert_snapshot!(found.join("\n"));
    }
}
