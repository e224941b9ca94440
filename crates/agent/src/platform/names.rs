//! What names, paths and modes a setup may have, and where the host name goes.

use super::ConfigureError;
use types::agent::{FileContent, PlatformSetup, UserAccount};

/// The kernel's limit (HOST_NAME_MAX).
const MAX_HOSTNAME_BYTES: usize = 64;
/// useradd(8).
const MAX_USER_BYTES: usize = 32;

/// Checks all of a setup.
pub(super) fn check(setup: &PlatformSetup) -> Result<(), ConfigureError> {
    check_hostname(&setup.hostname)?;
    setup.users.iter().try_for_each(check_user)?;
    setup.files.iter().try_for_each(check_file)
}

fn wrong(what: &str, reason: &str) -> ConfigureError {
    let what = what.chars().take(100).collect::<String>();
    ConfigureError::Setup { what: format!("{what:?}"), reason: reason.to_owned() }
}

/// Labels of letters, digits and hyphens (RFC 1123 §2.1).
fn check_hostname(name: &str) -> Result<(), ConfigureError> {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() <= MAX_HOSTNAME_BYTES && name.split('.').all(is_label) {
        return Ok(());
    }
    Err(wrong(name, "is not a host name"))
}

fn check_user(user: &UserAccount) -> Result<(), ConfigureError> {
    let mut bytes = user.name.bytes();
    let first = bytes.next().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let rest = bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'));
    if !first || !rest || user.name.len() > MAX_USER_BYTES {
        return Err(wrong(&user.name, "is not a user name: use lower-case letters, digits, '-' and '_'"));
    }
    if !is_plain_path(&user.shell) || user.shell.contains(':') {
        return Err(wrong(&user.shell, "is not a login shell's path"));
    }
    let is_key = |key: &String| !key.trim().is_empty() && !key.chars().any(char::is_control);
    match user.ssh_authorized_keys.iter().position(|key| !is_key(key)) {
        Some(index) => Err(wrong(&user.name, &format!("has an SSH key, number {index}, that is not one line of text"))),
        None => Ok(()),
    }
}

fn check_file(file: &FileContent) -> Result<(), ConfigureError> {
    if !is_plain_path(&file.path) {
        return Err(wrong(&file.path, "is not an absolute path without '.', '..' and control characters"));
    }
    mode(&file.mode).map(|_| ())
}

fn is_plain_path(path: &str) -> bool {
    let Some(parts) = path.strip_prefix('/') else { return false };
    !path.chars().any(char::is_control) && parts.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Permissions in octal digits.
pub(super) fn mode(text: &str) -> Result<u32, ConfigureError> {
    let is_octal = (3..=4).contains(&text.len()) && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    let mode = if is_octal { u32::from_str_radix(text, 8).ok() } else { None };
    mode.ok_or_else(|| wrong(text, "is not a mode such as \"0644\""))
}

/// The text of a hosts file in which `hostname` is this machine: at 127.0.1.1, as Debian does, so that the name
/// resolves before there is a network.
pub(super) fn hosts(text: &str, hostname: &str) -> String {
    const OWN_ADDRESS: &str = "127.0.1.1";
    let short = hostname.split('.').next().unwrap_or(hostname);
    let names = if short == hostname { short.to_owned() } else { format!("{hostname} {short}") };
    let own = format!("{OWN_ADDRESS} {names}");
    let is_own = |line: &&str| line.split_ascii_whitespace().next() == Some(OWN_ADDRESS);
    let mut lines: Vec<&str> = text.lines().filter(|line| !is_own(line)).collect();
    let was_at = text.lines().position(|line| is_own(&line));
    let after_localhost = lines.iter().position(|line| line.starts_with("127.0.0.1")).map(|index| index + 1);
    let place = was_at.or(after_localhost).unwrap_or(0).min(lines.len());
    lines.insert(place, &own);
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_file_names_the_machine_once() {
        let fresh = "127.0.0.1\tlocalhost\n::1 ip6-localhost\n";
        let named = hosts(fresh, "m1.example.org");
        assert_eq!(named, "127.0.0.1\tlocalhost\n127.0.1.1 m1.example.org m1\n::1 ip6-localhost\n");
        assert_eq!(hosts(&named, "m1.example.org"), named);
        assert_eq!(
            hosts("# mine\n127.0.1.1 old\n127.0.0.1 localhost", "m2"),
            "# mine\n127.0.1.1 m2\n127.0.0.1 localhost\n"
        );
        assert_eq!(hosts("", "m2"), "127.0.1.1 m2\n");
    }

    #[test]
    fn hostile_setups_are_refused() {
        let setup = |hostname: &str| PlatformSetup { hostname: hostname.to_owned(), ..PlatformSetup::default() };
        for hostname in ["", "`$(x)`\n{{7*7}}", "-a", "a..b", "a_b", "a b", &"x".repeat(65)] {
            assert!(check(&setup(hostname)).is_err(), "{hostname:?} was taken");
        }
        let user = |name: &str, key: &str, shell: &str| PlatformSetup {
            users: vec![UserAccount {
                name: name.to_owned(),
                ssh_authorized_keys: vec![key.to_owned()],
                sudo: true,
                shell: shell.to_owned(),
            }],
            ..setup("m1")
        };
        assert!(check(&user("admin", "ssh-ed25519 AAAA me@here", "/bin/bash")).is_ok());
        for name in ["", "Admin", "a:b", "a b", "../x", "1a", "a\n", &"x".repeat(33)] {
            assert!(check(&user(name, "k", "/bin/sh")).is_err(), "{name:?} was taken");
        }
        assert!(check(&user("admin", "ssh-ed25519 A\nssh-rsa B", "/bin/sh")).is_err());
        assert!(check(&user("admin", "k", "/bin/sh:x")).is_err());
        for (path, mode) in
            [("etc/x", "0644"), ("/etc/../x", "0644"), ("/", "0644"), ("/a//b", "0644"), ("/a", "0999"), ("/a", "rw")]
        {
            let file = FileContent { path: path.to_owned(), content: String::new(), mode: mode.to_owned() };
            assert!(check(&PlatformSetup { files: vec![file], ..setup("m1") }).is_err(), "{path:?} {mode:?} was taken");
        }
    }
}
