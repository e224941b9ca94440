//! Kickstart files of Anaconda (pykickstart's reference, all releases from RHEL 6 on).

use super::findings::{Findings, shown};
use super::words::{Unclosed, split};
use std::collections::BTreeMap;

/// Commands of any release.
const COMMANDS: &[&str] = &[
    "auth",
    "authconfig",
    "authselect",
    "autopart",
    "autostep",
    "bootc",
    "bootloader",
    "btrfs",
    "cdrom",
    "clearpart",
    "cmdline",
    "device",
    "deviceprobe",
    "dmraid",
    "driverdisk",
    "eula",
    "fcoe",
    "firewall",
    "firstboot",
    "graphical",
    "group",
    "halt",
    "harddrive",
    "hmc",
    "ignoredisk",
    "install",
    "interactive",
    "iscsi",
    "iscsiname",
    "key",
    "keyboard",
    "lang",
    "langsupport",
    "lilo",
    "lilocheck",
    "liveimg",
    "logging",
    "logvol",
    "mediacheck",
    "method",
    "module",
    "monitor",
    "mount",
    "mouse",
    "multipath",
    "network",
    "nfs",
    "nvdimm",
    "ostreecontainer",
    "ostreesetup",
    "part",
    "partition",
    "poweroff",
    "raid",
    "rdp",
    "realm",
    "reboot",
    "repo",
    "reqpart",
    "rescue",
    "rhsm",
    "rootpw",
    "selinux",
    "services",
    "shutdown",
    "skipx",
    "snapshot",
    "sshkey",
    "sshpw",
    "syspurpose",
    "text",
    "timesource",
    "timezone",
    "unsupported_hardware",
    "updates",
    "upgrade",
    "url",
    "user",
    "vnc",
    "volgroup",
    "xconfig",
    "zerombr",
    "zfcp",
    "zipl",
];
const SECTIONS: &[&str] =
    &["%addon", "%anaconda", "%certificate", "%onerror", "%packages", "%post", "%pre", "%pre-install", "%traceback"];
const DIRECTIVES: &[&str] = &["%include", "%ksappend"];

/// What the file says, as far as it is checked as a whole.
#[derive(Default)]
struct File<'a> {
    /// The lines of every command.
    commands: BTreeMap<String, Vec<usize>>,
    /// The section that is open, and where it began.
    open: Option<(&'a str, usize)>,
    /// Sections that another one has ended.
    unended: Vec<(&'a str, usize, usize)>,
    /// Whether any section ends with `%end`.
    has_end: bool,
    /// Whether another file is taken in, whose commands are not known.
    includes: bool,
}

pub(super) fn check(text: &str, findings: &mut Findings) {
    let mut file = File::default();
    for (number, line) in super::numbered(text) {
        check_line(&mut file, number, line, findings);
    }
    check_ends(&file, findings);
    check_commands(&file, findings);
}

fn check_line<'a>(file: &mut File<'a>, number: usize, line: &'a str, findings: &mut Findings) {
    let first = line.split_whitespace().next().unwrap_or_default();
    if SECTIONS.contains(&first) {
        if let Some((open, since)) = file.open.replace((first, number)) {
            file.unended.push((open, since, number));
        }
    } else if first == "%end" {
        file.has_end = true;
        if file.open.take().is_none() {
            findings.error(number, "%end without a section that it ends");
        }
    } else if DIRECTIVES.contains(&first) {
        file.includes = true;
    } else if file.open.is_none() && !first.is_empty() && !first.starts_with('#') {
        check_command(file, number, line, findings);
    }
}

fn check_command(file: &mut File<'_>, number: usize, line: &str, findings: &mut Findings) {
    let words = match split(line) {
        Ok(words) => words,
        Err(Unclosed { quote }) => {
            findings.error(number, format!("the quote {quote} is opened and not closed in this line"));
            return;
        }
    };
    let Some(name) = words.first() else { return };
    if name.starts_with('%') {
        findings.error(number, format!("there is no section {}", shown(name))).hint_similar(name, SECTIONS);
    } else if !COMMANDS.contains(&name.as_str()) {
        findings.error(number, format!("there is no kickstart command {}", shown(name))).hint_similar(name, COMMANDS);
    } else {
        if name == "rootpw" {
            check_root_password(&words, number, findings);
        }
        file.commands.entry(name.clone()).or_default().push(number);
    }
}

fn check_root_password(words: &[String], number: usize, findings: &mut Findings) {
    let has = |option: &str| words.iter().any(|word| word == option);
    let password = words.iter().skip(1).find(|word| !word.starts_with("--"));
    match password {
        None if !has("--lock") => {
            findings.error(number, "rootpw has no password").hint("give a hash with --iscrypted, or --lock");
        }
        Some(password) if has("--iscrypted") && !password.starts_with(['$', '*', '!']) && password.len() != 13 => {
            findings
                .error(number, "rootpw --iscrypted is followed by a text that is no hash")
                .hint("a hash of SHA-512 begins with $6$");
        }
        _ => {}
    }
}

/// Up to RHEL 5 a section went on to the next one. A file without any `%end` is of that time, or is wrong throughout.
fn check_ends(file: &File<'_>, findings: &mut Findings) {
    let open = file.open.map(|(section, since)| (section, since, None));
    let unended = file.unended.iter().map(|(section, since, next)| (*section, *since, Some(*next)));
    if !file.has_end {
        if let Some((section, since, _)) = unended.chain(open).next() {
            findings.warning(since, format!("{section} has no %end, which installers since RHEL 6 refuse"));
        }
        return;
    }
    for (section, since, next) in unended.chain(open) {
        let message = match next {
            Some(next) => format!("{section} is not closed by %end before the section in line {next}"),
            None => format!("{section} is not closed by %end"),
        };
        findings.error(since, message);
    }
}

/// What the installer stops and asks for, where nobody answers.
fn check_commands(file: &File<'_>, findings: &mut Findings) {
    if let Some([first, .., last]) = file.commands.get("rootpw").map(Vec::as_slice) {
        findings.warning(*last, format!("rootpw is given again: line {first} already sets the root password"));
    }
    let has = |names: &[&str]| names.iter().any(|name| file.commands.contains_key(*name));
    if file.includes || has(&["rescue", "upgrade", "interactive"]) {
        return;
    }
    let needed: [(&[&str], &str); 5] = [
        (&["lang"], "lang"),
        (&["keyboard"], "keyboard"),
        (&["timezone"], "timezone"),
        (&["rootpw", "user", "sshkey"], "rootpw"),
        (&["autopart", "part", "partition", "logvol", "mount", "reqpart", "btrfs", "raid"], "autopart or part"),
    ];
    for (names, wanted) in needed {
        if !has(names) {
            findings.warning(None, format!("there is no {wanted}: the installer stops and asks"));
        }
    }
}
