//! Our own surface: the facts under their own names.

use crate::facts::Facts;
use crate::params::Params;
use crate::scope::{Render, Scope};
use crate::written::Written;
use minijinja::Value;
use minijinja::value::Serde;
use serde::Serialize;
use std::sync::Arc;

/// The variables that every template has.
pub(crate) const NAMES: &[&str] = &[
    "bmc",
    "boot_env",
    "group",
    "groups",
    "inputs",
    "location",
    "machine",
    "medium",
    "now",
    "organization",
    "os",
    "owner",
    "params",
    "partition_table",
    "preview",
    "profiles",
    "realm",
    "repositories",
    "request",
    "run",
    "server",
    "ssh_keys",
    "subnet",
    "subnet6",
    "subnets",
    "tokens",
    "urls",
    "users",
];

pub(crate) fn variable(scope: &Arc<Scope>, name: &str) -> Option<Value> {
    let key = NAMES.get(NAMES.binary_search(&name).ok()?)?;
    let render = scope.render();
    Some(render.cached(key, || match *key {
        "boot_env" => Written::value(render.facts().boot_env.as_ref(), "args", Render::boot_args, render),
        "params" => Value::from_object(Params::new(render)),
        "partition_table" => {
            Written::value(render.facts().partition_table.as_ref(), "text", Render::partition_table, render)
        }
        other => section(scope.facts(), other),
    }))
}

fn section(facts: &Facts, name: &str) -> Value {
    match name {
        "bmc" => value(&facts.bmc),
        "group" => value(facts.group()),
        "groups" => value(&facts.groups),
        "inputs" => value(&facts.inputs),
        "location" => value(&facts.location),
        "machine" => value(&facts.machine),
        "medium" => value(&facts.medium),
        "now" => value(facts.now),
        "organization" => value(&facts.organization),
        "os" => value(&facts.os),
        "owner" => value(&facts.owner),
        "preview" => value(facts.preview),
        "profiles" => value(&facts.profiles),
        "realm" => value(&facts.realm),
        "repositories" => value(&facts.repositories),
        "request" => value(&facts.request),
        "run" => value(&facts.run),
        "server" => value(&facts.server),
        "ssh_keys" => value(&facts.ssh_keys),
        "subnet" => value(facts.provision_subnet()),
        "subnet6" => value(facts.provision_subnet6()),
        "subnets" => value(&facts.subnets),
        "tokens" => value(&facts.tokens),
        "urls" => value(&facts.urls),
        "users" => value(&facts.users),
        _ => Value::UNDEFINED,
    }
}

fn value(part: impl Serialize) -> Value {
    Value::from(Serde(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_in_order_and_each_is_a_variable() {
        assert!(NAMES.is_sorted());
        for name in NAMES.iter().filter(|name| !["boot_env", "params", "partition_table"].contains(name)) {
            assert!(!section(&Facts::default(), name).is_undefined(), "{name}");
        }
    }
}
