//! What the headings of a sheet mean.

use crate::Known;
use crate::cell::{CellType, is_plain, json};
use crate::table::{Row, Table, letters, problem};
use serde_json::Value;
use types::design::SheetProblem;

/// Whose words the headings of a written sheet are. Both are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Words {
    /// Ours.
    #[default]
    Slipway,
    /// Those of NABP's design sheets.
    Nabp,
}

/// A column of the machines' sheet that is a field of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    MachineType,
    Name,
    Hostname,
    BmcMac,
    BmcAddress,
    Macs,
    Address,
    Subnet,
    SubnetNetwork,
    SubnetMask,
    SubnetGateway,
    Bmc,
    Group,
    HardwareProfile,
    Profiles,
    Stages,
}

/// Every field with our heading and NABP's; the order is that of a written sheet.
pub(crate) const FIELDS: [(Field, Option<&str>, Option<&str>); 16] = [
    (Field::MachineType, Some("machine_type"), Some("machine_type")),
    (Field::Name, Some("name"), Some("name")),
    (Field::Hostname, Some("hostname"), Some("hostname")),
    (Field::BmcMac, Some("bmc_mac"), Some("bmc_mac")),
    (Field::BmcAddress, Some("bmc_address"), Some("bmc_ip")),
    (Field::Macs, Some("macs"), Some("provisioning_mac")),
    (Field::Address, Some("address"), Some("provisioning_ip")),
    (Field::Subnet, Some("subnet"), None),
    (Field::SubnetNetwork, None, Some("provisioning_subnet_network_address")),
    (Field::SubnetMask, None, Some("provisioning_subnet_netmask")),
    (Field::SubnetGateway, None, Some("provisioning_subnet_gateway")),
    (Field::Bmc, Some("bmc"), None),
    (Field::Group, Some("group"), None),
    (Field::HardwareProfile, Some("hardware_profile"), None),
    (Field::Profiles, Some("profiles"), None),
    (Field::Stages, Some("stages"), None),
];

/// A column of the shared sheet that is a field of the design.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SharedField {
    Description,
    Group,
    HealthCheckGroup,
    Subnet,
    Workflow,
    Stages,
}

/// Every field of the shared sheet with its heading.
pub(crate) const SHARED_FIELDS: [(SharedField, &str); 6] = [
    (SharedField::Description, "description"),
    (SharedField::Group, "group"),
    (SharedField::HealthCheckGroup, "health_check_group"),
    (SharedField::Subnet, "subnet"),
    (SharedField::Workflow, "workflow"),
    (SharedField::Stages, "stages"),
];

/// A column that is a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParamColumn {
    pub(crate) key: String,
    pub(crate) kind: CellType,
    pub(crate) secret: bool,
}

/// What begins a heading that is a parameter, whatever else it might be.
const PARAM: &str = "params.";
/// What stands behind a parameter that neither its declaration nor its name says to be a secret, and is one.
const SECRET: &str = "secret";
/// The longest name of a parameter.
const MAX_KEY_CHARS: usize = 200;

