//! The built-in installers, rendered for machines of their families and read as their installers read them.

use content::{AnySpec, built_in};
use std::collections::BTreeMap;
use std::sync::Arc;
use template::TemplateSet;
use template::facts::{
    BootEnv, Facts, Interface, Medium, OperatingSystem, Param, PartitionTable, Repository, Subnet, User,
};
use template::lint::{Syntax, lint};
use types::Name;
use types::bootenv::BootEnvSpec;
use types::os::{MediumSpec, OperatingSystemSpec, PartitionTableSpec};
use types::template::TemplateSpec;

/// The built-in objects, by name.
#[derive(Default)]
struct Content {
    templates: BTreeMap<Name, TemplateSpec>,
    tables: BTreeMap<Name, PartitionTableSpec>,
    systems: BTreeMap<Name, OperatingSystemSpec>,
    media: BTreeMap<Name, MediumSpec>,
    envs: BTreeMap<Name, BootEnvSpec>,
}

impl Content {
    fn read() -> Self {
        let mut content = Self::default();
        for object in built_in().expect("the built-in objects are read") {
            let name = object.name;
            match object.spec {
                AnySpec::Template(spec) => drop(content.templates.insert(name, *spec)),
                AnySpec::PartitionTable(spec) => drop(content.tables.insert(name, *spec)),
                AnySpec::OperatingSystem(spec) => drop(content.systems.insert(name, *spec)),
                AnySpec::Medium(spec) => drop(content.media.insert(name, *spec)),
                AnySpec::BootEnv(spec) => drop(content.envs.insert(name, *spec)),
                _ => {}
            }
        }
        content
    }

    fn library(&self) -> TemplateSet {
        let templates = self.templates.iter().map(|(name, spec)| (name.to_string(), spec.text.clone()));
        let tables = self.tables.iter().map(|(name, spec)| (name.to_string(), spec.text.clone()));
        let args = self.envs.iter().map(|(name, spec)| (format!("args of {name}"), spec.args.clone()));
        TemplateSet::new(templates.chain(tables).chain(args))
    }
}

/// What a name, a serial number or a parameter may be that somebody else wrote.
const HOSTILE: &str = "x'\"$(reboot);`reboot`&<a>%}{{7*7}}\\u";

