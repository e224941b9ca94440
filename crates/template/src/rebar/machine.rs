//! `Machine`.

use super::arguments::{Arguments, plain_text};
use super::value::{list, map, nil, of_json};
use crate::facts::Facts;
use minijinja::value::{Enumerator, Object};
use minijinja::{Error, ErrorKind, State, Value};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// The machine under Digital Rebar's names.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) facts: Arc<Facts>,
}

/// The members; `Uuid` and `UUID` are the same, as are `Url` and `URL`.
const NAMES: &[&str] = &[
    "Address",
    "Arch",
    "Available",
    "BootEnv",
    "Context",
    "CurrentJob",
    "CurrentTask",
    "Description",
    "Errors",
    "Fingerprint",
    "HardwareAddrs",
    "HexAddress",
    "Key",
    "Locked",
    "MacAddr",
    "Meta",
    "Name",
    "OS",
    "Params",
    "Path",
    "Pool",
    "Profiles",
    "Runnable",
    "Secret",
    "ShortName",
    "Stage",
    "Tasks",
    "URL",
    "UUID",
    "Url",
    "Uuid",
    "Validated",
    "Workflow",
    "WorkflowComplete",
];

impl Machine {
    fn member(&self, name: &str) -> Option<Value> {
        let machine = &self.facts.machine;
        let run = self.facts.run.as_ref();
        Some(match name {
            "Address" => Value::from(self.address()),
            "Arch" => Value::from(arch(&machine.arch)),
            "Available" | "Validated" => Value::from(true),
            "BootEnv" => text(self.facts.boot_env.as_ref().map(|env| env.name.as_str())),
            "Context" | "Secret" => Value::from(""),
            "CurrentJob" => text(run.map(|run| run.id.as_str())),
            "CurrentTask" => Value::from(run.map_or(-1, |_| 0)),
            "Description" => text(machine.description.as_deref()),
            "Errors" => list([]),
            "Fingerprint" => map(std::collections::BTreeMap::new()),
            "HardwareAddrs" => list(machine.macs.iter().map(|mac| Value::from(mac.to_string()))),
            "HexAddress" => Value::from(self.hex_address()),
            "Key" | "UUID" | "Uuid" => text(machine.uuid.as_deref()),
            "Locked" => Value::from(machine.locked),
            "MacAddr" => Value::from(self.mac("raw")),
            "Meta" => {
                map(machine.labels.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect())
            }
            "Name" => Value::from(if machine.fqdn.is_empty() { &machine.name } else { &machine.fqdn }.as_str()),
            "OS" => Value::from(system_name(&self.facts)),
            "Params" => self.own_params(),
            "Path" => Value::from(self.path()),
            "Pool" => text(machine.pool.as_deref()),
            "Profiles" => list(self.facts.profiles.iter().map(|name| Value::from(name.as_str()))),
            "Runnable" => Value::from(machine.runnable),
            "ShortName" => Value::from(self.short_name()),
            "Stage" => text(run.and_then(|run| run.stage.as_deref())),
            "Tasks" => list(run.and_then(|run| run.step.as_deref()).map(Value::from)),
            "URL" | "Url" => Value::from(format!("{}/{}", self.facts.urls.base, self.path())),
            "Workflow" => text(run.map(|run| run.workflow.as_str())),
            "WorkflowComplete" => Value::from(run.is_none()),
            _ => return None,
        })
    }

    fn own_params(&self) -> Value {
        let own = serde_json::to_value(&self.facts.machine.own_params).unwrap_or_default();
        of_json(&own)
    }

    fn address(&self) -> &str {
        let machine = &self.facts.machine;
        machine.ip.as_deref().or(machine.ip6.as_deref()).unwrap_or_default()
    }

    /// Eight digits, as PXELINUX names its files.
    fn hex_address(&self) -> String {
        let octets = self.address().parse::<Ipv4Addr>().map(|address| address.octets());
        octets.map(|octets| octets.iter().map(|octet| format!("{octet:02X}")).collect()).unwrap_or_default()
    }

    fn short_name(&self) -> String {
        let machine = &self.facts.machine;
        let name = if machine.shortname.is_empty() { &machine.name } else { &machine.shortname };
        name.split('.').next().unwrap_or_default().to_owned()
    }

    /// The folder of this machine alone below the server's files.
    fn path(&self) -> String {
        format!("machines/{}", self.facts.machine.uuid.as_deref().unwrap_or_default())
    }

    fn mac(&self, format: &str) -> String {
        let machine = &self.facts.machine;
        let asked = self.facts.request.mac.clone();
        let own = machine.mac.or_else(|| machine.macs.first().copied()).map(|mac| mac.to_string());
        let mac = own.or(asked).unwrap_or_default();
        if format == "pxelinux" { format!("01-{}", mac.replace(':', "-")) } else { mac }
    }
}

/// An absent text prints as an empty one, as it does in Go.
pub(super) fn text(text: Option<&str>) -> Value {
    Value::from(text.unwrap_or_default())
}

/// An architecture in Go's words.
pub(super) fn arch(kernel: &str) -> &str {
    match kernel {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "i386" | "i486" | "i586" | "i686" => "386",
        other => other,
    }
}

/// Distribution and version with a hyphen between, such as `debian-12`.
pub(super) fn system_name(facts: &Facts) -> String {
    let Some(os) = &facts.os else { return String::new() };
    let name = os.name.to_lowercase().replace(' ', "-");
    if os.version.is_empty() { name } else { format!("{name}-{}", os.version) }
}

impl Object for Machine {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.member(key.as_str()?)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(NAMES)
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, values: &[Value]) -> Result<Value, Error> {
        let arguments = Arguments { function: method, values };
        match method {
            "HasFeature" => Ok(Value::from(false)),
            "HasProfile" => {
                let wanted = arguments.exactly(1)?.text(0)?;
                Ok(Value::from(self.facts.profiles.contains(&wanted)))
            }
            "MacAddr" => Ok(Value::from(self.mac(&values.first().map(plain_text).unwrap_or_default()))),
            "GetParam" => {
                let name = arguments.text(0)?;
                Ok(self.facts.param(&name).map_or_else(nil, of_json))
            }
            _ if values.is_empty() => self.member(method).ok_or_else(|| Error::from(ErrorKind::UnknownMethod)),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}
