//! Parameters as Foreman's templates ask for them.

#![expect(clippy::needless_pass_by_value, reason = "the engine hands arguments over by value")]

use super::host::host_name;
use super::naming;
use super::ruby::{self, Answer, text_of};
use crate::scope::{Render, Scope};
use minijinja::value::{Kwargs, Rest, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State};
use std::sync::Arc;

pub(super) fn add_to(environment: &mut Environment<'_>) {
    environment.add_function("host_param", host_param);
    environment.add_function("param", host_param);
    environment.add_function("host_param_required", host_param_required);
    environment.add_function("host_param_true", |state: &State<'_, '_>, name: &str, default: Option<Value>| {
        asked(state, name, default, true)
    });
    environment.add_function("host_param_false", |state: &State<'_, '_>, name: &str, default: Option<Value>| {
        asked(state, name, default, false)
    });
    environment.add_function("host_has_param", exists);
    environment.add_function("host_param_exists", exists);
    environment.add_function("host_enc", host_enc);
    environment.add_function("subnet_param", |subnet: Value, name: &str| subnet_param(&subnet, name));
    environment.add_function("subnet_has_param", |subnet: Value, name: &str| {
        subnet_param(&subnet, name).map(|value| !value.is_none())
    });
    environment.add_function("global_setting", global_setting);
    environment.add_function("input", input);
    environment.add_function("truthy", |value: Value| boolean(&value) == Some(true));
    environment.add_function("falsy", |value: Value| boolean(&value) == Some(false));
    environment.add_function("host_puppet_server", |state: &State<'_, '_>| -> Result<String, Error> {
        Ok(puppet_server(Scope::of(state)?.render()))
    });
    environment.add_function("puppet_server", |state: &State<'_, '_>| -> Result<String, Error> {
        Ok(puppet_server(Scope::of(state)?.render()))
    });
    environment.add_function("host_puppet_ca_server", |state: &State<'_, '_>| -> Result<String, Error> {
        Ok(puppet_ca_server(Scope::of(state)?.render()))
    });
    environment.add_function("host_puppet_environment", |state: &State<'_, '_>| {
        let render = Scope::of(state)?.render().clone();
        value_of(&render, "puppet_environment").map(|value| value.unwrap_or_else(|| Value::from("")))
    });
    environment.add_function("host_puppet_classes", |_: Rest<Value>, _: Kwargs| Value::from(Vec::<Value>::new()));
}

/// The value of a parameter, or nothing.
pub(super) fn value_of(render: &Arc<Render>, name: &str) -> Result<Option<Value>, Error> {
    let value = render.param(name)?;
    Ok(value.filter(|value| !value.is_none() && !value.is_undefined()))
}

/// What a parameter says when it is asked yes or no: Foreman reads these words so.
pub(super) fn boolean(value: &Value) -> Option<bool> {
    if value.kind() == ValueKind::Bool {
        return Some(value.is_true());
    }
    match text_of(value).trim().to_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Some(true),
        "false" | "f" | "no" | "n" | "off" | "0" => Some(false),
        _ => None,
    }
}

fn host_param(state: &State<'_, '_>, name: &str, default: Option<Value>) -> Answer {
    let value = value_of(Scope::of(state)?.render(), name)?;
    let value = value.filter(ruby::given);
    Ok(value.or(default).unwrap_or_else(|| Value::from(())))
}

fn host_param_required(state: &State<'_, '_>, name: &str) -> Answer {
    let scope = Scope::of(state)?;
    value_of(scope.render(), name)?.ok_or_else(|| {
        let machine = &scope.facts().machine.name;
        Error::new(ErrorKind::InvalidOperation, format!("machine {machine:?} has no parameter {name:?}"))
    })
}

fn asked(state: &State<'_, '_>, name: &str, default: Option<Value>, wanted: bool) -> Answer {
    let value = value_of(Scope::of(state)?.render(), name)?;
    Ok(match value {
        Some(value) => Value::from(boolean(&value) == Some(wanted)),
        None => default.unwrap_or_else(|| Value::from(false)),
    })
}

