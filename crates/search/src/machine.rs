//! What searches see of a machine.

use crate::document::{count, cut, file};
use crate::facts::{Facts, Value};
use crate::time;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use types::inventory::Inventory;
use types::machine::{MachineSpec, MachineStatus};
use types::object::Object;
use types::{ErrorClass, MacAddr, Name, Params};

/// All that is known of one machine, from wherever it is kept.
#[derive(Clone, Copy)]
pub struct MachineFacts<'a> {
    /// The machine.
    pub machine: &'a Object<MachineSpec, MachineStatus>,
    /// Its parameters as they apply to it: its own, and what it inherits.
    pub params: &'a Params,
    /// Its group, and every group above that.
    pub groups: &'a [Name],
    /// Its profiles.
    pub profiles: &'a [Name],
    /// Its hardware profile.
    pub hardware_profile: Option<&'a Name>,
    /// Its operating system.
    pub operating_system: Option<&'a Name>,
    /// Addresses that its cards have.
    pub addresses: &'a [IpAddr],
    /// Its active run, or else its last one.
    pub run: Option<&'a RunFacts>,
    /// Whether a parameter's name says that its value is a secret, of which nobody may find out by searching.
    pub is_secret: &'a dyn Fn(&str) -> bool,
}

/// What searches see of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFacts {
    /// Its state, in one word.
    pub state: String,
    /// Its workflow.
    pub workflow: Name,
    /// The stage that it is in, or in which it ended.
    pub stage: Option<String>,
    /// What failed it.
    pub failure: Option<ErrorClass>,
}

impl MachineFacts<'_> {
    /// The values, filed under the fields of [`crate::FIELDS`].
    pub fn collect(&self) -> Facts {
        let mut filing = Filing::default();
        filing.identity(self.machine);
        filing.standing(&self.machine.status);
        self.place(&mut filing);
        filing.found(&self.machine.status);
        if let Some(run) = self.run {
            filing.run(run);
        }
        filing.values.into_iter().collect()
    }

    /// Where the machine belongs and what it inherits from there.
    fn place(&self, filing: &mut Filing) {
        filing.names("group", self.groups);
        filing.names("profile", self.profiles);
        filing.names("hardware_profile", self.hardware_profile);
        filing.names("os", self.operating_system);
        for address in self.addresses {
            filing.text("ip", address.to_string());
        }
        for name in self.machine.spec.secrets.keys() {
            filing.put(&format!("params.{name}"), Value::Hidden);
        }
        for (name, value) in self.params {
            let key = format!("params.{name}");
            if (self.is_secret)(name) {
                filing.put(&key, Value::Hidden);
            } else {
                file(&mut filing.values, &key, value, self.is_secret);
            }
        }
    }
}

impl Facts {
    /// Of what is known of a machine, the part that changes while a run works on it. No other value stands under the
    /// same fields.
    pub fn of_standing(status: &MachineStatus) -> Self {
        let mut filing = Filing::default();
        filing.standing(status);
        filing.values.into_iter().collect()
    }

    /// Of a machine's run. No other value stands under the same fields.
    pub fn of_run(run: &RunFacts) -> Self {
        let mut filing = Filing::default();
        filing.run(run);
        filing.values.into_iter().collect()
    }
}

#[derive(Default)]
struct Filing {
    values: Vec<(String, Value)>,
}

impl Filing {
    fn put(&mut self, key: &str, value: Value) {
        self.values.push((key.to_owned(), value));
    }

    fn text(&mut self, key: &str, text: impl AsRef<str>) {
        let text = text.as_ref().trim();
        if !text.is_empty() {
            self.put(key, Value::Text(cut(text)));
        }
    }

    fn texts<T: AsRef<str>>(&mut self, key: &str, texts: impl IntoIterator<Item = T>) {
        texts.into_iter().for_each(|text| self.text(key, text));
    }

    fn names<'a>(&mut self, key: &str, names: impl IntoIterator<Item = &'a Name>) {
        self.texts(key, names);
    }

    /// A word as the type is written in JSON.
    fn word(&mut self, key: &str, word: impl Serialize) {
        if let Ok(serde_json::Value::String(word)) = serde_json::to_value(word) {
            self.text(key, word);
        }
    }

    fn time(&mut self, key: &str, at: Timestamp) {
        self.put(key, Value::Number(time::millis(at)));
    }

    fn macs(&mut self, macs: impl IntoIterator<Item = MacAddr>) {
        self.texts("mac", macs.into_iter().map(|mac| mac.to_string()));
    }

    /// What it is known by, and what an operator says about it.
    fn identity(&mut self, machine: &Object<MachineSpec, MachineStatus>) {
        let Object { id, name, spec, source, created, updated, .. } = machine;
        self.text("id", id.to_string());
        self.names("name", [name]);
        self.texts("uuid", spec.uuid.map(|uuid| uuid.to_string()));
        self.macs(spec.macs.iter().copied());
        self.names("bmc", &spec.bmc);
        self.texts("description", &spec.description);
        self.texts("tag", &spec.tags);
        self.word("type", spec.machine_type);
        self.texts("hostname", &spec.hostname);
        self.word("source", source);
        self.time("created", *created);
        self.time("updated", *updated);
    }

    /// Where it stands.
    fn standing(&mut self, status: &MachineStatus) {
        self.word("state", status.state);
        self.names("wanted_env", &status.wanted_env);
        self.word("firmware", status.firmware);
        self.names("env", status.agent.as_ref().map(|agent| &agent.env));
        let registered = status.agent.as_ref().map(|agent| agent.since);
        let called = status.called_home.as_ref().map(|home| home.at);
        if let Some(seen) = registered.max(called) {
            self.time("seen", seen);
        }
    }

    /// What was found out about it.
    fn found(&mut self, status: &MachineStatus) {
        self.texts("hostname", status.called_home.as_ref().map(|home| &home.hostname));
        if let Some(inventory) = &status.inventory {
            self.hardware(inventory);
        }
    }

    /// What it is made of.
    fn hardware(&mut self, inventory: &Inventory) {
        let Inventory { system, board, cpu, memory, disks, nics } = inventory;
        self.texts("vendor", system.manufacturer.as_ref().or(board.manufacturer.as_ref()));
        self.texts("model", system.product.as_ref().or(board.product.as_ref()));
        self.texts("serial", [&system.serial, &board.serial].into_iter().flatten());
        self.texts("uuid", system.uuid.map(|uuid| uuid.to_string()));
        self.texts("secure_boot", board.secure_boot.map(|on| if on { "true" } else { "false" }));
        self.texts("cpu", &cpu.model);
        self.put("cpus", count(cpu.threads.into()));
        self.put("sockets", count(cpu.sockets.into()));
        self.put("memory", count(memory.total_bytes));
        self.put("disks", count(disks.len() as u64));
        for disk in disks {
            self.put("disk", count(disk.size_bytes));
        }
        self.put("nics", count(nics.len() as u64));
        self.macs(nics.iter().map(|nic| nic.mac));
        // Every inventory has a JSON form.
        if let Ok(document) = serde_json::to_value(inventory) {
            file(&mut self.values, "fact", &document, &|_| false);
        }
    }

    fn run(&mut self, run: &RunFacts) {
        self.text("run", &run.state);
        self.names("workflow", [&run.workflow]);
        self.texts("stage", &run.stage);
        self.word("failure", run.failure);
    }
}
