//! The functions at the root: parameters, addresses and tokens.

use super::value::{nil, of_json, of_value, to_json, wrong};
use super::{encoding, env, paths, print, repo};
use crate::scope::{Render, Scope};
use minijinja::value::Rest;
use minijinja::{Environment, Error, State, Value};
use std::net::Ipv4Addr;
use std::sync::Arc;

pub(super) fn add_to(environment: &mut Environment<'_>) {
    add_params(environment);
    add_addresses(environment);
    add_tokens(environment);
    environment.add_function("BootParams", |state: &State<'_, '_>| env::boot_params(Scope::of(state)?.render()));
    environment.add_function("BootParamsFor", |state: &State<'_, '_>, _arch: Value| {
        env::boot_params(Scope::of(state)?.render())
    });
    environment.add_function("InstallRepos", |state: &State<'_, '_>| {
        Ok::<_, Error>(repo::install_repos(Scope::of(state)?.facts()))
    });
    environment.add_function("MachineRepos", |state: &State<'_, '_>| {
        Ok::<_, Error>(repo::machine_repos(Scope::of(state)?.facts()))
    });
    environment.add_function("Repos", |state: &State<'_, '_>, tags: Rest<String>| {
        Ok::<_, Error>(repo::repos(&tags, Scope::of(state)?.facts()))
    });
}

fn add_params(environment: &mut Environment<'_>) {
    for name in ["Param", "ParamExpand"] {
        environment.add_function(name, |state: &State<'_, '_>, name: &str| param(state, name));
    }
    for name in ["ComposeParam", "ComposeParamExpand", "ParamCompose", "ParamComposeExpand"] {
        environment.add_function(name, |state: &State<'_, '_>, name: &str| composed(state, name));
    }
    environment.add_function("ParamAsJSON", |state: &State<'_, '_>, name: &str| {
        Ok::<_, Error>(print::json(&param(state, name)?, false, true)? + "\n")
    });
    environment.add_function("ParamAsYAML", |state: &State<'_, '_>, name: &str| encoding::yaml(&param(state, name)?));
    environment.add_function("ParamExists", |state: &State<'_, '_>, name: &str| {
        Ok::<_, Error>(Scope::of(state)?.facts().params.contains_key(name))
    });
    environment.add_function("StringExpand", |text: &Value| expanded(text));
    environment.add_function("ObjectExpand", |object: &Value| expanded(object));
}

/// A parameter's value. One that was declared to be a template is rendered; no other ever is.
fn param(state: &State<'_, '_>, name: &str) -> Result<Value, Error> {
    let scope = Scope::of(state)?;
    let value = scope.render().param(name)?;
    value.map(|value| of_value(&value)).ok_or_else(|| missing(scope.render(), name))
}

fn missing(render: &Arc<Render>, name: &str) -> Error {
    let known = render.facts().params.keys().map(String::as_str);
    let hint = crate::hint::similar(name, known).map(|hint| format!("; {hint}")).unwrap_or_default();
    wrong(format!("the machine has no parameter {name:?}{hint}"))
}

fn composed(state: &State<'_, '_>, name: &str) -> Result<Value, Error> {
    let scope = Scope::of(state)?;
    match scope.facts().params.get(name).and_then(|param| param.composed.clone()) {
        Some(composed) => {
            // Counted as read, as its strongest layer would be.
            scope.render().param(name)?;
            Ok(of_json(&composed))
        }
        None => param(state, name),
    }
}

/// What would be expanded comes from a value, and values are no templates.
fn expanded(value: &Value) -> Result<Value, Error> {
    let holds_template = |text: &str| text.contains("{{") || text.contains("{%");
    if holds_template(&to_json(value).to_string()) {
        return Err(wrong("a value is only a template where its parameter is declared with `template: true`"));
    }
    Ok(of_value(value))
}

