//! Scripts of iPXE (ipxe.org/cmd, ipxe.org/scripting).

use super::findings::{Findings, shown};
use std::collections::BTreeMap;

/// Commands of any build.
const COMMANDS: &[&str] = &[
    "autoboot",
    "boot",
    "certfree",
    "certstat",
    "certstore",
    "chain",
    "choose",
    "clear",
    "colour",
    "color",
    "config",
    "console",
    "cpair",
    "cpuid",
    "dhcp",
    "digest",
    "echo",
    "exit",
    "fcels",
    "fcstat",
    "fdt",
    "form",
    "gdbstub",
    "goto",
    "help",
    "ibstat",
    "ifclose",
    "ifconf",
    "iflinkwait",
    "ifopen",
    "ifstat",
    "imgargs",
    "imgdecrypt",
    "imgexec",
    "imgextract",
    "imgfetch",
    "imgfree",
    "imgload",
    "imgmem",
    "imgselect",
    "imgstat",
    "imgtrust",
    "imgverify",
    "inc",
    "initrd",
    "ipstat",
    "iseq",
    "isset",
    "item",
    "iwlist",
    "iwstat",
    "kernel",
    "login",
    "lotest",
    "md4sum",
    "md5sum",
    "menu",
    "module",
    "neighbour",
    "nslookup",
    "nstat",
    "ntp",
    "param",
    "params",
    "pciscan",
    "ping",
    "poweroff",
    "present",
    "profstat",
    "prompt",
    "pxebs",
    "read",
    "reboot",
    "route",
    "sanboot",
    "sanhook",
    "sanunhook",
    "set",
    "sha1sum",
    "sha224sum",
    "sha256sum",
    "sha384sum",
    "sha512sum",
    "shell",
    "shim",
    "show",
    "sleep",
    "startpxe",
    "stoppxe",
    "sync",
    "time",
    "usbscan",
    "vcreate",
    "vdestroy",
];

pub(super) fn check(text: &str, findings: &mut Findings) {
    let first = text.lines().next().map(str::trim_end);
    if !matches!(first, Some("#!ipxe" | "#!gpxe")) {
        findings.error(1, "the first line is not #!ipxe, so that iPXE does not take it for a script");
    }
    let lines = joined(text);
    let labels = labels(&lines, findings);
    for (number, line) in &lines {
        if line.starts_with('#') || line.starts_with(':') {
            continue;
        }
        for command in commands(line) {
            check_command(*number, &command, &labels, findings);
        }
    }
}

/// Lines that end with a backslash go on in the next one. A line counts where it begins.
fn joined(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (number, line) in super::numbered(text) {
        let piece = line.trim_end().strip_suffix('\\');
        let words = piece.unwrap_or(line).trim();
        match lines.last_mut() {
            Some((_, begun)) if goes_on => {
                begun.push(' ');
                begun.push_str(words);
            }
            _ => lines.push((number, words.to_owned())),
        }
        goes_on = piece.is_some();
    }
    lines
}

fn labels<'a>(lines: &'a [(usize, String)], findings: &mut Findings) -> BTreeMap<&'a str, usize> {
    let mut labels = BTreeMap::new();
    for (number, line) in lines {
        let Some(label) = line.strip_prefix(':') else { continue };
        if let Some(before) = labels.insert(label, *number) {
            findings.warning(*number, format!("the label {} stands in line {before} already", shown(label)));
        }
    }
    labels
}

/// The commands of a line: `||`, `&&` and `;;` stand between them.
fn commands(line: &str) -> Vec<Vec<&str>> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let commands = words.split(|word| matches!(*word, "||" | "&&" | ";;"));
    commands.filter(|words| !words.is_empty()).map(<[&str]>::to_vec).collect()
}

fn check_command(number: usize, words: &[&str], labels: &BTreeMap<&str, usize>, findings: &mut Findings) {
    let name = words[0];
    if name.contains("${") {
        return;
    }
    if !COMMANDS.contains(&name) {
        findings.error(number, format!("iPXE has no command {}", shown(name))).hint_similar(name, COMMANDS);
        return;
    }
    if name == "goto" {
        match words.get(1) {
            None => {
                findings.error(number, "goto without a label");
            }
            Some(label) if !label.contains("${") && !labels.contains_key(label) => {
                findings
                    .error(number, format!("there is no label {} to go to", shown(label)))
                    .hint_similar(label, labels.keys());
            }
            Some(_) => {}
        }
    }
}
