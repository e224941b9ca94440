//! Domains, groups, people and whatever else a machine belongs to.

use super::thing::{Thing, optional, texts};
use crate::facts::{Facts, Group, Place, User};
use minijinja::Value;

/// A domain, which prints as its name.
pub(super) fn domain(name: Option<&str>) -> Value {
    let thing = |name: &str| {
        let thing = Thing::new("domain", name).with_all(["name", "fullname", "title"], name);
        thing.with("nameservers", Vec::<Value>::new()).with_nothing(["dns", "dns_id"]).value()
    };
    name.filter(|name| !name.is_empty()).map_or_else(|| Value::from(()), thing)
}

pub(super) fn place(class: &'static str, place: Option<&Place>) -> Value {
    let thing = |place: &Place| {
        let thing = Thing::new(class, &place.name).with_all(["name", "label"], place.name.as_str());
        let thing = thing.with("title", place.title.as_str());
        thing.with("description", optional(place.description.as_deref())).with_nothing(["parent", "id"]).value()
    };
    place.map_or_else(|| Value::from(()), thing)
}

/// The machine's group; its parent is the group above it.
pub(super) fn group(groups: &[Group]) -> Value {
    let Some((own, above)) = groups.split_last() else { return Value::from(()) };
    let thing = Thing::new("hostgroup", &own.title).with("name", own.name.as_str());
    let thing = thing.with_all(["title", "label"], own.title.as_str()).with("parent", group(above));
    let thing = thing.with_nothing(["id", "content_source", "lifecycle_environment", "content_view", "environment"]);
    thing.with("description", optional(own.description.as_deref())).value()
}

pub(super) fn user(user: Option<&User>) -> Value {
    let thing = |user: &User| {
        let full = user.full_name.clone().unwrap_or_else(|| user.name.clone());
        let thing = Thing::new("user", &full).with_all(["login", "name"], user.name.as_str());
        let thing = thing.with("firstname", optional(user.first_name.as_deref()));
        let thing = thing.with("lastname", optional(user.last_name.as_deref())).with("description", full.as_str());
        let thing =
            thing.with("mail", optional(user.email.as_deref())).with("ssh_authorized_keys", texts(&user.ssh_keys));
        let keys = Value::from(user.ssh_keys.iter().map(|line| ssh_key(line)).collect::<Vec<_>>());
        thing.with("ssh_keys", keys).with("timezone", ()).value()
    };
    user.map_or_else(|| Value::from(()), thing)
}

/// A public key in its three parts.
fn ssh_key(line: &str) -> Value {
    let mut parts = line.splitn(3, ' ');
    let mut part = || parts.next().unwrap_or_default().to_owned();
    let thing = Thing::new("ssh_key", line).with("type", part()).with("ssh_key", part());
    thing.with_all(["comment", "name"], part()).with_all(["key", "to_export"], line).value()
}

pub(super) fn realm(facts: &Facts) -> Value {
    let Some(realm) = &facts.realm else { return Value::from(()) };
    let thing = Thing::new("realm", &realm.name).with("name", realm.name.as_str());
    thing.with("realm_type", realm.kind.as_str()).value()
}

/// Something that has only a name.
pub(super) fn named(class: &'static str, name: Option<&str>) -> Value {
    let thing = |name: &str| Thing::new(class, name).with_all(["name", "title"], name).value();
    name.filter(|name| !name.is_empty()).map_or_else(|| Value::from(()), thing)
}
