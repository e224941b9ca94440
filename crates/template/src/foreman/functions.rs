//! Foreman's helpers.

#![expect(clippy::needless_pass_by_value, reason = "the engine hands arguments over by value")]

use super::host::disk_layout;
use super::params::{is_family, value_of};
use super::ruby::{self, Answer, text_of};
use super::thing::{Thing, optional};
use crate::facts::Facts;
use crate::scope::{Render, Scope};
use crate::snippet;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::{Kwargs, Rest, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State};
use sha2::{Digest, Sha512};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) fn add_to(environment: &mut Environment<'_>) {
    environment.add_function("foreman_url", foreman_url);
    environment.add_function("save_to_file", save_to_file);
    environment.add_function("indent", indent);
    environment.add_function("raise", raise);
    environment.add_function("render_template", render_template);
    environment.add_function("plugin_present", |state: &State<'_, '_>, name: &str| -> Result<bool, Error> {
        Ok(facts(state)?.server.plugins.contains(name))
    });
    environment.add_function("preview", |state: &State<'_, '_>| Ok::<_, Error>(facts(state)?.preview));
    environment.add_function("dns_lookup", dns_lookup);
    environment
        .add_function("foreman_server_fqdn", |state: &State<'_, '_>| Ok::<_, Error>(facts(state)?.urls.fqdn.clone()));
    environment
        .add_function("foreman_server_url", |state: &State<'_, '_>| Ok::<_, Error>(facts(state)?.urls.base.clone()));
    environment.add_function("foreman_version", || "3.12.0");
    environment.add_function("disk_layout", |state: &State<'_, '_>| disk_layout(Scope::of(state)?.render()));
    environment.add_function("default_template_url", default_template_url);
    environment.add_function("foreman_request_addr", |state: &State<'_, '_>| {
        Ok::<_, Error>(optional(facts(state)?.request.address.as_deref()))
    });
    environment.add_function("template_exists", |state: &State<'_, '_>, name: &str| {
        Ok::<_, Error>(Scope::of(state)?.render().library().resolve(name).is_some())
    });
    add_system(environment);
    add_plugins(environment);
}

fn facts(state: &State<'_, '_>) -> Result<Arc<Facts>, Error> {
    Ok(Scope::of(state)?.facts().clone())
}

fn wrong(detail: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, detail.into())
}

fn add_system(environment: &mut Environment<'_>) {
    environment.add_function("root_pass", |state: &State<'_, '_>| -> Answer {
        let facts = facts(state)?;
        let hash = facts.os.as_ref().and_then(|os| os.root_password_hash.as_deref());
        Ok(Value::from(hash.unwrap_or_default()))
    });
    environment.add_function("grub_pass", |state: &State<'_, '_>| -> Answer {
        let facts = facts(state)?;
        let hash = facts.os.as_ref().and_then(|os| os.grub_password_hash.as_deref());
        Ok(Value::from(hash.map_or_else(String::new, |hash| match hash.starts_with("$1$") {
            true => format!("--md5pass={hash}"),
            false => format!("--iscrypted --password={hash}"),
        })))
    });
    environment.add_function("ks_console", |state: &State<'_, '_>| -> Answer {
        let scope = Scope::of(state)?;
        let given = |name: &str| scope.given().get(name).filter(|value| !ruby::is_blank(value)).map(text_of);
        let console = given("port").zip(given("baud")).map(|(port, baud)| format!("console=ttyS{port},{baud}"));
        Ok(Value::from(console.unwrap_or_default()))
    });
    environment.add_function("pxe_kernel_options", |state: &State<'_, '_>| kernel_options(Scope::of(state)?.render()));
    environment.add_function("medium_uri", |state: &State<'_, '_>, path: Option<String>| -> Answer {
        let facts = facts(state)?;
        let medium = facts.medium.as_ref();
        Ok(optional(medium.map(|medium| format!("{}{}", medium.url, path.unwrap_or_default()))))
    });
    environment.add_function("media_path", |state: &State<'_, '_>| -> Answer {
        let facts = facts(state)?;
        Ok(super::system::variable(&facts, "mediapath").unwrap_or_else(|| Value::from(())))
    });
    for name in
        ["host_kernel_release", "host_uptime_seconds", "host_memory", "host_sockets", "host_cores", "host_virtual"]
    {
        environment.add_function(name, move |state: &State<'_, '_>, _: Rest<Value>, _: Kwargs| -> Answer {
            let fact = match name {
                "host_kernel_release" => "kernelrelease",
                "host_uptime_seconds" => "uptime_seconds",
                "host_memory" => "memorysize_mb",
                "host_sockets" => "physicalprocessorcount",
                "host_cores" => "processorcount",
                _ => "is_virtual",
            };
            Ok(optional(facts(state)?.machine.facts.get(fact).map(|value| Value::from(minijinja::value::Serde(value)))))
        });
    }
}

