//! cloud-init's configuration, and what Ubuntu's installer reads from it (subiquity's autoinstall reference).

use super::findings::{Findings, shown};
use serde_json::{Map, Value};

/// Members of a cloud-config, of any release of cloud-init and of the two systems that added their own.
const CLOUD_KEYS: &[&str] = &[
    "allow_public_ssh_keys",
    "allow_userdata",
    "ansible",
    "apk_repos",
    "apt",
    "apt_ftp_proxy",
    "apt_http_proxy",
    "apt_https_proxy",
    "apt_mirror",
    "apt_mirror_search",
    "apt_mirror_search_dns",
    "apt_pipelining",
    "apt_preserve_sources_list",
    "apt_proxy",
    "apt_reboot_if_required",
    "apt_sources",
    "apt_update",
    "apt_upgrade",
    "authkey_hash",
    "autoinstall",
    "bootcmd",
    "byobu_by_default",
    "ca-certs",
    "ca_certs",
    "chef",
    "chpasswd",
    "cloud_config_modules",
    "cloud_final_modules",
    "cloud_init_modules",
    "coreos",
    "create_hostname_file",
    "datasource",
    "datasource_list",
    "debug",
    "def_log_file",
    "device_aliases",
    "disable_ec2_metadata",
    "disable_root",
    "disable_root_opts",
    "disk_setup",
    "drivers",
    "fan",
    "final_message",
    "fqdn",
    "fs_setup",
    "groups",
    "growpart",
    "grub-dpkg",
    "grub_dpkg",
    "hostname",
    "keyboard",
    "landscape",
    "launch-index",
    "locale",
    "locale_configfile",
    "log_cfgs",
    "lxd",
    "manage_etc_hosts",
    "manage_resolv_conf",
    "mcollective",
    "merge_how",
    "merge_type",
    "migrate",
    "mount_default_fields",
    "mounts",
    "network",
    "no_ssh_fingerprints",
    "ntp",
    "output",
    "package_reboot_if_required",
    "package_update",
    "package_upgrade",
    "packages",
    "password",
    "phone_home",
    "power_state",
    "prefer_fqdn_over_hostname",
    "preserve_hostname",
    "puppet",
    "rancher",
    "random_seed",
    "reporting",
    "resize_rootfs",
    "resolv_conf",
    "rh_subscription",
    "rsyslog",
    "runcmd",
    "salt_minion",
    "snap",
    "snappy",
    "spacewalk",
    "ssh",
    "ssh_authorized_keys",
    "ssh_deletekeys",
    "ssh_fp_console_blacklist",
    "ssh_genkeytypes",
    "ssh_import_id",
    "ssh_key_console_blacklist",
    "ssh_keys",
    "ssh_publish_hostkeys",
    "ssh_pwauth",
    "ssh_quiet_keygen",
    "swap",
    "syslog_fix_perms",
    "system_info",
    "timezone",
    "ubuntu_advantage",
    "ubuntu_pro",
    "unverified_modules",
    "updates",
    "user",
    "users",
    "vendor_data",
    "version",
    "wireguard",
    "write_files",
    "yum_repo_dir",
    "yum_repos",
    "zypper",
];
/// Members that are lists.
const CLOUD_LISTS: &[&str] = &["bootcmd", "runcmd", "write_files", "packages", "mounts", "ssh_authorized_keys"];
const AUTOINSTALL_KEYS: &[&str] = &[
    "active-directory",
    "apt",
    "codecs",
    "debconf-selections",
    "drivers",
    "early-commands",
    "error-commands",
    "identity",
    "interactive-sections",
    "kernel",
    "kernel-crash-dumps",
    "keyboard",
    "late-commands",
    "locale",
    "network",
    "oem",
    "packages",
    "proxy",
    "refresh-installer",
    "reporting",
    "shutdown",
    "snaps",
    "source",
    "ssh",
    "storage",
    "timezone",
    "ubuntu-advantage",
    "ubuntu-pro",
    "updates",
    "user-data",
    "version",
    "zdevs",
];
const AUTOINSTALL_LISTS: &[&str] = &["early-commands", "error-commands", "late-commands", "packages"];

pub(super) fn check_cloud_config(text: &str, findings: &mut Findings) {
    if !has_header(text) {
        findings
            .error(1, "the text does not begin with #cloud-config, so that cloud-init does not read it")
            .hint("make #cloud-config the first line");
    }
    let Some(config) = mapping(text, findings) else { return };
    check_members(text, &config, findings);
}

