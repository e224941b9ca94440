//! Answer files of ESXi's installer ("Installation and Upgrade Script Commands").

use super::findings::{Findings, shown};
use super::words::{Unclosed, split};
use std::collections::BTreeSet;

const COMMANDS: &[&str] = &[
    "accepteula",
    "clearpart",
    "dryrun",
    "include",
    "install",
    "installorupgrade",
    "keyboard",
    "network",
    "paranoid",
    "part",
    "partition",
    "reboot",
    "rootpw",
    "serialnum",
    "upgrade",
    "vmaccepteula",
    "vmserialnum",
];
const SECTIONS: &[&str] = &["%firstboot", "%post", "%pre"];
/// What the installer asks of a password that is not hashed.
const MIN_PASSWORD: usize = 7;

pub(super) fn check(text: &str, findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    let mut in_section = false;
    let mut includes = false;
    for (number, line) in super::numbered(text) {
        let first = line.split_whitespace().next().unwrap_or_default();
        if SECTIONS.contains(&first) {
            in_section = true;
            check_interpreter(line, number, findings);
        } else if first == "%end" {
            in_section = false;
        } else if first == "%include" || first == "include" {
            includes = true;
        } else if !in_section && !first.is_empty() && !first.starts_with('#') {
            seen.extend(check_command(number, line, findings));
        }
    }
    if !includes {
        check_needed(&seen, findings);
    }
}

fn check_interpreter(line: &str, number: usize, findings: &mut Findings) {
    let interpreter = line.split_whitespace().find_map(|word| word.strip_prefix("--interpreter="));
    if let Some(other) = interpreter.filter(|name| !matches!(*name, "busybox" | "python")) {
        findings.error(number, format!("there is no interpreter {}", shown(other))).hint("ESXi has busybox and python");
    }
}

fn check_command(number: usize, line: &str, findings: &mut Findings) -> Option<String> {
    let words = match split(line) {
        Ok(words) => words,
        Err(Unclosed { quote }) => {
            findings.error(number, format!("the quote {quote} is opened and not closed in this line"));
            return None;
        }
    };
    let name = words.first()?;
    if !COMMANDS.contains(&name.as_str()) {
        findings.error(number, format!("ESXi has no command {}", shown(name))).hint_similar(name, COMMANDS);
        return None;
    }
    if name == "rootpw" {
        check_root_password(&words, number, findings);
    }
    Some(name.clone())
}

fn check_root_password(words: &[String], number: usize, findings: &mut Findings) {
    let hashed = words.iter().any(|word| word == "--iscrypted");
    match words.iter().skip(1).find(|word| !word.starts_with("--")) {
        None => {
            findings.error(number, "rootpw has no password");
        }
        Some(password) if !hashed && password.len() < MIN_PASSWORD => {
            findings.error(number, format!("the root password is shorter than {MIN_PASSWORD} characters"));
        }
        Some(_) => {}
    }
}

fn check_needed(seen: &BTreeSet<String>, findings: &mut Findings) {
    let has = |names: &[&str]| names.iter().any(|name| seen.contains(*name));
    if !has(&["vmaccepteula", "accepteula"]) {
        findings.error(None, "there is no vmaccepteula: the installer does not start");
    }
    if !has(&["install", "upgrade", "installorupgrade"]) {
        findings.error(None, "there is no install, upgrade or installorupgrade");
    }
    if !has(&["rootpw", "upgrade"]) {
        findings.error(None, "there is no rootpw");
    }
}