/// A machine that gets an operating system; `bare` says that nothing is set that may be left out.
fn facts(content: &Content, name: &Name, os: &OperatingSystemSpec, bare: bool) -> Facts {
    let mut facts = Facts::default();
    let mac = "52:54:00:00:00:01".parse().expect("an address");
    facts.machine.name = "node-1".to_owned();
    facts.machine.shortname = "node-1".to_owned();
    facts.machine.fqdn = "node-1.example.net".to_owned();
    facts.machine.serial = Some(HOSTILE.to_owned());
    facts.machine.description = Some(HOSTILE.to_owned());
    facts.machine.mac = Some(mac);
    facts.machine.macs = vec![mac];
    facts.machine.arch = "x86_64".to_owned();
    facts.os = Some(OperatingSystem {
        name: os.title.clone(),
        title: format!("{} {}", os.title, os.version()),
        family: os.family.as_str().to_owned(),
        major: os.major.clone(),
        minor: os.minor.clone().unwrap_or_default(),
        version: os.version(),
        release: Some(os.release.clone().unwrap_or_else(|| os.version())),
        arch: "x86_64".to_owned(),
        root_password_hash: (!bare || os.family == types::os::OsFamily::Esxi).then(|| "$6$salt$hash".to_owned()),
        ..OperatingSystem::default()
    });
    if let Some(medium) = os.medium.as_ref().and_then(|name| content.media.get(name)) {
        facts.medium = Some(Medium {
            url: "http://10.0.0.1:8080/media/tree".to_owned(),
            path: medium.url.clone(),
            scheme: "http".to_owned(),
            host: "10.0.0.1:8080".to_owned(),
            directory: "/media/tree".to_owned(),
            ..Medium::default()
        });
    }
    let table = os.partition_table.as_ref().unwrap_or_else(|| panic!("{name} has a layout"));
    facts.partition_table = Some(PartitionTable { name: table.to_string(), ..PartitionTable::default() });
    facts.urls.base = "http://10.0.0.1:8080".to_owned();
    facts.urls.unattended = "http://10.0.0.1:8080/unattended".to_owned();
    let own = |file: &str| Some(format!("http://10.0.0.1:8080/{file}?token=0123456789abcdef"));
    (facts.urls.provision, facts.urls.built, facts.urls.failed) = (own("provision"), own("built"), own("failed"));
    facts.tokens.build = Some("0123456789abcdef".to_owned());
    facts.boot_env = os.boot_env.as_ref().map(|name| BootEnv {
        name: name.to_string(),
        kernel: Some("media/tree/linux".to_owned()),
        initrds: vec!["media/tree/initrd.gz".to_owned()],
        kernel_url: Some("http://10.0.0.1:8080/media/tree/linux".to_owned()),
        initrd_urls: vec!["http://10.0.0.1:8080/media/tree/initrd.gz".to_owned()],
        args: "auto=true console=ttyS0,115200".to_owned(),
        ..BootEnv::default()
    });
    facts.params = params(bare);
    if !bare {
        facts.machine.domain = Some("example.net".to_owned());
        facts.machine.ip = Some("10.0.0.11".to_owned());
        facts.machine.interfaces = vec![Interface { subnet: Some("lan".to_owned()), ..Interface::default() }];
        facts.subnets = vec![Subnet {
            name: "lan".to_owned(),
            mask: "255.255.255.0".to_owned(),
            gateway: Some("10.0.0.254".to_owned()),
            dns: vec!["10.0.0.2".to_owned(), "10.0.0.3".to_owned()],
            ntp: vec!["10.0.0.4".to_owned()],
            ..Subnet::default()
        }];
        facts.users = vec![User { name: "ops".to_owned(), ..User::default() }];
        facts.ssh_keys = vec!["ssh-ed25519 AAAA ops@example.net".to_owned()];
        facts.repositories = vec![Repository {
            name: "extra".to_owned(),
            url: "http://10.0.0.1/extra".to_owned(),
            kind: Some("deb".to_owned()),
            installer: true,
            ..Repository::default()
        }];
    }
    facts
}

fn params(bare: bool) -> BTreeMap<String, Param> {
    let needed = [
        ("esxi_boot_files", serde_json::json!("b.b00 --- jumpstrt.gz")),
        ("windows_image", serde_json::json!("Windows Server 2022 SERVERSTANDARD")),
        ("windows_share", serde_json::json!("\\\\files\\windows-2022")),
    ];
    let chosen = [
        ("admin_password_hash", serde_json::json!("$6$salt$other")),
        ("admin_user", serde_json::json!("ops")),
        ("apt_mirror", serde_json::json!("http://10.0.0.1/ubuntu")),
        ("apt_services", serde_json::json!(["security", "updates"])),
        ("http_proxy", serde_json::json!("http://10.0.0.5:3128")),
        ("install_disk", serde_json::json!("/dev/sdb")),
        ("kernel_options", serde_json::json!("console=ttyS0,115200 quiet")),
        ("kernel_package", serde_json::json!("linux-image-cloud-amd64")),
        ("packages", serde_json::json!(["tmux", "@^minimal-environment"])),
        ("registration_code", serde_json::json!(HOSTILE)),
        ("ssh_authorized_keys", serde_json::json!(["ssh-ed25519 AAAA it's@mine"])),
        ("timezone", serde_json::json!("Europe/London")),
        ("unsigned_mirror", serde_json::json!(true)),
        ("windows_disk", serde_json::json!(1)),
        ("windows_product_key", serde_json::json!(HOSTILE)),
        ("windows_share_password", serde_json::json!(HOSTILE)),
        ("windows_share_user", serde_json::json!("installer")),
    ];
    let chosen = if bare { Vec::new() } else { chosen.to_vec() };
    let all = needed.into_iter().chain(chosen);
    all.map(|(name, value)| (name.to_owned(), Param { value, ..Param::default() })).collect()
}

