//! What machines can be searched by: the one table of fields.

use crate::nearest::nearest;

/// What kind of values a field has, and with that what it can be compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Any text.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A number.
    Number,
    /// A number of bytes.
    Size,
    /// A point in time.
    Time,
    /// An Ethernet address.
    Mac,
    /// A UUID.
    Uuid,
    /// An IP address.
    Address,
    /// Whatever a parameter or the inventory holds.
    Any,
}

impl Type {
    /// Whether values of the type have an order.
    pub fn is_ordered(self) -> bool {
        matches!(self, Self::Number | Self::Size | Self::Time | Self::Any)
    }

    /// Whether values of the type can be looked into as texts.
    pub fn is_text(self) -> bool {
        !matches!(self, Self::Number | Self::Size | Self::Time)
    }

    /// What a person writes to compare with a value of the type.
    pub fn expects(self) -> &'static str {
        match self {
            Self::Text | Self::Any => "a word or a text in quotes",
            Self::Word(_) => "one of its words",
            Self::Number => "a number such as 16",
            Self::Size => "a size such as 64GiB",
            Self::Time => "a time such as 2026-01-31, 2026-01-31T12:00:00Z, today or 10m ago",
            Self::Mac => "an Ethernet address such as 52:54:00:12:34:56",
            Self::Uuid => "a UUID",
            Self::Address => "an address such as 10.0.0.5, or a network such as 10.0.0.0/24",
        }
    }
}

/// A field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// What it is called.
    pub name: &'static str,
    /// Other names that are read, and written as the first.
    pub aliases: &'static [&'static str],
    /// What its values are.
    pub kind: Type,
    /// Whether a path into a document follows its name: `params.rack`.
    pub has_path: bool,
    /// What it is.
    pub doc: &'static str,
}

const STATES: &[&str] = &["known", "provisioning", "deployed", "failed"];
const RUN_STATES: &[&str] = &["queued", "running", "waiting", "paused", "succeeded", "failed", "cancelled"];
const CLASSES: &[&str] = &["transient", "network", "timeout", "configuration", "hardware"];
const FIRMWARES: &[&str] = &["bios", "uefi"];
const SOURCES: &[&str] = &["builtin", "file", "api", "discovered"];
const MACHINE_TYPES: &[&str] = &["physical", "hypervisor", "virtual"];
const BOOLEANS: &[&str] = &["false", "true"];

const fn field(name: &'static str, aliases: &'static [&'static str], kind: Type, doc: &'static str) -> Field {
    Field { name, aliases, kind, has_path: false, doc }
}

const fn document(name: &'static str, aliases: &'static [&'static str], doc: &'static str) -> Field {
    Field { name, aliases, kind: Type::Any, has_path: true, doc }
}

/// Every field, in the order in which the documentation lists them.
pub const FIELDS: &[Field] = &[
    field("name", &["host"], Type::Text, "The machine's name."),
    field("id", &[], Type::Uuid, "Its id, which never changes."),
    field("uuid", &[], Type::Uuid, "The SMBIOS system UUID, declared or reported."),
    field("mac", &[], Type::Mac, "An Ethernet address of one of its cards, declared or reported."),
    field(
        "ip",
        &["address"],
        Type::Address,
        "An address that one of its cards has by a lease, or that it is declared to have.",
    ),
    field("hostname", &[], Type::Text, "The host name that it is to have, or under which it last called home."),
    field("description", &["comment"], Type::Text, "The text that an operator gave it."),
    field("tag", &["tags", "label"], Type::Text, "A word that it was given to be found by."),
    field("type", &["machine_type"], Type::Word(MACHINE_TYPES), "What it is."),
    field("source", &[], Type::Word(SOURCES), "Where it came from."),
    field("state", &["status"], Type::Word(STATES), "Where in its life it is."),
    field("env", &[], Type::Text, "The boot environment in which its agent runs now."),
    field("wanted_env", &[], Type::Text, "What it boots the next time it asks, where a run has said so."),
    field("firmware", &[], Type::Word(FIRMWARES), "How its firmware last booted."),
    field("secure_boot", &[], Type::Word(BOOLEANS), "Whether its firmware starts only what is signed."),
    field("run", &["run_state"], Type::Word(RUN_STATES), "The state of its active run, or else of its last one."),
    field("workflow", &[], Type::Text, "The workflow of its active run, or else of its last one."),
    field("stage", &[], Type::Text, "The stage that its active run is in, or in which its last one ended."),
    field("failure", &["failed_reason"], Type::Word(CLASSES), "The class of the error that failed its run."),
    field("group", &["hostgroup"], Type::Text, "Its group or any group above that."),
    field("profile", &[], Type::Text, "A profile that is attached to it."),
    field("hardware_profile", &["hardware"], Type::Text, "Its hardware profile."),
    field("os", &["operating_system"], Type::Text, "Its operating system."),
    field("vendor", &["manufacturer"], Type::Text, "Who made it."),
    field("model", &["product"], Type::Text, "What its maker calls it."),
    field("serial", &[], Type::Text, "The serial number of the system or of its board."),
    field("cpu", &[], Type::Text, "The model of its processors."),
    field("cpus", &["threads"], Type::Number, "Logical processors."),
    field("sockets", &[], Type::Number, "Processors."),
    field("memory", &["ram"], Type::Size, "Memory that the kernel can use."),
    field("disks", &[], Type::Number, "How many disks it has."),
    field("disk", &[], Type::Size, "The size of one of its disks: any disk that fits will do."),
    field("nics", &[], Type::Number, "How many Ethernet ports it has."),
    field("bmc", &[], Type::Text, "Its BMC's name."),
    field("created", &["created_at"], Type::Time, "When it was made or discovered."),
    field("updated", &["updated_at"], Type::Time, "When what is wanted of it last changed."),
    field("seen", &["last_seen"], Type::Time, "When its agent last registered or its system last called home."),
    document("params", &["param"], "A parameter: `params.rack`, and into it: `params.net.vlan`."),
    document(
        "fact",
        &["facts", "inventory"],
        "The inventory by path: `fact.board.firmware_version`, `fact.disks.model`.",
    ),
];

/// What a word without a field is looked for in.
pub const FREE_TEXT: &[&str] = &["name", "mac", "serial", "ip"];

/// The field of that name, aliases included.
pub(crate) fn find(name: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.name == name || field.aliases.contains(&name))
}

/// The field's name that is most like what somebody wrote.
pub(crate) fn suggest(name: &str) -> Option<String> {
    let names = FIELDS.iter().flat_map(|field| std::iter::once(&field.name).chain(field.aliases));
    nearest(name, names.copied()).map(|near| {
        let field = find(near).expect("it is from the table");
        if field.has_path { format!("{near}.") } else { near.to_owned() }
    })
}
