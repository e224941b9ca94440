//! Ignition's configuration: JSON of a version (coreos/ignition, "Configuration specifications").

use super::findings::{Findings, shown};
use serde_json::Value;
use std::collections::BTreeSet;

const VERSIONS: &[&str] =
    &["2.0.0", "2.1.0", "2.2.0", "2.3.0", "2.4.0", "3.0.0", "3.1.0", "3.2.0", "3.3.0", "3.4.0", "3.5.0", "3.6.0"];
const MEMBERS: &[&str] = &["ignition", "kernelArguments", "networkd", "passwd", "storage", "systemd"];
const UNIT_KINDS: &[&str] =
    &["automount", "device", "mount", "path", "scope", "service", "slice", "socket", "swap", "target", "timer"];

pub(super) fn check(text: &str, findings: &mut Findings) {
    let config: Value = match serde_json::from_str(text) {
        Ok(config) => config,
        Err(_) if text.lines().any(|line| line.starts_with("variant:") || line.starts_with("ignition:")) => {
            findings
                .error(None, "this is YAML of Butane, and a machine reads JSON")
                .hint("translate it with butane before it becomes a template");
            return;
        }
        Err(error) => {
            findings.error(error.line(), format!("this is not JSON: {error}"));
            return;
        }
    };
    check_version(text, &config, findings);
    let members = config.as_object().into_iter().flatten();
    for (member, _) in members.filter(|(member, _)| !MEMBERS.contains(&member.as_str()) && !member.starts_with('$')) {
        let message = format!("Ignition knows no {}, and ignores it", shown(member));
        findings.warning(line_of(text, member), message).hint_similar(member, MEMBERS);
    }
    check_files(text, &config, findings);
    check_units(text, &config, findings);
}

fn check_version(text: &str, config: &Value, findings: &mut Findings) {
    let version = config.pointer("/ignition/version");
    match version.and_then(Value::as_str) {
        Some(known) if VERSIONS.contains(&known) || known.ends_with("-experimental") => {}
        Some(other) => {
            findings
                .error(
                    line_of(text, "version"),
                    format!("there is no version {} of Ignition's configuration", shown(other)),
                )
                .hint(format!("the last one is {}", VERSIONS[VERSIONS.len() - 1]));
        }
        None if config.get("ignitionVersion").is_some() => {}
        None => {
            findings
                .error(line_of(text, "ignition"), "/ignition/version is missing, or is not a text")
                .hint("such as \"3.4.0\"");
        }
    }
}

/// Whatever is put into a file system has an absolute path, once.
fn check_files(text: &str, config: &Value, findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    for kind in ["files", "directories", "links"] {
        for (index, entry) in list(config, &format!("/storage/{kind}")).iter().enumerate() {
            let place = format!("/storage/{kind}/{index}");
            let Some(path) = entry.get("path").and_then(Value::as_str) else {
                findings.error(line_of(text, kind), format!("{place} has no path"));
                continue;
            };
            let line = line_of_value(text, path);
            if !path.starts_with('/') {
                findings.error(line, format!("{place}/path is {}, which is not absolute", shown(path)));
            }
            let system = entry.get("filesystem").and_then(Value::as_str).unwrap_or_default();
            let append = entry.get("append").is_some_and(|append| append.as_bool() == Some(true));
            if !append && !seen.insert((system, path)) {
                findings.error(line, format!("{place}/path {} is given more than once", shown(path)));
            }
        }
    }
}

fn check_units(text: &str, config: &Value, findings: &mut Findings) {
    for (index, unit) in list(config, "/systemd/units").iter().enumerate() {
        let Some(name) = unit.get("name").and_then(Value::as_str) else {
            findings.error(line_of(text, "units"), format!("/systemd/units/{index} has no name"));
            continue;
        };
        let kind = name.rsplit_once('.').map(|(_, kind)| kind);
        if !kind.is_some_and(|kind| UNIT_KINDS.contains(&kind)) {
            let message = format!("/systemd/units/{index}/name is {}, which ends with no kind of unit", shown(name));
            findings.error(line_of_value(text, name), message).hint("such as .service or .mount");
        }
    }
}

fn list<'a>(config: &'a Value, pointer: &str) -> &'a [Value] {
    config.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn line_of(text: &str, member: &str) -> Option<usize> {
    line_of_value(text, member)
}

/// The first line that has this text in quotes.
fn line_of_value(text: &str, value: &str) -> Option<usize> {
    let quoted = format!("{value:?}");
    super::numbered(text).find(|(_, line)| line.contains(&quoted)).map(|(number, _)| number)
}