pub(super) fn check_autoinstall(text: &str, findings: &mut Findings) {
    let Some(config) = mapping(text, findings) else { return };
    let Some(autoinstall) = config.get("autoinstall") else {
        check_answers(text, &config, findings);
        return;
    };
    if has_header(text) {
        check_members(text, &config, findings);
    } else {
        for key in config.keys().filter(|key| *key != "autoinstall") {
            findings
                .error(line_of(text, key), format!("{} stands beside autoinstall", shown(key)))
                .hint("move it below autoinstall, or begin the text with #cloud-config");
        }
    }
    match autoinstall.as_object() {
        Some(answers) => check_answers(text, answers, findings),
        None => {
            findings.error(line_of(text, "autoinstall"), "autoinstall is not a mapping");
        }
    }
}

fn has_header(text: &str) -> bool {
    let mut lines = text.lines();
    match lines.next().map(str::trim_end) {
        Some(first) if first.starts_with("## template:") => {
            lines.next().is_some_and(|line| line.starts_with("#cloud-config"))
        }
        Some(first) => first.starts_with("#cloud-config"),
        None => false,
    }
}

/// Readers of both languages take the last of a member that is given twice, so that it is no error here.
fn mapping(text: &str, findings: &mut Findings) -> Option<Map<String, Value>> {
    let options = serde_saphyr::options! {
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Value>(text, options) {
        Ok(Value::Object(members)) => Some(members),
        Ok(Value::Null) => {
            findings.warning(None, "there is nothing in it");
            None
        }
        Ok(_) => {
            findings.error(None, "the text is not a mapping of names to values");
            None
        }
        Err(error) => {
            let line = error.location().and_then(|location| usize::try_from(location.line()).ok());
            findings.error(line, format!("this is not YAML: {}", error.without_snippet()));
            None
        }
    }
}

fn check_members(text: &str, config: &Map<String, Value>, findings: &mut Findings) {
    for (key, value) in config {
        let line = line_of(text, key);
        if !CLOUD_KEYS.contains(&key.as_str()) {
            let message = format!("cloud-init knows no {}, and says nothing of it", shown(key));
            findings.warning(line, message).hint_similar(key, CLOUD_KEYS);
        } else if CLOUD_LISTS.contains(&key.as_str()) && !matches!(value, Value::Array(_) | Value::Null) {
            findings.error(line, format!("{key} is not a list"));
        }
    }
    let files = config.get("write_files").and_then(Value::as_array);
    for (index, file) in files.into_iter().flatten().enumerate() {
        if file.get("path").and_then(Value::as_str).is_none() {
            findings.error(line_of(text, "write_files"), format!("write_files/{index} has no path"));
        }
    }
}

fn check_answers(text: &str, answers: &Map<String, Value>, findings: &mut Findings) {
    match answers.get("version") {
        Some(version) if version.as_i64() == Some(1) => {}
        Some(version) => {
            let version = shown(&version.to_string());
            findings.error(line_of(text, "version"), format!("version is {version}, and there is only version 1"));
        }
        None => findings.error(None, "autoinstall has no version").hint("write `version: 1`"),
    }
    for (key, value) in answers {
        let line = line_of(text, key);
        if !AUTOINSTALL_KEYS.contains(&key.as_str()) {
            let message = format!("the installer knows no {}, and ignores it", shown(key));
            findings.warning(line, message).hint_similar(key, AUTOINSTALL_KEYS);
        } else if AUTOINSTALL_LISTS.contains(&key.as_str()) && !matches!(value, Value::Array(_) | Value::Null) {
            findings.error(line, format!("{key} is not a list"));
        }
    }
    check_identity(text, answers, findings);
}

/// Somebody must be able to log in, unless the sections of cloud-init or a person see to it.
fn check_identity(text: &str, answers: &Map<String, Value>, findings: &mut Findings) {
    let Some(identity) = answers.get("identity") else {
        if !["user-data", "interactive-sections"].iter().any(|key| answers.contains_key(*key)) {
            findings.error(None, "there is neither identity nor user-data: the installer stops");
        }
        return;
    };
    let line = line_of(text, "identity");
    for member in ["hostname", "username", "password"] {
        match identity.get(member).filter(|value| !value.is_null()) {
            None => {
                findings.error(line, format!("identity has no {member}"));
            }
            Some(Value::String(text)) if member == "password" && !text.starts_with(['$', '*', '!']) => {
                findings
                    .warning(line, "identity/password is no hash, and nobody will be able to log in with it")
                    .hint("a hash of SHA-512 begins with $6$");
            }
            Some(_) => {}
        }
    }
}

/// The first line that begins with this member's name, whatever it is indented by.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let begins = |line: &str| {
        let line = line.trim_start().trim_start_matches("- ");
        line.trim_start_matches(['"', '\''])
            .strip_prefix(key)
            .is_some_and(|rest| rest.trim_start_matches(['"', '\'']).trim_start().starts_with(':'))
    };
    super::numbered(text).find(|(_, line)| begins(line)).map(|(number, _)| number)
}
