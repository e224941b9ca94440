//! The facts that a machine's templates see.

use crate::{Effective, Own, Site, network, own_files};
use lifecycle::medium::{MediumVariables, medium_url};
use serde_json::Value;
use std::net::IpAddr;
use store::Machine as StoredMachine;
use template::facts::{
    Bmc, BootEnv, Facts, Group, Machine, Medium, OperatingSystem, Param, PartitionTable, Place, Request, Run, Server,
    Tokens, Urls,
};
use types::machine::{Firmware, Loader, MachineState, MachineType};
use types::os::PasswordHash;
use types::param::ProfileLayer;
use types::{Name, Params, Timestamp};

/// What is true around one render: where the server is, what the machine proves itself with, what it boots.
#[derive(Debug, Clone, Default)]
pub struct Around {
    /// Where the server is, as this machine reaches it.
    pub urls: Urls,
    /// What the machine proves itself with.
    pub tokens: Tokens,
    /// The run, if the render is for one.
    pub run: Option<Run>,
    /// The run's parameters.
    pub run_params: Option<Params>,
    /// The stage whose parameters count, and those.
    pub stage: Option<(String, Params)>,
    /// What the machine boots.
    pub boot_env: Option<Name>,
    /// What asked.
    pub request: Request,
    /// The machine's address, where it is known.
    pub address: Option<IpAddr>,
    /// Its BMC.
    pub bmc: Option<Bmc>,
    /// The server itself.
    pub server: Server,
    /// The time.
    pub now: Timestamp,
    /// Whether a person looks and no machine acts.
    pub preview: bool,
    /// Inputs of a job.
    pub inputs: std::collections::BTreeMap<String, Value>,
}

/// Everything that a template may know of `machine`.
pub fn machine_facts(site: &Site, machine: &StoredMachine, around: Around) -> Facts {
    let spec = &machine.spec;
    let inventory = machine.status.inventory.as_ref();
    let address = around.address.or(spec.address);
    let effective = site.effective(&machine.name, spec, inventory, address);
    let stage = around.stage.as_ref().map(|(name, params)| (name.as_str(), params));
    let own = Own { stage, run: around.run_params.as_ref() };
    let params = effective.params(site, &machine.name, spec, own);
    let params: std::collections::BTreeMap<String, Param> = params
        .into_iter()
        .map(|(key, resolved)| {
            let lifecycle::Resolved { value, source, secret, template, .. } = resolved;
            (key, Param { value, source, secret, template, composed: None })
        })
        .collect();
    let place = |wanted: ProfileLayer| {
        let (_, (name, profile)) = effective.layers.iter().find(|(layer, _)| *layer == wanted)?;
        let name = name.to_string();
        Some(Place { title: name.clone(), name, description: profile.description.clone() })
    };
    let subnet = effective.subnet.as_ref().map(|said| said.value);
    Facts {
        machine: facts_of_machine(machine, &effective, address),
        groups: groups(&effective),
        profiles: effective.profiles.iter().rev().map(|(name, _)| name.to_string()).collect(),
        organization: place(ProfileLayer::Organization),
        location: place(ProfileLayer::Location),
        os: operating_system(&effective, &params),
        medium: medium(&effective, &around.urls),
        partition_table: partition_table(site, &effective),
        subnets: subnet.into_iter().map(|(name, spec)| network::subnet(name, spec)).collect(),
        bmc: around.bmc,
        boot_env: around.boot_env.and_then(|name| boot_env(site, &name, &effective, &around.urls)),
        ssh_keys: ssh_keys(&params),
        params,
        urls: around.urls,
        tokens: around.tokens,
        run: around.run,
        server: around.server,
        inputs: around.inputs,
        request: around.request,
        now: around.now,
        preview: around.preview,
        seed: machine.id.to_string(),
        ..Facts::default()
    }
}

fn facts_of_machine(machine: &StoredMachine, effective: &Effective<'_>, address: Option<IpAddr>) -> Machine {
    let StoredMachine { spec, status, .. } = machine;
    let hostname = spec.hostname.clone().unwrap_or_else(|| machine.name.to_string());
    let (short, given_domain) = match hostname.split_once('.') {
        Some((short, domain)) => (short.to_owned(), Some(domain.to_owned())),
        None => (hostname.clone(), None),
    };
    let domain = given_domain.or_else(|| effective.domain.clone());
    let inventory = status.inventory.as_ref();
    let system = inventory.map(|inventory| &inventory.system);
    let subnet = effective.subnet.as_ref().map(|said| said.value.0);
    let interfaces = network::interfaces(spec, inventory, subnet, address, &hostname);
    let macs = interfaces.iter().filter_map(|interface| interface.mac).collect::<Vec<_>>();
    Machine {
        name: hostname,
        fqdn: domain.as_ref().map_or_else(|| short.clone(), |domain| format!("{short}.{domain}")),
        shortname: short,
        domain,
        uuid: Some(machine.id.to_string()),
        system_uuid: spec.uuid.or(system.and_then(|system| system.uuid)).map(|uuid| uuid.to_string()),
        serial: system.and_then(|system| system.serial.clone()),
        manufacturer: system.and_then(|system| system.manufacturer.clone()),
        model: system.and_then(|system| system.product.clone()),
        arch: word(&effective.arch),
        firmware: status.firmware.map(|firmware| match firmware {
            Firmware::Bios => "bios".to_owned(),
            Firmware::Uefi => "uefi".to_owned(),
        }),
        loader: Some(match effective.loader {
            Loader::Ipxe => "ipxe".to_owned(),
            Loader::GrubSigned => "grub-signed".to_owned(),
        }),
        secure_boot: inventory.and_then(|inventory| inventory.board.secure_boot),
        mac: macs.first().copied(),
        macs,
        ip: address.filter(IpAddr::is_ipv4).map(|address| address.to_string()),
        ip6: address.filter(IpAddr::is_ipv6).map(|address| address.to_string()),
        interfaces,
        inventory: inventory.cloned(),
        description: spec.description.clone(),
        labels: spec.tags.iter().map(|tag| (tag.clone(), String::new())).collect(),
        own_params: spec.params.clone(),
        hardware_profile: effective.hardware_profile.map(|(name, _)| name.to_string()),
        kind: Some(match spec.machine_type {
            MachineType::Physical => "physical".to_owned(),
            MachineType::Hypervisor => "hypervisor".to_owned(),
            MachineType::Virtual => "virtual".to_owned(),
        }),
        state: Some(word(&status.state)),
        build: status.state == MachineState::Provisioning,
        diskless: effective.os.as_ref().is_some_and(|said| said.value.1.diskless),
        provision_method: Some("build".to_owned()),
        runnable: true,
        created_at: Some(machine.created),
        installed_at: status.called_home.as_ref().map(|home| home.at),
        ..Machine::default()
    }
}