/// Helpers of plugins, as a Foreman without them answers where a template asks first.
fn add_plugins(environment: &mut Environment<'_>) {
    environment.add_function("katello_agent_enabled", || false);
    environment.add_function(
        "subscription_manager_configuration_url",
        |state: &State<'_, '_>, _: Rest<Value>, _: Kwargs| {
            let scope = Scope::of(state)?;
            let own = value_of(scope.render(), "subscription_manager_certpkg_url")?.map(|value| text_of(&value));
            Ok::<_, Error>(
                own.unwrap_or_else(|| format!("{}/pub/katello-ca-consumer-latest.noarch.rpm", scope.facts().urls.base)),
            )
        },
    );
    environment.add_function("current_user", |state: &State<'_, '_>| -> Answer {
        let owner = facts(state)?.owner.as_ref().map(|owner| owner.name.clone());
        Ok(optional(owner.map(|name| Thing::new("user", &name).with_all(["login", "name"], name.as_str()).value())))
    });
    environment.add_function("foreman_server_ca_cert", |state: &State<'_, '_>| {
        Ok::<_, Error>(facts(state)?.server.ca_certificate.clone().unwrap_or_default())
    });
    environment.add_function("repository_url", repository_url);
    environment.add_function("install_packages", install_packages);
    environment.add_function("change_content_source", |_: Rest<Value>, _: Kwargs| "");
    environment.add_function("yum_proxy_url", |_: Rest<Value>, _: Kwargs| "");
    environment.add_function("host_status", |_: Rest<Value>, _: Kwargs| Value::from(()));
    environment.add_function("registration_url", |state: &State<'_, '_>, _: Rest<Value>, _: Kwargs| {
        Ok::<_, Error>(format!("{}/register", facts(state)?.urls.base))
    });
    for name in
        ["insights_unregister_url", "foreman_httpboot_host", "httpboot_host", "host_facts", "fact", "hostgroup_param"]
    {
        environment.add_function(name, |_: Rest<Value>, _: Kwargs| Value::from(()));
    }
}

/// `foreman_url("built")`: where the machine reports, or fetches a text of this kind.
fn foreman_url(state: &State<'_, '_>, action: Option<String>, given: Rest<Value>, named: Kwargs) -> Answer {
    let facts = facts(state)?;
    let urls = &facts.urls;
    let action = action.unwrap_or_else(|| "provision".to_owned());
    let kind = action.to_lowercase().replace('_', "-");
    let known = match kind.as_str() {
        "provision" => urls.provision.clone(),
        "built" => urls.built.clone(),
        "failed" => urls.failed.clone(),
        _ => None,
    };
    let known = known.or_else(|| urls.templates.get(&action).or_else(|| urls.templates.get(&kind)).cloned());
    let mut url = known.unwrap_or_else(|| unattended_url(&facts, &action));
    let named = Value::from(named);
    for arguments in given.iter().chain([&named]).filter(|arguments| arguments.kind() == ValueKind::Map) {
        for key in arguments.try_iter()? {
            let value = text_of(&arguments.get_item(&key)?);
            url.push(if url.contains('?') { '&' } else { '?' });
            // A variable of iPXE is filled in by iPXE.
            let value = if value.contains("${") { value } else { super::ruby_functions::encoded(&value) };
            url.push_str(&format!("{}={value}", text_of(&key)));
        }
    }
    Ok(Value::from(url))
}

fn unattended_url(facts: &Facts, action: &str) -> String {
    let token = facts.tokens.build.as_ref().map(|token| format!("?token={token}")).unwrap_or_default();
    format!("{}/{action}{token}", facts.urls.unattended)
}

/// Where a repository or a tree of that name is: one of the machine's, else one beside its medium.
fn repository_url(state: &State<'_, '_>, name: Value, _kind: Rest<Value>, _: Kwargs) -> Answer {
    let facts = facts(state)?;
    let name = text_of(&name);
    if let Some(repository) = facts.repositories.iter().find(|repository| repository.name == name) {
        return Ok(Value::from(repository.url.as_str()));
    }
    let base = facts.medium.as_ref().map(|medium| medium.url.trim_end_matches('/').to_owned()).unwrap_or_default();
    Ok(Value::from(format!("{base}/{name}")))
}

/// Shell that installs packages with whatever the system has for it.
fn install_packages(packages: Value) -> String {
    let packages = match ruby::list_of(&packages) {
        Ok(list) => list.iter().map(text_of).collect::<Vec<_>>().join(" "),
        Err(_) => text_of(&packages),
    };
    let packages: Vec<&str> = packages.split([' ', ',', '\n']).filter(|package| !package.is_empty()).collect();
    if packages.is_empty() {
        return String::new();
    }
    let packages = packages.join(" ");
    format!(
        "if command -v dnf >/dev/null; then\n  dnf -y install {packages}\nelif command -v yum >/dev/null; then\n  \
         yum -y install {packages}\nelif command -v apt-get >/dev/null; then\n  apt-get -y install {packages}\n\
         elif command -v zypper >/dev/null; then\n  zypper --non-interactive install {packages}\nfi\n"
    )
}