/// Renders everything that a machine of each operating system is served, and gives it with what is wrong with it.
fn rendered(bare: bool) -> Vec<(String, String, Vec<String>)> {
    let content = Content::read();
    let library = content.library();
    assert_eq!(library.broken().keys().collect::<Vec<_>>(), Vec::<&String>::new());
    let mut all = Vec::new();
    for (name, os) in &content.systems {
        let facts = Arc::new(facts(&content, name, os, bare));
        let env = os.boot_env.as_ref().and_then(|env| content.envs.get(env));
        let served = env.into_iter().flat_map(|env| &env.templates).map(|served| &served.template);
        // Those that only an administrator's own operating system names.
        let loaders =
            content.templates.keys().filter(|name| name.as_str().ends_with("-install") && os.medium.is_some());
        let mut names: Vec<&Name> = os.templates.values().chain(served).chain(loaders).collect();
        names.sort();
        names.dedup();
        for template in names {
            let spec = content.templates.get(template).unwrap_or_else(|| panic!("{name} names {template}"));
            let text = library.render(template.as_str(), &facts).unwrap_or_else(|error| panic!("{name}: {error}")).text;
            let syntax = Syntax::of(spec.kind.as_str(), Some(os.family.as_str()), &text);
            let findings = syntax.map(|syntax| lint(syntax, &text)).unwrap_or_default();
            let findings = findings.into_iter().map(|finding| finding.to_string()).collect();
            all.push((format!("{name} {template}"), text, findings));
        }
    }
    all
}

#[test]
fn every_installer_reads_what_it_is_given() {
    for bare in [true, false] {
        for (name, text, findings) in rendered(bare) {
            assert!(findings.is_empty(), "{name}: {findings:#?}\n{text}");
            assert!(!text.contains("{{") || text.contains("{{7*7}}"), "{name}: {text}");
        }
    }
}

#[test]
fn every_answer_file_reports_success_and_failure_to_the_server() {
    let content = Content::read();
    let provision: Vec<String> = content
        .systems
        .iter()
        .filter_map(|(name, os)| {
            Some(format!("{name} {}", os.templates.get(&types::template::TemplateKind::Provision)?))
        })
        .collect();
    assert_eq!(provision.len(), 6);
    for (name, text, _) in rendered(true).into_iter().filter(|(name, ..)| provision.contains(name)) {
        assert!(text.contains("10.0.0.1:8080/built?token="), "{name}: {text}");
        let fails_elsewhere = name.starts_with("windows");
        assert!(fails_elsewhere || text.contains("10.0.0.1:8080/failed?token="), "{name}: {text}");
    }
}

#[test]
fn the_arguments_of_every_environment_are_words_for_a_kernel() {
    let content = Content::read();
    let library = content.library();
    for (name, os) in content.systems.iter().filter(|(_, os)| os.medium.is_some()) {
        for bare in [true, false] {
            let facts = Arc::new(facts(&content, name, os, bare));
            let env = os.boot_env.as_ref().unwrap_or_else(|| panic!("{name} boots something"));
            let text = library.render(&format!("args of {env}"), &facts).unwrap().text;
            assert!(!text.contains('\n') && !text.contains('"'), "{name}: {text}");
        }
    }
}

#[test]
fn a_layout_that_writes_no_disk_says_so() {
    let content = Content::read();
    let diskless: Vec<&str> =
        content.tables.iter().filter(|(_, table)| table.diskless).map(|(name, _)| name.as_str()).collect();
    assert_eq!(diskless, ["diskless"]);
}