/// A word as it is stored.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn groups(effective: &Effective<'_>) -> Vec<Group> {
    let mut title = String::new();
    let titled = effective.groups.iter().map(|(name, group)| {
        if !title.is_empty() {
            title.push('/');
        }
        title.push_str(name.as_str());
        Group { name: name.to_string(), title: title.clone(), description: group.description.clone() }
    });
    titled.collect()
}

fn operating_system(
    effective: &Effective<'_>,
    params: &std::collections::BTreeMap<String, Param>,
) -> Option<OperatingSystem> {
    let (_, os) = effective.os.as_ref()?.value;
    let text = |key: &str| params.get(key).and_then(|param| param.value.as_str()).map(str::to_owned);
    let version = os.version();
    Some(OperatingSystem {
        name: os.title.clone(),
        title: format!("{} {version}", os.title),
        description: os.description.clone(),
        family: os.family.as_str().to_owned(),
        major: os.major.clone(),
        minor: os.minor.clone().unwrap_or_default(),
        version,
        release: os.release.clone(),
        codename: os.release.clone(),
        arch: word(&effective.arch),
        password_hash: match os.password_hash {
            PasswordHash::Sha512 => "SHA512".to_owned(),
            PasswordHash::Sha256 => "SHA256".to_owned(),
            PasswordHash::Base64 => "Base64".to_owned(),
        },
        root_password_hash: text("root_password_hash"),
        grub_password_hash: text("grub_password_hash"),
        templates: os.templates.iter().map(|(kind, name)| (kind.to_string(), name.to_string())).collect(),
        params: os.params.clone(),
    })
}

/// The medium, with the operating system's version and the machine's architecture filled in.
fn medium(effective: &Effective<'_>, urls: &Urls) -> Option<Medium> {
    let (name, spec) = effective.medium.as_ref()?.value;
    let os = effective.os.as_ref().map(|said| said.value.1);
    let variables = os.map(|os| MediumVariables::of(os, effective.arch));
    let url = variables.map_or_else(|| spec.url.clone(), |variables| medium_url(&spec.url, &variables, &urls.base));
    let (scheme, rest) = url.split_once("://").unwrap_or(("", &url));
    let (host, directory) =
        rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, format!("/{path}")));
    Some(Medium {
        name: name.to_string(),
        path: spec.url.clone(),
        scheme: scheme.to_owned(),
        host: host.to_owned(),
        directory,
        family: spec.family.map(|family| family.as_str().to_owned()),
        url,
    })
}

fn partition_table(site: &Site, effective: &Effective<'_>) -> Option<PartitionTable> {
    let (name, spec) = effective.partition_table.as_ref()?.value;
    let family = spec.family.map(|family| family.as_str().to_owned());
    Some(PartitionTable { name: site.layout_text(name), text: None, family })
}

fn boot_env(site: &Site, name: &Name, effective: &Effective<'_>, urls: &Urls) -> Option<BootEnv> {
    let spec = site.boot_envs.get(name)?;
    // What cannot be had is missing here too, and whoever boots it is told why.
    let files = own_files(spec, effective).unwrap_or_default();
    let url = |file: &String| lifecycle::file_url(&urls.base, file);
    Some(BootEnv {
        name: name.to_string(),
        description: spec.description.clone(),
        kernel_url: files.kernel.as_ref().map(url),
        initrd_urls: files.initrds.iter().map(url).collect(),
        kernel: files.kernel,
        initrds: files.initrds,
        args_are_template: files.args.contains("{{") || files.args.contains("{%"),
        args: files.args,
        install_url: medium(effective, urls).map(|medium| medium.url),
        installs: spec.installs,
        only_unknown: spec.only_unknown,
        ..BootEnv::default()
    })
}

/// The keys of the parameter `ssh_authorized_keys`, a list or a text of lines.
fn ssh_keys(params: &std::collections::BTreeMap<String, Param>) -> Vec<String> {
    match params.get("ssh_authorized_keys").map(|param| &param.value) {
        Some(Value::Array(keys)) => keys.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(keys)) => {
            keys.lines().map(str::trim).filter(|key| !key.is_empty()).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}
