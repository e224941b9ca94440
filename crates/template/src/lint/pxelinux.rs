//! Menus of PXELINUX (wiki.syslinux.org, "Config" and "Menu").

use super::findings::{Findings, shown};
use std::collections::BTreeMap;

const DIRECTIVES: &[&str] = &[
    "allowoptions",
    "append",
    "autoboot",
    "boot",
    "bss",
    "com32",
    "comboot",
    "config",
    "console",
    "default",
    "devicetree",
    "devicetreedir",
    "display",
    "f0",
    "f1",
    "f10",
    "f11",
    "f12",
    "f2",
    "f3",
    "f4",
    "f5",
    "f6",
    "f7",
    "f8",
    "f9",
    "fdimage",
    "fdt",
    "fdtdir",
    "fdtoverlays",
    "font",
    "implicit",
    "include",
    "initrd",
    "ipappend",
    "kbdmap",
    "kernel",
    "label",
    "linux",
    "localboot",
    "menu",
    "nocomplete",
    "noescape",
    "nohalt",
    "onerror",
    "ontimeout",
    "path",
    "prompt",
    "pxe",
    "pxeretry",
    "say",
    "sendcookies",
    "serial",
    "sysappend",
    "text",
    "timeout",
    "totaltimeout",
    "ui",
];

#[derive(Default)]
struct Menu<'a> {
    /// Labels and their lines.
    labels: BTreeMap<&'a str, usize>,
    /// What is to be booted by itself: the directive, the label and the line.
    targets: Vec<(&'a str, &'a str, usize)>,
    /// Whether another file is taken in, whose labels are not known.
    includes: bool,
    /// Labels that stand twice, with both lines: in a menu within a menu they may.
    repeated: Vec<(&'a str, usize, usize)>,
    /// Whether there are menus within the menu.
    nested: bool,
    /// Where a text for people began.
    help: Option<usize>,
    /// Whether the entry that is being read says what to boot.
    entry: Option<(&'a str, usize, bool)>,
}

pub(super) fn check(text: &str, findings: &mut Findings) {
    let mut menu = Menu::default();
    for (number, line) in super::numbered(text) {
        check_line(&mut menu, number, line, findings);
    }
    close_entry(&mut menu, findings);
    for (label, before, number) in menu.repeated.iter().filter(|_| !menu.nested) {
        findings.warning(*number, format!("the label {} stands in line {before} already", shown(label)));
    }
    if let Some(since) = menu.help {
        findings.error(since, "TEXT HELP is not closed by ENDTEXT");
    }
    if menu.includes || menu.labels.is_empty() {
        return;
    }
    for (directive, label, number) in menu.targets {
        // A default may be a file, or a label with arguments behind it.
        if !menu.labels.contains_key(label) && !label.contains(['.', '/']) {
            findings
                .warning(
                    number,
                    format!("{} names {}, and there is no such label", directive.to_uppercase(), shown(label)),
                )
                .hint_similar(label, menu.labels.keys());
        }
    }
}

fn check_line<'a>(menu: &mut Menu<'a>, number: usize, line: &'a str, findings: &mut Findings) {
    let mut words = line.split_whitespace();
    let Some(first) = words.next() else { return };
    let directive = first.to_ascii_lowercase();
    if menu.help.is_some() {
        if directive == "endtext" {
            menu.help = None;
        }
        return;
    }
    if directive.starts_with('#') {
        return;
    }
    if !DIRECTIVES.contains(&directive.as_str()) {
        findings
            .error(number, format!("PXELINUX has no directive {}", shown(first)))
            .hint_similar(&directive, DIRECTIVES);
        return;
    }
    read(menu, &directive, words.next(), number, line, findings);
}

fn read<'a>(
    menu: &mut Menu<'a>,
    directive: &str,
    value: Option<&'a str>,
    number: usize,
    line: &'a str,
    findings: &mut Findings,
) {
    let name = &line.trim_start()[..directive.len()];
    match (directive, value) {
        ("label" | "kernel" | "linux" | "default" | "ontimeout" | "timeout" | "include" | "ui", None) => {
            findings.error(number, format!("{} has no value", name.to_uppercase()));
        }
        ("label", Some(label)) => {
            close_entry(menu, findings);
            menu.entry = Some((label, number, false));
            if let Some(before) = menu.labels.insert(label, number) {
                menu.repeated.push((label, before, number));
            }
        }
        ("default" | "ontimeout", Some(label)) => menu.targets.push((name, label, number)),
        ("include", _) => menu.includes = true,
        ("text", Some(kind)) if kind.eq_ignore_ascii_case("help") => menu.help = Some(number),
        ("menu", Some(kind))
            if ["include", "begin", "goto", "exit", "quit"].iter().any(|word| kind.eq_ignore_ascii_case(word)) =>
        {
            menu.includes |= kind.eq_ignore_ascii_case("include");
            menu.nested |= kind.eq_ignore_ascii_case("begin");
            boots(menu);
        }
        // An entry that can only be looked at.
        ("menu", Some(kind)) if ["separator", "disabled"].iter().any(|word| kind.eq_ignore_ascii_case(word)) => {
            boots(menu)
        }
        ("kernel" | "linux" | "localboot" | "boot" | "bss" | "com32" | "comboot" | "config" | "fdimage" | "pxe", _) => {
            boots(menu);
        }
        ("timeout" | "totaltimeout" | "prompt", Some(value)) if value.parse::<i64>().is_err() => {
            findings.error(number, format!("{} is {}, which is no number", name.to_uppercase(), shown(value)));
        }
        _ => {}
    }
}

fn boots(menu: &mut Menu<'_>) {
    if let Some((_, _, boots)) = &mut menu.entry {
        *boots = true;
    }
}

/// A label without a kernel is itself the kernel's file name, which nobody means who gives it arguments.
fn close_entry(menu: &mut Menu<'_>, findings: &mut Findings) {
    if let Some((label, since, false)) = menu.entry.take() {
        findings.warning(since, format!("the entry {} has no KERNEL, LINUX or LOCALBOOT", shown(label)));
    }
}