impl ParamColumn {
    /// What a heading says: `key`, `params.key`, `params."odd key"`, each with ` (type)` or ` (secret)` behind it or
    /// without.
    fn parse(heading: &str, known: &Known) -> Result<Self, &'static str> {
        let behind = heading.strip_suffix(')').and_then(|text| text.rsplit_once(" ("));
        let behind = behind.filter(|(_, word)| *word == SECRET || CellType::from_word(word).is_some());
        let (text, word) = behind.map_or((heading, None), |(text, word)| (text.trim_end(), Some(word)));
        let text = text.strip_prefix(PARAM).unwrap_or(text);
        let key = if text.starts_with('"') { serde_json::from_str(text).ok() } else { Some(text.to_owned()) };
        let key = key.filter(|key| (1..=MAX_KEY_CHARS).contains(&key.chars().count()));
        let key: String = key.ok_or("a parameter's name is 1 to 200 characters")?;
        let declared = known.declarations.get(&key);
        let kind = word.and_then(CellType::from_word).unwrap_or_else(|| CellType::usual(declared));
        Ok(Self { secret: word == Some(SECRET) || known.is_secret(&key), key, kind })
    }

    /// The heading that is read as this column.
    pub(crate) fn heading(&self, known: &Known, is_field: impl Fn(&str) -> bool) -> String {
        let usual = CellType::usual(known.declarations.get(&self.key));
        let is_odd = !is_plain(&self.key) || self.key.contains('\n') || self.key.starts_with('"');
        let mut heading = match () {
            () if is_odd => format!("{PARAM}{}", json(&Value::from(self.key.as_str()))),
            () if self.key.starts_with(PARAM) || is_field(&self.key) => format!("{PARAM}{}", self.key),
            () => self.key.clone(),
        };
        if self.secret && !known.is_secret(&self.key) {
            heading.push_str(&format!(" ({SECRET})"));
        } else if self.kind != usual || self.key.ends_with(')') {
            heading.push_str(&format!(" ({})", self.kind.word()));
        }
        heading
    }
}

/// What a heading means. `F` is the fields of the sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Column<F> {
    Field(F),
    Param(ParamColumn),
}

/// The headings of a sheet.
#[derive(Debug)]
pub(crate) struct Headings<F> {
    /// Column, heading and meaning, in order.
    pub(crate) columns: Vec<(u32, String, Column<F>)>,
}

/// The field that a heading names.
pub(crate) fn field(heading: &str) -> Option<Field> {
    let wanted = plain(heading);
    let found = FIELDS.iter().find(|(_, own, nabp)| [own, nabp].into_iter().flatten().any(|name| *name == wanted));
    found.map(|(field, ..)| *field)
}

/// The field of the shared sheet that a heading names.
pub(crate) fn shared_field(heading: &str) -> Option<SharedField> {
    let wanted = plain(heading);
    SHARED_FIELDS.iter().find(|(_, name)| *name == wanted).map(|(field, _)| *field)
}

fn plain(heading: &str) -> String {
    heading.trim().to_ascii_lowercase().replace([' ', '-'], "_")
}

impl<F: Copy + PartialEq> Headings<F> {
    /// Reads the headings, which are the first row with anything in it. What is wrong with them is told.
    pub(crate) fn read(
        table: &Table,
        first: &Row,
        field: impl Fn(&str) -> Option<F>,
        known: &Known,
    ) -> (Self, Vec<SheetProblem>) {
        let mut problems = Vec::new();
        let mut columns: Vec<(u32, String, Column<F>)> = Vec::new();
        for (column, cell) in &first.cells {
            let heading = cell.text().trim().to_owned();
            let mut wrong = |message: String, hint: &str| {
                problems.push(problem(&table.name, first.number, &heading, message, hint));
            };
            let meaning = match field(&heading).map(Column::Field).map(Ok) {
                Some(meaning) => meaning,
                None => ParamColumn::parse(&heading, known).map(Column::Param),
            };
            let meaning = match meaning {
                Ok(meaning) => meaning,
                Err(message) => {
                    wrong(message.to_owned(), "");
                    continue;
                }
            };
            if let Some((first, ..)) = columns.iter().find(|(_, _, other)| is_same(other, &meaning)) {
                let message = format!("columns {} and {} mean the same", letters(*first), letters(*column));
                wrong(message, "keep one of them");
            }
            columns.push((*column, heading, meaning));
        }
        (Self { columns }, problems)
    }

    /// Cells of a row under no heading.
    pub(crate) fn stray(&self, row: &Row) -> Option<u32> {
        let mut strays = row.cells.iter().map(|(column, _)| *column);
        strays.find(|column| self.columns.binary_search_by_key(column, |(column, ..)| *column).is_err())
    }
}

fn is_same<F: PartialEq>(one: &Column<F>, other: &Column<F>) -> bool {
    match (one, other) {
        (Column::Field(one), Column::Field(other)) => one == other,
        (Column::Param(one), Column::Param(other)) => one.key == other.key,
        _ => false,
    }
}