fn exists(state: &State<'_, '_>, name: &str) -> Result<bool, Error> {
    Ok(value_of(Scope::of(state)?.render(), name)?.is_some())
}

/// All parameters as a map.
pub(super) fn params(render: &Arc<Render>) -> Value {
    let names: Vec<String> = render.facts().params.keys().cloned().collect();
    let members = names.into_iter().map(|name| {
        let value = render.param(&name).map_or_else(Value::from, Option::unwrap_or_default);
        (name, value)
    });
    Value::from_pairs(members.collect::<Vec<_>>())
}

/// What Foreman tells external programs of a host.
pub(super) fn info(render: &Arc<Render>) -> Value {
    let empty = || Value::from_pairs(std::iter::empty::<(Value, Value)>());
    let members = [
        ("parameters", params(render)),
        ("classes", empty()),
        ("environment", Value::from(text_param(render, "puppet_environment"))),
        ("name", Value::from(host_name(render.facts()))),
    ];
    Value::from_pairs(members)
}

fn host_enc(state: &State<'_, '_>, path: Rest<Value>) -> Answer {
    let mut value = info(Scope::of(state)?.render());
    for step in path.iter() {
        let next = value.get_item(step)?;
        if next.is_undefined() {
            let step = text_of(step);
            return Err(Error::new(ErrorKind::InvalidOperation, format!("the machine's data has no {step:?}")));
        }
        value = next;
    }
    Ok(value)
}

fn subnet_param(subnet: &Value, name: &str) -> Answer {
    let params = subnet.get_attr("params")?;
    if params.is_undefined() {
        return Err(Error::new(ErrorKind::InvalidOperation, "the first argument is no subnet"));
    }
    let value = params.get_attr(name)?;
    Ok(if value.is_undefined() { Value::from(()) } else { value })
}

fn global_setting(state: &State<'_, '_>, name: &str, default: Option<Value>) -> Answer {
    let scope = Scope::of(state)?;
    let setting = scope.facts().server.settings.get(name).map(|value| Value::from(minijinja::value::Serde(value)));
    let setting = setting.filter(|value| !ruby::is_blank(value) || value.kind() == ValueKind::Bool);
    Ok(setting.or(default).unwrap_or_else(|| built_in(&scope, name)))
}

/// Settings that follow from what the server is.
fn built_in(scope: &Scope, name: &str) -> Value {
    let urls = &scope.facts().urls;
    match name {
        "foreman_url" | "unattended_url" => Value::from(urls.base.as_str()),
        "token_duration" => Value::from(360),
        "safemode_render" | "manage_puppetca" => Value::from(true),
        "update_ip_from_built_request" | "destroy_vm_on_host_delete" => Value::from(false),
        "default_pxe_item_global" | "default_pxe_item_local" => Value::from(""),
        _ => Value::from(()),
    }
}

fn input(state: &State<'_, '_>, name: &str, _options: Kwargs) -> Answer {
    let scope = Scope::of(state)?;
    let given = scope.given().get(name).cloned();
    let input =
        given.or_else(|| scope.facts().inputs.get(name).map(|value| Value::from(minijinja::value::Serde(value))));
    Ok(input.unwrap_or_else(|| Value::from(())))
}

fn text_param(render: &Arc<Render>, name: &str) -> String {
    value_of(render, name).ok().flatten().map(|value| text_of(&value)).unwrap_or_default()
}

/// The Puppet server that the parameters name, or none.
pub(super) fn puppet_server(render: &Arc<Render>) -> String {
    text_param(render, "puppet_server")
}

pub(super) fn puppet_ca_server(render: &Arc<Render>) -> String {
    let own = text_param(render, "puppet_ca_server");
    if own.is_empty() { puppet_server(render) } else { own }
}

/// Whether the machine's operating system is of a family.
pub(super) fn is_family(render: &Arc<Render>, family: &str) -> bool {
    render.facts().os.as_ref().is_some_and(|os| naming::family(&os.family) == family)
}