fn default_template_url(state: &State<'_, '_>, template: Value, group: Value) -> Answer {
    let facts = facts(state)?;
    let name = |value: &Value| {
        value.get_attr("name").ok().filter(|name| !name.is_undefined()).unwrap_or_else(|| value.clone())
    };
    let (template, group) = (text_of(&name(&template)), text_of(&name(&group)));
    let encoded = super::ruby_functions::encoded;
    Ok(Value::from(format!("{}/template/{}/{}", facts.urls.unattended, encoded(&template), encoded(&group))))
}

/// A shell command that writes a text into a file.
///
/// The word that ends the text is made of the file's name, so that no text holds it by chance.
fn save_to_file(file: Value, content: Value, options: Kwargs) -> Result<String, Error> {
    let verbatim = options.get::<Option<bool>>("verbatim")?.unwrap_or(false);
    options.assert_all_used()?;
    let (file, content) = (text_of(&file), text_of(&content));
    let digest = Sha512::digest(file.as_bytes());
    let end: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    if content.is_empty() {
        return Ok(format!("cp /dev/null {file}"));
    }
    if verbatim {
        return Ok(format!("cat << EOF-{end} | base64 -d > {file}\n{}EOF-{end}", wrapped_base64(content.as_bytes())));
    }
    let newline = if content.ends_with('\n') { "" } else { "\n" };
    Ok(format!("cat << EOF-{end} > {file}\n{content}{newline}EOF-{end}"))
}

/// Base64 in lines of 60 signs, as Ruby writes it.
pub(super) fn wrapped_base64(bytes: &[u8]) -> String {
    bytes.chunks(45).map(|part| STANDARD.encode(part) + "\n").collect()
}

/// A text with blanks before its lines. What stands between `<< WORD` and `WORD` can be left as it is.
fn indent(count: usize, text: Value, options: Kwargs) -> Result<String, Error> {
    let skip_first = options.get::<Option<bool>>("skip1")?.unwrap_or(false);
    let skip_content: Option<String> = options.get("skip_content")?;
    options.assert_all_used()?;
    let prefix = " ".repeat(count.min(1_000));
    let text = text_of(&text);
    let mut within = false;
    let mut result = String::with_capacity(text.len());
    for (at, line) in text.split_inclusive('\n').enumerate() {
        if !(within || at == 0 && skip_first) {
            result.push_str(&prefix);
        }
        if let Some(word) = &skip_content {
            within = if within {
                line.trim_end() != word
            } else {
                line.contains(&format!("<< {word}")) || line.contains(&format!("<<{word}"))
            };
        }
        result.push_str(line);
    }
    Ok(result)
}

fn raise(message: Option<Value>) -> Answer {
    let message = message.as_ref().map_or_else(|| "the template gives up".to_owned(), text_of);
    Err(wrong(message))
}

/// Renders another template of the library; its inputs are what it is given.
fn render_template(state: &State<'_, '_>, name: &str, inputs: Option<Value>, named: Kwargs) -> Result<String, Error> {
    let mut variables = BTreeMap::new();
    for arguments in [inputs.unwrap_or_default(), Value::from(named)] {
        if arguments.kind() == ValueKind::Map {
            for key in arguments.try_iter()? {
                variables.insert(text_of(&key), arguments.get_item(&key)?);
            }
        }
    }
    snippet::take_in(state, name, variables)
}

fn dns_lookup(state: &State<'_, '_>, name: Value) -> Answer {
    let facts = facts(state)?;
    let name = text_of(&name);
    let found = facts.server.dns.get(&name).and_then(|addresses| addresses.first());
    match found {
        Some(address) => Ok(Value::from(address.as_str())),
        None if name == facts.urls.fqdn && !facts.urls.host.is_empty() => Ok(Value::from(facts.urls.host.as_str())),
        None => Err(wrong(format!("the server has not looked up {name:?}"))),
    }
}

/// Arguments of the installer's kernel that parameters ask for.
fn kernel_options(render: &Arc<Render>) -> Answer {
    let mut options = Vec::new();
    if let Some(arguments) = value_of(render, "kernelcmd")? {
        options.push(text_of(&arguments));
    }
    let unwanted = value_of(render, "blacklist")?.map(|value| text_of(&value)).unwrap_or_default();
    let unwanted: Vec<&str> = unwanted.split(',').map(str::trim).filter(|module| !module.is_empty()).collect();
    if !unwanted.is_empty() && is_family(render, "Redhat") {
        options.push(format!("modprobe.blacklist={}", unwanted.join(",")));
    } else if !unwanted.is_empty() && is_family(render, "Debian") {
        options.extend(unwanted.iter().map(|module| format!("{module}.blacklist=yes")));
    }
    Ok(Value::from(options.join(" ")))
}
