//! Which of our names stands for which of theirs.

use super::RESERVED;
use crate::erb::ast::{Body, CHANGES, Kind, Node, VarId, Variable};
use crate::erb::walk::walk;
use std::collections::{BTreeMap, BTreeSet};

/// Variables with an `@` that every render has; others are a snippet's arguments, or nil.
const KNOWN: [&str; 36] = [
    "host",
    "kernel",
    "initrd",
    "initrds",
    "kernel_uri",
    "initrd_uri",
    "mediapath",
    "mediaserver",
    "preseed_path",
    "preseed_server",
    "arch",
    "osver",
    "dynamic",
    "static",
    "template_name",
    "additional_media",
    "provisioning_type",
    "repos",
    "xen",
    "grub",
    "port",
    "baud",
    "ipxe_net",
    "template_url",
    "profiles",
    "metadata",
    "install_type",
    "system_type",
    "archive_location",
    "cluster",
    "packages",
    "locale",
    "disk",
    "multiboot",
    "medium_provider",
    "bootmode",
];

#[derive(Debug)]
pub(super) struct Names {
    locals: Vec<String>,
    taken: BTreeSet<String>,
    /// The namespace of variables that are assigned in loops.
    pub(super) space: String,
    /// Variables with an `@` that may not be there.
    pub(super) foreign: Vec<String>,
    /// Variables with an `@` that the template itself assigns in loops.
    pub(super) asks_for_groups: bool,
    groups_in_space: bool,
    instance_in_space: BTreeSet<String>,
}

impl Names {
    pub(super) fn new(body: &Body, variables: &[Variable]) -> Self {
        let mut seen = Seen::default();
        walk(body, &mut |node| seen.note(node));
        let mut taken: BTreeSet<String> = RESERVED.iter().map(|name| (*name).to_owned()).collect();
        taken.extend(seen.instance.iter().cloned());
        taken.extend(seen.called.iter().cloned());
        let mut chosen: BTreeMap<String, String> = BTreeMap::new();
        let mut locals = Vec::new();
        for variable in variables {
            let name = chosen.entry(variable.name.clone()).or_insert_with(|| {
                let mut name: String = variable.name.chars().map(|c| if c.is_ascii() { c } else { '_' }).collect();
                while taken.contains(&name) {
                    name.push('_');
                }
                name
            });
            locals.push(name.clone());
        }
        taken.extend(locals.iter().cloned());
        let mut space = "local".to_owned();
        while taken.contains(&space) {
            space.push('_');
        }
        taken.insert(space.clone());
        let foreign = seen.instance.iter().filter(|name| !KNOWN.contains(&name.as_str())).cloned().collect();
        let instance_in_space = seen.assigned_in_loops;
        let groups_in_space = seen.groups && variables.iter().any(|variable| variable.scope > 0);
        Self { locals, taken, space, foreign, asks_for_groups: seen.groups, groups_in_space, instance_in_space }
    }

    pub(super) fn taken(&self, name: &str) -> bool {
        self.taken.contains(name)
    }

    /// How a variable is read.
    pub(super) fn local(&self, id: VarId, variables: &[Variable]) -> String {
        let name = &self.locals[id];
        if variables[id].outlives_loop { format!("{}.{name}", self.space) } else { name.clone() }
    }

    /// How a variable is assigned.
    pub(super) fn target(&self, id: VarId, variables: &[Variable]) -> String {
        self.local(id, variables)
    }

    /// The bare name of a block's parameter.
    pub(super) fn bare(&self, id: VarId) -> &str {
        &self.locals[id]
    }

    pub(super) fn instance(&self, name: &str) -> String {
        let safe = match RESERVED.contains(&name) && name != "host" {
            true => format!("{name}_"),
            false => name.to_owned(),
        };
        if self.instance_in_space.contains(name) { format!("{}.{safe}", self.space) } else { safe }
    }

    /// The variables of the namespace.
    pub(super) fn shared<'s>(&'s self, variables: &'s [Variable]) -> impl Iterator<Item = String> + 's {
        let ids = (0..variables.len()).filter(|id| variables[*id].outlives_loop);
        let mut names: BTreeSet<String> = ids.map(|id| self.locals[id].clone()).collect();
        names.extend(self.instance_in_space.iter().cloned());
        if self.groups_in_space {
            names.insert("groups".to_owned());
        }
        names.into_iter()
    }

    /// Where the groups of the last pattern that fitted are kept, and whether that is a namespace.
    pub(super) fn groups(&self) -> (String, bool) {
        if self.groups_in_space { (format!("{}.groups", self.space), true) } else { ("last_match".to_owned(), false) }
    }
}

/// What a template mentions.
#[derive(Default)]
struct Seen {
    instance: BTreeSet<String>,
    called: BTreeSet<String>,
    groups: bool,
    assigned_in_loops: BTreeSet<String>,
}

impl Seen {
    fn note(&mut self, node: &Node) {
        match &node.kind {
            Kind::Ivar(name) => {
                self.instance.insert(name.clone());
            }
            Kind::Gvar(name) if name == "~" || name.chars().all(|c| c.is_ascii_digit()) => self.groups = true,
            Kind::Call(call) if call.receiver.is_none() => {
                self.called.insert(call.name.trim_end_matches(['?', '!']).to_owned());
            }
            _ => {}
        }
        if let Kind::Call(call) = &node.kind
            && let Some(block) = &call.block
        {
            walk(&block.body, &mut |inner| self.note_assigned(inner));
        }
        if let Kind::While(_, body) = &node.kind {
            walk(body, &mut |inner| self.note_assigned(inner));
        }
    }

    fn note_assigned(&mut self, node: &Node) {
        let target = match &node.kind {
            Kind::Assign(target, _) | Kind::Update(target, _, _) => target,
            Kind::Binary("<<", target, _) => target,
            Kind::Call(call) if CHANGES.contains(&call.name.as_str()) => match &call.receiver {
                Some(receiver) => receiver,
                None => return,
            },
            _ => return,
        };
        if let Kind::Ivar(name) = &target.kind {
            self.assigned_in_loops.insert(name.clone());
        }
    }
}