fn add_addresses(environment: &mut Environment<'_>) {
    environment
        .add_function("ApiURL", |state: &State<'_, '_>| Ok::<_, Error>(Scope::of(state)?.facts().urls.api.clone()));
    environment.add_function("ApiHostURL", |state: &State<'_, '_>| with_name(state, |urls| &urls.api));
    environment.add_function("ProvisionerAddress", |state: &State<'_, '_>| {
        Ok::<_, Error>(Scope::of(state)?.facts().urls.host.clone())
    });
    environment.add_function("ProvisionerURL", |state: &State<'_, '_>| {
        Ok::<_, Error>(Scope::of(state)?.facts().urls.base.clone())
    });
    environment.add_function("ProvisionerHostURL", |state: &State<'_, '_>| with_name(state, |urls| &urls.base));
    environment.add_function("SecureProvisionerURL", |state: &State<'_, '_>| {
        let scope = Scope::of(state)?;
        let urls = &scope.facts().urls;
        Ok::<_, Error>(urls.secure_base.clone().unwrap_or_else(|| urls.base.clone()))
    });
    environment.add_function("SecureProvisionerHostURL", |state: &State<'_, '_>| {
        with_name(state, |urls| urls.secure_base.as_ref().unwrap_or(&urls.base))
    });
    for name in ["ParseUrl", "ParseURL"] {
        environment.add_function(name, parse_url);
    }
    environment.add_function("NetmaskToCIDR", prefix_length);
    environment.add_function("SshKeys", |state: &State<'_, '_>| {
        let keys = Scope::of(state)?.facts().ssh_keys.clone();
        Ok::<_, Error>(super::value::list(keys.into_iter().map(Value::from)))
    });
}

/// An address of the server with its name in the place of its IP address.
fn with_name(state: &State<'_, '_>, pick: impl Fn(&crate::facts::Urls) -> &String) -> Result<String, Error> {
    let scope = Scope::of(state)?;
    let urls = &scope.facts().urls;
    let url = pick(urls);
    Ok(if urls.fqdn.is_empty() { url.clone() } else { url.replacen(&urls.host, &urls.fqdn, 1) })
}

fn parse_url(segment: &str, text: &str) -> Result<String, Error> {
    let url = paths::url(text);
    match segment {
        "scheme" => Ok(url.scheme.to_owned()),
        "host" => Ok(url.host.to_owned()),
        "path" => Ok(url.path.to_owned()),
        other => Err(wrong(format!("a URL has a scheme, a host and a path, and no {other:?}"))),
    }
}

fn prefix_length(mask: &str) -> Result<String, Error> {
    let bits = mask.trim().parse::<Ipv4Addr>().map(u32::from);
    let bits = bits.map_err(|_| wrong(format!("{mask:?} is no network mask")))?;
    if bits.leading_ones() + bits.trailing_zeros() < 32 {
        return Err(wrong(format!("{mask:?} is no network mask")));
    }
    Ok(bits.leading_ones().to_string())
}

fn add_tokens(environment: &mut Environment<'_>) {
    environment.add_function("GenerateToken", |state: &State<'_, '_>| {
        Ok::<_, Error>(Scope::of(state)?.facts().tokens.machine.clone().unwrap_or_default())
    });
    environment.add_function("GenerateInfiniteToken", |state: &State<'_, '_>| {
        let scope = Scope::of(state)?;
        let tokens = &scope.facts().tokens;
        Ok::<_, Error>(tokens.agent.clone().or_else(|| tokens.machine.clone()).unwrap_or_default())
    });
    environment.add_function("GenerateProfileToken", |state: &State<'_, '_>, profile: &str, _seconds: Value| {
        let scope = Scope::of(state)?;
        let token = scope.facts().tokens.profiles.get(profile).cloned();
        // A word in place of the token, as in Digital Rebar: scripts are rendered before profiles are attached.
        Ok::<_, Error>(token.unwrap_or_else(|| "InvalidTokenNotAllowedNotOnMachine".to_owned()))
    });
    environment.add_function("CurrentJob", |state: &State<'_, '_>| {
        Ok::<_, Error>(Scope::of(state)?.facts().run.as_ref().map(|run| run.id.clone()).unwrap_or_default())
    });
}

/// `Task`, `Stage` or `Info`.
pub(super) fn object(name: &str, render: &Arc<Render>) -> Value {
    let facts = render.facts();
    let named = |name: Option<&str>| match name {
        Some(name) => of_json(&serde_json::json!({"Name": name, "Key": name, "Meta": {}})),
        None => nil(),
    };
    let run = facts.run.as_ref();
    match name {
        "Stage" => named(run.and_then(|run| run.stage.as_deref())),
        "Task" => named(run.and_then(|run| run.step.as_deref())),
        _ => of_json(&serde_json::json!({
            "Address": facts.urls.host,
            "Id": facts.server.id,
            "LocalId": facts.server.id,
            "Name": facts.urls.fqdn,
            "Version": facts.server.version,
        })),
    }
}
