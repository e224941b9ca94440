//! What Foreman calls families of operating systems, and how each names its medium and its files.

use crate::facts::{BootEnv, Facts};

/// Foreman's name of one of our families.
pub(super) fn family(ours: &str) -> String {
    match ours.to_lowercase().as_str() {
        "redhat" | "rhel" => "Redhat".to_owned(),
        "debian" | "ubuntu" => "Debian".to_owned(),
        "suse" => "Suse".to_owned(),
        "coreos" => "Coreos".to_owned(),
        "windows" => "Windows".to_owned(),
        "freebsd" => "Freebsd".to_owned(),
        "solaris" => "Solaris".to_owned(),
        "altlinux" => "Altlinux".to_owned(),
        "xenserver" => "Xenserver".to_owned(),
        "rancheros" => "Rancheros".to_owned(),
        "junos" => "Junos".to_owned(),
        "nxos" => "NXOS".to_owned(),
        "archlinux" => "Archlinux".to_owned(),
        "esxi" => "Esxi".to_owned(),
        other => {
            let mut chars = other.chars();
            chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
        }
    }
}

/// The installer that a family has.
pub(super) fn pxe_type(family: &str) -> &'static str {
    match family {
        "Redhat" => "kickstart",
        "Debian" => "preseed",
        "Suse" => "yast",
        "Coreos" => "coreos",
        "Windows" => "waik",
        "Freebsd" => "memdisk",
        "Solaris" => "jumpstart",
        "Altlinux" => "alterator",
        "Xenserver" => "xenserver",
        "Rancheros" => "rancheros",
        _ => "unknown",
    }
}

/// The line of an installer that says where its packages are.
pub(super) fn medium_path(family: &str, url: &str) -> String {
    if family == "Redhat" { format!("url --url {url}") } else { url.to_owned() }
}

/// The kernel as loaders are told it: the boot environment's, else the usual place below `boot/`.
pub(super) fn kernel(facts: &Facts) -> String {
    let own = boot(facts).and_then(|env| env.kernel.clone());
    own.unwrap_or_else(|| usual(facts, "kernel"))
}

/// The initial RAM disks in one line.
pub(super) fn initrd(facts: &Facts) -> String {
    match boot(facts) {
        Some(env) if !env.initrds.is_empty() => env.initrds.join(" "),
        _ => usual(facts, "initrd"),
    }
}

/// Where a kernel is fetched by HTTP.
pub(super) fn kernel_uri(facts: &Facts) -> String {
    let own = boot(facts).and_then(|env| env.kernel_url.clone());
    own.unwrap_or_else(|| below_medium(facts, 0))
}

/// Where the first initial RAM disk is fetched by HTTP.
pub(super) fn initrd_uri(facts: &Facts) -> String {
    let own = boot(facts).and_then(|env| env.initrd_urls.first().cloned());
    own.unwrap_or_else(|| below_medium(facts, 1))
}

fn boot(facts: &Facts) -> Option<&BootEnv> {
    facts.boot_env.as_ref()
}

/// Kernel and initial RAM disk on a medium.
fn on_medium(facts: &Facts) -> [String; 2] {
    let Some(os) = &facts.os else { return [String::new(), String::new()] };
    let debian_arch = if os.arch == "x86_64" {
        "amd64"
    } else if os.arch == "aarch64" {
        "arm64"
    } else {
        &os.arch
    };
    match family(&os.family).as_str() {
        "Redhat" => ["images/pxeboot/vmlinuz".to_owned(), "images/pxeboot/initrd.img".to_owned()],
        "Debian" => {
            let release = os.codename.as_deref().or(os.release.as_deref()).unwrap_or("stable");
            let system = if os.name.eq_ignore_ascii_case("ubuntu") { "ubuntu" } else { "debian" };
            let folder = format!(
                "dists/{release}/main/installer-{debian_arch}/current/images/netboot/{system}-installer/{debian_arch}"
            );
            [format!("{folder}/linux"), format!("{folder}/initrd.gz")]
        }
        "Suse" => [format!("boot/{}/loader/linux", os.arch), format!("boot/{}/loader/initrd", os.arch)],
        "Coreos" => ["coreos_production_pxe.vmlinuz".to_owned(), "coreos_production_pxe_image.cpio.gz".to_owned()],
        _ => ["vmlinuz".to_owned(), "initrd.img".to_owned()],
    }
}

fn below_medium(facts: &Facts, which: usize) -> String {
    let base = facts.medium.as_ref().map(|medium| medium.url.trim_end_matches('/').to_owned()).unwrap_or_default();
    format!("{base}/{}", on_medium(facts)[which])
}

fn usual(facts: &Facts, what: &str) -> String {
    let Some(os) = &facts.os else { return String::new() };
    let file = on_medium(facts);
    let file = if what == "kernel" { &file[0] } else { &file[1] };
    let file = file.rsplit('/').next().unwrap_or_default();
    format!("boot/{}-{}-{}-{file}", os.name.to_lowercase().replace(' ', "-"), os.version, os.arch)
}
