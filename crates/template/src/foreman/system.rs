//! The operating system, its medium, and the variables that hang on them.

use super::naming;
use super::thing::{Thing, optional};
use crate::facts::{Facts, Medium, OperatingSystem, Repository};
use minijinja::Value;
use minijinja::value::Serde;

/// A variable that has an `@` in Foreman.
pub(super) fn variable(facts: &Facts, name: &str) -> Option<Value> {
    let medium = facts.medium.as_ref();
    Some(match name {
        "kernel" => Value::from(naming::kernel(facts)),
        "initrd" | "initrds" => Value::from(naming::initrd(facts)),
        "kernel_uri" => Value::from(naming::kernel_uri(facts)),
        "initrd_uri" => Value::from(naming::initrd_uri(facts)),
        "xen" => Value::from(format!("{}-xen.gz", naming::kernel(facts))),
        "multiboot" | "install_type" | "system_type" | "archive_location" | "cluster" | "packages" | "disk" => {
            Value::from(())
        }
        "mediapath" => optional(medium_path(facts)),
        "mediaserver" | "preseed_server" => optional(medium.map(|medium| medium.host.as_str())),
        "preseed_path" => optional(medium.map(|medium| medium.directory.trim_end_matches('/'))),
        "arch" => optional(facts.os.as_ref().map(|os| os.arch.as_str())),
        "osver" => optional(facts.os.as_ref().and_then(|os| os.major.parse::<i64>().ok())),
        "static" => Value::from(facts.request.path.as_deref().is_some_and(|path| path.contains("static="))),
        "additional_media" => additional_media(&facts.repositories),
        "provisioning_type" => Value::from("host"),
        "template_url" => optional(facts.urls.provision.as_deref()),
        "repos" | "metadata" => Value::from(""),
        "locale" => Value::from("C"),
        "grub" => Value::from(facts.os.as_ref().is_some_and(|os| os.grub_password_hash.is_some())),
        "ipxe_net" | "port" | "baud" | "bootmode" => Value::from(()),
        "medium_provider" => medium_provider(facts),
        _ => return None,
    })
}

fn medium_path(facts: &Facts) -> Option<String> {
    let medium = facts.medium.as_ref()?;
    let family = facts.os.as_ref().map(|os| naming::family(&os.family)).unwrap_or_default();
    Some(naming::medium_path(&family, &medium.url))
}

fn medium_provider(facts: &Facts) -> Value {
    let Some(medium) = &facts.medium else { return Value::from(()) };
    let thing =
        Thing::new("medium_provider", &medium.url).with_all(["medium_uri", "uri", "unique_id"], medium.url.as_str());
    thing.with("additional_media", additional_media(&facts.repositories)).value()
}

/// Repositories beside the one that the installer starts from.
fn additional_media(repositories: &[Repository]) -> Value {
    let others = repositories.iter().filter(|repository| !repository.install_source);
    let media = others.map(|repository| {
        Value::from_pairs([
            ("name", Value::from(repository.name.as_str())),
            ("url", Value::from(repository.url.as_str())),
            ("comment", optional(repository.description.as_deref())),
            ("gpgkey", optional(repository.key_url.as_deref())),
            ("install", Value::from(repository.installer)),
        ])
    });
    Value::from(media.collect::<Vec<_>>())
}

pub(super) fn medium(facts: &Facts) -> Value {
    let thing = |medium: &Medium| {
        let thing = Thing::new("medium", &medium.name).with("name", medium.name.as_str());
        thing.with("path", medium.url.as_str()).with("media_path", medium.path.as_str()).value()
    };
    facts.medium.as_ref().map_or_else(|| Value::from(()), thing)
}

/// The operating system, or nothing.
pub(super) fn operating_system(facts: &Facts) -> Value {
    facts.os.as_ref().map_or_else(|| Value::from(()), |os| thing(facts, os))
}

fn thing(facts: &Facts, os: &OperatingSystem) -> Value {
    let family = naming::family(&os.family);
    let minor = os.minor.as_str();
    let title = if os.title.is_empty() { format!("{} {}", os.name, os.version) } else { os.title.clone() };
    let url = facts.medium.as_ref().map(|medium| medium.url.as_str());
    let release = os.codename.as_deref().or(os.release.as_deref());
    let thing = Thing::new("operatingsystem", &title).with("name", os.name.as_str()).with("major", os.major.as_str());
    let thing = thing.with("minor", minor).with_all(["family", "type"], family.as_str());
    let thing = thing.with_all(["title", "fullname", "to_label"], title.as_str());
    let thing = thing.with("release", os.version.as_str()).with("release_name", optional(release));
    let thing = thing.with("description", optional(os.description.as_deref()));
    let thing = thing.with("password_hash", os.password_hash.as_str()).with("pxe_type", naming::pxe_type(&family));
    let thing = thing.with("shortname", os.name.to_lowercase()).with("supports_image", false);
    let thing = thing.with("architecture", os.arch.as_str()).with("params", Value::from(Serde(&os.params)));
    let thing = thing.with("medium_uri", optional(url)).with("mediumpath", optional(medium_path(facts)));
    let thing = thing.with("media", Value::from(vec![medium(facts)])).with("kernel", naming::kernel(facts));
    let files = ["bcd", "bootsdi", "bootwim"].map(|file| (file, Value::from(format!("boot/{file}"))));
    let files =
        files.into_iter().chain([("kernel", naming::kernel(facts).into()), ("initrd", naming::initrd(facts).into())]);
    let thing = thing.with("bootfile", Value::from_pairs(files.collect::<Vec<_>>()));
    let thing = thing.with("initrd", naming::initrd(facts)).with("repos", "").with("image_extension", "");
    let thing = thing.with("boot_files_uri", Value::from(vec![naming::kernel_uri(facts), naming::initrd_uri(facts)]));
    thing.with_nothing(["id", "parameters", "interface_map", "url_for_boot"]).value()
}
