//! What a template says of itself in its first comment.

use super::scan::Segment;
use serde_json::Value;

/// What the first comment says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Metadata {
    pub(super) name: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) snippet: bool,
    pub(super) families: Vec<String>,
    pub(super) description: Option<String>,
    /// Which of the segments it is.
    pub(super) segment: Option<usize>,
}

/// Operating systems by the family that they are of.
const FAMILIES: [(&str, &[&str]); 12] = [
    (
        "redhat",
        &[
            "redhat",
            "rhel",
            "centos",
            "fedora",
            "rocky",
            "almalinux",
            "alma",
            "oraclelinux",
            "oracle",
            "scientific",
            "amazon",
            "atomic",
            "ovirt",
            "rhev",
            "vmlinux",
        ],
    ),
    ("debian", &["debian", "ubuntu", "linuxmint", "raspbian", "proxmox"]),
    ("suse", &["suse", "sles", "opensuse", "sled", "sle"]),
    ("windows", &["windows"]),
    (
        "coreos",
        &["coreos", "fedora coreos", "redhat coreos", "fcos", "rhcos", "flatcar", "container linux", "rancheros"],
    ),
    ("esxi", &["esxi", "vmware", "esx"]),
    ("freebsd", &["freebsd"]),
    ("solaris", &["solaris"]),
    ("altlinux", &["altlinux", "alt"]),
    ("xenserver", &["xenserver", "xcp"]),
    ("junos", &["junos"]),
    ("nxos", &["nx-os", "nxos"]),
];

/// Reads the first comment that has a key in it.
pub(super) fn read(segments: &[Segment]) -> Metadata {
    for (at, segment) in segments.iter().enumerate().take(6) {
        if let Segment::Comment(span) = segment
            && let Some(found) = parse(&span.text)
        {
            return Metadata { segment: Some(at), ..found };
        }
    }
    Metadata::default()
}

fn parse(text: &str) -> Option<Metadata> {
    let keys = ["name", "kind", "snippet", "oses", "model", "description", "family"];
    let says = text.lines().any(|line| keys.iter().any(|key| line.starts_with(&format!("{key}:"))));
    if !says {
        return None;
    }
    let value = serde_saphyr::from_str::<Value>(text).ok().filter(Value::is_object).unwrap_or_else(|| by_lines(text));
    let word = |key: &str| value.get(key).and_then(plain).filter(|text| !text.is_empty());
    let model = word("model").unwrap_or_default();
    let kind = word("kind").map(|kind| kind.to_lowercase());
    let kind = match (kind.as_deref(), model.as_str()) {
        (None | Some("ptable"), "Ptable") | (Some("ptable"), _) => Some("partition-table".to_owned()),
        (None, "JobTemplate") => Some("job".to_owned()),
        (None, "ReportTemplate") => Some("report".to_owned()),
        (Some(kind), _) => Some(known_kind(kind).to_owned()),
        (None, _) => None,
    };
    let snippet = word("snippet").as_deref() == Some("true") || kind.as_deref() == Some("snippet");
    let mut names: Vec<String> = Vec::new();
    for key in ["oses", "family", "os_family"] {
        names.extend(value.get(key).into_iter().flat_map(words));
    }
    let mut families: Vec<String> = names.iter().filter_map(|name| family(name)).map(str::to_owned).collect();
    families.sort();
    families.dedup();
    let description = word("description").map(|text| text.trim().to_owned());
    let kind = if snippet && kind.is_none() { Some("snippet".to_owned()) } else { kind };
    Some(Metadata { name: word("name"), kind, snippet, families, description, segment: None })
}

/// Our name of a kind.
fn known_kind(kind: &str) -> &str {
    match kind {
        "pxegrub2" => "grub2",
        "pxegrub" => "grub",
        "user_data" => "user-data",
        "cloud-init" | "cloud_init" => "cloud-config",
        "job_template" | "job template" => "job",
        "host_init_config" | "public_provision" | "registration" => "script",
        "zerotouch" | "poap" | "ztp" => "script",
        other => other,
    }
}

fn family(os: &str) -> Option<&'static str> {
    let os = os.to_lowercase();
    let exact = FAMILIES.iter().find(|(family, names)| *family == os || names.contains(&os.as_str()));
    let begins = || FAMILIES.iter().find(|(_, names)| names.iter().any(|name| os.starts_with(name)));
    exact.or_else(begins).map(|(family, _)| *family)
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn words(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().filter_map(plain).collect(),
        other => plain(other).into_iter().collect(),
    }
}

/// Comments are often no proper YAML: the keys at the start of lines are read one by one.
fn by_lines(text: &str) -> Value {
    let mut found = serde_json::Map::new();
    let mut key = String::new();
    for line in text.lines() {
        if let Some(item) = line.trim_start().strip_prefix("- ").filter(|_| !key.is_empty() && key != "description") {
            match found.entry(key.clone()).or_insert_with(|| Value::Array(Vec::new())) {
                Value::Array(items) => items.push(Value::String(item.trim().to_owned())),
                other => *other = Value::Array(vec![Value::String(item.trim().to_owned())]),
            }
        } else if let Some((name, rest)) = line.split_once(':').filter(|(name, _)| is_key(name)) {
            key = name.to_owned();
            let rest = rest.trim().trim_matches(['\'', '"']);
            let rest = if matches!(rest, "|" | ">" | "|-" | ">-") { "" } else { rest };
            let says = !rest.is_empty() || key == "description";
            if says {
                found.entry(key.clone()).or_insert_with(|| Value::String(rest.to_owned()));
            }
        } else if key == "description"
            && let Some(Value::String(description)) = found.get_mut("description")
        {
            description.push_str(line.trim());
            description.push('\n');
        }
    }
    Value::Object(found)
}

fn is_key(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}
